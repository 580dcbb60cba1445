//! The threads that are the server's, in whatever program: none of them is a client.

use msgq_core::process::ClientNumber;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The process's own number, once there is a thread, and then the threads'. There are few, and a client that cannot be watched
/// is looked for at each of its requests.
static THREAD_IDS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// No thread of the server ever had a number outside of these two, so that most clients are told from them without a lock.
static LOWEST_ID: AtomicI32 = AtomicI32::new(i32::MAX);
static HIGHEST_ID: AtomicI32 = AtomicI32::new(0);

fn thread_ids() -> MutexGuard<'static, Vec<i32>> {
    THREAD_IDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, the thread that made it is the server's own.
pub(crate) struct OwnThread {
    id: i32,
}

impl OwnThread {
    /// Of the calling thread.
    pub(crate) fn begin() -> Self {
        let id = nix::unistd::gettid().as_raw();
        let mut ids = thread_ids();
        if ids.is_empty() {
            ids.push(std::process::id().cast_signed());
        }
        ids.push(id);
        LOWEST_ID.fetch_min(id.min(std::process::id().cast_signed()), Ordering::SeqCst);
        HIGHEST_ID.fetch_max(id, Ordering::SeqCst);
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
