//! The operator's long-running programs, spoken to on their standard input and output: each process from its hello to
//! its end.
//!
//! All are started at once and kept running. One that ends, answers nonsense or misses a deadline is ended with its
//! process group and replaced.

use super::Pool;
use super::conversation::{BreakKind, converse};
use super::link::{Backend, End, Link};
use super::shared::Limits;
use crate::alerts;
use crate::handler::framing::{HandlerProtocol, HelloDecoder};
use crate::handler::payload::Payload;
use crate::handler::process::{Input, Process, Program, after, describe_exit, reap_left_behind};
use crate::ratelimit::RateLimit;
use msgq_core::config::WorkerConfig;
use msgq_core::escape::escape;
use rustix::event::PollFlags;
use rustix::process::{Signal, pidfd_send_signal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Starts the processes; does not wait for them, nor mind whether they can be started.
///
/// # Errors
/// The daemon has no descriptor or no thread left for the pool itself.
pub(in crate::handler) fn worker_pool(config: &WorkerConfig, payload: Payload) -> Result<Pool<Programs>, String> {
    let limits = Limits {
        size: config.max_concurrency,
        timeout: config.timeout,
        max_requests: config.max_requests,
        is_idempotent: config.is_idempotent,
        payload,
    };
    let programs = Programs {
        program: Program::new(config.program.clone()),
        start_timeout: config.start_timeout,
        spoken: payload.handler_protocol,
        ending: Mutex::new(Vec::new()),
        ends: RateLimit::new("ends of workers"),
    };
    Pool::new(programs, limits).map_err(|error| format!("cannot start the pool of workers: {error}"))
}

/// A process, as a link of the pool.
pub(in crate::handler) struct WorkerLink {
    process: Process,
}

impl Link for WorkerLink {
    fn reader(&self) -> Option<BorrowedFd<'_>> {
        self.process.stdout.as_ref().map(AsFd::as_fd)
    }

    fn writer(&self) -> Option<BorrowedFd<'_>> {
        self.process.stdin.as_ref().map(AsFd::as_fd)
    }

    fn end(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.process.pidfd(), PollFlags::IN)
    }

    fn log(&self) -> Option<BorrowedFd<'_>> {
        self.process.stderr.fd()
    }

    fn forward_log(&mut self) {
        self.process.stderr.forward();
    }
}

/// Starts and ends the processes.
pub(in crate::handler) struct Programs {
    program: Program,
    start_timeout: Duration,
    spoken: HandlerProtocol,
    /// The processes that are being ended.
    ending: Mutex<Vec<(i32, OwnedFd)>>,
    ends: RateLimit,
}

impl Programs {
    fn ending(&self) -> MutexGuard<'_, Vec<(i32, OwnedFd)>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a process did not get as far as its first request; it is ended.
    fn failed_start(&self, mut process: Process, kind: &BreakKind) -> String {
        let program = self.program.path();
        let reason = match kind {
            BreakKind::Closed | BreakKind::ClosedInFrame => {
                let complaint = |process: &Process| match process.stderr.complaint() {
                    [] => String::new(),
                    line => format!(": {}", escape(line)),
                };
                return match process.finish(&mut |_| {}) {
                    Some(status) => {
                        format!(
                            "the program {program} {} before it said hello{}",
                            describe_exit(status),
                            complaint(&process)
                        )
                    }
                    None => format!("the program {program} ended before it said hello"),
                };
            }
            BreakKind::Deadline => format!("did not say hello within {} ms", self.start_timeout.as_millis()),
            kind => kind.to_string(),
        };
        self.end(process, |process| process.stop(self.program.kill_grace()));
        format!("the program {program} {reason}")
    }

    fn end(&self, mut process: Process, how: impl FnOnce(&mut Process) -> Option<ExitStatus>) -> Option<ExitStatus> {
        let pid = process.pid();
        if let Ok(pidfd) = process.pidfd().try_clone_to_owned() {
            self.ending().push((pid, pidfd));
        }
        let status = how(&mut process);
        self.ending().retain(|(ending, _)| *ending != pid);
        status
    }

    /// Its stdin is closed, which means: finish and exit. Whoever does not is stopped. With a deadline at least half of
    /// the time until then is for finishing.
    fn dismiss(&self, process: &mut Process, deadline: Option<Instant>) -> Option<ExitStatus> {
        let now = Instant::now();
        process.stdin = None;
        let polite = deadline.map_or_else(
            || after(now, self.program.kill_grace()),
            |deadline| {
                let left = deadline.saturating_duration_since(now);
                now + left.saturating_sub(self.program.kill_grace()).max(left / 2)
            },
        );
        if matches!(process.run_until(polite, &mut |_| {}), Ok(true)) {
            return process.finish(&mut |_| {});
        }
        process.stop(self.grace(deadline))
    }

    fn grace(&self, deadline: Option<Instant>) -> Duration {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(self.program.kill_grace(), |left| left.min(self.program.kill_grace()))
    }

    fn report(&self, pid: i32, end: &End, status: Option<ExitStatus>) {
        let ended = status.map_or_else(|| "was left behind".to_owned(), describe_exit);
        let program = self.program.name();
        let what = match end {
            End::Recycled => return log::debug!("{program} (PID {pid}) has done its number of requests and {ended}"),
            End::Stopped => return log::debug!("{program} (PID {pid}) {ended} at the end of the handler"),
            End::Gone => "left while it was idle".to_owned(),
            End::Broken(reason) => reason.clone(),
        };
        if let Some(note) = self.ends.admit_with_note("more since the last report") {
            log::warn!(
                message_id = alerts::HANDLER_REPLACED;
                "{program} (PID {pid}) {what}; it {ended} and is replaced{note}"
            );
        }
    }
}

impl Backend for Programs {
    type Link = WorkerLink;

    const KIND: &'static str = "worker";
    const NOUN: &'static str = "worker";
    const IS_EAGER: bool = true;

    fn subject(&self) -> String {
        format!("the worker program {}", self.program.path())
    }

    fn open(&self, abort: BorrowedFd<'_>) -> Result<WorkerLink, String> {
        let deadline = after(Instant::now(), self.start_timeout);
        let process = self.program.spawn(Input::Pipe, &[]).map_err(|error| error.to_string())?;
        let mut link = WorkerLink { process };
        match converse(&mut link, self.spoken.hello(), &mut HelloDecoder::new(self.spoken), deadline, Some(abort)) {
            Ok(()) => Ok(link),
            Err(failure) => Err(self.failed_start(link.process, &failure.kind)),
        }
    }

    fn close(&self, link: WorkerLink, end: &End, deadline: Option<Instant>) {
        let pid = link.process.pid();
        let status = self.end(link.process, |process| match end {
            End::Recycled | End::Stopped => self.dismiss(process, deadline),
            End::Gone => process.finish(&mut |_| {}),
            End::Broken(_) => process.stop(self.grace(deadline)),
        });
        self.report(pid, end, status);
    }

    fn hurry(&self) {
        for (_, pidfd) in &*self.ending() {
            // One that has exited meanwhile is as well.
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
    }

    fn finish(&self) {
        reap_left_behind();
        self.program.stderr_log().close();
    }
}
