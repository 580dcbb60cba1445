//! Whether the server of a full queue waits for room in it itself, and so for itself: pure.

use super::call::WaitingCall;
use super::waiter::Waiter;
use crate::orphan::Resting;
use crate::queue::QueueStat;
use serde::Serialize;
use std::collections::BTreeMap;

/// A queue that has moved within so many seconds of the kernel's clock is not judged: a server that wins the next place goes on.
const STILL_S: i64 = 2;

/// A queue that nobody will empty, since who takes its messages waits for room in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deadlock {
    /// Who takes the messages and waits for room.
    pub server: Waiter,
    /// All others who wait for room: they live.
    pub senders: Vec<Waiter>,
    /// What must leave the queue so that all who wait for room find it, the server too: bytes.
    pub missing_bytes: u64,
    /// What may leave it with the least harm.
    pub spare: Option<Spare>,
}

/// Messages that can be taken out, written down and put back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spare {
    /// Their type: that of which there are the most.
    pub mtype: i64,
    /// How many make room for all who wait, or all there are.
    pub messages: usize,
    /// How many there are.
    pub of: usize,
}

/// The deadlock of a queue whose waiters these are, seen after them; `resting` is asked only where there may be one, for the
/// messages by type, and answers `None` where the kernel cannot show them.
///
/// Who takes messages is the last receiver, or waits to receive with another thread. No verdict comes on a queue that moved
/// just now, on a process with a thread that may yet act, or on one that sends what clients send: who took an answer last
/// and waits for room looks the same, while the server is only slow.
pub fn deadlock(
    queue: &QueueStat,
    waiters: &[Waiter],
    now_s: i64,
    resting: impl FnOnce() -> Option<BTreeMap<i64, Resting>>,
) -> Option<Deadlock> {
    let moved_at_s = queue.last_send_time.max(queue.last_receive_time);
    if queue.messages == 0 || now_s.saturating_sub(moved_at_s) < STILL_S {
        return None;
    }
    let server = waiters.iter().find(|waiter| is_stuck_server(queue, waiter, waiters))?;
    let resting = resting()?;
    if is_most_of(&resting, mtype_of(server)?) {
        return None;
    }
    let senders: Vec<Waiter> =
        waiters.iter().filter(|waiter| waiter.call.is_send() && waiter.tid != server.tid).cloned().collect();
    let missing_bytes = missing_bytes(queue, waiters);
    let spare = spare(&resting, missing_bytes, senders.len() + 1);
    Some(Deadlock { server: server.clone(), senders, missing_bytes, spare })
}

fn is_stuck_server(queue: &QueueStat, waiter: &Waiter, waiters: &[Waiter]) -> bool {
    let of_its_process = |other: &&Waiter| other.pid == waiter.pid;
    let receives = || waiters.iter().filter(of_its_process).any(|other| !other.call.is_send());
    let took_last = || {
        let taker = queue.last_receive_pid;
        // After a hand-over to one that waited the kernel names the thread.
        taker != 0 && (taker == waiter.pid || waiters.iter().filter(of_its_process).any(|other| other.tid == taker))
    };
    waiter.call.is_send() && !waiter.others_may_act && (took_last() || receives()) && !sends_as_others(waiter, waiters)
}

/// Another process waits to send a message of the same type: so both are clients.
fn sends_as_others(waiter: &Waiter, waiters: &[Waiter]) -> bool {
    let mtype = mtype_of(waiter);
    waiters.iter().any(|other| other.pid != waiter.pid && mtype.is_some() && mtype_of(other) == mtype)
}

fn mtype_of(waiter: &Waiter) -> Option<i64> {
    match waiter.call {
        WaitingCall::Send { mtype, .. } => mtype,
        WaitingCall::Receive { .. } => None,
    }
}

/// True of a type of which no other has more messages.
fn is_most_of(resting: &BTreeMap<i64, Resting>, mtype: i64) -> bool {
    let most = resting.values().map(|of_type| of_type.messages).max().unwrap_or(0);
    resting.get(&mtype).is_some_and(|of_type| of_type.messages == most)
}

fn missing_bytes(queue: &QueueStat, waiters: &[Waiter]) -> u64 {
    let wanted = |waiter: &Waiter| match waiter.call {
        WaitingCall::Send { msgsz, .. } => msgsz,
        WaitingCall::Receive { .. } => 0,
    };
    let wanted = waiters.iter().map(wanted).fold(0, u64::saturating_add);
    wanted.saturating_sub(queue.max_bytes.saturating_sub(queue.bytes))
}

/// The kernel wakes all who wait for each place that is freed, and any of them may win it: only where all find room it is
/// certain that the server does.
fn spare(resting: &BTreeMap<i64, Resting>, missing_bytes: u64, senders: usize) -> Option<Spare> {
    let (mtype, most) = resting.iter().max_by_key(|(_, of_type)| of_type.messages)?;
    let bytes = u64::try_from(most.bytes).unwrap_or(u64::MAX);
    let each = bytes.checked_div(u64::try_from(most.messages).ok()?)?;
    // Empty messages fill a queue by their number.
    let needed = missing_bytes.div_ceil(each.max(1));
    let needed = if each == 0 { senders } else { usize::try_from(needed).unwrap_or(usize::MAX) };
    Some(Spare { mtype: *mtype, messages: needed.clamp(1, most.messages), of: most.messages })
}

#[cfg(test)]
mod tests;
