//! Somebody removed a queue under the running server. Each of two is made anew by itself.

use super::served_queue::ServedQueue;
use super::shared::Shared;
use crate::alerts;
use msgq_core::queue::{Queue, QueueError, QueueRole};
use msgq_core::table::Counters;

impl Shared {
    /// Makes the lost queue of requests anew, once, however many threads notice. False when that is to be tried again later;
    /// the same reason is said once a minute.
    pub(super) fn replace_lost_queue(&self, lost: &Queue, error: &QueueError) -> bool {
        self.replace(&self.served, lost, error)
    }

    /// As [`Shared::replace_lost_queue`], for the one into which answers go.
    pub(super) fn replace_lost_answers(&self, lost: &Queue, error: &QueueError) -> bool {
        self.replace(&self.answers, lost, error)
    }

    fn replace(&self, served: &ServedQueue, lost: &Queue, error: &QueueError) -> bool {
        let Self { lifecycle, outbox, table, .. } = self;
        let Some(mut loss) = served.loss_of(lost).filter(|_| !lifecycle.is_stopping()) else { return true };
        if lifecycle.is_ending() {
            return false;
        }
        let role = served.role();
        if loss.is_new() {
            log::error!(
                message_id = alerts::QUEUE_LOST;
                "somebody removed the {role} under the running server ({error}); {}; making it anew",
                loss.suspect()
            );
            // Before there is a new queue: nothing in the outbox is for that one. Those whose requests came from another
            // queue wait for their answers where they always did.
            if role != QueueRole::Requests && !outbox.is_private() {
                outbox.drop_all();
            }
        }
        match loss.replace(&self.protocol) {
            Ok(queue) => {
                match role {
                    QueueRole::Both | QueueRole::Requests => table.header().set_msqid(queue.id()),
                    QueueRole::Answers => table.header().set_reply_msqid(queue.id()),
                }
                Counters::add(&table.counters().queue_recreated);
                let told = if outbox.is_private() {
                    "requests in the old one are lost, and their clients, who wait at queues of their own, are not told"
                } else {
                    "clients that were waiting got EIDRM"
                };
                log::warn!(
                    message_id = alerts::QUEUE_MADE_ANEW;
                    "serving the new {role}, msqid {}; {told}", queue.id()
                );
                true
            }
            Err(reason) => {
                if loss.is_worth_saying(&reason) {
                    log::error!(
                        message_id = alerts::QUEUE_NOT_MADE;
                        "cannot make the {role} anew, and nobody is served: {reason}; trying again all the time"
                    );
                }
                false
            }
        }
    }
}
