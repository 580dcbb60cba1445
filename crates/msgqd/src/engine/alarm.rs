//! The janitor's alarm: an eventfd in the epoll set in which it sleeps.
//!
//! One sounding is enough until the janitor has looked, so whoever sounds it pays for a system call once in that time.

use rustix::event::{EventfdFlags, epoll, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(super) struct JanitorAlarm {
    eventfd: OwnedFd,
    sounded: AtomicBool,
}

/// What epoll says when the alarm, and no client's death, wakes the janitor: no PID.
const ALARM_EVENT: u64 = u64::MAX;

impl JanitorAlarm {
    /// An alarm that wakes whoever waits in this epoll set.
    pub(super) fn new(epoll_set: &OwnedFd) -> io::Result<Self> {
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(epoll_set, &eventfd, epoll::EventData::new_u64(ALARM_EVENT), epoll::EventFlags::IN)?;
        Ok(Self { eventfd, sounded: AtomicBool::new(false) })
    }

    /// Wakes the janitor out of its sleep.
    pub(super) fn sound(&self) {
        if !self.sounded.swap(true, Ordering::SeqCst) {
            let _ = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes());
        }
    }

    /// The janitor is about to look at everything: whoever comes from now on wakes it again.
    pub(super) fn rearm(&self) {
        // In this order: an alarm between the two is seen by the look, and leaves no flag behind without a wake-up.
        self.mute();
        self.sounded.store(false, Ordering::SeqCst);
    }

    /// The janitor sleeps its time out, whoever sounded the alarm; nobody sounds it again until it is rearmed.
    pub(super) fn mute(&self) {
        let _ = rustix::io::read(&self.eventfd, &mut [0_u8; 8]);
    }
}
