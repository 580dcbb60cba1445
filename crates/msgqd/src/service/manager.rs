//! What the service manager is told (sd_notify(3)), and the watchdog. Without a manager nothing of it happens.

use super::janitor_watch::JanitorWatch;
use super::notify_socket;
use super::status::{self, Remarks, sentence};
use crate::engine::Engine;
use msgq_core::queue::QueueKey;
use msgq_core::time::monotonic_ns;
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
    janitor: JanitorWatch,
    extended: Option<Instant>,
    remarks: Remarks,
    is_ready: bool,
    /// What the manager has not read yet.
    unsent: VecDeque<String>,
}

impl Manager {
    pub(super) fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled();
        Self {
            watchdog,
            status: String::new(),
            heartbeats: 0,
            janitor: JanitorWatch::new(watchdog),
            extended: None,
            remarks: Remarks::default(),
            is_ready: false,
            unsent: VecDeque::new(),
        }
    }

    /// Before anything that may take time, or fail.
    pub(super) fn starting(&mut self, key: QueueKey) {
        self.notify(&[NotifyState::Status(&format!("Starting to serve queue {key}."))]);
    }

    /// The start failed, or the service.
    pub(super) fn failed(&mut self, reason: &str) {
        let what = if self.is_ready { "Failed" } else { "Not started" };
        self.notify(&[NotifyState::Status(&format!("{what}: {}", sentence(reason)))]);
    }

    /// The last word.
    pub(super) fn stopped(&mut self, status: &str) {
        self.notify(&[NotifyState::Status(&sentence(status))]);
    }

    pub(super) fn ready(&mut self, engine: &Engine) {
        self.is_ready = true;
        let status = self.serving(engine);
        self.status.clone_from(&status);
        self.notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    }

    /// Handlers may have to run before the server is ready.
    pub(super) fn recovering(&mut self) {
        self.extend(RECOVERY_TIME, status::RECOVERING);
    }

    pub(super) fn reloading(&mut self) {
        let now = NotifyState::MonotonicUsec((monotonic_ns() / 1000).into());
        self.notify(&[NotifyState::Reloading, now, NotifyState::Status(status::RELOADING)]);
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
        self.janitor.look(engine.janitor_rounds(), Instant::now());
        self.send_what_waits();
        let status = self.serving(engine);
        if status != self.status {
            self.status.clone_from(&status);
            self.notify(&[NotifyState::Status(&status)]);
        }
    }

    /// Whether the operator has closed the door.
    pub(super) fn set_closed(&mut self, closed: bool) {
        self.remarks.is_closed = closed;
    }

    /// Why the last reload was refused; empty when it was not.
    pub(super) fn set_refusal(&mut self, reason: &str) {
        reason.clone_into(&mut self.remarks.refusal);
    }

    fn serving(&mut self, engine: &Engine) -> String {
        self.remarks.lost_lines = crate::logging::lost_lines();
        status::serving(engine, &self.remarks)
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
