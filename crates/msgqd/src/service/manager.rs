//! What the service manager is told (sd_notify(3)), and the watchdog. Without a manager nothing of it happens.

use super::notify_socket;
use crate::engine::Engine;
use crate::panics::caught;
use sd_notify::NotifyState;
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// The manager's side of the daemon.
#[derive(Debug)]
pub(super) struct Manager {
    watchdog: Option<Duration>,
    status: String,
    heartbeats: u64,
    extended: Option<Instant>,
    closed: bool,
    /// Why the last reload was refused; empty when it was not.
    refusal: String,
    /// What the manager has not read yet.
    unsent: VecDeque<String>,
}

impl Manager {
    pub(super) fn new() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            status: String::new(),
            heartbeats: 0,
            extended: None,
            closed: false,
            refusal: String::new(),
            unsent: VecDeque::new(),
        }
    }

    pub(super) fn ready(&mut self, engine: &Engine) {
        self.status = self.describe(engine);
        self.notify(&[NotifyState::Ready, NotifyState::Status(&self.describe(engine))]);
    }

    /// Handlers may have to run before the server is ready.
    pub(super) fn recovering(&mut self) {
        self.extend(RECOVERY_TIME, "Finishing what an earlier server had in hand");
    }

    pub(super) fn reloading(&mut self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.notify(&[NotifyState::Reloading, now]),
            Err(error) => log::warn!("cannot read the clock for the service manager: {error}"),
        }
    }

    pub(super) fn stopping(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        self.notify(&[NotifyState::Stopping, NotifyState::Status(status)]);
    }

    /// Asks for `needed` more time, at most once a second.
    pub(super) fn extend(&mut self, needed: Duration, status: &str) {
        if self.extended.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            return;
        }
        self.extended = Some(Instant::now());
        let microseconds = u32::try_from(needed.as_micros()).unwrap_or(u32::MAX);
        self.notify(&[NotifyState::ExtendTimeoutUsec(microseconds), NotifyState::Status(status)]);
        if self.watchdog.is_some() {
            self.notify(&[NotifyState::Watchdog]);
        }
    }

    /// How long the main thread may sleep without missing the watchdog.
    pub(super) fn tick_interval(&self, longest: Duration) -> Duration {
        self.watchdog.map_or(longest, |watchdog| longest.min(watchdog / 3))
    }

    /// Keeps STATUS= current, and the watchdog quiet as long as the engine lives.
    pub(super) fn tick(&mut self, engine: &Engine) {
        let heartbeats = engine.heartbeats();
        if self.watchdog.is_some() && heartbeats != self.heartbeats {
            self.notify(&[NotifyState::Watchdog]);
        }
        self.heartbeats = heartbeats;
        self.send_what_waits();
        let status = self.describe(engine);
        if status != self.status {
            self.status = status;
            self.notify(&[NotifyState::Status(&self.describe(engine))]);
        }
    }

    /// Whether the operator has closed the door.
    pub(super) fn set_closed(&mut self, closed: bool) {
        self.closed = closed;
    }

    /// Why the last reload was refused; empty when it was not.
    pub(super) fn set_refusal(&mut self, reason: &str) {
        reason.clone_into(&mut self.refusal);
    }

    fn describe(&self, engine: &Engine) -> String {
        let closed = if self.closed { "; CLOSED for new requests, msgqctl resume opens" } else { "" };
        let refused = match self.refusal.lines().next() {
            Some(reason) => format!("; the last reload was REFUSED: {reason}"),
            None => String::new(),
        };
        let lost = match crate::logging::lost_lines() {
            0 => String::new(),
            lost => format!("; {lost} lines of the log LOST, since nobody reads it"),
        };
        format!("{}{closed}{refused}{lost}", describe(engine))
    }

    fn notify(&mut self, states: &[NotifyState<'_>]) {
        let text = states.iter().fold(String::new(), |text, state| format!("{text}{state}\n"));
        let is_turn = |state: &NotifyState<'_>| {
            matches!(state, NotifyState::Ready | NotifyState::Reloading | NotifyState::Stopping)
        };
        let is_heard = self.send_what_waits() && send(&text);
        if !is_heard {
            // What the next tick says anew need not be kept.
            self.status.clear();
            if states.iter().any(is_turn) {
                self.unsent.truncate(MOST_UNSENT);
                self.unsent.push_back(text);
            }
        }
    }

    /// False while the manager does not read.
    fn send_what_waits(&mut self) -> bool {
        while let Some(text) = self.unsent.front() {
            if !send(text) {
                return false;
            }
            self.unsent.pop_front();
        }
        true
    }
}

/// False when the manager does not read now.
fn send(assignments: &str) -> bool {
    match notify_socket::send(assignments) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
        Err(error) => log::warn!("cannot tell the service manager: {error}"),
        Ok(()) => {}
    }
    true
}

/// Starts, stops and reloads that a manager which does not read has not heard of.
const MOST_UNSENT: usize = 64;
/// More than a handler may take by default.
const RECOVERY_TIME: Duration = Duration::from_secs(120);

fn describe(engine: &Engine) -> String {
    let metrics = engine.table().counted();
    let queue = engine.queue();
    let key = queue.key().map_or_else(String::new, |key| format!(" {key}"));
    let answered = metrics.answered + metrics.answered_late;
    let (in_hand, in_outbox) = (engine.in_hand(), engine.in_outbox());
    let handler = engine.handler();
    let trouble = caught(|| handler.trouble()).unwrap_or_else(|panic| Some(format!("its trouble is unknown: {panic}")));
    engine.table().header().set_trouble(trouble.as_deref().unwrap_or_default());
    let trouble = trouble.map_or_else(String::new, |trouble| format!("; HANDLER DOWN: {trouble}"));
    format!("Serving queue{key}: {answered} answered, {in_hand} in hand, {in_outbox} waiting in the outbox{trouble}")
}
