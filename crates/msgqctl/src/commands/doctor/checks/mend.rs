//! Commands that mend what a check found, each in one line for root's shell. They are only shown, never run.

use crate::commands::doctor::facts::Facts;
use std::path::Path;

/// The command that starts the daemon.
pub(super) fn start_command(facts: &Facts) -> String {
    if let Some(name) = facts.unit_name() {
        return format!("systemctl start {name}");
    }
    let configuration = facts.configuration.path().map(|path| format!(" --config {}", shell_word(path)));
    format!("msgqd --key {}{}", facts.key_name(), configuration.unwrap_or_default())
}

/// The command that has the daemon start anew, or start at all.
pub(super) fn restart_command(facts: &Facts) -> String {
    match (facts.unit_name(), facts.daemon.pid()) {
        (Some(name), _) => format!("systemctl restart {name}"),
        (None, Some(pid)) => {
            format!("kill {pid} && tail --pid={pid} --follow /dev/null; {}", start_command(facts))
        }
        (None, None) => start_command(facts),
    }
}

/// A path as a word of a shell's command line.
pub(super) fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-./:@%+=,".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    let safe: String = text.chars().filter(|character| !character.is_control()).collect();
    format!("'{}'", safe.replace('\'', r"'\''"))
}

/// Sets a setting of the kernel, now and for every boot.
pub(super) fn sysctl(name: &str, value: u64) -> Vec<String> {
    let file = format!("/etc/sysctl.d/60-msgqd-{}.conf", name.trim_start_matches("kernel."));
    vec![format!("sysctl -w {name}={value}"), format!("echo '{name} = {value}' > {file}")]
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
