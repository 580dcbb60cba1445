//! One process of the operator's, from its start until nothing of it is left.

use super::io::{after, poll_until, read_available};
use super::stderr::{Stderr, StderrLog};
use super::strays::{leave_behind, try_reap};
use rustix::event::{PollFd, PollFlags};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long output is waited for after the process itself has exited, while something it started holds its stdout.
const LINGER: Duration = Duration::from_millis(100);
/// How long a process may take to die of SIGKILL. Longer only when the kernel is stuck in one of its system calls.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// The grace of a process when the service ends.
const HURRIED_GRACE: Duration = Duration::from_secs(1);
/// How often it is looked whether the service ends.
const HURRY_LOOK: Duration = Duration::from_millis(100);

/// A started process. Dropped, it is killed with its group, and reaped.
#[derive(Debug)]
pub(in crate::handler) struct Process {
    /// `None` once it is reaped, or left behind.
    child: Option<Child>,
    pid: Pid,
    pidfd: OwnedFd,
    /// Non-blocking; present when started with [`super::Input::Pipe`]. Drop it to close the process's input.
    pub(in crate::handler) stdin: Option<ChildStdin>,
    /// Non-blocking. `None` after its end.
    pub(in crate::handler) stdout: Option<ChildStdout>,
    /// Call [`Stderr::forward`] when it is readable.
    pub(in crate::handler) stderr: Stderr,
}

impl Process {
    pub(super) fn new(mut child: Child, log: Arc<StderrLog>) -> io::Result<Self> {
        let stderr = child.stderr.take();
        let parts = set_up(&child).and_then(|pidfd| Ok((pidfd, Stderr::new(stderr, child.id(), log)?)));
        let pid = Pid::from_child(&child);
        match parts {
            Ok((pidfd, stderr)) => Ok(Self {
                stdin: child.stdin.take(),
                stdout: child.stdout.take(),
                stderr,
                pid,
                pidfd,
                child: Some(child),
            }),
            Err(error) => {
                signal_group(pid, WaitId::Pid(pid), Signal::KILL);
                leave_behind(child);
                Err(error)
            }
        }
    }

    /// Its PID, for the log.
    pub(in crate::handler) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// To poll for reading: readable once the process has exited.
    pub(in crate::handler) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Waits until the process exits; false when `deadline` comes first. Meanwhile what it writes on stdout goes to
    /// `on_output`, and what it writes on stderr to the log, so that no full pipe holds it up.
    ///
    /// # Errors
    /// None that the caller can do anything about but end the process.
    pub(in crate::handler) fn run_until(
        &mut self,
        deadline: Instant,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> io::Result<bool> {
        // At least one look, so that a process that has exited is seen even after the deadline.
        loop {
            let [exited, ..] = self.wait_ready(deadline, true)?;
            if exited {
                return Ok(true);
            }
            self.take_output(on_output);
            self.stderr.forward();
            if Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }

    /// Ends what is left of the process and its group at once, and reaps it. When the process itself has exited,
    /// first takes what is in its pipes, and gives what else holds its stdout a short time.
    ///
    /// `None` when it does not die of SIGKILL in time or somebody else reaped it, which is logged.
    pub(in crate::handler) fn finish(&mut self, on_output: &mut dyn FnMut(&[u8])) -> Option<ExitStatus> {
        self.stdin = None;
        if self.wait_ready(Instant::now(), true).is_ok_and(|[exited, ..]| exited) {
            self.drain(on_output);
        }
        self.kill_and_reap()
    }

    /// Asks the process group to end (SIGTERM), kills it (SIGKILL) after `grace`, and reaps the process. Output on
    /// stdout meanwhile is dropped.
    ///
    /// The grace time is over sooner when the process has exited and nobody holds its stdout or stderr any more: a
    /// shell dies of SIGTERM at once, while what it ran may still be cleaning up.
    ///
    /// `None` as for [`Self::finish`].
    pub(in crate::handler) fn stop(&mut self, grace: Duration) -> Option<ExitStatus> {
        self.stop_unless_hurried(grace, &AtomicBool::new(false))
    }

    /// As [`Self::stop`], but with a short grace once `is_hurried` is set: the service ends, and would leave the process
    /// behind.
    pub(in crate::handler) fn stop_unless_hurried(
        &mut self,
        grace: Duration,
        is_hurried: &AtomicBool,
    ) -> Option<ExitStatus> {
        self.stdin = None;
        self.signal_group(Signal::TERM);
        // A stopped process would not see the SIGTERM.
        self.signal_group(Signal::CONT);
        let mut until = after(Instant::now(), grace);
        loop {
            if is_hurried.load(Ordering::Relaxed) {
                until = until.min(Instant::now() + HURRIED_GRACE);
            }
            let look = until.min(Instant::now() + HURRY_LOOK);
            match self.run_until(look, &mut |_| {}) {
                Ok(false) if look < until => {}
                Ok(true) => {
                    self.await_end_of_pipes(until);
                    break;
                }
                _ => break,
            }
        }
        self.kill_and_reap()
    }

    fn await_end_of_pipes(&mut self, deadline: Instant) {
        loop {
            self.take_output(&mut |_| {});
            self.stderr.forward();
            let are_open = self.stdout.is_some() || self.stderr.fd().is_some();
            if !are_open || Instant::now() >= deadline || self.wait_ready(deadline, false).is_err() {
                break;
            }
        }
    }

    /// Until the end of stdout, or until it has been quiet or busy for too long.
    fn drain(&mut self, on_output: &mut dyn FnMut(&[u8])) {
        let deadline = Instant::now() + LINGER;
        while self.stdout.is_some() {
            self.take_output(on_output);
            self.stderr.forward();
            let is_ready = self.stdout.is_some() && self.wait_ready(deadline, false).is_ok();
            if !is_ready || Instant::now() >= deadline {
                break;
            }
        }
        self.take_output(on_output);
        self.stderr.forward();
    }

    /// What is ready: the exit (when asked for), stdout, stderr.
    fn wait_ready(&self, deadline: Instant, with_exit: bool) -> io::Result<[bool; 3]> {
        let mut fds = Vec::with_capacity(3);
        let sources = [with_exit.then(|| self.pidfd.as_fd()), self.stdout.as_ref().map(AsFd::as_fd), self.stderr.fd()];
        fds.extend(sources.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        poll_until(&mut fds, deadline)?;
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        Ok(sources.map(|source| source.is_some() && ready.next().unwrap_or(false)))
    }

    fn take_output(&mut self, on_output: &mut dyn FnMut(&[u8])) {
        read_available(&mut self.stdout, on_output);
    }

    /// To the process and what it started.
    fn signal_group(&self, signal: Signal) {
        signal_group(self.pid, WaitId::PidFd(self.pidfd.as_fd()), signal);
    }

    fn kill_and_reap(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        self.signal_group(Signal::KILL);
        let mut exit = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let _ = poll_until(&mut exit, Instant::now() + KILL_LIMIT);
        match try_reap(&mut child) {
            Ok(Some(status)) => return Some(status),
            Ok(None) => {
                log::error!("PID {} does not die of SIGKILL; it is left alone until it does", self.pid());
                leave_behind(child);
            }
            Err(error) => log::error!("cannot learn how PID {} ended: {error}", self.pid()),
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_and_reap();
    }
}

/// Once a process is reaped its number, and so its group's, may be somebody else's. It is reaped here only after the last
/// signal; where a program that embeds the server ignores SIGCHLD the kernel does it at its end, which shows in that there is
/// nothing left to wait for.
fn signal_group(pid: Pid, process: WaitId<'_>, signal: Signal) {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if !matches!(waitid(process, look), Err(rustix::io::Errno::CHILD)) {
        let _ = kill_process_group(pid, signal);
    }
}

fn set_up(child: &Child) -> io::Result<OwnedFd> {
    if let Some(stdin) = &child.stdin {
        ioctl_fionbio(stdin, true)?;
    }
    if let Some(stdout) = &child.stdout {
        ioctl_fionbio(stdout, true)?;
    }
    Ok(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?)
}

/// How a process ended, to follow "the command": "ended with exit status 3", "was killed by signal SIGSEGV".
pub(in crate::handler) fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (_, Some(signal)) => match nix::sys::signal::Signal::try_from(signal) {
            Ok(known) => format!("was killed by signal {known}"),
            Err(_) => format!("was killed by signal {signal}"),
        },
        _ => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests;
