//! Requests that an earlier daemon had in hand: each gets its answer, made anew or saying what happened.

use super::left::Recovery;
use crate::alerts;
use crate::engine::admission::{noted_client, possible_client};
use crate::engine::kill_points::kill_point;
use crate::engine::outbox::response_message;
use crate::engine::outcome::handled;
use crate::engine::private_queues;
use crate::handler::{HandlerRequest, Reply};
use crate::panics::vital;
use msgq_core::config::OnCrash;
use msgq_core::escape::escape;
use msgq_core::layout::protocol::{RequestView, ResponseForm};
use msgq_core::process::ClientNumber;
use msgq_core::table::{Counters, SlotHeader, SlotState};
use msgq_core::time::monotonic_ns;
use std::sync::atomic::Ordering;

/// Who was in hand at so many crashes is not tried again.
const CRASH_LIMIT: u32 = 3;

/// Finishes all requests. At the same time, as they were in hand at the same time before.
pub(super) fn rerun_requests(recovery: &Recovery<'_>) {
    let waiting: Vec<(usize, &SlotHeader)> =
        recovery.landings().filter(|(index, slot)| arm(recovery, *index, slot)).collect();
    let stack_size = recovery.shared.reloadable.handler().stack_size();
    std::thread::scope(|scope| {
        for (index, slot) in waiting {
            let thread = std::thread::Builder::new().name(format!("recovery-{index}")).stack_size(stack_size);
            // No request is taken before all of them have ended, so nobody needs to wait for the announcement.
            let (body, _) = vital(move || finish(recovery, index, slot));
            if thread.spawn_scoped(scope, body).is_err() {
                finish(recovery, index, slot);
            }
        }
    });
}

/// True when the slot holds a request. One of which the daemon had not noted anything gets its notes now.
pub(super) fn arm(recovery: &Recovery<'_>, index: usize, slot: &SlotHeader) -> bool {
    let (left, protocol) = (recovery.left, &recovery.shared.protocol);
    match slot.state() {
        Some(SlotState::Received) => true,
        Some(SlotState::Armed) if protocol.request_types().contains(left.landed_mtype(index)) => {
            let len = protocol.least_request_len(left.landed_len(index));
            slot.set_body_len(len);
            let mut body = vec![0; len];
            let is_there = left.read_landed(index, &mut body);
            slot.set_client(noted_client(
                protocol.claimed_client(left.landed_mtype(index), &body).filter(|_| is_there),
            ));
            slot.sequence.store(recovery.shared.intake.next_sequence(), Ordering::Relaxed);
            slot.received_at_ns.store(monotonic_ns(), Ordering::Relaxed);
            slot.msqid.store(left.header().answers_msqid(), Ordering::Relaxed);
            slot.crashes.store(0, Ordering::Relaxed);
            slot.set_state(SlotState::Received);
            true
        }
        _ => false,
    }
}

fn finish(recovery: &Recovery<'_>, index: usize, slot: &SlotHeader) {
    if recovery.is_called_off() {
        return;
    }
    let crashes = slot.crashes.fetch_add(1, Ordering::SeqCst).saturating_add(1);
    let longest = recovery.left.geometry().request_len;
    let mut body = vec![0; slot.body_len().min(longest + 1)];
    let body = body.as_mut_slice();
    let is_of_queue =
        recovery.shared.outbox.is_private() || slot.msqid.load(Ordering::Relaxed) == recovery.answers.id();
    let is_ours = is_of_queue && recovery.left.read_landed(index, body);
    let mtype = recovery.left.landed_mtype(index);
    let answer = is_ours.then(|| answer(recovery, slot, mtype, body, crashes)).flatten();
    if recovery.is_called_off() {
        // An end in order is no crash.
        slot.crashes.fetch_sub(1, Ordering::SeqCst);
        return;
    }
    let Some((client, reply, request)) = answer else { return recovery.left.finish_landing(index) };
    let mut message = recovery.left.response_room();
    let message = match recovery.shared.parts_maker(recovery.left) {
        Some(maker) => {
            let (len, series) = maker.first_message(&mut message, client, &request, &reply);
            slot.set_series(series);
            message.get(..len).unwrap_or_default()
        }
        None => response_message(&recovery.shared.protocol, &mut message, client, &request, &reply),
    };
    recovery.left.write_landing_response(index, message);
    slot.set_state(SlotState::Ready);
    kill_point("recovery-rerun");
}

/// The answer, and to what; `None`, counted, when there is nobody to answer.
fn answer<'a>(
    recovery: &Recovery<'_>,
    slot: &SlotHeader,
    mtype: i64,
    body: &'a [u8],
    crashes: u32,
) -> Option<(ClientNumber, Reply, RequestView<'a>)> {
    let counters = recovery.shared.counters();
    match recovery.shared.protocol.read_request(mtype, body) {
        Ok(request) => {
            let client = asker(recovery, request.claimed_client, Some(request.form))?;
            note_private_queue(recovery, slot, client, body)?;
            Some((client, reply(recovery, slot, client, &request, crashes), request))
        }
        Err(error) => {
            let Some(claimed) = error.claimed_client() else {
                Counters::add(&counters.recovered);
                Counters::add(&counters.malformed_short);
                return None;
            };
            Counters::add(&counters.malformed_long);
            let client = asker(recovery, claimed, None)?;
            note_private_queue(recovery, slot, client, body)?;
            Some((client, Reply::error(&error.to_string()), RequestView::unreadable(mtype, claimed)))
        }
    }
}

fn asker(recovery: &Recovery<'_>, claimed_client: i64, form: Option<ResponseForm>) -> Option<ClientNumber> {
    let client = possible_client(recovery.shared, claimed_client, form).filter(|client| recovery.is_same(*client));
    if client.is_none() {
        Counters::add(&recovery.shared.counters().recovered_gone);
    }
    client
}

/// Notes where the answer goes if that is a queue of the client's own: what the slot says of it may be older than the look
/// at the request. `None`, counted, when the answer may not go there.
fn note_private_queue(recovery: &Recovery<'_>, slot: &SlotHeader, client: ClientNumber, body: &[u8]) -> Option<()> {
    let shared = recovery.shared;
    if shared.outbox.is_private() {
        let Some(queue) = private_queues::queue_for(shared, client, body) else {
            Counters::add(&shared.counters().recovered);
            return None;
        };
        slot.msqid.store(queue.id(), Ordering::Relaxed);
    }
    Some(())
}

fn reply(
    recovery: &Recovery<'_>,
    slot: &SlotHeader,
    client: ClientNumber,
    request: &RequestView<'_>,
    crashes: u32,
) -> Reply {
    let counters = recovery.shared.counters();
    let id = slot.sequence.load(Ordering::Relaxed);
    if crashes >= CRASH_LIMIT {
        Counters::add(&counters.recovered_refused);
        log::error!(
            message_id = alerts::REQUEST_GIVEN_UP, client_pid = client.get();
            "request {id} of client {client} was in hand when the server died, {crashes} times in a row: answered with \
             an error and not tried again; its text: \"{}\"",
            escape(request.text)
        );
        return Reply::error(&format!(
            "the server died {crashes} times while it worked on this request; it is not tried again, outcome unknown"
        ));
    }
    if recovery.on_crash == OnCrash::Fail {
        Counters::add(&counters.recovered_refused);
        return Reply::error("the server crashed while it worked on this request; outcome unknown");
    }
    Counters::add(&counters.recovered_rerun);
    kill_point("handling");
    let shared = recovery.shared;
    let request = HandlerRequest::new(&shared.protocol, client, id, *request, monotonic_ns());
    handled(&*shared.reloadable.handler(), &request, &shared.table.metrics(), &shared.events)
}
