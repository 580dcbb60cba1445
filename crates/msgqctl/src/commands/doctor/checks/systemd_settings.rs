//! Whether settings of logind or of the unit would take the queue away, or hide it.

use super::outcome::CheckOutcome;
use super::queue::{foreign_queue, no_queue};
use crate::commands::doctor::facts::{Facts, SystemdUnit, effective_setting, files_of_logind};
use crate::output::shown_path;
use crate::system::names::Named;
use crate::system::procfs::user_of_process;
use std::path::Path;

/// There while logind runs (`logind_running` in systemd's own sources).
const RUNNING: &str = "/run/systemd/seats";
const LINGERING: &str = "/var/lib/systemd/linger";
/// The largest number of a system user, where login.defs(5) does not say it.
const SYS_UID_MAX: u32 = 999;

pub(super) fn check_logind(facts: &Facts) -> CheckOutcome {
    let of_daemon = || facts.daemon.pid().and_then(user_of_process).map(|user| user.id);
    let Some(uid) = facts.queue.map(|queue| queue.uid).or_else(of_daemon) else {
        return no_queue();
    };
    if facts.is_foreign_queue() {
        return foreign_queue();
    }
    let user = Named::user(uid).label();
    if uid <= sys_uid_max() {
        return CheckOutcome::not_applicable(format!(
            "the queue belongs to the system user {user}, which logind spares"
        ));
    }
    if !Path::new(RUNNING).is_dir() {
        return CheckOutcome::not_applicable("logind does not run");
    }
    if Path::new(LINGERING).join(&user).exists() {
        return CheckOutcome::fine(format!("{user} lingers, so logind never sees the last logout"));
    }
    let source = match effective_setting(&files_of_logind(), "Login", "RemoveIPC") {
        Err(reason) => return CheckOutcome::not_checked(reason),
        Ok(Some(setting)) if setting.is_true() == Some(false) => {
            return CheckOutcome::fine(format!("no, in {}", shown_path(&setting.file)));
        }
        Ok(Some(setting)) => format!("set in {}", shown_path(&setting.file)),
        Ok(None) => "the default".to_owned(),
    };
    CheckOutcome::problem(
        format!("logind has RemoveIPC=yes ({source}), and the queue belongs to {user}, an ordinary user"),
        format!("when the last session of {user} ends, logind removes the queue under the running server"),
        vec![
            "mkdir -p /etc/systemd/logind.conf.d && printf '[Login]\\nRemoveIPC=no\\n' > \
             /etc/systemd/logind.conf.d/zz-msgqd.conf"
                .to_owned(),
            "systemctl restart systemd-logind".to_owned(),
        ],
    )
}

fn sys_uid_max() -> u32 {
    let text = std::fs::read_to_string("/etc/login.defs").unwrap_or_default();
    let mut lines = text.lines().map(str::split_whitespace);
    let value = lines.find_map(|mut words| (words.next()? == "SYS_UID_MAX").then(|| words.next()?.parse().ok())?);
    value.unwrap_or(SYS_UID_MAX)
}

pub(super) fn check_private_ipc(facts: &Facts) -> CheckOutcome {
    let why = "the daemon makes its queue in an IPC namespace of its own, where no client finds it";
    must_be_no(facts, "PrivateIPC", why)
}

pub(super) fn check_remove_ipc(facts: &Facts) -> CheckOutcome {
    let why = "systemd deletes the queue at every stop, with all that waits in it, on_stop = \"keep\" or not";
    must_be_no(facts, "RemoveIPC", why)
}

pub(super) fn check_dynamic_user(facts: &Facts) -> CheckOutcome {
    let why = "it implies RemoveIPC=yes, and the user who owns the queue may have another number after a restart";
    must_be_no(facts, "DynamicUser", why)
}

fn must_be_no(facts: &Facts, setting: &str, why: &str) -> CheckOutcome {
    let SystemdUnit { name, files, properties } = match &facts.unit {
        Ok(unit) => unit,
        Err(reason) => return CheckOutcome::not_applicable(reason),
    };
    let written = effective_setting(files, "Service", setting);
    let in_effect = properties.as_ref().and_then(|known| known.as_ref().ok()?.get(setting));
    let is_yes = |value: &String| value == "yes";
    match (in_effect, written) {
        (in_effect, Ok(Some(written))) if written.is_true() == Some(true) => {
            let when = if in_effect.is_none_or(is_yes) { "" } else { " (after the next systemctl daemon-reload)" };
            let file = shown_path(&written.file);
            must_be_mended(name, setting, why, &format!("{name} has {setting}=yes, from {file}{when}"))
        }
        (Some(value), _) if is_yes(value) => must_be_mended(name, setting, why, &format!("{name} has {setting}=yes")),
        (None, Err(reason)) => CheckOutcome::not_checked(reason),
        _ => CheckOutcome::fine(format!("{name} has {setting}=no")),
    }
}

fn must_be_mended(name: &str, setting: &str, why: &str, what: &str) -> CheckOutcome {
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
