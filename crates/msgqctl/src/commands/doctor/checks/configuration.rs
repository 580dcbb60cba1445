//! Whether the daemon's configuration can be used, and the settings for checks that compare with them.

use super::mend::shell_word;
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::{Configuration, Facts};
use crate::output::shown_path;
use msgq_core::config::Config;
use std::path::Path;

pub(super) fn check_configuration(facts: &Facts) -> CheckOutcome {
    match &facts.configuration {
        Configuration::Known { path, .. } => CheckOutcome::fine(format!("{} can be used", shown_path(path))),
        Configuration::Unknown(reason) => CheckOutcome::not_applicable(reason),
        Configuration::Hidden { path } => {
            CheckOutcome::not_checked(format!("this user may not read {}; root may", shown_path(path)))
        }
        Configuration::Wrong { path, reason } => CheckOutcome::problem(
            format!("the configuration cannot be used: {reason}"),
            "msgqd does not start with it, and a running one refuses to reload it",
            vec![format!("msgqd --config {} --check-config", shell_word(path))],
        ),
    }
}

/// The file and what it says; the error is how a check ends that compares with settings which are not known.
pub(super) fn known_settings(facts: &Facts) -> Result<(&Path, &Config), CheckOutcome> {
    Err(match &facts.configuration {
        Configuration::Known { path, config } => return Ok((path, config)),
        Configuration::Unknown(reason) => {
            CheckOutcome::not_applicable(format!("no settings to compare with: {reason}"))
        }
        Configuration::Hidden { path } => {
            CheckOutcome::not_checked(format!("this user may not read {}", shown_path(path)))
        }
        Configuration::Wrong { path, .. } => {
            CheckOutcome::not_checked(format!("the configuration {} cannot be used", shown_path(path)))
        }
    })
}
