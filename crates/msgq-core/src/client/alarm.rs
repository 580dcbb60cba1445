use nix::errno::Errno;
use nix::sys::signal::{SigEvent, SigSet, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::gettid;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Interrupts the system calls of the thread that started it, from a moment on and until it is dropped.
///
/// The signal is SIGURG. Without a handler the kernel discards it (signal(7)), so one that nobody expects does no harm,
/// and programs that use it must expect spurious ones. It is sent to the one thread only. The handler that ends
/// the wait stays installed, because taking a handler back is a race with every other thread that changes it.
pub(super) struct Alarm {
    // Fields are dropped in this order: what the timer has sent is delivered before the signal is blocked again.
    _timer: Timer,
    _mask: Unblocked,
}

const SIGNAL: Signal = Signal::SIGURG;

/// Pause between two signals once the moment has come: long beside a system call, short beside any deadline.
const REPEAT: Duration = Duration::from_millis(1);

/// The step that failed, and why.
type AlarmError = (&'static str, io::Error);

impl Alarm {
    /// Starts to interrupt the calling thread at `moment`; at once if that has passed.
    pub(super) fn start(moment: Instant) -> Result<Self, AlarmError> {
        install_handler().map_err(|error| ("handler of SIGURG", error))?;
        let mask = Unblocked::new().map_err(|errno| ("pthread_sigmask", errno.into()))?;
        let event = SigevNotify::SigevThreadId { signal: SIGNAL, thread_id: gettid().as_raw(), si_value: 0 };
        let timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(event));
        let mut timer = timer.map_err(|errno| ("timer_create", errno.into()))?;
        // A delay of zero would mean never.
        let delay = moment.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let expiration = Expiration::IntervalDelayed(delay.into(), REPEAT.into());
        timer.set(expiration, TimerSetTimeFlags::empty()).map_err(|errno| ("timer_settime", errno.into()))?;
        Ok(Self { _timer: timer, _mask: mask })
    }
}

/// Lets the signal through for the calling thread, and restores its mask when dropped.
struct Unblocked {
    before: SigSet,
}

impl Unblocked {
    fn new() -> Result<Self, Errno> {
        let before = SigSet::thread_get_mask()?;
        let mut signal = SigSet::empty();
        signal.add(SIGNAL);
        signal.thread_unblock()?;
        Ok(Self { before })
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        // It fails for invalid arguments only, and the mask came from the kernel.
        let _ = self.before.thread_set_mask();
    }
}

fn install_handler() -> io::Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        // Nobody looks at the flag: that a handler ran is what ends the system call.
        signal_hook::flag::register(SIGNAL as i32, Arc::new(AtomicBool::new(false)))?;
        *installed = true;
    }
    Ok(())
}
