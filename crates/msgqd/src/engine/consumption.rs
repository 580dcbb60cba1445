//! A one-way request in its landing slot, and how it comes to its end.

use super::admission::possible_client;
use super::kill_points::kill_point;
use super::one_way::{CRASH_LIMIT, GIVEN_UP, Tries};
use super::shared::Shared;
use crate::handler::{HandlerRequest, Outcome, Reply};
use msgq_core::dead_letters::{DeadLetter, letter_id, readable_text};
use msgq_core::escape::escape;
use msgq_core::layout::protocol::RequestView;
use msgq_core::process::ClientNumber;
use msgq_core::queue::QueueKey;
use msgq_core::table::{Counters, SlotHeader, SlotState, Table};
use msgq_core::time::unix_time_s;
use msgq_core::words::counted;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A crash of the daemon that had the request of this slot in hand; one that was given up stays so.
pub(super) fn count_crash(slot: &SlotHeader) {
    let crashes = slot.crashes.load(Ordering::SeqCst);
    if crashes != GIVEN_UP {
        slot.crashes.store((crashes + 1).min(CRASH_LIMIT), Ordering::SeqCst);
    }
}

/// Puts a request that an earlier daemon had in hand into the landing slot with the same number, if it has room for it.
pub(super) fn take_over(from: &Table, to: &Table, index: usize) -> bool {
    let (Some(old), Some(new)) = (from.landing(index), to.landing(index).filter(|_| index < to.geometry().workers))
    else {
        return false;
    };
    let mut body = vec![0; old.body_len()];
    if body.len() > to.geometry().message_room || !from.read_landed(index, &mut body) {
        return false;
    }
    to.store_landed(index, from.landed_mtype(index), &body);
    new.set_client(old.client());
    new.sequence.store(old.sequence.load(Ordering::Relaxed), Ordering::Relaxed);
    // It is nobody's work yet, and so not overdue.
    new.received_at_ns.store(0, Ordering::Relaxed);
    new.msqid.store(old.msqid.load(Ordering::Relaxed), Ordering::Relaxed);
    new.generation.store(old.generation.load(Ordering::SeqCst), Ordering::SeqCst);
    new.crashes.store(old.crashes.load(Ordering::SeqCst), Ordering::SeqCst);
    new.set_body_len(body.len());
    new.set_state(SlotState::Received);
    true
}

/// A one-way request in a landing slot, and its end.
pub(super) struct OneWayRequest<'a> {
    pub(super) shared: &'a Shared,
    /// The table that the slot is in: this daemon's or an earlier one's.
    pub(super) table: &'a Table,
    pub(super) index: usize,
    pub(super) slot: &'a SlotHeader,
}

impl OneWayRequest<'_> {
    /// The whole body.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = vec![0; self.slot.body_len().min(self.table.geometry().message_room)];
        if self.table.read_landed(self.index, &mut body) { body } else { Vec::new() }
    }

    /// The request as a handler sees it; an error says why it is none.
    pub(super) fn as_handed_on<'r>(
        &self,
        body: &'r [u8],
        now_ns: u64,
        is_first_try: bool,
    ) -> Result<HandlerRequest<'r>, String>
    where
        Self: 'r,
    {
        let protocol = &self.shared.protocol;
        let mtype = self.table.landed_mtype(self.index);
        if !protocol.request_types().contains(mtype) {
            return Err(format!("type {mtype} is none of request_types"));
        }
        let view = protocol.read_request(mtype, body).map_err(|error| error.to_string())?;
        let names_client = protocol.plan().is_some_and(|plan| !plan.names_no_client());
        if names_client && is_first_try {
            self.check_client(&view)?;
        }
        let Some(client) = number_of(&view) else { return Err("it has no type that a message can have".to_owned()) };
        let sequence = self.slot.sequence.load(Ordering::Relaxed);
        Ok(HandlerRequest::new(protocol, client, sequence, view, now_ns))
    }

    /// Where a field was declared to name the client, it has to be one that lives when its message comes.
    fn check_client(&self, view: &RequestView<'_>) -> Result<(), String> {
        let (shared, claimed) = (self.shared, view.claimed_client);
        let client = possible_client(shared, claimed, Some(view.form))
            .ok_or_else(|| format!("it names {claimed} as its client, which no client can have"))?;
        // It is never answered, so that nothing can tell whether it reads.
        let sequence = self.slot.sequence.load(Ordering::Relaxed);
        match shared.clients.admit(client, sequence, || true) {
            Ok(None) => Err(format!("it names PID {client} as its client, and no living process or thread has it")),
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }

    /// The handler took it.
    pub(super) fn note_taken(&self) {
        Counters::add(&self.shared.counters().consumed);
        kill_point("consumed");
    }

    /// It is tried again.
    pub(super) fn note_retry(&self, tries: &Tries, reply: &Reply, pause: Duration) {
        Counters::add(&self.shared.counters().retried);
        let request = self.slot.sequence.load(Ordering::Relaxed);
        self.shared.events.retry.warn(|| {
            let reason = readable_text(reply.text());
            let pause_ms = pause.as_millis();
            match reply.outcome() {
                Outcome::Unavailable => format!(
                    "request {request} waits for the handler, which cannot be asked: {reason}; trying again in {pause_ms} ms"
                ),
                _ => format!("request {request} failed {} of {} times: {reason}; trying again in {pause_ms} ms",
                    tries.failed(), self.shared.reloadable.attempts()),
            }
        });
    }

    /// Makes a dead letter of it. False when that failed: the request is in hand still, and this is to be tried again.
    pub(super) fn give_up(&self, body: &[u8], tries: &Tries, reason: &str) -> bool {
        let may_be_there = self.slot.crashes.load(Ordering::SeqCst) == GIVEN_UP;
        if !may_be_there {
            let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
            self.slot.generation.store(u32::try_from(now_ms & u128::from(u32::MAX)).unwrap_or(0), Ordering::SeqCst);
            self.slot.crashes.store(GIVEN_UP, Ordering::SeqCst);
        }
        kill_point("giving-up");
        let letter = self.letter(body, tries, reason);
        let written = match &self.shared.one_way.write_letter {
            Some(write) => write(&letter, may_be_there),
            None => Err(io::Error::other("nobody keeps dead letters")),
        };
        let events = &self.shared.events;
        match written {
            Ok(()) => {
                kill_point("letter-written");
                Counters::add(&self.shared.counters().dead_lettered);
                events.dead_letter.error(|| {
                    format!(
                        "request {} (type {}, {}) is given up and is a dead letter now: {}; see it with: msgqctl dead \
                         show {}",
                        letter.request,
                        letter.mtype,
                        counted(letter.body.len(), "byte"),
                        escape(reason.as_bytes()),
                        letter.id
                    )
                });
                true
            }
            Err(error) => {
                events.letter_failed.error(|| {
                    format!(
                        "cannot write a dead letter for request {}, which stays in hand, so its worker does nothing else: \
                         {error}; trying again",
                        letter.request
                    )
                });
                false
            }
        }
    }

    fn letter(&self, body: &[u8], tries: &Tries, reason: &str) -> DeadLetter {
        let request = self.slot.sequence.load(Ordering::Relaxed);
        let mtype = self.table.landed_mtype(self.index);
        let view = self.shared.protocol.read_request(mtype, body).ok();
        let names_client = self.shared.protocol.plan().is_none_or(|plan| !plan.names_no_client());
        DeadLetter {
            id: letter_id(self.slot.generation.load(Ordering::SeqCst).into(), request),
            at_s: unix_time_s(),
            queue_key: self.shared.served.current().key().unwrap_or(QueueKey::DEFAULT),
            msqid: self.shared.served.current().id(),
            mtype,
            body: body.to_vec(),
            text: view.filter(|view| !view.text.is_empty()).map(|view| readable_text(view.text)),
            client: view.filter(|_| names_client).map(|view| view.claimed_client),
            request,
            attempts: tries.failed(),
            reason: reason.to_owned(),
        }
    }
}

/// Who is told to the handler as the client: who the message names, or the message's type where it names nobody.
fn number_of(view: &RequestView<'_>) -> Option<ClientNumber> {
    ClientNumber::without_process(view.claimed_client).or_else(|| ClientNumber::without_process(view.mtype))
}
