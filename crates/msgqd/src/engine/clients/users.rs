//! As which user a client runs: asked for when a queue of its own is seen for the first time.

use super::Clients;
use msgq_core::process::{ClientHandle, ClientNumber, ClientUsers};
use std::sync::PoisonError;

impl Clients {
    /// `None` where nothing tells it, and for a number without a process behind it.
    pub(in crate::engine) fn users(&self, client: ClientNumber) -> Option<ClientUsers> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = watched.get(client).and_then(|entry| entry.handle.as_ref()) {
            return handle.users(client);
        }
        drop(watched);
        ClientHandle::open(client).ok().flatten()?.users(client)
    }
}
