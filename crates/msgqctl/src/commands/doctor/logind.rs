//! Whether logind removes the queue when its owner logs out.

use super::facts::{Facts, shown};
use super::settings::{effective, files_of_logind};
use crate::commands::doctor::report::CheckOutcome;
use crate::names::Named;
use crate::procfs;
use std::path::Path;

/// There while logind runs (`logind_running` in systemd's own sources).
const RUNNING: &str = "/run/systemd/seats";
const LINGERING: &str = "/var/lib/systemd/linger";
/// The largest number of a system user, where login.defs(5) does not say it.
const SYS_UID_MAX: u32 = 999;

pub(super) fn look(facts: &Facts) -> CheckOutcome {
    let of_daemon = || facts.daemon_pid().and_then(procfs::user).map(|user| user.id);
    let Some(uid) = facts.queue.map(|queue| queue.uid).or_else(of_daemon) else {
        return CheckOutcome::not_applicable("there is no queue");
    };
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
    let source = match effective(&files_of_logind(), "Login", "RemoveIPC") {
        Err(reason) => return CheckOutcome::not_checked(reason),
        Ok(Some(setting)) if setting.is_true() == Some(false) => {
            return CheckOutcome::fine(format!("no, in {}", shown(&setting.file)));
        }
        Ok(Some(setting)) => format!("set in {}", shown(&setting.file)),
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
