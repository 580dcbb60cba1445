//! Whether systemd runs the unit now, and will after the next boot.

use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::{Facts, SystemdUnit};
use std::collections::HashMap;
use std::convert::identity;

/// The unit's name and what systemd says of it; the error is how a check ends that needs them.
fn known_unit(facts: &Facts) -> Result<(&str, &HashMap<String, String>), CheckOutcome> {
    let SystemdUnit { name, properties, .. } = facts.unit.as_ref().map_err(CheckOutcome::not_applicable)?;
    match properties {
        None => Err(CheckOutcome::not_applicable("systemd is not the init here")),
        Some(Err(reason)) => Err(CheckOutcome::not_checked(reason)),
        Some(Ok(properties)) => Ok((name, properties)),
    }
}

pub(super) fn check_unit_state(facts: &Facts) -> CheckOutcome {
    known_unit(facts).map_or_else(identity, |(name, properties)| unit_state(name, properties))
}

fn unit_state(name: &str, properties: &HashMap<String, String>) -> CheckOutcome {
    let property = |name: &str| properties.get(name).map_or("", String::as_str);
    let look = format!("journalctl -u {name} -n 20 --no-pager");
    let problem = |what: String, mend: Vec<String>| CheckOutcome::problem(what, "nobody serves the queue", mend);
    match (property("LoadState"), property("ActiveState"), property("SubState")) {
        ("masked", ..) => {
            problem(format!("{name} is masked"), vec![format!("systemctl unmask {name} && systemctl start {name}")])
        }
        ("loaded", "active" | "reloading" | "refreshing", _) if property("NeedDaemonReload") == "yes" => {
            CheckOutcome::warning(
                format!("the files of {name} were changed after systemd read them"),
                "what they say is not in effect, and will be after the next reload of systemd, perhaps by surprise",
                vec![format!("systemctl daemon-reload && systemctl restart {name}")],
            )
        }
        ("loaded", "active" | "reloading" | "refreshing", sub) => CheckOutcome::fine(format!("{name} is {sub}")),
        ("loaded", "failed", _) => problem(
            format!("{name} has failed ({}), and systemd does not start it again", property("Result")),
            vec![look, format!("systemctl reset-failed {name} && systemctl start {name}")],
        ),
        ("loaded", "activating", "auto-restart" | "auto-restart-queued") => problem(
            format!("{name} fails again and again ({}); systemd is about to start it once more", property("Result")),
            vec![look],
        ),
        ("loaded", "inactive", _) => problem(format!("{name} is not running"), vec![format!("systemctl start {name}")]),
        ("loaded", state, sub) => CheckOutcome::warning(
            format!("{name} is {state} ({sub})"),
            "clients wait until it serves",
            vec![format!("systemctl status --no-pager {name}")],
        ),
        (load, ..) => problem(
            format!("systemd cannot load {name} ({load})"),
            vec![format!("systemd-analyze verify {name}"), "systemctl daemon-reload".to_owned()],
        ),
    }
}

pub(super) fn check_unit_enabled(facts: &Facts) -> CheckOutcome {
    let (name, properties) = match known_unit(facts) {
        Ok(known) => known,
        Err(outcome) => return outcome,
    };
    match properties.get("UnitFileState").map_or("", String::as_str) {
        state @ ("disabled" | "enabled-runtime" | "linked-runtime" | "masked" | "masked-runtime") => {
            CheckOutcome::warning(
                format!("{name} is {state}"),
                "it will not be there after the next boot",
                vec![format!("systemctl unmask {name}; systemctl enable {name}")],
            )
        }
        "" => CheckOutcome::not_applicable(format!("{name} has no state of that kind")),
        state => CheckOutcome::fine(format!("{name} is {state}")),
    }
}
