//! What the service manager is told, where there is one.

use sd_notify::NotifyState;
use std::time::Duration;

/// The gateway is ready, and what it does.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What it does now.
pub fn status(status: &str) {
    notify(&[NotifyState::Status(status)]);
}

/// It ends.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("finishing what is in hand")]);
}

/// It lives.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often it must say so; `None`: never.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 3)
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("the service manager cannot be told: {error}");
    }
}
