//! Requests that an earlier daemon had in hand: each gets its answer, made anew or saying what happened.

use super::left::Recovery;
use crate::engine::kill_points::kill_point;
use crate::engine::outbox::response_message;
use crate::engine::outcome::handled;
use crate::handler::{HandlerRequest, Reply};
use crate::panics::EndsProcess;
use msgq_core::config::OnCrash;
use msgq_core::escape::escape;
use msgq_core::layout::{self, BODY_LEN_ILP32, BODY_LEN_LP64, Malformed, REQUEST_MTYPE, Request};
use msgq_core::process::ClientPid;
use msgq_core::table::{Counters, RESPONSE_MESSAGE_LEN, SlotHeader, SlotState};
use msgq_core::time::monotonic_ns;
use std::sync::atomic::Ordering;
use std::time::Instant;

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
            let body = move || {
                let _end = EndsProcess;
                finish(recovery, index, slot);
            };
            if thread.spawn_scoped(scope, body).is_err() {
                finish(recovery, index, slot);
            }
        }
    });
}

/// True when the slot holds a request. One of which the daemon had not noted anything gets its notes now.
fn arm(recovery: &Recovery<'_>, index: usize, slot: &SlotHeader) -> bool {
    let left = recovery.left;
    match slot.state() {
        Some(SlotState::Received) => true,
        Some(SlotState::Armed) if left.landed_mtype(index) == REQUEST_MTYPE => {
            let len = left.landed_len(index);
            slot.set_body_len(len);
            slot.set_client(left.claimed_pid(index, len));
            slot.sequence.store(recovery.shared.intake.next_sequence(), Ordering::Relaxed);
            slot.received_at_ns.store(monotonic_ns(), Ordering::Relaxed);
            slot.msqid.store(left.header().msqid(), Ordering::Relaxed);
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
    let mut body = [0; BODY_LEN_LP64 + 1];
    let body = body.get_mut(..slot.body_len().min(BODY_LEN_LP64 + 1)).unwrap_or_default();
    let is_ours = slot.msqid.load(Ordering::Relaxed) == recovery.queue.id() && recovery.left.read_landed(index, body);
    let answer = is_ours.then(|| answer(recovery, slot, body, crashes)).flatten();
    if recovery.is_called_off() {
        // An end in order is no crash.
        slot.crashes.fetch_sub(1, Ordering::SeqCst);
        return;
    }
    let Some((client, reply, response_len)) = answer else { return recovery.left.finish_landing(index) };
    let mut message = [0; RESPONSE_MESSAGE_LEN];
    recovery.left.write_landing_response(index, response_message(&mut message, client, &reply, response_len));
    slot.set_state(SlotState::Ready);
    kill_point("recovery-rerun");
}

/// The answer and its length; `None`, counted, when there is nobody to answer.
fn answer(recovery: &Recovery<'_>, slot: &SlotHeader, body: &[u8], crashes: u32) -> Option<(ClientPid, Reply, usize)> {
    let counters = recovery.shared.counters();
    match layout::decode_request(body) {
        Ok(request) => {
            let client = asker(recovery, request.claimed_pid)?;
            Some((client, reply(recovery, slot, client, &request, crashes), request.response_len))
        }
        Err(Malformed::TooShort { .. }) => {
            Counters::add(&counters.recovered);
            Counters::add(&counters.malformed_short);
            None
        }
        Err(error @ Malformed::TooLong { claimed_pid, .. }) => {
            Counters::add(&counters.malformed_long);
            Some((asker(recovery, claimed_pid)?, Reply::error(&error.to_string()), BODY_LEN_ILP32))
        }
    }
}

fn asker(recovery: &Recovery<'_>, claimed_pid: i32) -> Option<ClientPid> {
    let client = recovery.shared.clients.possible_client(claimed_pid).filter(|client| recovery.is_same(*client));
    if client.is_none() {
        Counters::add(&recovery.shared.counters().recovered_gone);
    }
    client
}

fn reply(recovery: &Recovery<'_>, slot: &SlotHeader, client: ClientPid, request: &Request<'_>, crashes: u32) -> Reply {
    let counters = recovery.shared.counters();
    let id = slot.sequence.load(Ordering::Relaxed);
    if crashes >= CRASH_LIMIT {
        Counters::add(&counters.recovered_refused);
        log::error!(
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
    let request = HandlerRequest { client, id, text: request.text, received_at: Instant::now() };
    let shared = recovery.shared;
    handled(&*shared.reloadable.handler(), &request, &shared.table.metrics(), &shared.events)
}
