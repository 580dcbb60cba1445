//! A turn that one thread at a time has. A signal ends the wait for it, as it ends a system call: so one way of waking
//! reaches a thread wherever it waits, and it looks again whether it is still wanted.

use rustix::io::Errno;
use rustix::thread::futex;
use std::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may wait in the kernel.
const AWAITED: u32 = 2;

#[derive(Debug)]
pub(super) struct Turn(AtomicU32);

/// The turn, until it is dropped.
#[derive(Debug)]
pub(in crate::engine) struct TurnGuard<'a>(&'a Turn);

impl Turn {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    /// Waits for the turn; `None` when a signal came first.
    pub(super) fn take(&self) -> Option<TurnGuard<'_>> {
        if self.0.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait_a_moment();
            // Whoever comes this way cannot know that it was the last one to wait, so the next is woken in vain at most.
            while self.0.swap(AWAITED, Ordering::Acquire) != FREE {
                // Whoever was woken by the turn's end goes on here and takes it: no wake-up is lost to a thread that leaves.
                if futex::wait(&self.0, futex::Flags::PRIVATE, AWAITED, Some(&LONGEST_WAIT)) == Err(Errno::INTR) {
                    return None;
                }
            }
        }
        Some(TurnGuard(self))
    }

    /// A turn is often shorter than the way into the kernel and back.
    fn wait_a_moment(&self) {
        for _ in 0..SPINS {
            if self.0.load(Ordering::Relaxed) != TAKEN {
                return;
            }
            std::hint::spin_loop();
        }
    }
}

const SPINS: usize = 100;
/// The kernel takes up a wait without an end again after a signal (SA_RESTART), and never one with an end.
const LONGEST_WAIT: futex::Timespec = futex::Timespec { tv_sec: 60, tv_nsec: 0 };

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        if self.0.0.swap(FREE, Ordering::Release) == AWAITED {
            let _ = futex::wake(&self.0.0, futex::Flags::PRIVATE, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use nix::sys::pthread::{pthread_kill, pthread_self};
    use nix::sys::signal::Signal;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    #[test]
    fn one_thread_at_a_time_has_it() {
        let (turn, inside, rounds) = (Turn::new(), AtomicBool::new(false), 20_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let Some(_guard) = turn.take() else { continue };
                        assert!(!inside.swap(true, Ordering::Relaxed));
                        inside.store(false, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_ne!(turn.0.load(Ordering::Relaxed), TAKEN);
        assert!(turn.take().is_some());
    }

    #[test]
    fn a_signal_ends_the_wait_and_the_turn_goes_on_to_others() {
        signal_hook::flag::register(Signal::SIGUSR2 as i32, Arc::new(AtomicBool::new(false))).unwrap();
        let turn = Turn::new();
        let guard = turn.take();
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let turn = &turn;
            let waiting = scope.spawn(move || {
                tell.send(pthread_self()).unwrap();
                turn.take().is_none()
            });
            let thread = told.recv().unwrap();
            while !waiting.is_finished() {
                let _ = pthread_kill(thread, Signal::SIGUSR2);
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(waiting.join().unwrap(), "it has what another thread holds");
            let next = scope.spawn(move || turn.take().is_some());
            drop(guard);
            assert!(next.join().unwrap());
        });
    }
}
