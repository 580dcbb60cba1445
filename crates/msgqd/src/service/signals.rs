//! Signals that mean something to the daemon, as flags beside a socket that wakes the main thread.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::io::{self, Read};
use std::os::fd::AsFd;
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
}

impl Signals {
    /// SIGTERM and SIGINT ask for the end, SIGHUP for a reload. SIGUSR1 and SIGUSR2 do nothing; without a handler they
    /// would end the process.
    pub(super) fn install() -> io::Result<Self> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let reload = Arc::new(AtomicBool::new(false));
        let nothing = Arc::new(AtomicBool::new(false));
        for (signal, flag) in [
            (Signal::SIGTERM, &stop),
            (Signal::SIGINT, &stop),
            (Signal::SIGHUP, &reload),
            (Signal::SIGUSR1, &nothing),
            (Signal::SIGUSR2, &nothing),
        ] {
            // The flag is registered before the socket, so that whoever is woken finds it set.
            signal_hook::flag::register(signal as i32, Arc::clone(flag))?;
            if !Arc::ptr_eq(flag, &nothing) {
                signal_hook::low_level::pipe::register(signal as i32, wake.try_clone()?)?;
            }
        }
        Ok(Self { woken, stop, reload })
    }

    /// Sleeps until a signal comes, at most `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        let milliseconds = u16::try_from(limit.as_millis()).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::from(milliseconds));
        let mut bytes = [0; 64];
        while matches!((&self.woken).read(&mut bytes), Ok(length) if length > 0) {}
    }

    /// True when the end was asked for since the last call.
    pub(super) fn take_stop(&self) -> bool {
        self.stop.swap(false, Ordering::SeqCst)
    }

    /// True when the end was asked for and nobody has taken note of it.
    pub(super) fn is_stop_asked(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// True when a reload was asked for since the last call.
    pub(super) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }
}
