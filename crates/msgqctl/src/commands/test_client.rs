//! The client that a command is, whatever way answers take: it asks, or where nothing is answered it only sends.

use super::declared_request::{DeclaredRequest, counted_answer};
use super::interrupt::{ENDING, Interrupt, Step};
use crate::failure::Failure;
use crate::output::complain;
use crate::target::{Knowledge, Target};
use msgq_core::client::{Answer, CallError, Client, Received};
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use nix::sys::signal::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A client of one queue. Queues of its own are removed with it.
pub(super) struct TestClient<'a> {
    client: Client,
    protocol: &'a Protocol,
    timeout: Duration,
    /// A signal ends this process now.
    is_ending: Arc<AtomicBool>,
}

/// A signal that was raised is there long before.
const END_LIMIT: Duration = Duration::from_secs(5);

impl<'a> TestClient<'a> {
    pub(super) fn new(target: &'a Target, timeout: Duration) -> Result<Self, Failure> {
        let client = Client::new(target.queue);
        let client = match target.reply_queue()? {
            Some(queue) => client.with_reply_queue(queue),
            None => client,
        };
        Ok(Self { client, protocol: target.protocol(), timeout, is_ending: Arc::default() })
    }

    pub(super) fn is_answered(&self) -> bool {
        self.protocol.route() != ReplyRoute::Nowhere
    }

    pub(super) fn has_own_queues(&self) -> bool {
        self.protocol.route() == ReplyRoute::Private
    }

    /// What signals do to it: the first `forgiven` of them are noted, and the next one ends the process.
    pub(super) fn interrupt_by(
        &self,
        signals: impl IntoIterator<Item = Signal>,
        forgiven: usize,
    ) -> Result<Interrupt, Failure> {
        let client = self.client.clone();
        let is_ending = Arc::clone(&self.is_ending);
        let last_words = move |step: Step| {
            if step == Step::Ending {
                is_ending.store(true, Ordering::Release);
                client.remove_private_queues();
            }
        };
        if self.has_own_queues() {
            Interrupt::with_words(signals, forgiven, last_words)
        } else if forgiven > 0 {
            Interrupt::of(signals)
        } else {
            Ok(Interrupt::never())
        }
    }

    /// What signals do to a single request. Its answer would be left in the queue where no msgqd removes those of the dead, so
    /// there the first one is noted, and whoever sent it is told.
    pub(super) fn interrupt_single(&self, target: &Target) -> Result<Interrupt, Failure> {
        if self.has_own_queues() || !self.is_answered() || is_msgqds(target)? {
            return self.interrupt_by(ENDING, 0);
        }
        Interrupt::with_words(ENDING, 1, |step| {
            if step == Step::Noted {
                complain("ends once the request under way is answered; a second signal ends it at once");
            }
        })
    }

    /// The whole body of the answer.
    pub(super) fn exchange(&self, request: &DeclaredRequest) -> Result<Received, CallError> {
        let received = self.client.exchange(self.protocol, request.mtype, &request.body, self.timeout);
        if received.is_err() && self.is_ending.load(Ordering::Acquire) {
            // It was the end that took the queue away, and there is nothing to say of that.
            std::thread::sleep(END_LIMIT);
        }
        received
    }

    /// A request of the plain protocol, or a declared one, with as much of its answer as is counted. Where nothing is
    /// answered, its latency is how long the queue took to take it.
    pub(super) fn ask(&self, text: &[u8], declared: Option<&DeclaredRequest>) -> Result<Answer, CallError> {
        if !self.is_answered() {
            let plain = || encode_request(0, text);
            let latency = match declared {
                Some(request) => self.client.send(self.protocol, request.mtype, &request.body, self.timeout)?,
                None => self.client.send(self.protocol, REQUEST_MTYPE, &plain(), self.timeout)?,
            };
            return Ok(Answer { status: 0, text: Vec::new(), latency });
        }
        match declared {
            Some(request) => Ok(counted_answer(self.protocol, &self.exchange(request)?)),
            None => self.client.call(text, self.timeout),
        }
    }
}

/// Answers to the dead are removed by the msgqd that serves it, or by the next one.
pub(super) fn is_msgqds(target: &Target) -> Result<bool, Failure> {
    let knowledge = target.knowledge(&target.identity()?);
    Ok(matches!(knowledge, Knowledge::Served(_) | Knowledge::Left))
}

impl Drop for TestClient<'_> {
    fn drop(&mut self) {
        self.client.remove_private_queues();
    }
}
