//! Processes that become children of this one because it is PID 1 of a container: they are reaped, and those that were
//! started here are left to whoever waits for them. Also those that are slow to die, which nobody waits for.

use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use std::collections::HashSet;
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

static IS_ADOPTING: AtomicBool = AtomicBool::new(false);
/// Processes that were started here and are not reaped yet. Locked while one is started or reaped, so that a number is in
/// here for exactly as long as it is a child's.
static OWN: Mutex<Option<HashSet<u32>>> = Mutex::new(None);

/// From now on [`reap_strays`] reaps, if this process is PID 1. No other part of the program starts processes.
pub(crate) fn adopt_strays() {
    IS_ADOPTING.store(std::process::id() == 1, Ordering::Relaxed);
}

/// Starts a child, which is not a stray.
pub(super) fn start_child(start: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
    if !IS_ADOPTING.load(Ordering::Relaxed) {
        return start();
    }
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    let child = start()?;
    own.get_or_insert_default().insert(child.id());
    Ok(child)
}

/// Reaps a child that was started here if it has ended.
pub(super) fn try_reap(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    if !IS_ADOPTING.load(Ordering::Relaxed) {
        return child.try_wait();
    }
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    let ended = child.try_wait();
    if !matches!(ended, Ok(None)) {
        own.get_or_insert_default().remove(&child.id());
    }
    ended
}

/// Processes that did not die of SIGKILL in time: reaped when they do.
static LEFT_BEHIND: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Leaves a killed child for [`reap_left_behind`].
pub(super) fn leave_behind(child: Child) {
    LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner).push(child);
}

/// Reaps processes that were stuck when they were killed.
pub(in crate::handler) fn reap_left_behind() {
    let mut left = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain_mut(|child| matches!(try_reap(child), Ok(None)));
}

/// Reaps what others have left to this process. Does not wait; what is behind an own child that has just ended is left
/// for the next time.
pub(crate) fn reap_strays() {
    if !IS_ADOPTING.load(Ordering::Relaxed) {
        return;
    }
    let own = match OWN.try_lock() {
        Ok(own) => own,
        Err(TryLockError::Poisoned(own)) => own.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    for _ in 0..REAPED_AT_ONCE {
        let Some(ended) = waitid(Id::All, look).ok().and_then(|status| status.pid()) else { return };
        let is_own = own.as_ref().is_some_and(|own| own.contains(&ended.as_raw().cast_unsigned()));
        if is_own || waitpid(ended, Some(WaitPidFlag::WNOHANG)).is_err() {
            return;
        }
    }
}

/// So that a flood of them does not hold up the caller.
const REAPED_AT_ONCE: usize = 1000;
