//! Threads that are clients of a queue. The id of each is its number there, so they live as long as the route.

use msgq_core::words::counted;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::mpsc;

/// A body is on the heap; what is deep is reading JSON, and that has a limit.
const STACK_LEN: usize = 512 * 1024;

/// Threads, and the jobs that wait for one.
#[derive(Debug)]
pub(super) struct Clients<J> {
    jobs: SyncSender<J>,
    /// Closed once each thread has ended.
    ended: mpsc::Receiver<()>,
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
        let (jobs, receiver) = sync_channel(waiting);
        let (alive, ended) = mpsc::channel(1);
        let (receiver, work) = (Arc::new(Mutex::new(receiver)), Arc::new(work));
        for _ in 0..count {
            let (receiver, work, alive) = (Arc::clone(&receiver), Arc::clone(&work), alive.clone());
            let thread = thread::Builder::new().name(format!("in-{route}")).stack_size(STACK_LEN);
            let run = move || {
                while let Some(job) = next(&receiver) {
                    work(job);
                }
                drop(alive);
            };
            let failed =
                |error| format!("route {route}: cannot start its {} (clients): {error}", counted(count, "thread"));
            thread.spawn(run).map_err(failed)?;
        }
        Ok(Self { jobs, ended })
    }

    /// Gives a thread this job as soon as one is free.
    ///
    /// # Errors
    /// Gives it back where too many wait already.
    pub(super) fn give(&self, job: J) -> Result<(), J> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    /// Waits until all that was given is done.
    pub(super) async fn finish(self) {
        let Self { jobs, mut ended } = self;
        drop(jobs);
        // Nothing is ever sent.
        let _ = ended.recv().await;
    }
}

/// Only one thread waits at the channel; the others wait for their turn.
fn next<J>(jobs: &Mutex<Receiver<J>>) -> Option<J> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        let given = (1..=10).filter(|number| clients.give(*number).is_ok()).collect::<Vec<_>>();
        // The one that the thread may have taken already, and two that wait.
        assert!(given.len() == 2 || given.len() == 3, "{given:?}");
        assert_eq!(clients.give(99), Err(99));
        drop(gate);
        clients.finish().await;
        assert_eq!(done.load(Ordering::Relaxed), given.iter().sum::<usize>());
    }
}
