//! The unit of systemd that runs the daemon: which it is, and whether it would take the queue away.

mod state;

pub(super) use state::{enabled, state};

use super::command::{CommandError, ask};
use super::facts::{Facts, shown};
use super::settings::{effective, files_of_unit};
use crate::commands::doctor::report::CheckOutcome;
use crate::target::SYSTEM_CONFIG;
use msgq_core::escape::escape;
use msgq_core::instance::LockState;
use msgq_core::queue::QueueKey;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The unit that the package brings.
const PACKAGED: &str = "msgqd.service";
/// There while systemd is the init (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";
const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,UnitFileState,NeedDaemonReload,PrivateIPC,\
                          RemoveIPC,DynamicUser";

/// What is known of the unit.
pub(super) struct Unit {
    /// The error says why there is none to look at.
    name: Result<String, String>,
    files: Vec<PathBuf>,
    /// As systemd has them in effect; `None` where it is not the init, and the error says why it does not tell.
    properties: Option<Result<HashMap<String, String>, String>>,
}

impl Unit {
    pub(super) fn none(reason: impl Into<String>) -> Self {
        Self { name: Err(reason.into()), files: Vec::new(), properties: None }
    }

    pub(super) fn of(facts: &Facts) -> Self {
        let name = match (facts.daemon_pid(), facts.lock()) {
            (Some(pid), _) => match unit_of_process(pid) {
                Some(name) => name,
                None => return Self::none(format!("systemd does not run the daemon (PID {pid})")),
            },
            (None, LockState::Held(_)) => return Self::none("the daemon lives in another PID namespace"),
            (None, _) => match facts.elsewhere.and_then(|elsewhere| unit_of_process(elsewhere.pid)) {
                Some(name) => name,
                None if is_of_package(facts) => PACKAGED.to_owned(),
                None => return Self::none("it is not known which unit should serve this queue"),
            },
        };
        let files = files_of_unit(&name);
        let properties = Path::new(SYSTEMD).is_dir().then(|| properties(&name));
        let is_loaded =
            matches!(&properties, Some(Ok(known)) if known.get("LoadState").is_some_and(|it| it != "not-found"));
        if files.is_empty() && !is_loaded {
            return Self::none(format!("no unit {name} is installed"));
        }
        Self { name: Ok(name), files, properties }
    }

    /// The unit's name, where it is one that systemctl can work on.
    pub(super) fn installed_name(&self) -> Option<&str> {
        self.name.as_deref().ok()
    }
}

fn is_of_package(facts: &Facts) -> bool {
    facts.configuration.path() == Some(Path::new(SYSTEM_CONFIG)) || facts.key == Some(QueueKey::DEFAULT)
}

/// From the control group (cgroups(7)), which shows for every process to everybody.
fn unit_of_process(pid: i32) -> Option<String> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups.lines().find_map(unit_of_group)
}

fn unit_of_group(line: &str) -> Option<String> {
    let path = line.strip_prefix("0::").or_else(|| line.split_once(":name=systemd:").map(|(_, path)| path))?;
    let unit = path.strip_prefix("/system.slice/")?.rsplit('/').next()?;
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-.@:\\".contains(character);
    (unit.ends_with(".service") && unit.chars().all(is_plain)).then(|| unit.to_owned())
}

fn properties(name: &str) -> Result<HashMap<String, String>, String> {
    let answer = ask("systemctl", &["show", PROPERTIES, "--", name]).map_err(|error| match error {
        CommandError::Missing => "systemd runs, but there is no systemctl".to_owned(),
        other => other.to_string(),
    })?;
    let pairs = answer.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), escape(value.as_bytes()))).collect())
}

pub(super) fn private_ipc(facts: &Facts) -> CheckOutcome {
    must_be_no(
        facts,
        "PrivateIPC",
        "the daemon makes its queue in an IPC namespace of its own, where no client finds it",
    )
}

pub(super) fn remove_ipc(facts: &Facts) -> CheckOutcome {
    must_be_no(
        facts,
        "RemoveIPC",
        "systemd deletes the queue at every stop, with all that waits in it, on_stop = \"keep\" or not",
    )
}

pub(super) fn dynamic_user(facts: &Facts) -> CheckOutcome {
    must_be_no(
        facts,
        "DynamicUser",
        "it implies RemoveIPC=yes, and the user who owns the queue may have another number after a restart",
    )
}

fn must_be_no(facts: &Facts, setting: &str, why: &str) -> CheckOutcome {
    let Unit { name, files, properties } = &facts.unit;
    let name = match name {
        Ok(name) => name,
        Err(reason) => return CheckOutcome::not_applicable(reason),
    };
    let written = effective(files, "Service", setting);
    let in_effect = properties.as_ref().and_then(|known| known.as_ref().ok()).and_then(|known| known.get(setting));
    let is_yes = |value: &String| value == "yes";
    match (in_effect, written) {
        (in_effect, Ok(Some(written))) if written.is_true() == Some(true) => {
            let when = if in_effect.is_none_or(is_yes) { "" } else { " (after the next systemctl daemon-reload)" };
            problem(name, setting, why, &format!("{name} has {setting}=yes, from {}{when}", shown(&written.file)))
        }
        (Some(value), _) if is_yes(value) => problem(name, setting, why, &format!("{name} has {setting}=yes")),
        (None, Err(reason)) => CheckOutcome::not_checked(reason),
        _ => CheckOutcome::fine(format!("{name} has {setting}=no")),
    }
}

fn problem(name: &str, setting: &str, why: &str, what: &str) -> CheckOutcome {
    let directory = format!("/etc/systemd/system/{name}.d");
    // The name sorts behind those of others, so that it counts.
    let file = format!("{directory}/zz-{}.conf", setting.to_lowercase());
    CheckOutcome::problem(
        what,
        why,
        vec![
            format!("mkdir -p {directory} && printf '[Service]\\n{setting}=no\\n' > {file}"),
            format!("systemctl daemon-reload && systemctl restart {name}"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_process_is_read_from_its_control_group() {
        let unit = |line: &str| unit_of_group(line);
        assert_eq!(unit("0::/system.slice/msgqd.service").as_deref(), Some("msgqd.service"));
        assert_eq!(unit("1:name=systemd:/system.slice/msgqd-orders.service").as_deref(), Some("msgqd-orders.service"));
        for line in [
            "0::/",
            "0::/user.slice/user-1000.slice/session-3.scope",
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
            "0::/system.slice/a b.service",
            "4:memory:/system.slice/msgqd.service",
        ] {
            assert_eq!(unit(line), None, "{line}");
        }
    }
}
