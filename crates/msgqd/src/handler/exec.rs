//! One command of the operator's for each request: text on its stdin, answer from its stdout.

mod output;
mod slots;

use super::payload::Payload;
use super::process::{Input, Process, Program, SpawnError, after, describe_exit, reap_left_behind};
use super::{Handler, HandlerRequest, Outcome, Reply};
use crate::alerts;
use crate::ratelimit::RateLimit;
use msgq_core::config::ExecConfig;
use output::Output;
use slots::{NoSlot, Slots};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Runs one command for each request.
///
/// All output is read, however much it is, but no more of it is kept than an answer carries: a command that writes too
/// much is not killed in the middle of its work, and one that never stops writing ends at the time limit. What the
/// command leaves running in its process group is killed as soon as it has exited; what still holds its stdout then
/// gets a tenth of a second more.
#[derive(Debug)]
pub(super) struct Exec {
    program: Program,
    config: ExecConfig,
    payload: Payload,
    slots: Slots,
    failed_starts: RateLimit,
    trouble: Mutex<Option<String>>,
    is_said_down: AtomicBool,
    is_aborted: AtomicBool,
}

/// How often somebody who waits for a command looks whether the time of the service is over.
const ABORT_LOOK: Duration = Duration::from_millis(100);

impl Exec {
    /// A handler for this command. Nothing is started yet.
    pub(super) fn new(config: ExecConfig, payload: Payload) -> Self {
        Self {
            payload,
            program: Program::new(config.program.clone()),
            slots: Slots::new(config.max_concurrency.max(1)),
            config,
            failed_starts: RateLimit::new("failed starts of the command"),
            trouble: Mutex::new(None),
            is_said_down: AtomicBool::new(false),
            is_aborted: AtomicBool::new(false),
        }
    }

    fn start(&self, request: &HandlerRequest<'_>, deadline: Instant) -> Result<Process, SpawnError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let variables = [
            ("MSGQ_TYPE", OsString::from(request.mtype.to_string())),
            ("MSGQ_CLIENT_PID", OsString::from(request.client.get().to_string())),
            ("MSGQ_REQUEST_ID", OsString::from(request.id.to_string())),
            ("MSGQ_DEADLINE_MS", OsString::from(left.as_millis().to_string())),
        ];
        let fields = request.scalars();
        let variables = variables.iter().map(|(name, value)| (*name, value.as_os_str()));
        let fields = fields.iter().map(|(name, value)| (name.as_str(), OsStr::new(value)));
        self.program.spawn(Input::Bytes(request.text), &variables.chain(fields).collect::<Vec<_>>())
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn has_started(&self) {
        self.set_trouble(None);
        // Whoever was told of the failure is told of its end, and nobody else.
        if self.is_said_down.load(Ordering::Relaxed) && self.is_said_down.swap(false, Ordering::Relaxed) {
            let program = self.program.name();
            log::info!(message_id = alerts::HANDLER_UP; "the program {program} can be started again");
        }
    }

    fn cannot_start(&self, error: &SpawnError) -> Reply {
        let sentence = error.to_string();
        if let Some(note) = self.failed_starts.admit_with_note("more since the last report") {
            self.is_said_down.store(true, Ordering::Relaxed);
            log::error!(
                message_id = alerts::HANDLER_DOWN;
                "{sentence}; clients get an error until it can be started{note}"
            );
        }
        let reply = Reply::failure(Outcome::Unavailable, &sentence);
        self.set_trouble(Some(sentence));
        reply
    }

    fn watch(&self, mut process: Process, deadline: Instant) -> Reply {
        let mut output = Output::new(self.payload);
        match self.run_until(&mut process, deadline, &mut output) {
            Ok(true) => {
                let status = process.finish(&mut |bytes| output.add_bytes(bytes));
                self.answer(status, &output, process.stderr.complaint())
            }
            Ok(false) => {
                process.stop_unless_hurried(self.config.program.kill_grace, &self.is_aborted);
                let limit = self.config.timeout.as_millis();
                let text = format!("the command did not end within the time limit of {limit} ms and was stopped");
                Reply::failure(Outcome::TimedOut, &text)
            }
            Err(error) => {
                process.finish(&mut |_| {});
                Reply::failure(Outcome::Broken, &format!("the command was stopped, for it cannot be watched: {error}"))
            }
        }
    }

    /// As [`Process::run_until`], but says that the deadline has come when the time of the service is over.
    fn run_until(&self, process: &mut Process, deadline: Instant, output: &mut Output) -> io::Result<bool> {
        loop {
            let look = deadline.min(Instant::now() + ABORT_LOOK);
            let has_exited = process.run_until(look, &mut |bytes| output.add_bytes(bytes))?;
            if has_exited || look == deadline || self.is_aborted.load(Ordering::Relaxed) {
                return Ok(has_exited);
            }
        }
    }

    fn answer(&self, status: Option<ExitStatus>, output: &Output, complaint: &[u8]) -> Reply {
        match status {
            Some(status) if status.success() => self.success(output),
            Some(status) => failure(status, complaint),
            None => Reply::failure(Outcome::Broken, "it is unknown how the command ended"),
        }
    }

    fn success(&self, output: &Output) -> Reply {
        if self.payload.is_for_nobody {
            return Reply::new();
        }
        let room = self.payload.room;
        if self.payload.is_text && output.has_nul() {
            let text = "the command's output contains a NUL byte, which no answer can carry";
            return Reply::failure(Outcome::Broken, text);
        }
        let len = output.answer_len();
        if len > room && !self.payload.truncates {
            let text = format!("the command's output has {len} bytes; an answer has room for {room}");
            return Reply::failure(Outcome::Broken, &text);
        }
        let mut reply = Reply::new();
        reply.push(output.answer());
        reply
    }
}

/// A line of stderr is the command's own explanation; it is cut where an answer ends.
fn failure(status: ExitStatus, complaint: &[u8]) -> Reply {
    let outcome = if status.signal().is_some() { Outcome::Broken } else { Outcome::Failed };
    let complaint = complaint.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii_end();
    if complaint.is_empty() {
        return Reply::failure(outcome, &format!("the command {}", describe_exit(status)));
    }
    let mut reply = Reply::failure(outcome, "");
    reply.push(complaint);
    reply
}

impl Handler for Exec {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        let deadline = after(request.received_at(), self.config.timeout);
        let _slot = match self.slots.await_slot(deadline) {
            Ok(slot) => slot,
            Err(NoSlot::TimeOver) => {
                let limit = self.config.timeout.as_millis();
                let text = format!("the time limit of {limit} ms passed before the command could be started");
                return Reply::failure(Outcome::TimedOut, &text);
            }
            Err(NoSlot::Closed) => {
                return Reply::failure(Outcome::Unavailable, "not run: the handler ends");
            }
        };
        match self.start(request, deadline) {
            Ok(process) => {
                self.has_started();
                self.watch(process, deadline)
            }
            Err(error) => self.cannot_start(&error),
        }
    }

    fn concurrency(&self) -> usize {
        self.config.max_concurrency.max(1)
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.config.timeout + self.config.program.kill_grace)
    }

    fn name(&self) -> &'static str {
        "exec"
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn abort(&self) {
        self.is_aborted.store(true, Ordering::Relaxed);
        // Who waits would start a command as soon as one that was called off gives its slot back.
        self.slots.close();
    }

    fn stop(&self, _deadline: Instant) {
        // Every process ended with its request.
        reap_left_behind();
        self.program.stderr_log().close();
    }
}
