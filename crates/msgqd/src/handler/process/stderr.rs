//! What programs write on stderr: line by line into the daemon's log, within bounds.

use super::complaint::Complaint;
use super::io::read_available;
use crate::ratelimit::{INTERVAL, RateLimit};
use msgq_core::escape::escape;
use msgq_core::words::counted;
use rustix::io::ioctl_fionbio;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ChildStderr;
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a line that are kept; the rest of it is dropped.
const LINE_LIMIT: usize = 1000;
/// Lines that one process may write for each line that the rate limit admits, so that a report of several lines, such
/// as a stack trace, stays whole.
const LINES_AT_ONCE: u32 = 20;

/// The log lines of all processes of one program.
#[derive(Debug)]
pub(in crate::handler) struct StderrLog {
    program: String,
    limit: RateLimit,
}

impl StderrLog {
    /// `program` is the name for the log, escaped.
    pub(super) fn new(program: String) -> Self {
        Self { program, limit: RateLimit::new("lines on stderr") }
    }

    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// Tells how many lines were left out, once things have calmed down.
    pub(in crate::handler) fn flush(&self, now: Instant) {
        if let Some(count) = self.limit.flush(now) {
            self.report_suppressed(count);
        }
    }

    /// Tells it at once: nothing comes any more.
    pub(in crate::handler) fn close(&self) {
        self.flush(Instant::now() + INTERVAL);
    }

    fn admit(&self) -> bool {
        let admitted = self.limit.admit(Instant::now());
        if let Some(count @ 1..) = admitted {
            self.report_suppressed(count);
        }
        admitted.is_some()
    }

    fn report_suppressed(&self, count: u64) {
        let (lines, were) = (counted(count, "line"), if count == 1 { "was" } else { "were" });
        log::warn!("{}: {lines} on stderr {were} left out of the log", self.program);
    }
}

/// The stderr of one process. Never holds more than one line.
#[derive(Debug)]
pub(in crate::handler) struct Stderr {
    pipe: Option<ChildStderr>,
    pid: u32,
    log: Arc<StderrLog>,
    line: Vec<u8>,
    line_is_cut: bool,
    complaint: Complaint,
    lines_admitted: u32,
}

impl Stderr {
    pub(super) fn new(pipe: Option<ChildStderr>, pid: u32, log: Arc<StderrLog>) -> std::io::Result<Self> {
        if let Some(pipe) = &pipe {
            ioctl_fionbio(pipe, true)?;
        }
        let (line, complaint) = (Vec::new(), Complaint::default());
        Ok(Self { pipe, pid, log, line, line_is_cut: false, complaint, lines_admitted: 0 })
    }

    /// To poll for reading; `None` after its end.
    pub(in crate::handler) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there and logs whole lines. Does not wait, and takes a bounded amount, so that a flood is no
    /// endless loop: call it again when [`Self::fd`] is readable.
    pub(in crate::handler) fn forward(&mut self) {
        let mut pipe = self.pipe.take();
        read_available(&mut pipe, &mut |bytes| self.add_bytes(bytes));
        self.pipe = pipe;
    }

    /// The line that says what failed, so far, without its newline, cut at 1000 bytes.
    pub(in crate::handler) fn complaint(&self) -> &[u8] {
        self.complaint.text(&self.line)
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let room = LINE_LIMIT - self.line.len();
            self.line_is_cut |= text.len() > room;
            self.line.extend(text.iter().take(room));
            if ends {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let is_cut = std::mem::take(&mut self.line_is_cut);
        if line.is_empty() {
            return;
        }
        if self.lines_admitted > 0 || self.log.admit() {
            self.lines_admitted = self.lines_admitted.checked_sub(1).unwrap_or(LINES_AT_ONCE - 1);
            let mark = if is_cut { " [cut at 1000 bytes]" } else { "" };
            log::warn!("{} (PID {}): {}{mark}", self.log.program, self.pid, escape(&line));
        }
        self.complaint.add(&line);
    }
}

impl Drop for Stderr {
    fn drop(&mut self) {
        self.forward();
        self.end_line();
        self.log.flush(Instant::now());
    }
}
