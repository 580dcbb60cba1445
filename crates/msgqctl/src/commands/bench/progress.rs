//! How far a load has come, on a terminal.

use super::arguments::BenchArguments;
use crate::failure::{Failure, Status};
use crate::output::counted;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const DRAWS_PER_S: u8 = 10;
const TEMPLATE: &str = "{elapsed:>5} [{bar:24}] {percent:>3} %, {msg}";

/// A bar on standard error, or nothing where nobody would see it.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    start: Instant,
    /// `None` where requests are counted instead.
    duration: Option<Duration>,
    requests: u64,
}

impl Progress {
    pub(super) fn new(options: &BenchArguments, is_json: bool) -> Result<Self, Failure> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let is_wanted = !is_json && !options.no_progress && !is_dumb && io::stderr().is_terminal();
        let duration = options.count.is_none().then_some(options.duration);
        let length = duration.map_or(u64::from(options.count.unwrap_or(0)), milliseconds);
        let bar = if is_wanted { Some(bar(length)?) } else { None };
        Ok(Self { bar, start: Instant::now(), duration, requests: 0 })
    }

    pub(super) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Counts requests that were sent since the last call, and draws.
    pub(super) fn show(&mut self, requests: u64) {
        self.requests += requests;
        let Some(bar) = &self.bar else { return };
        let elapsed = self.start.elapsed();
        bar.set_position(self.duration.map_or(self.requests, |_| milliseconds(elapsed)));
        let per_s = u128::from(self.requests) * 1000 / elapsed.as_millis().max(1);
        bar.set_message(format!("{}, {per_s} a second", counted(self.requests, "request")));
    }

    /// Leaves no trace, so that the result stands where it would without a bar.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(length: u64) -> Result<ProgressBar, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Status::Other, format!("cannot show progress: {error}"));
    let style = ProgressStyle::with_template(TEMPLATE).map_err(|error| failed(&error))?.progress_chars("##.");
    let bar = ProgressBar::with_draw_target(
        Some(length),
        ProgressDrawTarget::term_like_with_hz(Box::new(BarLine), DRAWS_PER_S),
    );
    bar.set_style(style);
    Ok(bar)
}

/// The line of standard error, without its last columns: indicatif fills it up with blanks, and a `^C` that the terminal
/// writes behind them must not come to stand on the next line.
#[derive(Debug)]
struct BarLine;

const ROOM_FOR_ECHO: u16 = 4;
const USUAL_WIDTH: u16 = 80;

impl BarLine {
    fn write(text: &str) -> io::Result<()> {
        io::stderr().lock().write_all(text.as_bytes())
    }

    /// Nothing for no step: a terminal takes 0 for 1.
    fn go(steps: usize, to: char) -> io::Result<()> {
        if steps == 0 { Ok(()) } else { Self::write(&format!("\x1b[{steps}{to}")) }
    }
}

impl TermLike for BarLine {
    fn width(&self) -> u16 {
        let width = tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
        if width == 0 { USUAL_WIDTH } else { width }.saturating_sub(ROOM_FOR_ECHO)
    }

    fn move_cursor_up(&self, steps: usize) -> io::Result<()> {
        Self::go(steps, 'A')
    }

    fn move_cursor_down(&self, steps: usize) -> io::Result<()> {
        Self::go(steps, 'B')
    }

    fn move_cursor_right(&self, steps: usize) -> io::Result<()> {
        Self::go(steps, 'C')
    }

    fn move_cursor_left(&self, steps: usize) -> io::Result<()> {
        Self::go(steps, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        Self::write(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        Self::write(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        Self::write("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
