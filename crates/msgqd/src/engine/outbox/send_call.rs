//! For which client the courier is in the send call, and for whom it must not send.
//!
//! The courier notes its client under the outbox's lock, before it looks whether the send is cancelled; whoever cancels
//! notes that first, and then waits until the courier has another client. Both are sequentially consistent, so one of
//! them sees the other.

use msgq_core::process::ClientNumber;
use std::sync::atomic::{AtomicI64, Ordering};

/// One client each; 0: none.
#[derive(Debug, Default)]
pub(in crate::engine) struct SendCall {
    client: AtomicI64,
    cancelled: AtomicI64,
}

impl SendCall {
    pub(super) fn begin_for(&self, client: ClientNumber) {
        self.client.store(client.get(), Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.client.store(0, Ordering::SeqCst);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.client.load(Ordering::SeqCst) != 0
    }

    pub(in crate::engine) fn is_for(&self, client: ClientNumber) -> bool {
        self.client.load(Ordering::SeqCst) == client.get()
    }

    pub(in crate::engine) fn is_cancelled(&self, client: ClientNumber) -> bool {
        self.cancelled.load(Ordering::SeqCst) == client.get()
    }

    /// From now on nothing is sent to this client.
    pub(in crate::engine) fn cancel_for(&self, client: ClientNumber) {
        self.cancelled.store(client.get(), Ordering::SeqCst);
    }

    pub(in crate::engine) fn cancel_nobody(&self) {
        self.cancelled.store(0, Ordering::SeqCst);
    }
}
