//! The limit of open descriptors: this process takes what it may have, and programs get what it was started with, since
//! many of them walk over all possible descriptors, or break above 1024.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use std::sync::OnceLock;

/// What this process was started with, where that was raised.
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit as far as this process may, and returns it.
pub(crate) fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
            Ok(()) => drop(INHERITED.set(limit)),
            Err(error) => log::debug!("cannot raise the limit of open descriptors: {error}"),
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Gives the limit back to a child that has just been started and is not reaped. Only fork and a handler of one's own in the
/// child could do that before its first instruction, and forking the server costs more than the whole start.
pub(super) fn give_back_descriptor_limit(child: Pid) {
    if let Some(limit) = INHERITED.get()
        && let Err(error) = prlimit(Some(child), Resource::Nofile, *limit)
    {
        log::debug!("PID {child} keeps the raised limit of open descriptors: {error}");
    }
}
