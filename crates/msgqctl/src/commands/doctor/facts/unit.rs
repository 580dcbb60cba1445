//! The unit of systemd that runs the daemon: which it is, its files, and what systemd says of it.

use super::daemon::{DaemonElsewhere, DaemonFacts};
use super::programs::{CommandError, SERVICE_LIMIT, ask_program};
use super::systemd_files::files_of_unit;
use crate::system::procfs::process_namespace;
use msgq_core::escape::escape;
use msgq_core::instance::LockState;
use msgq_core::process::{ClientNumber, process_name};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The unit that the package brings.
pub(super) const PACKAGED: &str = "msgqd.service";
/// The daemon's name as a process.
const DAEMON: &str = "msgqd";
/// There while systemd is the init (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";
const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,UnitFileState,NeedDaemonReload,PrivateIPC,\
                          RemoveIPC,DynamicUser";

/// The unit that runs the daemon, or should: one that systemctl can work on.
pub(crate) struct SystemdUnit {
    pub(crate) name: String,
    pub(crate) files: Vec<PathBuf>,
    /// As systemd has them in effect; `None` where it is not the init, and the error says why it does not tell.
    pub(crate) properties: Option<Result<HashMap<String, String>, String>>,
}

/// True where systemctl can be asked.
pub(crate) fn is_systemd_init() -> bool {
    Path::new(SYSTEMD).is_dir()
}

/// That of the daemon which runs, or else the one that should, which is `packaged` where that is one of the package. The
/// error is a sentence that says why there is none to look at.
pub(crate) fn find_unit(daemon: &DaemonFacts, packaged: Option<String>) -> Result<SystemdUnit, String> {
    let name = match (daemon.pid(), daemon.lock()) {
        // The number may be that of another service's process.
        (Some(pid), _) if daemon.proven_pid().is_none() && name_of(pid).as_deref() != Some(DAEMON) => {
            return Err(format!("it is not known whether PID {pid} is the daemon"));
        }
        (Some(pid), _) => unit_of_process(pid).ok_or_else(|| format!("systemd does not run the daemon (PID {pid})"))?,
        (None, LockState::Held(_)) => return Err("the daemon lives in another PID namespace".to_owned()),
        (None, _) => {
            let of_other = daemon.elsewhere.and_then(unit_of_daemon_elsewhere);
            of_other.or(packaged).ok_or("it is not known which unit should serve this queue")?
        }
    };
    let files = files_of_unit(&name);
    let properties = is_systemd_init().then(|| properties_of_unit(&name));
    let is_loaded =
        matches!(&properties, Some(Ok(known)) if known.get("LoadState").is_some_and(|it| it != "not-found"));
    if files.is_empty() && !is_loaded {
        return Err(format!("no unit {name} is installed"));
    }
    Ok(SystemdUnit { name, files, properties })
}

/// The number is one of the PID namespace of that daemon, and may be anybody's here. Who may not look at the namespaces of
/// others goes by the name.
pub(super) fn unit_of_daemon_elsewhere(DaemonElsewhere { pid, namespace }: DaemonElsewhere) -> Option<String> {
    let is_it = match process_namespace(&pid.to_string(), "ipc") {
        Ok(inode) => inode == namespace,
        Err(_) => name_of(pid).as_deref() == Some(DAEMON),
    };
    is_it.then(|| unit_of_process(pid)).flatten()
}

fn name_of(pid: i32) -> Option<String> {
    ClientNumber::new(pid).and_then(process_name)
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

fn properties_of_unit(name: &str) -> Result<HashMap<String, String>, String> {
    let answer = ask_program("systemctl", &["show", PROPERTIES, "--", name], SERVICE_LIMIT);
    let answer = answer.map_err(|error| match error {
        CommandError::Missing => "systemd runs, but there is no systemctl".to_owned(),
        other => other.to_string(),
    })?;
    let pairs = answer.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), escape(value.as_bytes()))).collect())
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
