//! Signals that mean something to the daemon, as flags beside a socket that wakes the main thread.

use msgq_core::proc_text::proc_text;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The daemon's signal handlers, for the life of the process.
#[derive(Debug)]
pub(super) struct Signals {
    woken: UnixStream,
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    /// SIGHUP means the end once the terminal is gone in which this process was started.
    ends_with_terminal: bool,
}

impl Signals {
    /// SIGTERM and SIGINT ask for the end, SIGHUP for a reload, or for the end where it comes from a terminal that was
    /// closed, unless whoever started this process had it ignored (nohup). SIGUSR1 and SIGUSR2 do nothing; without a handler they
    /// would end the process. What was blocked or ignored by whoever started this process is neither from now on; also
    /// SIGXFSZ does nothing, so that a file that may not grow is an error and no end.
    pub(super) fn install() -> io::Result<Self> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let reload = Arc::new(AtomicBool::new(false));
        let nothing = Arc::new(AtomicBool::new(false));
        let handled = [
            (Signal::SIGTERM, &stop),
            (Signal::SIGINT, &stop),
            (Signal::SIGHUP, &reload),
            (Signal::SIGUSR1, &nothing),
            (Signal::SIGUSR2, &nothing),
            (Signal::SIGXFSZ, &nothing),
        ];
        // A handler takes a signal out of the ignored ones.
        let ignored = inherited_ignored();
        for (signal, flag) in handled {
            // The flag is registered before the socket, so that whoever is woken finds it set.
            signal_hook::flag::register(signal as i32, Arc::clone(flag))?;
            if !Arc::ptr_eq(flag, &nothing) {
                signal_hook::low_level::pipe::register(signal as i32, wake.try_clone()?)?;
            }
        }
        let ends_with_terminal = has_terminal() && !ignored.contains(&Signal::SIGHUP);
        for signal in ignored.into_iter().filter(|signal| !handled.iter().any(|(handled, _)| handled == signal)) {
            signal_hook::flag::register(signal as i32, Arc::clone(&nothing))?;
        }
        handled.iter().map(|(signal, _)| *signal).collect::<SigSet>().thread_unblock()?;
        Ok(Self { woken, stop, reload, ends_with_terminal })
    }

    /// Sleeps until a signal comes, at most `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        let milliseconds = u16::try_from(limit.as_millis()).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::from(milliseconds));
        let mut bytes = [0; 64];
        while matches!((&self.woken).read(&mut bytes), Ok(length) if length > 0) {}
        if self.ends_with_terminal && self.reload.load(Ordering::SeqCst) && !has_terminal() {
            log::info!("the terminal was closed");
            self.reload.store(false, Ordering::SeqCst);
            self.stop.store(true, Ordering::SeqCst);
        }
    }

    /// True when the end was asked for since the last call.
    pub(super) fn take_stop(&self) -> bool {
        self.stop.swap(false, Ordering::SeqCst)
    }

    /// True when the end was asked for and nobody has taken note of it.
    pub(super) fn is_stop_asked(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// As if a signal had asked for the end.
    pub(super) fn ask_for_stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// True when a reload was asked for since the last call.
    pub(super) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }
}

/// True while this process has a controlling terminal. The kernel takes that away before it sends SIGHUP for it.
fn has_terminal() -> bool {
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open("/dev/tty");
    let gone = [libc::ENXIO, libc::EIO, libc::ENOENT, libc::ENODEV];
    opened.map_or_else(|error| !error.raw_os_error().is_some_and(|errno| gone.contains(&errno)), |_| true)
}

/// Signals that whoever started this process has ignored, and that programs started by it would ignore too: with SIGCHLD
/// nobody learns how they ended. A handler that does nothing is the same for this process, and ends with an exec.
///
/// Not those of job control, which a handler would not keep from stopping what writes to a terminal, nor SIGPIPE, which
/// Rust's start ignores and its commands restore.
fn inherited_ignored() -> Vec<Signal> {
    const LEFT_ALONE: [Signal; 4] = [Signal::SIGPIPE, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
    let status = proc_text("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let is_ignored = |signal: &Signal| mask & (1 << (*signal as i32 - 1)) != 0;
    let can_be_caught = |signal: &Signal| !signal_hook::consts::FORBIDDEN.contains(&(*signal as i32));
    Signal::iterator().filter(|signal| !LEFT_ALONE.contains(signal)).filter(is_ignored).filter(can_be_caught).collect()
}
