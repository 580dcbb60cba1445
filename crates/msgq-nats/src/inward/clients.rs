//! Threads that are clients of a queue. The id of each is its number there, so they live as long as the route.

use msgq_core::words::counted;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;
use tokio::sync::{Notify, watch};
use tokio::time::timeout_at;

/// A body is on the heap; what is deep is reading JSON, and that has a limit.
const STACK_LEN: usize = 512 * 1024;

/// Threads, and the jobs that wait for one.
#[derive(Debug)]
pub(super) struct Clients<J> {
    queue: Arc<JobQueue<J>>,
    most: usize,
    /// Each thread has a receiver of it until it ends.
    alive: watch::Sender<()>,
}

#[derive(Debug)]
struct JobQueue<J> {
    waiting: Mutex<Waiting<J>>,
    /// There is a job for a thread, or there are no more to come.
    given: Condvar,
    /// A time is over earlier than was known, or there are no more to come.
    sooner: Notify,
}

#[derive(Debug)]
struct Waiting<J> {
    /// Each with the time until which it may wait here, if there is one.
    jobs: VecDeque<(J, Option<Instant>)>,
    /// Not later than the first deadline of these.
    first_deadline: Option<Instant>,
    is_over: bool,
}

impl<J: Send + 'static> Clients<J> {
    /// Starts `count` threads that do each job with `work`; so many may wait for one of them.
    ///
    /// # Errors
    /// A sentence where there are no threads to be had.
    pub(super) fn start(
        route: &str,
        count: usize,
        waiting: usize,
        work: impl Fn(J) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let jobs = Waiting { jobs: VecDeque::new(), first_deadline: None, is_over: false };
        let queue = JobQueue { waiting: Mutex::new(jobs), given: Condvar::new(), sooner: Notify::new() };
        let (alive, in_thread) = watch::channel(());
        // Where one thread is not to be had, the others end with this.
        let clients = Self { queue: Arc::new(queue), most: waiting, alive };
        let work = Arc::new(work);
        for _ in 0..count {
            let (queue, work, alive) = (Arc::clone(&clients.queue), Arc::clone(&work), in_thread.clone());
            let thread = thread::Builder::new().name(format!("in-{route}")).stack_size(STACK_LEN);
            let run = move || {
                while let Some(job) = queue.next() {
                    work(job);
                }
                drop(alive);
            };
            let failed =
                |error| format!("route {route}: cannot start its {} (clients): {error}", counted(count, "thread"));
            thread.spawn(run).map_err(failed)?;
        }
        Ok(clients)
    }

    /// Gives a thread this job as soon as one is free; [`Clients::late`] takes back what waits at its deadline still.
    ///
    /// # Errors
    /// Gives it back where too many wait already.
    pub(super) fn give(&self, job: J, deadline: Option<Instant>) -> Result<(), J> {
        let mut waiting = self.queue.lock();
        if waiting.jobs.len() >= self.most || waiting.is_over {
            return Err(job);
        }
        waiting.jobs.push_back((job, deadline));
        let is_first = deadline.is_some_and(|it| waiting.first_deadline.is_none_or(|first| it < first));
        if is_first {
            waiting.first_deadline = deadline;
        }
        drop(waiting);
        self.queue.given.notify_one();
        if is_first {
            self.queue.sooner.notify_one();
        }
        Ok(())
    }

    /// Waits until the time of some is over for which no thread was free, and takes them back; `None` when there are no more
    /// to come.
    pub(super) async fn late(&self) -> Option<Vec<J>> {
        loop {
            let sooner = self.queue.sooner.notified();
            let first_deadline = {
                let mut waiting = self.queue.lock();
                let late = waiting.take_late(Instant::now());
                if !late.is_empty() {
                    return Some(late);
                }
                if waiting.is_over && waiting.jobs.is_empty() {
                    return None;
                }
                waiting.first_deadline
            };
            match first_deadline {
                Some(deadline) => drop(timeout_at(deadline.into(), sooner).await),
                None => sooner.await,
            }
        }
    }

    /// Waits until all that was given is done.
    pub(super) async fn finish(&self) {
        self.queue.end();
        self.alive.closed().await;
    }
}

impl<J> JobQueue<J> {
    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No more are to come.
    fn end(&self) {
        self.lock().is_over = true;
        self.given.notify_all();
        self.sooner.notify_one();
    }

    /// For a thread.
    fn next(&self) -> Option<J> {
        let mut waiting = self.lock();
        loop {
            if let Some((job, _)) = waiting.jobs.pop_front() {
                if waiting.is_over && waiting.jobs.is_empty() {
                    self.sooner.notify_one();
                }
                return Some(job);
            }
            if waiting.is_over {
                return None;
            }
            waiting = self.given.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<J> Waiting<J> {
    fn take_late(&mut self, now: Instant) -> Vec<J> {
        if self.first_deadline.is_none_or(|first| first > now) {
            return Vec::new();
        }
        let is_late = |(_, deadline): &(J, Option<Instant>)| deadline.is_some_and(|deadline| deadline <= now);
        let (late, left): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.jobs).into_iter().partition(is_late);
        self.jobs = left;
        self.first_deadline = self.jobs.iter().filter_map(|(_, deadline)| *deadline).min();
        late.into_iter().map(|(job, _)| job).collect()
    }
}

impl<J> Drop for Clients<J> {
    /// The threads end also where nobody waits for them.
    fn drop(&mut self) {
        self.queue.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn what_was_given_is_done_before_the_end_and_no_more_is_taken_than_may_wait() {
        let done = Arc::new(AtomicUsize::new(0));
        let (gate, wait) = std::sync::mpsc::channel::<()>();
        let (counted, wait) = (Arc::clone(&done), Mutex::new(wait));
        let work = move |number: usize| {
            let _ = wait.lock().unwrap().recv();
            counted.fetch_add(number, Ordering::Relaxed);
        };
        let clients = Clients::start("r", 1, 2, work).unwrap();
        let given = (1..=10).filter(|number| clients.give(*number, None).is_ok()).collect::<Vec<_>>();
        // The one that the thread may have taken already, and two that wait.
        assert!(given.len() == 2 || given.len() == 3, "{given:?}");
        assert_eq!(clients.give(99, None), Err(99));
        drop(gate);
        clients.finish().await;
        assert_eq!(done.load(Ordering::Relaxed), given.iter().sum::<usize>());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_taken_back_in_time_and_the_others_are_done() {
        let (gate, wait) = std::sync::mpsc::channel::<()>();
        let (done, is_done) = std::sync::mpsc::channel();
        let wait = Mutex::new(wait);
        let work = move |name: &'static str| {
            let _ = wait.lock().unwrap().recv();
            done.send(name).unwrap();
        };
        let clients = Clients::start("r", 1, 10, work).unwrap();
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        clients.give("in hand", Some(now)).unwrap();
        while !clients.queue.lock().jobs.is_empty() {
            thread::yield_now();
        }
        for (name, seconds) in [("far", 3600), ("second", 2), ("first", 1), ("farther", 7200)] {
            clients.give(name, Some(after(seconds))).unwrap();
        }
        let mut late = clients.late().await.unwrap();
        assert!(late.contains(&"first") && Instant::now() >= after(1), "{late:?}");
        // On a busy machine both at once.
        while late.len() < 2 {
            late.extend(clients.late().await.unwrap());
        }
        late.sort_unstable();
        assert!(late == ["first", "second"] && Instant::now() >= after(2), "{late:?}");
        gate.send(()).unwrap();
        assert_eq!(is_done.recv().unwrap(), "in hand");
        let (late, ()) = tokio::join!(clients.late(), async {
            drop(gate);
            clients.finish().await;
        });
        assert_eq!(late, None);
        assert_eq!(is_done.iter().take(2).collect::<Vec<_>>(), ["far", "farther"]);
    }
}
