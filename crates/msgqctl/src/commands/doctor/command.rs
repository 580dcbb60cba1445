//! Programs of the system that are asked, and commands that are shown.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a program of the system may take. systemctl would wait for a systemd that hangs for 25 s.
const LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// There is no such program.
    #[error("a program of the system is missing")]
    Missing,
    /// It said that it failed.
    #[error("{program} failed ({status})")]
    Failed { program: String, status: ExitStatus },
    /// It said nothing.
    #[error("{program} did not answer within {} s", LIMIT.as_secs())]
    Late { program: String },
    /// It cannot be used.
    #[error("{program} cannot be used: {error}")]
    Unusable { program: String, error: io::Error },
}

/// What the program printed. Its answer must fit into a pipe, which holds 64 KiB (pipe(7)).
pub(super) fn ask(program: &str, arguments: &[&str]) -> Result<String, CommandError> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").env("SYSTEMD_PAGER", "");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let unusable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => CommandError::Missing,
        _ => CommandError::Unusable { program: program.to_owned(), error },
    };
    let mut child = command.spawn().map_err(unusable)?;
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(CommandError::Late { program: program.to_owned() });
            }
        }
    };
    if !status.success() {
        return Err(CommandError::Failed { program: program.to_owned(), status });
    }
    let mut answer = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut answer).map_err(unusable)?;
    }
    Ok(answer)
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
    fn a_program_that_hangs_fails_or_is_missing_gives_no_answer_and_no_long_delay() {
        let start = Instant::now();
        assert!(matches!(ask("sleep", &["600"]), Err(CommandError::Late { .. })));
        assert!(start.elapsed() < Duration::from_secs(60));
        assert!(matches!(ask("/nonexistent/program", &[]), Err(CommandError::Missing)));
        assert!(matches!(ask("false", &[]), Err(CommandError::Failed { .. })));
        assert_eq!(ask("echo", &["yes"]).unwrap(), "yes\n");
    }

    #[test]
    fn a_path_is_one_word_of_a_command_whatever_is_in_it() {
        assert_eq!(shell_word(Path::new("/etc/msgqd/msgqd.toml")), "/etc/msgqd/msgqd.toml");
        assert_eq!(shell_word(Path::new("/tmp/a b;c'd")), r"'/tmp/a b;c'\''d'");
        assert_eq!(shell_word(Path::new("/tmp/\u{1b}[31m")), "'/tmp/[31m'");
    }
}
