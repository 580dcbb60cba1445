//! Dead letters that wait, as far as this user may look.

use msgq_core::dead_letters::files_of_queue;
use msgq_core::queue::QueueKey;
use serde::Serialize;

/// More are not counted each time that somebody looks.
const MOST: usize = 10_000;

/// The dead letters of one queue.
#[derive(Debug, Serialize)]
pub(super) struct DeadLettersWaiting {
    pub(super) letters: usize,
    /// False where there may be more.
    pub(super) is_complete: bool,
    /// When the oldest was given up, in seconds since 1970; `null` without any.
    pub(super) oldest_at_s: Option<u64>,
}

impl DeadLettersWaiting {
    /// `None` where this user may not read them.
    pub(super) fn count(key: QueueKey, owner_uid: u32) -> Option<Self> {
        let mut waiting = Self { letters: 0, is_complete: true, oldest_at_s: None };
        for file in files_of_queue(key, owner_uid) {
            for letter in file.list().ok()? {
                let at_s = letter.ok()?.at_s;
                if waiting.letters == MOST {
                    waiting.is_complete = false;
                    return Some(waiting);
                }
                waiting.letters += 1;
                waiting.oldest_at_s = Some(waiting.oldest_at_s.map_or(at_s, |oldest| oldest.min(at_s)));
            }
        }
        Some(waiting)
    }
}
