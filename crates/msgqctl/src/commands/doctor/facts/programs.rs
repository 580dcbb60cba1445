//! Programs of the system that are asked: systemctl, dpkg-query. They only show things, and none is waited for for long.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take that asks another process, which may hang. systemctl would wait for systemd for 25 s.
pub(crate) const SERVICE_LIMIT: Duration = Duration::from_secs(5);
/// How long one may take that only reads files. Nothing but a busy machine holds it up.
pub(crate) const FILES_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// There is no such program.
    #[error("a program of the system is missing")]
    Missing,
    /// It said that it failed.
    #[error("{program} failed ({status})")]
    Failed { program: String, status: ExitStatus },
    /// It said nothing.
    #[error("{program} did not answer within {} s", limit.as_secs())]
    Late { program: String, limit: Duration },
    /// It cannot be used.
    #[error("{program} cannot be used: {error}")]
    Unusable { program: String, error: io::Error },
}

/// What the program printed. Its answer must fit into a pipe, which holds 64 KiB (pipe(7)).
pub(crate) fn ask_program(program: &str, arguments: &[&str], limit: Duration) -> Result<String, CommandError> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").env("SYSTEMD_PAGER", "");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let unusable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => CommandError::Missing,
        _ => CommandError::Unusable { program: program.to_owned(), error },
    };
    let mut child = command.spawn().map_err(unusable)?;
    let deadline = Instant::now() + limit;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(CommandError::Late { program: program.to_owned(), limit });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_fails_or_is_missing_gives_no_answer_and_no_long_delay() {
        let start = Instant::now();
        assert!(matches!(ask_program("sleep", &["600"], SERVICE_LIMIT), Err(CommandError::Late { .. })));
        assert!(start.elapsed() < Duration::from_secs(300));
        let asked = |program: &str, arguments: &[&str]| ask_program(program, arguments, FILES_LIMIT);
        assert!(matches!(asked("/nonexistent/program", &[]), Err(CommandError::Missing)));
        assert!(matches!(asked("false", &[]), Err(CommandError::Failed { .. })));
        assert_eq!(asked("echo", &["yes"]).unwrap(), "yes\n");
    }
}
