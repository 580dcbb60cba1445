//! For which numbers answers wait in the outbox, where several numbers share one byte.

use msgq_core::pid_flags::PidFlags;
use msgq_core::process::ClientNumber;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By the place of their byte.
#[derive(Debug, Default)]
pub(super) struct HeldNumbers(Mutex<HashMap<usize, HashSet<ClientNumber>>>);

impl HeldNumbers {
    pub(super) fn hold(&self, client: ClientNumber) {
        self.lock().entry(PidFlags::shared_place(client.get())).or_default().insert(client);
    }

    /// True while answers wait for another number with the same byte.
    pub(super) fn release(&self, client: ClientNumber) -> bool {
        let (place, mut held) = (PidFlags::shared_place(client.get()), self.lock());
        let Some(numbers) = held.get_mut(&place) else { return false };
        numbers.remove(&client);
        if numbers.is_empty() {
            held.remove(&place);
        }
        held.contains_key(&place)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, HashSet<ClientNumber>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    #[test]
    fn a_byte_is_held_until_no_number_that_shares_it_is() {
        let held = HeldNumbers::default();
        let first = ClientNumber::without_process(1).unwrap();
        let place = PidFlags::shared_place(1);
        let same_place = (2..i64::MAX).find(|number| PidFlags::shared_place(*number) == place).unwrap();
        let second = ClientNumber::without_process(same_place).unwrap();
        held.hold(first);
        held.hold(second);
        held.hold(second);
        assert!(held.release(first));
        assert!(held.release(first));
        assert!(!held.release(second));
        assert!(!held.release(second));
    }
}
