//! Finishing what an earlier daemon had in hand when it died, from the table that it left.
//!
//! Runs once, before any thread of the engine, by whoever knows that the earlier daemon is dead. Every slot of the
//! earlier table is finished according to its state:
//!
//! ```text
//! ARMED     empty; a message in a landing slot was just received: as RECEIVED
//! RECEIVED  handled again, or answered with an error if `on_crash` says so or it was in hand at three crashes: READY
//! READY     taken over into the outbox
//! SENDING   judged by what the kernel still shows, see `in_doubt`
//! OFFERED   in the queue or read: nothing to do; taken back into the recall slot: READY
//! ```
//!
//! One-way requests have no answers: see `one_way`.
//!
//! Progress is written into the earlier table as it is made, and the new table replaces it at the very end. So a daemon
//! that is killed here leaves either the earlier table with what is still to do, or the new one with all of it.

mod answers;
mod in_doubt;
mod left;
mod one_way;
mod private_doubt;
mod rerun;
mod series;

pub(super) use in_doubt::request_waits;

use super::outbox::{Origin, PendingAnswer};
use super::shared::Shared;
use crate::alerts;
use answers::LeftAnswer;
use in_doubt::{DoubtVerdict, QueueView, settle_doubt};
use left::Recovery;
use msgq_core::config::OnCrash;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::orphan::client_of;
use msgq_core::queue::Queue;
use msgq_core::table::{Counters, Phase, Table};
use msgq_core::words::counted;
use one_way::hand_over_requests;
use private_doubt::settle_private_doubt;
use rerun::rerun_requests;
use std::collections::HashSet;
use std::io;
use std::sync::atomic::AtomicBool;

/// Finishes what is in `left`.
///
/// # Errors
/// `Interrupted` when it was called off: what is not finished is in `left` as it was.
pub(super) fn recover(shared: &Shared, left: &Table, on_crash: OnCrash, called_off: &AtomicBool) -> io::Result<()> {
    Recovery::new(shared, left, on_crash, called_off).run()?;
    let in_order = left.header().phase() == Some(Phase::Ended);
    report(shared, if in_order { log::Level::Info } else { log::Level::Warn });
    Ok(())
}

fn report(shared: &Shared, level: log::Level) {
    let metrics = shared.table.counted();
    let (rerun, refused, to_send) = (metrics.recovered_rerun, metrics.recovered_refused, metrics.recovered);
    let (delivered, gone) = (metrics.recovered_delivered, metrics.recovered_gone);
    let ambiguous = metrics.recovered_ambiguous;
    if [rerun, refused, to_send, delivered, gone, ambiguous].iter().any(|number| *number > 0) {
        log::log!(
            level, message_id = alerts::RECOVERED;
            "recovered what an earlier server had in hand: {rerun} run again, {refused} answered with an error, {} to send, \
             {delivered} judged as sent, {gone} of dead clients, {ambiguous} ambiguous",
            counted(to_send, "answer")
        );
    }
}

impl Recovery<'_> {
    fn run(&self) -> io::Result<()> {
        self.settle_recall();
        self.settle_series();
        self.shared.intake.continue_after(self.newest_sequence());
        if self.shared.protocol.route() == ReplyRoute::Nowhere {
            return hand_over_requests(self);
        }
        rerun_requests(self);
        if self.is_called_off() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "it was called off"));
        }
        let mut items = self.left_answers();
        // In the order of receipt; what was adopted carries no number of its own, and is in the order of adoption.
        items.sort_by_key(|item| (item.sequence, item.received_at_ns));
        let is_private = self.shared.outbox.is_private();
        let view = if is_private { QueueView::default() } else { QueueView::of(self.shared) };
        let mut asking = HashSet::new();
        let later: Vec<bool> = items.iter().rev().map(|item| !asking.insert(item.client)).collect();
        for (item, asked_again) in items.iter().zip(later.into_iter().rev()) {
            self.finish(item, &view, asked_again);
        }
        Ok(())
    }

    fn finish(&self, item: &LeftAnswer, view: &QueueView, asked_again: bool) {
        let counters = self.shared.counters();
        let is_private = self.shared.outbox.is_private();
        if item.msqid != self.answers.id() && !is_private {
            // Its queue was removed, so its client got EIDRM.
            return self.free_place(item.place);
        }
        let queue = if is_private { Queue::from_msqid(item.msqid) } else { self.answers };
        let Some(client) =
            client_of(self.shared.protocol.client_kind(), item.client).filter(|client| self.is_same(*client))
        else {
            Counters::add(&counters.recovered_gone);
            return self.free_place(item.place);
        };
        if self.series_at(item.place).is_some() {
            return self.continue_series(item, view, client, queue);
        }
        let mut message = self.left.response_room();
        let len = self.message_at(item.place, &mut message);
        let message = message.get(..len).unwrap_or_default();
        let in_doubt = item.in_doubt
            && match if is_private {
                settle_private_doubt(self, &queue, client, message, asked_again)
            } else {
                settle_doubt(self, view, client, message, asked_again)
            } {
                DoubtVerdict::Delivered => return self.free_place(item.place),
                DoubtVerdict::Unsent => false,
                DoubtVerdict::Open => true,
            };
        let Some(generation) = self.shared.clients.find(client) else {
            Counters::add(&counters.recovered_gone);
            return self.free_place(item.place);
        };
        Counters::add(&counters.recovered);
        let answer = PendingAnswer {
            client,
            generation,
            sequence: item.sequence,
            received_at_ns: item.received_at_ns,
            queue,
            message,
            origin: Origin::Earlier { in_doubt },
        };
        self.shared.outbox.post(&answer);
    }
}
