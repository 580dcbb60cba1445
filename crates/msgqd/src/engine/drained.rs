//! When the engine has nothing left to do, at a stop that answers all that is queued.

use super::Engine;
use super::kill_points::kill_point;
use super::lifecycle::Stage;
use super::threads::group::WAKE_PAUSE;
use msgq_core::queue::QueueError;
use std::time::Instant;

impl Engine {
    /// True when nothing is left to do or to fetch: the workers have left, and the queue, they and the outbox are empty.
    /// To be asked again until it is so, by whoever has closed the queue for new requests.
    ///
    /// A worker may be between the return of its msgrcv and its first note of the request, which nobody else can see.
    /// So the workers leave before the look that counts. Some clients no mode keeps out: where a request of theirs came
    /// meanwhile, the workers come back.
    ///
    /// # Errors
    /// When the queue cannot be looked at; it was removed, for example.
    pub fn finish_when_drained(&mut self) -> Result<bool, QueueError> {
        if self.workers.is_empty() {
            return self.look_without_workers();
        }
        if !self.shared.lifecycle.is_intake_closed() {
            if !self.holds_nothing()? {
                return Ok(false);
            }
            self.shared.lifecycle.advance(Stage::Closed);
        }
        if !self.workers.stop(Instant::now() + WAKE_PAUSE) {
            return Ok(false);
        }
        kill_point("drain-workers-left");
        self.look_without_workers()
    }

    fn look_without_workers(&mut self) -> Result<bool, QueueError> {
        if self.has_request()? {
            self.shared.lifecycle.reopen();
            if let Err(error) = self.hire(self.shared.reloadable.workers()) {
                let events = &self.shared.events;
                events
                    .receive_failed
                    .error(|| format!("requests wait, and no thread can be had for a worker: {error}"));
            }
            return Ok(false);
        }
        self.holds_nothing()
    }

    fn has_request(&self) -> Result<bool, QueueError> {
        match self.queue().has_message(self.shared.protocol.request_types().msgtyp()) {
            Err(error) if self.forgives(&error) => Ok(false),
            looked => looked,
        }
    }

    /// A queue of requests that somebody removed holds none, and answers go on all the same where they have another one.
    fn forgives(&self, error: &QueueError) -> bool {
        self.shared.answers_elsewhere() && error.is_gone()
    }

    fn has_empty_queue_of_requests(&self) -> Result<bool, QueueError> {
        match self.queue().stat() {
            Ok(stat) => Ok(stat.messages == 0),
            Err(error) if self.forgives(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// True when no worker has a request and neither the outbox nor a queue holds anything.
    ///
    /// The order of the looks is an argument. They follow the way of a request, so it cannot overtake them: what is not
    /// seen at one place any more is seen at the next. Only from the queue into the outbox answers go back, under the
    /// outbox's lock, which is held during both of these looks.
    fn holds_nothing(&self) -> Result<bool, QueueError> {
        let may_have_requests = self.shared.answers_elsewhere() && !self.has_empty_queue_of_requests()?;
        if may_have_requests || self.in_hand() > 0 {
            return Ok(false);
        }
        kill_point("drain-between-looks");
        self.shared.outbox.is_empty_and_queue_too()
    }
}
