use msgq_core::queue::{Queue, QueueKey};
use std::sync::atomic::{AtomicI32, Ordering};

/// A queue key that nobody used when it was chosen; whatever queue has it is removed at the end of the test.
#[derive(Debug)]
pub struct ScratchKey(QueueKey);

impl ScratchKey {
    /// Chooses a key.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicI32 = AtomicI32::new(0);
        let pid = std::process::id().cast_signed() & 0x1f_ffff;
        (0..4096)
            .filter_map(|_| QueueKey::new(0x2000_0000 + (pid << 8) + (NEXT.fetch_add(1, Ordering::Relaxed) & 0xff)))
            .find(|key| Queue::open(*key).is_err())
            .map(Self)
            .expect("256 keys are taken: remove the queues that ipcs -q lists as 0x2... or 0x3...")
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.0
    }
}

impl Default for ScratchKey {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ScratchKey {
    fn drop(&mut self) {
        if let Ok(queue) = Queue::open(self.0) {
            let _ = queue.remove();
        }
    }
}
