//! Which version of the program runs, and which is installed.

use super::daemon::no_daemon_seen;
use super::mend::restart_command;
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::{CommandError, FILES_LIMIT, Facts, ask_program};
use msgq_core::escape::escape;
use msgq_core::table::TableError;
use std::os::unix::ffi::OsStrExt;

const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
const PACKAGE: &str = "msgqd";
/// Where the package puts the daemon.
const PACKAGED: &[u8] = b"/usr/sbin/msgqd";
/// What proc_pid_exe(5) appends when the file was removed or replaced.
const DELETED: &[u8] = b" (deleted)";

/// The program that the daemon runs; the error is how a check ends that cannot see it.
fn running_program(facts: &Facts) -> Result<(i32, Vec<u8>), CheckOutcome> {
    let Some(pid) = facts.daemon.pid() else {
        return Err(no_daemon_seen(facts));
    };
    match std::fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(program) => Ok((pid, program.as_os_str().as_bytes().to_vec())),
        Err(_) => {
            Err(CheckOutcome::not_checked(format!("which file PID {pid} runs is hidden from this user; root sees it")))
        }
    }
}

pub(super) fn check_replaced_program(facts: &Facts) -> CheckOutcome {
    let (pid, program) = match running_program(facts) {
        Ok(running) => running,
        Err(outcome) => return outcome,
    };
    match program.strip_suffix(DELETED) {
        None => CheckOutcome::fine(format!("PID {pid} runs {}", escape(&program))),
        Some(former) => CheckOutcome::warning(
            format!("the daemon (PID {pid}) runs a program that was replaced on disk: {}", escape(former)),
            "an upgrade takes effect, mended faults included, only after a restart",
            vec![restart_command(facts)],
        ),
    }
}

/// The version of the daemon as its table tells, which one with another layout does too.
fn running_version(facts: &Facts) -> Option<String> {
    facts.daemon.pid()?;
    match facts.daemon.table.as_ref()? {
        Ok(table) => Some(table.header().about().version),
        Err(TableError::OtherLayout { version, .. }) => Some(version.clone()),
        Err(_) => None,
    }
}

pub(super) fn check_versions(facts: &Facts) -> CheckOutcome {
    if facts.daemon.pid().is_none() {
        return no_daemon_seen(facts);
    }
    let Some(running) = running_version(facts) else {
        return CheckOutcome::not_checked("the daemon's version stands in its table, which cannot be read");
    };
    if running == OWN_VERSION {
        return CheckOutcome::fine(format!("both {running}"));
    }
    CheckOutcome::warning(
        format!("the daemon runs version {running}, and msgqctl is {OWN_VERSION}"),
        "msgqctl may misread what the daemon writes, or not know it",
        vec![restart_command(facts)],
    )
}

pub(super) fn check_package(facts: &Facts) -> CheckOutcome {
    let query = ["--show", "--showformat", "${db:Status-Status} ${Version}", PACKAGE];
    let packaged = match ask_program("dpkg-query", &query, FILES_LIMIT) {
        Ok(answer) => answer,
        Err(CommandError::Missing) => return CheckOutcome::not_applicable("there is no dpkg-query here"),
        // It ends so when it knows no such package (dpkg-query(1)).
        Err(CommandError::Failed { status, .. }) if status.code() == Some(1) => {
            return CheckOutcome::not_applicable(format!("the package {PACKAGE} is not installed"));
        }
        Err(error) => return CheckOutcome::not_checked(error.to_string()),
    };
    let Some(("installed", package)) = packaged.trim().split_once(' ') else {
        return CheckOutcome::not_applicable(format!("the package {PACKAGE} is not installed"));
    };
    let package = escape(package.as_bytes());
    let is_of_package = match running_program(facts) {
        Ok((_, program)) => program.strip_suffix(DELETED).unwrap_or(&program) == PACKAGED,
        Err(_) => facts.unit_name().is_some(),
    };
    if facts.daemon.pid().is_some() && !is_of_package {
        return CheckOutcome::not_applicable("the daemon's program is not the package's");
    }
    let (who, running) = match (facts.daemon.pid(), running_version(facts)) {
        (Some(_), Some(version)) => ("the daemon runs", version),
        (Some(_), None) => {
            return CheckOutcome::not_checked("the daemon's version stands in its table, which cannot be read");
        }
        (None, _) => ("msgqctl is", OWN_VERSION.to_owned()),
    };
    if upstream(&package) == running {
        return CheckOutcome::fine(format!("{package}, and {who} {running}"));
    }
    CheckOutcome::warning(
        format!("the package has version {package}, and {who} {running}"),
        "what was installed is not what is at work: an upgrade takes effect only after a restart",
        vec![restart_command(facts)],
    )
}

/// Without epoch and revision (deb-version(7)).
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_and_revision_are_debians_and_the_rest_is_ours() {
        for (debian, ours) in [("0.1.0-1", "0.1.0"), ("1:0.2.0-1~bpo12+1", "0.2.0"), ("0.1.0", "0.1.0")] {
            assert_eq!(upstream(debian), ours);
        }
    }
}
