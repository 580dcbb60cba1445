//! Programs that this one starts: each ends with it, and every wait for one has a limit.

use crate::failure::{Failure, Result};
use crate::interrupt;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A program that is killed, by its PID, when this value goes.
#[derive(Debug)]
pub struct Child {
    process: Process,
    name: String,
    log: PathBuf,
}

impl Child {
    /// Starts a command, which messages call `name`, with its output in a file `log`.
    ///
    /// # Errors
    /// `NotRun` when the program does not exist.
    pub fn start(mut command: Command, name: &str, log: &Path) -> Result<Self> {
        let output = File::create(log).map_err(Failure::on("create", log))?;
        let errors = output.try_clone().map_err(Failure::on("duplicate", log))?;
        let process = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let process = process.map_err(|error| Failure::NotRun(format!("{name} does not start: {error}")))?;
        Ok(Self { process, name: name.to_owned(), log: log.to_path_buf() })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it wrote so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// Waits until its output has a whole line that contains `text`, and returns that line.
    ///
    /// # Errors
    /// `NotRun` with its output when it ends before, or at the limit.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<String> {
        let begin = Instant::now();
        loop {
            let output = self.output();
            let ends = self.status()?;
            let whole_lines = output.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            if let Some(line) = whole_lines.into_iter().find(|line| line.contains(text)) {
                return Ok(line.trim_end().to_owned());
            }
            if ends.is_some() || begin.elapsed() > limit {
                let state = ends.map_or("is not ready in time".to_owned(), |status| format!("ended with {status}"));
                return Err(Failure::NotRun(format!("{} {state}: {}", self.name, last_line(&output))));
            }
            interrupt::check()?;
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end. `None` at the limit, and it is killed then.
    ///
    /// # Errors
    /// `Interrupted`, or that of the system.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            if let Some(status) = self.status()? {
                return Ok(Some(status));
            }
            interrupt::check()?;
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        Ok(None)
    }

    /// Its exit status if it has ended.
    ///
    /// # Errors
    /// That of the system.
    pub fn status(&mut self) -> Result<Option<ExitStatus>> {
        let name = &self.name;
        self.process.try_wait().map_err(|source| Failure::Io { what: format!("wait for {name}"), source })
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last line that says something.
fn last_line(output: &str) -> &str {
    output.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it wrote nothing")
}

/// A command that ends with this process however that ends, on one CPU where one is named, and in a session of its own
/// where that is asked for.
pub fn command(program: impl AsRef<OsStr>, arguments: &[OsString], cpu: Option<u32>, own_session: bool) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if own_session {
        command.arg("setsid");
    }
    if let Some(cpu) = cpu {
        command.args(["taskset", "--cpu-list", &cpu.to_string()]);
    }
    command.arg(program).args(arguments);
    command
}
