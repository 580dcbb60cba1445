//! Which daemons of a test have their answers in a second queue: who asks at the first one looks there.

use msgq_core::queue::{Queue, QueueKey};
use std::collections::HashMap;
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The key of the second queue by that of the first.
static SECOND_KEYS: LazyLock<Mutex<HashMap<QueueKey, QueueKey>>> = LazyLock::new(Mutex::default);

pub(crate) fn note_second_key(key: QueueKey, second: QueueKey) {
    SECOND_KEYS.lock().unwrap_or_else(PoisonError::into_inner).insert(key, second);
}

fn second_key_of(key: QueueKey) -> Option<QueueKey> {
    SECOND_KEYS.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
}

/// The queue that the answers to requests to this one go into: the second one of its daemon, or the same.
#[must_use]
#[track_caller]
pub fn answers_of(queue: &Queue) -> Queue {
    let second = queue.key().and_then(second_key_of);
    second.map_or(*queue, |key| Queue::open(key).unwrap())
}

/// Tells a test client in C where the answers to its requests are, see `wire.h`.
pub(crate) fn tell_second_key(command: &mut Command, key: QueueKey) {
    if let Some(second) = second_key_of(key) {
        command.env("MSGQ_REPLY_KEY", second.to_string());
    }
}
