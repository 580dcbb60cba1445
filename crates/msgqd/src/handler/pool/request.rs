//! One request on its way through the pool.

use super::conversation::{Break, BreakKind, Stale, check_idle, converse};
use super::link::{Backend, End, Link};
use super::shared::PoolShared;
use super::state::HeldLink;
use crate::handler::framing::{AnswerDecoder, encode_request};
use crate::handler::payload::Payload;
use crate::handler::process::after;
use crate::handler::{HandlerRequest, Outcome, Reply};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::PoisonError;
use std::time::Instant;

/// Why a request gets no link.
enum Refusal {
    Late,
    Down(String),
    Stopping,
}

impl<B: Backend> PoolShared<B> {
    /// Answers one request.
    pub(super) fn ask(&self, request: &HandlerRequest<'_>) -> Reply {
        let deadline = after(request.received_at(), self.limits.timeout);
        // What a client gets that is neither answered nor safe to try again, when it is tried again in vain.
        let mut unknown = None;
        loop {
            let mut held = match self.claim(deadline) {
                Ok(held) => held,
                Err(refusal) => return unknown.unwrap_or_else(|| self.refuse(&refusal)),
            };
            let failure = match exchange(&mut held, request, self.limits.payload, deadline, self.abort.as_fd()) {
                Ok(reply) => {
                    self.give_back(held);
                    return reply;
                }
                Err(failure) => failure,
            };
            let reply = self.broken(&failure);
            let may_repeat = !failure.was_sent || (self.limits.is_idempotent && unknown.is_none());
            self.give_up(held, &failure.kind);
            if !may_repeat || Instant::now() >= deadline {
                return reply;
            }
            if failure.was_sent {
                unknown = Some(reply);
            }
        }
    }
    /// An idle link that is there and silent.
    fn claim(&self, deadline: Instant) -> Result<HeldLink<B::Link>, Refusal> {
        loop {
            let mut held = self.await_idle(deadline)?;
            match check_idle(&mut held.link) {
                Ok(()) => return Ok(held),
                Err(Stale::Gone) => self.condemn(held, End::Gone),
                Err(Stale::Broken(kind)) => self.give_up(held, &kind),
            }
        }
    }

    fn await_idle(&self, deadline: Instant) -> Result<HeldLink<B::Link>, Refusal> {
        let mut state = self.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.stopping.is_some() || state.is_aborted {
                return Err(Refusal::Stopping);
            }
            if left.is_zero() {
                // Whoever put a link back may have woken this thread, whose time is over, and nobody else.
                if !state.idle.is_empty() {
                    self.ready.notify_one();
                }
                return Err(Refusal::Late);
            }
            if let Some(held) = state.idle.pop() {
                return Ok(held);
            }
            if let Some(reason) = state.health.down_reason() {
                return Err(Refusal::Down(reason.to_owned()));
            }
            state.waiting += 1;
            self.turn.notify_all();
            state = self.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let noun = B::NOUN;
        match refusal {
            Refusal::Late => {
                let limit = self.limits.timeout.as_millis();
                let text = format!("no {noun} was free within the time limit of {limit} ms; the request was not run");
                Reply::failure(Outcome::TimedOut, &text)
            }
            Refusal::Down(reason) => Reply::failure(Outcome::Unavailable, &format!("not run: {reason}")),
            Refusal::Stopping => Reply::failure(Outcome::Unavailable, "not run: the handler ends"),
        }
    }

    fn broken(&self, failure: &Break) -> Reply {
        let noun = B::NOUN;
        let limit = self.limits.timeout.as_millis();
        match (&failure.kind, failure.was_sent) {
            (BreakKind::Deadline, true) => {
                let text = format!("outcome unknown: the {noun} did not answer within the time limit of {limit} ms");
                Reply::failure(Outcome::TimedOut, &text)
            }
            (BreakKind::Deadline, false) => {
                let text =
                    format!("the {noun} did not listen within the time limit of {limit} ms; the request was not run");
                Reply::failure(Outcome::TimedOut, &text)
            }
            (kind, true) => Reply::failure(Outcome::Broken, &format!("outcome unknown: the {noun} {kind}")),
            (kind, false) => Reply::failure(Outcome::Unavailable, &format!("not run: the {noun} {kind}")),
        }
    }

    /// A link that has answered.
    fn give_back(&self, mut held: HeldLink<B::Link>) {
        held.answered += 1;
        let is_used_up = self.limits.max_requests.is_some_and(|limit| held.answered >= limit);
        let mut state = self.lock();
        if state.health.is_troubled() {
            state.health.succeed();
            self.turn.notify_all();
        }
        if is_used_up {
            drop(state);
            self.condemn(held, End::Recycled);
        } else {
            drop(state);
            self.put_idle(held);
        }
    }

    pub(super) fn put_idle(&self, held: HeldLink<B::Link>) {
        let place = held.place;
        let mut state = self.lock();
        state.idle.push(held);
        if state.waiting > 0 {
            self.ready.notify_one();
        }
        if state.places.get_mut(place).is_some_and(|place| std::mem::take(&mut place.wants_notice)) {
            self.wake(place, &state);
        }
    }

    fn give_up(&self, held: HeldLink<B::Link>, kind: &BreakKind) {
        self.condemn(held, End::Broken(kind.to_string()));
    }

    /// Leaves a link to its keeper, to be closed.
    fn condemn(&self, held: HeldLink<B::Link>, end: End) {
        let number = held.place;
        let mut state = self.lock();
        self.count_out(&mut state, &held, &end);
        if let Some(place) = state.places.get_mut(number) {
            place.returned = Some((held, end));
        }
        self.wake(number, &state);
    }
}

fn exchange<L: Link>(
    held: &mut HeldLink<L>,
    request: &HandlerRequest<'_>,
    payload: Payload,
    deadline: Instant,
    abort: BorrowedFd<'_>,
) -> Result<Reply, Break> {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
    let frame = encode_request(payload.handler_protocol, request, left);
    let mut decoder = AnswerDecoder::new(request.id, payload);
    let answer = converse(&mut held.link, &frame, &mut decoder, deadline, Some(abort))?;
    Ok(answer.into_reply(payload))
}

#[cfg(test)]
mod tests;
