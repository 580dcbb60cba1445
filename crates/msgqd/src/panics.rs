//! Panics where they do not end the process by themselves: in a program that brings its own handler and was not built with
//! `panic = "abort"`.

use crate::alerts;
use crate::own_threads::{Announcement, announced};

/// What `call` returns, or what it said when it panicked. It is somebody else's code, and its own state is its own matter.
#[cfg(panic = "unwind")]
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
    })
}

/// Ends the process where it panics.
#[cfg(not(panic = "unwind"))]
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    Ok(call())
}

/// The body of a thread of the server, see [`announced`]. A panic of it ends the process: half a server serves nobody, and
/// nobody would notice. The next start finishes what was in hand.
pub(crate) fn vital<T>(body: impl FnOnce() -> T) -> (impl FnOnce() -> T, Announcement) {
    announced(|| {
        let _end = EndsProcess;
        body()
    })
}

struct EndsProcess;

impl Drop for EndsProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("without a name");
            log::error!(
                message_id = alerts::PANICKED;
                "a part of the server panicked (thread {name}): the process ends; the next start goes on"
            );
            crate::logging::flush();
            std::process::abort();
        }
    }
}
