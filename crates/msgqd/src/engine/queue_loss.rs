//! Somebody removed the queue under the running server.

use super::shared::Shared;
use msgq_core::queue::{Queue, QueueError};
use msgq_core::table::Counters;

impl Shared {
    /// Makes a lost queue anew, once, however many threads notice. False when that is to be tried again later; the same
    /// reason is said once a minute.
    pub(super) fn replace_lost_queue(&self, lost: &Queue, error: &QueueError) -> bool {
        let Self { lifecycle, served, outbox, table, .. } = self;
        let Some(mut loss) = served.loss_of(lost).filter(|_| !lifecycle.is_stopping()) else { return true };
        if lifecycle.is_ending() {
            return false;
        }
        if loss.is_new() {
            log::error!(
                "somebody removed the queue under the running server ({error}); {}; making it anew",
                loss.suspect()
            );
            // Before there is a new queue: nothing in the outbox is for that one.
            outbox.drop_all();
        }
        match loss.replace() {
            Ok(queue) => {
                table.header().set_msqid(queue.id());
                Counters::add(&table.counters().queue_recreated);
                log::warn!("serving the new queue, msqid {}; clients that were waiting got EIDRM", queue.id());
                true
            }
            Err(reason) => {
                if loss.is_worth_saying(&reason) {
                    log::error!(
                        "cannot make the queue anew, and nobody is served: {reason}; trying again all the time"
                    );
                }
                false
            }
        }
    }
}
