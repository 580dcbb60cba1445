//! Commands that mend what a check found, each in one line for root's shell. They are only shown, never run.

use crate::commands::doctor::facts::{Facts, is_systemd_init};
use crate::output::shell_word;
use crate::system::procfs::command_of_process;
use msgq_core::limits::LimitPlace;
use msgq_core::process::effective_user;
use nix::unistd::geteuid;
use std::path::Path;

/// The command that starts the daemon as it ran. Where that is not known none is made up: with other settings it would
/// answer clients with something else.
pub(super) fn start_command(facts: &Facts) -> String {
    if let Some(name) = facts.unit_name() {
        return format!("systemctl start {name}");
    }
    // What another user's process says of itself is nothing for this user's shell.
    let own_daemon = facts.daemon.proven_pid().filter(|pid| effective_user(*pid) == Some(geteuid().as_raw()));
    if let Some(command) = own_daemon.and_then(command_of_process) {
        return command.iter().map(|word| shell_word(Path::new(word))).collect::<Vec<_>>().join(" ");
    }
    match facts.configuration.path() {
        Some(path) => format!("msgqd --key {} --config {}", facts.key_name(), shell_word(path)),
        None => "msgqd --config FILE    # as it ran before, or: systemctl start UNIT".to_owned(),
    }
}

/// The command that has the daemon start anew, or start at all. One that no unit runs is only shown: how it is ended
/// knows who started it.
pub(super) fn restart_command(facts: &Facts) -> String {
    match (facts.unit_name(), facts.daemon.pid()) {
        (Some(name), _) => format!("systemctl restart {name}"),
        (None, Some(pid)) => {
            format!("ps -f -p {pid}    # no unit runs it: end it and start it where it was started")
        }
        (None, None) => start_command(facts),
    }
}

/// Commands that show what a process is, and end nothing.
pub(super) fn look_at_process(pid: i32) -> Vec<String> {
    let status = is_systemd_init().then(|| format!("systemctl status --no-pager {pid}"));
    [format!("ps -f -p {pid}")].into_iter().chain(status).collect()
}

/// Sets a setting of the kernel, now and for every boot, or has the container's runtime set it.
pub(super) fn sysctl(name: &str, value: u64) -> Vec<String> {
    let file = format!("/etc/sysctl.d/60-msgqd-{}.conf", name.trim_start_matches("kernel."));
    let by_sysctl = [format!("sysctl -w {name}={value}"), format!("echo '{name} = {value}' > {file}")];
    match LimitPlace::of_this_process() {
        LimitPlace::Here => by_sysctl.to_vec(),
        LimitPlace::Host => {
            by_sysctl.map(|command| format!("{command}    # on the host: /proc/sys is read-only here")).to_vec()
        }
        LimitPlace::Runtime | LimitPlace::UnitInContainer => vec![
            format!("docker run --sysctl {name}={value} ...    # anew, since /proc/sys is read-only here"),
            format!(
                "kubectl explain pod.spec.securityContext.sysctls    # there: name: {name}, value: \"{value}\"; the kubelet \
                 must allow it: --allowed-unsafe-sysctls=kernel.msg*"
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_command_whatever_is_in_it() {
        assert_eq!(shell_word(Path::new("/etc/msgqd/msgqd.toml")), "/etc/msgqd/msgqd.toml");
        assert_eq!(shell_word(Path::new("/tmp/a b;c'd")), r"'/tmp/a b;c'\''d'");
        assert_eq!(shell_word(Path::new("/tmp/\u{1b}[31m")), "'/tmp/[31m'");
    }
}
