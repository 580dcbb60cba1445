//! What somebody did to a queue that is served, undone.

use super::acquire::QueuePlan;
use super::owners::default_group;
use super::queue_size::TooLarge;
use crate::alerts;
use crate::ratelimit::RateLimit;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::limits;
use msgq_core::queue::{Queue, QueueSettings};
use nix::unistd::Uid;
use std::sync::atomic::Ordering;

impl QueuePlan {
    /// Undoes what somebody did to the mode of the queue, or to its size where that holds no answer. A queue that cannot be
    /// served would look as if it were. One that got less than is configured gets the rest once `kernel.msgmnb` allows it.
    pub(super) fn mend(&self, queue: &Queue) {
        let (was, mended) = match queue.stat() {
            Ok(stat) if self.may_grow(&stat) => return self.grow(queue),
            Ok(stat) if stat.mode == self.mode() && stat.max_bytes >= LEAST_SIZE => return,
            Ok(stat) => (
                format!("mode {:04o}, {} bytes", stat.mode, stat.max_bytes),
                self.apply(queue, TooLarge::ServeSmaller).map(drop),
            ),
            Err(error) if error.is_permission() => {
                ("a mode that shuts its owner out".to_owned(), self.apply_unseen(queue))
            }
            Err(_) => return,
        };
        match mended {
            Ok(()) => {
                if let Some(note) = CHANGES.admit_with_note("similar suppressed") {
                    let is_smaller = self.is_smaller.load(Ordering::Relaxed);
                    log::warn!(
                        message_id = alerts::QUEUE_CHANGED;
                        "somebody changed the {} ({was}); its {} as configured again{note}",
                        self.name(),
                        if is_smaller { "mode is" } else { "mode and size are" }
                    );
                }
            }
            Err(reason) => {
                if let Some(note) = FAILURES.admit_with_note("similar suppressed") {
                    log::warn!(
                        message_id = alerts::QUEUE_CHANGED;
                        "somebody changed the {} {} ({was}), which keeps clients from being served, and it cannot be set back: \
                         {reason}; trying again{note}",
                        self.name(),
                        self.key
                    );
                }
            }
        }
    }

    fn grow(&self, queue: &Queue) {
        match self.apply(queue, TooLarge::ServeSmaller) {
            Ok(_) => log::info!(
                "the {} {} has {} bytes now, as configured, since kernel.msgmnb was raised",
                self.name(),
                self.key,
                self.wanted_bytes()
            ),
            Err(reason) => log::debug!("the {} {} keeps the size that it has: {reason}", self.name(), self.key),
        }
    }

    /// As [`QueuePlan::apply`], where even the owner may not look at the queue.
    fn apply_unseen(&self, queue: &Queue) -> Result<(), String> {
        let (wanted, limit) = (self.wanted_bytes(), limits::msgmnb());
        let settings = QueueSettings {
            mode: Some(self.mode()),
            gid: Some(self.group.unwrap_or_else(default_group).as_raw()),
            uid: Some(Uid::effective().as_raw()),
            max_bytes: Some(wanted.min(limit)),
        };
        queue.set(&settings).map_err(|error| error.to_string())?;
        if wanted > limit {
            self.note_smaller(queue, limit);
        }
        Ok(())
    }
}

static FAILURES: RateLimit = RateLimit::new("changes of the queue that cannot be mended");
static CHANGES: RateLimit = RateLimit::new("change of the queue by somebody");
/// One answer.
const LEAST_SIZE: u64 = BODY_LEN_LP64 as u64;
