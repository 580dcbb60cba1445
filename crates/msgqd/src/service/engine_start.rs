//! The start of the engine. Where an earlier server left requests, handlers may have to run first, for long: that happens in
//! a thread of its own, so that the main thread hears a signal that asks for the end.

use super::manager::Manager;
use super::signals::Signals;
use super::status;
use crate::engine::{Engine, EngineSettings, OwnedQueue, Storage};
use crate::handler::Handler;
use crate::own_threads::announced;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What an engine is started with.
pub(super) struct EngineStart {
    pub(super) queue: OwnedQueue,
    pub(super) second: Option<OwnedQueue>,
    pub(super) settings: EngineSettings,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) storage: Storage,
}

/// What became of a start.
pub(super) enum Started {
    Engine(Box<Engine>),
    /// A signal asked for the end, and handlers did not come to theirs in time: what an earlier server left stays as it was.
    CalledOff,
}

impl EngineStart {
    /// Finishes what an earlier server left, and starts to serve. After a signal that asks for the end handlers have
    /// `limit` to finish, and after another one no time at all. The error is a sentence for the log.
    pub(super) fn carry_out(
        self,
        limit: Duration,
        signals: &Signals,
        manager: &mut Manager,
    ) -> Result<Started, String> {
        if self.storage.left.is_none() {
            return self.run().map(|engine| Started::Engine(Box::new(engine))).map_err(explain);
        }
        let (called_off, handler) = (Arc::clone(&self.storage.called_off), Arc::clone(&self.handler));
        let thread = std::thread::Builder::new().name("start".to_owned());
        let (body, announcement) = announced(move || self.run());
        let starting = thread.spawn(body).map_err(explain)?;
        announcement.wait();
        manager.recovering();
        if !await_end(&starting, limit, signals, manager) {
            called_off.store(true, Ordering::SeqCst);
            handler.abort();
            if !is_finished_by(&starting, Instant::now() + ABORT_LIMIT) {
                log::warn!("a handler does not come to its end; the next server answers its request by on_crash");
                return Ok(Started::CalledOff);
            }
        }
        match starting.join() {
            Ok(Ok(engine)) => Ok(Started::Engine(Box::new(engine))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => Ok(Started::CalledOff),
            Ok(Err(error)) => Err(explain(error)),
            Err(_) => Err("cannot start the engine: its start panicked".to_owned()),
        }
    }

    fn run(self) -> io::Result<Engine> {
        Engine::start_with_second_queue(self.queue, self.second, &self.settings, self.handler, self.storage)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn explain(error: io::Error) -> String {
    format!("cannot start the engine: {error}")
}

/// False when a signal asked for the end, and the start is not through in the time that leaves. A single signal stays asked
/// for, so that a server that is through with its start ends at once.
fn await_end(
    starting: &JoinHandle<io::Result<Engine>>,
    limit: Duration,
    signals: &Signals,
    manager: &mut Manager,
) -> bool {
    let mut deadline: Option<Instant> = None;
    while !starting.is_finished() {
        signals.wait(PAUSE);
        match deadline {
            None => manager.recovering(),
            Some(deadline) if signals.take_stop() || Instant::now() >= deadline => return false,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                manager.extend(left + ABORT_LIMIT, status::ENDING_RECOVERY);
            }
        }
        if deadline.is_none() && signals.take_stop() {
            log::info!(
                "stopping: an earlier server left requests in hand; they have {} ms to be finished",
                limit.as_millis()
            );
            deadline = Some(Instant::now() + limit);
        }
    }
    if deadline.is_some() {
        signals.ask_for_stop();
    }
    true
}

fn is_finished_by(starting: &JoinHandle<io::Result<Engine>>, deadline: Instant) -> bool {
    while !starting.is_finished() && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    starting.is_finished()
}

const PAUSE: Duration = Duration::from_millis(5);
/// How long a handler may take to return after it was called off.
const ABORT_LIMIT: Duration = Duration::from_secs(5);
