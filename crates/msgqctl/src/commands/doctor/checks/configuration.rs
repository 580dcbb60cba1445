//! Whether the daemon's configuration can be used, and the settings for checks that compare with them.

use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::{Configuration, Facts};
use crate::output::{shell_word, shown_path};
use msgq_core::config::Config;
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use std::path::Path;
use std::sync::Arc;

pub(super) fn check_configuration(facts: &Facts) -> CheckOutcome {
    match &facts.configuration {
        Configuration::Known { path, .. } => CheckOutcome::fine(format!("{} can be used", shown_path(path))),
        Configuration::Unknown(reason) => CheckOutcome::not_applicable(reason),
        Configuration::Hidden { hidden, .. } => {
            CheckOutcome::not_checked(format!("this user may not read {}; root may", shown_path(hidden)))
        }
        Configuration::Wrong { path, reason } => CheckOutcome::problem(
            format!("the configuration cannot be used: {reason}"),
            "msgqd does not start with it, and a running one refuses to reload it",
            vec![format!("msgqd --config {} --check-config", shell_word(path))],
        ),
    }
}

/// The protocol that is configured; the plain one where that is not known.
pub(super) fn known_protocol(facts: &Facts) -> Arc<Protocol> {
    known_settings(facts).map(|(_, config)| Arc::clone(&config.protocol)).unwrap_or_default()
}

/// The longest of its requests and answers, in bytes; of one with text of open length, the shortest that it takes.
pub(super) fn longest_message(facts: &Facts) -> usize {
    let protocol = known_protocol(facts);
    longest_in_queue(facts).max(protocol.longest_response(0))
}

/// As [`longest_message`], of those that rest in the queue of requests.
pub(super) fn longest_in_queue(facts: &Facts) -> usize {
    let protocol = known_protocol(facts);
    let is_shared = protocol.route() == ReplyRoute::Shared;
    protocol.longest_request(0).max(if is_shared { protocol.longest_response(0) } else { 0 })
}

/// The file and what it says; the error is how a check ends that compares with settings which are not known.
pub(super) fn known_settings(facts: &Facts) -> Result<(&Path, &Config), CheckOutcome> {
    Err(match &facts.configuration {
        Configuration::Known { path, config } => return Ok((path, config)),
        Configuration::Unknown(reason) => {
            CheckOutcome::not_applicable(format!("no settings to compare with: {reason}"))
        }
        Configuration::Hidden { hidden, .. } => {
            CheckOutcome::not_checked(format!("this user may not read {}", shown_path(hidden)))
        }
        Configuration::Wrong { path, .. } => {
            CheckOutcome::not_checked(format!("the configuration {} cannot be used", shown_path(path)))
        }
    })
}
