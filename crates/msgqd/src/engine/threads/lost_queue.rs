//! What is done when somebody removed the queue under the running server. Workers notice it when they receive, and the
//! janitor when they are all busy.

use crate::engine::kill_points::kill_point;
use crate::engine::shared::Shared;
use msgq_core::queue::{Queue, QueueError};
use msgq_core::table::Counters;
use std::time::Duration;

/// Somebody removed the queue. It is made anew once, however many threads notice; where that fails, or the server is
/// about to end, the thread waits a little before it looks again.
pub(super) fn replace_lost_queue(shared: &Shared, lost: &Queue, error: &QueueError) {
    let Shared { lifecycle, served, outbox, table, .. } = shared;
    let Some(loss) = served.loss_of(lost).filter(|_| !lifecycle.is_stopping()) else { return };
    if lifecycle.is_ending() {
        // Nobody waits for the loss meanwhile: a signal does not reach a thread in a lock.
        drop(loss);
        return std::thread::sleep(REPLACE_PAUSE);
    }
    log::error!("somebody removed the queue under the running server ({error}); {}; making it anew", loss.suspect());
    // Before there is a new queue: nothing in the outbox is for that one.
    outbox.drop_all();
    kill_point("queue-lost");
    match loss.replace() {
        Ok(queue) => {
            table.header().set_msqid(queue.id());
            Counters::add(&table.counters().queue_recreated);
            log::warn!("serving the new queue, msqid {}; clients that were waiting got EIDRM", queue.id());
        }
        Err(reason) => {
            log::error!("cannot make the queue anew: {reason}; trying again");
            std::thread::sleep(REPLACE_PAUSE);
        }
    }
}

const REPLACE_PAUSE: Duration = Duration::from_millis(200);
