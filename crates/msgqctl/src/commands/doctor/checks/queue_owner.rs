//! Whether the queue belongs to the user as whom its service runs: a client that starts before the server owns it.

use super::configuration::known_settings;
use super::outcome::{Check, CheckOutcome};
use crate::commands::doctor::facts::{Facts, SystemdUnit, effective_setting};
use crate::output::{shell_word, shown_path};
use crate::system::names::Named;
use msgq_core::config::{Config, Takeover};
use msgq_core::instance::LockState;
use nix::unistd::{Uid, User};
use std::path::Path;

/// `None` where a server runs, or a queue is the service's own, or it is not known who is to serve it.
pub(super) fn check_of_queue_owner(facts: &Facts) -> Option<Check> {
    let owner = facts.queue?.uid;
    if !matches!(facts.daemon.lock(), LockState::Free) {
        return None;
    }
    let (unit, (file, config)) = (facts.unit.as_ref().ok()?, known_settings(facts).ok()?);
    let setting = |name| effective_setting(&unit.files, "Service", name).ok()?.map(|setting| setting.value);
    let service = setting("User")?;
    let user = user_of_name(&service)?;
    if user.as_raw() == owner {
        return None;
    }
    let spec = setting("Group").map_or_else(|| service.clone(), |group| format!("{service}:{group}"));
    let outcome = of_another_owner(facts, unit, (file, config), &Named::user(owner).label(), (&service, &spec));
    Some(Check { check: "queue_owner", title: "owner of the queue", outcome })
}

fn user_of_name(name: &str) -> Option<Uid> {
    let number = || name.parse().ok().map(Uid::from_raw);
    User::from_name(name).ok().flatten().map(|user| user.uid).or_else(number)
}

fn of_another_owner(
    facts: &Facts,
    unit: &SystemdUnit,
    (file, config): (&Path, &Config),
    owner: &str,
    (service, spec): (&str, &str),
) -> CheckOutcome {
    let what = format!("queue {} belongs to user {owner}, and {} runs as {service}", facts.key_name(), unit.name);
    let name = shown_path(file);
    match config.queue.takeover {
        Takeover::Refuse => CheckOutcome::problem(
            what,
            format!(
                "takeover = \"refuse\" in {name} keeps the server from it, so it does not start; with \"empty\" it takes over what a \
                 client made first"
            ),
            vec![],
        ),
        takeover => CheckOutcome::warning(
            what,
            format!(
                "takeover = {:?} in {name}: the service starts if it may take the queue over; the command, as root, gives it the queue \
                 as its unit does, or says what keeps it from that",
                takeover.name()
            ),
            vec![format!("msgqd --config {} --take-over {spec}", shell_word(file))],
        ),
    }
}
