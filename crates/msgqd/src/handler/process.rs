//! Programs of the operator's: how they are started, watched and stopped. Shared by the handlers that run some.
//!
//! A program gets a process group of its own, three pipes and nothing else of the daemon's: a clean environment, an
//! empty signal mask, no other descriptor. The pipes are non-blocking on the daemon's side. What belongs to its
//! process group ends with it.

mod complaint;
mod descriptor_limit;
mod io;
mod running;
mod stderr;
mod strays;

pub(crate) use descriptor_limit::raise_descriptor_limit;
pub(super) use io::{Chunk, after, poll_until, read_chunk};
pub(super) use running::{Process, describe_exit};
pub(super) use stderr::StderrLog;
pub(super) use strays::reap_left_behind;
pub(crate) use strays::{adopt_strays, reap_strays};

use descriptor_limit::give_back_descriptor_limit;
use msgq_core::config::ProgramConfig;
use msgq_core::escape::escape;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::fs::{Access, MemfdFlags, access, memfd_create};
use rustix::process::Pid;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use strays::start_child;

/// Where programs without a slash in their name are looked up when the configured environment has no PATH; what
/// systemd gives to services.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The language of programs when the configured environment has no LANG: no translation, text is UTF-8.
const DEFAULT_LANG: &str = "C.UTF-8";

/// What a program reads on its standard input.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a> {
    /// These bytes, and then the end. They are in the pipe before the program starts, so that nobody waits for it to
    /// read them, and a program that does not is no error. More than [`INPUT_LIMIT`] bytes are in a file in memory.
    Bytes(&'a [u8]),
    /// What is written to [`Process::stdin`].
    Pipe,
}

/// What fits into a pipe in any case, in bytes: PIPE_BUF, which is also the least size of a pipe (pipe(7)).
pub(super) const INPUT_LIMIT: usize = 4096;

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the program {program}: {reason}")]
pub(super) struct SpawnError {
    program: String,
    reason: String,
}

/// A program that can be started any number of times.
#[derive(Debug)]
pub(super) struct Program {
    config: ProgramConfig,
    stderr: Arc<StderrLog>,
}

impl Program {
    pub(super) fn new(mut config: ProgramConfig) -> Self {
        for (name, default) in [("PATH", DEFAULT_PATH), ("LANG", DEFAULT_LANG)] {
            config.environment.entry(name.to_owned()).or_insert_with(|| default.to_owned());
        }
        let program = OsStr::new(config.command.first().map_or("", String::as_str));
        let name = Path::new(program).file_name().unwrap_or(program);
        let stderr = Arc::new(StderrLog::new(escape(name.as_bytes())));
        Self { config, stderr }
    }

    /// The last part of the program's path, escaped.
    pub(super) fn name(&self) -> &str {
        self.stderr.program()
    }

    /// The program as it is configured, escaped.
    pub(super) fn path(&self) -> String {
        escape(self.config.command.first().map(String::as_bytes).unwrap_or_default())
    }

    /// Time for a process group of it to end after SIGTERM, before SIGKILL.
    pub(super) fn kill_grace(&self) -> Duration {
        self.config.kill_grace
    }

    /// What all started programs wrote on stderr, for the log.
    pub(super) fn stderr_log(&self) -> &StderrLog {
        &self.stderr
    }

    /// Starts the program once, with `variables` added to its environment.
    ///
    /// # Errors
    /// The program cannot be found or run, or the daemon has no descriptor or process left for it.
    pub(super) fn spawn(&self, input: Input<'_>, variables: &[(&str, &OsStr)]) -> Result<Process, SpawnError> {
        reap_left_behind();
        self.try_spawn(input, variables)
            .and_then(|child| Process::new(child, Arc::clone(&self.stderr)))
            .map_err(|error| SpawnError { program: self.path(), reason: self.reason(&error) })
    }

    fn try_spawn(&self, input: Input<'_>, variables: &[(&str, &OsStr)]) -> std::io::Result<Child> {
        let argv = &self.config.command;
        let program = argv.first().ok_or_else(|| std::io::Error::other("no program is configured"))?;
        let stdin = match input {
            Input::Pipe => Stdio::piped(),
            Input::Bytes(bytes) => filled_input(bytes)?,
        };
        let mut command = Command::new(self.find(program)?);
        command.arg0(program).args(argv.get(1..).unwrap_or_default()).env_clear();
        command.envs(&self.config.environment);
        command.envs(variables.iter().copied());
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        if let Some(directory) = &self.config.working_directory {
            command.current_dir(directory);
        }
        let child = with_empty_signal_mask(|| start_child(|| command.spawn()))?;
        give_back_descriptor_limit(Pid::from_child(&child));
        Ok(child)
    }

    /// Why the program could not be started at this moment, without starting it.
    pub(super) fn check(&self) -> Result<(), SpawnError> {
        let refuse = |reason: String| Err(SpawnError { program: self.path(), reason });
        if let Some(directory) = self.config.working_directory.as_ref().filter(|directory| !directory.is_dir()) {
            return refuse(cannot_enter(directory));
        }
        let program = self.config.command.first().map_or("", String::as_str);
        let found = match self.find(program) {
            // From there it is started.
            Ok(path) => self.config.working_directory.as_ref().map_or(path.clone(), |directory| directory.join(path)),
            Err(error) => return refuse(error.to_string()),
        };
        match found.metadata() {
            Err(error) => refuse(self.reason(&error)),
            Ok(metadata) if metadata.is_dir() => refuse("it is a directory".to_owned()),
            Ok(_) => match access(&found, Access::EXEC_OK) {
                Ok(()) => Ok(()),
                Err(_) => refuse("this user may not execute it".to_owned()),
            },
        }
    }

    /// Looked up here and not by the standard library, which would have to fork the whole daemon for it instead of
    /// using posix_spawn.
    fn find(&self, program: &str) -> std::io::Result<PathBuf> {
        if program.contains('/') {
            return Ok(program.into());
        }
        let path = self.config.environment.get("PATH").map_or("", String::as_str);
        std::env::split_paths(path)
            .map(|directory| directory.join(program))
            .find(|candidate| candidate.is_file() && access(candidate, Access::EXEC_OK).is_ok())
            .ok_or_else(|| std::io::Error::other("no executable file of this name is in its PATH"))
    }

    fn reason(&self, error: &std::io::Error) -> String {
        let directory = self.config.working_directory.as_ref().filter(|directory| !directory.is_dir());
        match (directory, error.raw_os_error().map(Errno::from_raw)) {
            (Some(directory), Some(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)) => cannot_enter(directory),
            (_, Some(errno @ Errno::EAGAIN)) => {
                format!(
                    "no process is to be had ({errno:?}); raise TasksMax= or ulimit -u, or start fewer at the same time"
                )
            }
            (_, Some(errno @ (Errno::EMFILE | Errno::ENFILE))) => {
                format!("no descriptor is to be had ({errno:?}); raise LimitNOFILE=, or start fewer at the same time")
            }
            (_, Some(errno)) => format!("{} ({errno:?})", errno.desc()),
            (_, None) => error.to_string(),
        }
    }
}

fn cannot_enter(directory: &Path) -> String {
    format!("its working directory {} cannot be entered", escape(directory.as_os_str().as_bytes()))
}

fn filled_input(bytes: &[u8]) -> std::io::Result<Stdio> {
    if bytes.len() > INPUT_LIMIT {
        return filled_memory_file(bytes);
    }
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(bytes)?;
    Ok(reader.into())
}

/// For what a pipe may not hold.
fn filled_memory_file(bytes: &[u8]) -> std::io::Result<Stdio> {
    let mut file = File::from(memfd_create("request", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// A new process inherits the mask of the thread that starts it, and that thread may have it from whoever started the
/// daemon.
fn with_empty_signal_mask<T>(start: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<T> {
    let before = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let started = start();
    before.thread_set_mask()?;
    started
}
