//! Signals that ask for the end of many requests: the ones under way are answered first, since the answer to a dead client
//! would be left in the queue.

use crate::failure::{Failure, Status};
use msgq_core::proc_text::proc_text;
use nix::libc::c_int;
use nix::sys::signal::Signal;
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Builder;

/// A thread that waits for signals needs little.
const STACK_LEN: usize = 64 << 10;

/// What ends a program that a terminal or a service manager started.
pub(super) const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is noted.
    Noted,
    /// It ends this process now.
    Ending,
}

/// Whether the end was asked for; cheap to ask.
pub(super) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// From now on a signal that would end this process is noted. A second one ends it at once.
    pub(super) fn install() -> Result<Self, Failure> {
        Self::of(ENDING)
    }

    /// Nothing is noted.
    pub(super) fn never() -> Self {
        Self(Arc::default())
    }

    /// As [`Interrupt::install`] for these signals.
    pub(super) fn of(signals: impl IntoIterator<Item = Signal>) -> Result<Self, Failure> {
        Self::noting(signals).map_err(|error| cannot_handle(&error))
    }

    /// As [`Interrupt::of`], but as many signals are noted as are `forgiven`, and there is something to be done at each, also
    /// before the next one ends this process.
    pub(super) fn with_words(
        signals: impl IntoIterator<Item = Signal>,
        forgiven: usize,
        words: impl Fn(Step) + Send + 'static,
    ) -> Result<Self, Failure> {
        let signals: Vec<c_int> = signals.into_iter().filter(|it| !is_ignored(*it)).map(|it| it as c_int).collect();
        let mut arriving = Signals::new(signals).map_err(|error| cannot_handle(&error))?;
        let (number, mut left) = (Arc::new(AtomicUsize::new(0)), forgiven);
        let interrupt = Self(Arc::clone(&number));
        let handle_all = move || {
            for signal in arriving.forever() {
                number.store(usize::try_from(signal).unwrap_or_default(), Ordering::Relaxed);
                match left.checked_sub(1) {
                    Some(less) => {
                        left = less;
                        words(Step::Noted);
                    }
                    None => {
                        words(Step::Ending);
                        let _ = low_level::emulate_default_handler(signal);
                    }
                }
            }
        };
        let spawned = Builder::new().name("signals".to_owned()).stack_size(STACK_LEN).spawn(handle_all);
        spawned.map(|_| interrupt).map_err(|error| cannot_handle(&error))
    }

    fn noting(signals: impl IntoIterator<Item = Signal>) -> io::Result<Self> {
        let (asked, number) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        // What nohup(1) and its kin have set stays.
        for signal in signals.into_iter().filter(|signal| !is_ignored(*signal)) {
            let raw: c_int = signal as c_int;
            let _ = flag::register_conditional_default(raw, Arc::clone(&asked))?;
            // In this order: whoever was told of the first signal may send the second while the first is still being noted.
            let _ = flag::register(raw, Arc::clone(&asked))?;
            let _ = flag::register_usize(raw, Arc::clone(&number), usize::try_from(raw).unwrap_or_default())?;
        }
        Ok(Self(number))
    }

    /// The signal that asked for it.
    pub(super) fn signal(&self) -> Option<Signal> {
        let number = c_int::try_from(self.0.load(Ordering::Relaxed)).unwrap_or_default();
        Signal::try_from(number).ok()
    }
}

fn cannot_handle(error: &io::Error) -> Failure {
    Failure::new(Status::Other, format!("cannot handle signals: {error}"))
}

fn is_ignored(signal: Signal) -> bool {
    let status = proc_text("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.unwrap_or(0) >> (signal as c_int - 1) & 1 == 1
}
