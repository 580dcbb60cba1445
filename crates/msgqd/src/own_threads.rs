//! The threads that are the server's, in whatever program: none of them is a client.

use msgq_core::process::ClientNumber;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

/// The process's own number, once there is a thread, and then the threads'. There are few, and a client that cannot be watched
/// is looked for at each of its requests.
static THREAD_IDS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// No thread of the server ever had a number outside of these two, so that most clients are told from them without a lock.
static LOWEST_ID: AtomicI32 = AtomicI32::new(i32::MAX);
static HIGHEST_ID: AtomicI32 = AtomicI32::new(0);

fn thread_ids() -> MutexGuard<'static, Vec<i32>> {
    THREAD_IDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body of a thread that is the server's own while it runs, and how its maker learns that it is known as one. A thread has
/// its number from the moment it is made, long before it runs where the processors are busy, and a client may name it then.
pub(crate) fn announced<T>(body: impl FnOnce() -> T) -> (impl FnOnce() -> T, Announcement) {
    let (tell, told) = mpsc::channel();
    let announcing = move || {
        let _own = OwnThread::begin();
        drop(tell);
        body()
    };
    (announcing, Announcement(told))
}

/// That a thread is the server's own.
#[must_use = "until it is awaited, the thread may pass for a client"]
pub(crate) struct Announcement(mpsc::Receiver<()>);

impl Announcement {
    /// Waits until it is made, or the thread could not be.
    pub(crate) fn wait(self) {
        // The sender is dropped, and never sends.
        let _ = self.0.recv();
    }
}

/// While it lives, the thread that made it is the server's own.
struct OwnThread {
    id: i32,
}

impl OwnThread {
    /// Of the calling thread.
    fn begin() -> Self {
        let (id, process) = (nix::unistd::gettid().as_raw(), std::process::id().cast_signed());
        let mut ids = thread_ids();
        if ids.is_empty() {
            ids.push(process);
        }
        ids.push(id);
        // Numbers start again from the lowest ones after the highest, so a thread may have a lower one than its process.
        LOWEST_ID.fetch_min(id.min(process), Ordering::SeqCst);
        HIGHEST_ID.fetch_max(id.max(process), Ordering::SeqCst);
        Self { id }
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        let mut ids = thread_ids();
        // From the end: the first thread has the number of the process.
        if let Some(index) = ids.iter().rposition(|id| *id == self.id).filter(|index| *index > 0) {
            ids.swap_remove(index);
        }
    }
}

/// True for the process itself, and for threads that are the server's at this moment.
pub(crate) fn is_own_thread(client: ClientNumber) -> bool {
    let Some(id) = client.pid() else { return false };
    let range = LOWEST_ID.load(Ordering::SeqCst)..=HIGHEST_ID.load(Ordering::SeqCst);
    if !range.is_empty() && !range.contains(&id) {
        return false;
    }
    let ids = thread_ids();
    ids.contains(&id) || (ids.is_empty() && std::process::id() == id.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of this process's threads of this name.
    fn threads_named(name: &str) -> Vec<i32> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap());
        let named = tasks
            .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name));
        named.map(|task| task.file_name().to_str().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn a_thread_is_known_as_the_server_s_before_its_maker_goes_on() {
        for round in 0..200 {
            let (name, (end, ended)) = (format!("own-{round}"), mpsc::channel::<()>());
            let (body, announcement) = announced(move || ended.recv().unwrap_err());
            let thread = std::thread::Builder::new().name(name.clone()).spawn(body).unwrap();
            announcement.wait();
            let ids = threads_named(&name);
            assert_eq!(ids.len(), 1, "round {round}");
            assert!(is_own_thread(ClientNumber::new(ids[0]).unwrap()), "round {round}: thread {}", ids[0]);
            drop(end);
            thread.join().unwrap();
            assert!(!thread_ids().contains(&ids[0]), "round {round}: thread {} has ended", ids[0]);
        }
    }

    #[test]
    fn who_waits_for_a_thread_that_could_not_be_made_goes_on() {
        let (body, announcement) = announced(|| ());
        drop(body);
        announcement.wait();
    }
}
