//! A terminal that is drawn on in place, and left as it was found.
//!
//! Signals come through a descriptor, so that one poll waits for keys, signals and the next round, and nothing happens
//! at a moment when the terminal is half drawn.

use crate::output::{StyledText, counted, fit};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Another screen than the one with the shell's history, and no cursor on it.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Terminals that know it show all that comes between the two at once.
const BEGIN_UPDATE: &str = "\x1b[?2026h\x1b[H";
const END_UPDATE: &str = "\x1b[J\x1b[?2026l";
const REST_OF_LINE: &str = "\x1b[K";
/// termios(3): switches a special key off.
const NO_KEY: u8 = 0;

/// What the user, a signal or the clock asks for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Look,
    Draw,
    End,
}

pub(super) struct Screen {
    is_coloured: bool,
    signals: SignalFd,
    /// How the keyboard was; `None` where there is none.
    keyboard: Option<Termios>,
    footer: String,
}

impl Screen {
    pub(super) fn enter(is_coloured: bool, interval: Duration) -> io::Result<Self> {
        let mut watched = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGWINCH] {
            watched.add(signal);
        }
        watched.thread_block()?;
        let signals = SignalFd::with_flags(&watched, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let keyboard = if io::stdin().is_terminal() { Some(tcgetattr(io::stdin())?) } else { None };
        let footer = format!("every {} s, q ends", interval.as_secs_f64());
        let screen = Self { is_coloured, signals, keyboard, footer };
        if let Some(before) = &screen.keyboard {
            let mut silent = before.clone();
            silent.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            // A stop would leave the shell with this screen.
            silent.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
            tcsetattr(io::stdin(), OptionalActions::Now, &silent)?;
        }
        write(ENTER)?;
        Ok(screen)
    }

    /// Draws over what is there; what does not fit is left out.
    pub(super) fn draw(&self, text: &StyledText) -> io::Result<()> {
        let size = tcgetwinsize(io::stdout())?;
        // A terminal that does not tell its size.
        let rows = usize::from(if size.ws_row == 0 { 24 } else { size.ws_row });
        let columns = usize::from(if size.ws_col == 0 { 80 } else { size.ws_col });
        let kept = text.cut(columns, rows.saturating_sub(1));
        let hidden = text.line_count() - kept.line_count();
        let kept = if self.is_coloured { kept.painted() } else { kept.to_string() };
        let footer = footer_below(hidden, &self.footer);
        let lines = kept.replace('\n', &format!("{REST_OF_LINE}\r\n"));
        let footer = fit(&footer, columns.saturating_sub(1));
        write(&format!("{BEGIN_UPDATE}{lines}{footer}{REST_OF_LINE}{END_UPDATE}"))
    }

    /// Waits for a key, a signal, or the next round.
    pub(super) fn wait(&mut self, interval: Duration) -> io::Result<Wish> {
        let until = Instant::now() + interval;
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(Wish::Look);
            }
            if let Some(wish) = self.next_event(rest)? {
                return Ok(wish);
            }
        }
    }

    fn next_event(&mut self, rest: Duration) -> io::Result<Option<Wish>> {
        let stdin = io::stdin();
        let (has_signal, has_key) = {
            let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            if self.keyboard.is_some() {
                fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
            }
            // One more, so that a rest of less than a millisecond is not polled for again and again.
            let timeout = PollTimeout::try_from(rest.as_millis() + 1).unwrap_or(PollTimeout::MAX);
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => return Ok(Some(Wish::Draw)),
                ready => ready?,
            };
            let is_ready = |at: usize| fds.get(at).is_some_and(|fd| fd.any() == Some(true));
            (is_ready(0), is_ready(1))
        };
        if has_signal {
            let signal = self.signals.read_signal()?.map(|info| info.ssi_signo.cast_signed());
            return Ok(Some(if signal == Some(Signal::SIGWINCH as i32) { Wish::Draw } else { Wish::End }));
        }
        if has_key {
            let mut keys = [0; 64];
            let read = stdin.lock().read(&mut keys)?;
            let typed = keys.get(..read).unwrap_or_default();
            // Nothing to read: the terminal is gone.
            let is_end = typed.is_empty() || typed.iter().any(|key| matches!(key, b'q' | b'Q'));
            return Ok(if is_end { Some(Wish::End) } else { None });
        }
        Ok(None)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(before) = &self.keyboard {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
        let _ = write(LEAVE);
    }
}

/// With how much found no room above it.
fn footer_below(hidden: usize, footer: &str) -> String {
    if hidden > 0 { format!("{}; {footer}", counted(hidden, "more line")) } else { footer.to_owned() }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::footer_below;

    #[test]
    fn one_line_that_found_no_room_is_told_as_one() {
        let told = [0, 1, 2].map(|hidden| footer_below(hidden, "q ends it"));
        assert_eq!(told, ["q ends it", "1 more line; q ends it", "2 more lines; q ends it"]);
    }
}
