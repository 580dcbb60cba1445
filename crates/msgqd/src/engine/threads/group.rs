//! Threads that block in system calls: how they are started together, and how they are stopped.
//!
//! A thread that is told to stop may be just about to enter msgrcv: a signal that arrives before it does is lost. So
//! the stop flag is set first, and then each thread gets a signal directed at it, again and again, until it says that
//! it has left. The signal's handler does nothing; its only purpose is EINTR.

use crate::panics::vital;
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SigSet, Signal};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The signal that interrupts a blocked thread.
const WAKE_SIGNAL: Signal = Signal::SIGUSR1;

#[derive(Debug)]
struct Member {
    thread: Pthread,
    left: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

/// Sends one thread a signal that interrupts its system call. The thread has not been joined.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Waker(Pthread);

impl Waker {
    pub(in crate::engine) fn wake(self) {
        // The thread may have ended meanwhile (ESRCH), which is what the caller wants.
        let _ = pthread_kill(self.0, WAKE_SIGNAL);
    }
}

/// Threads that are started and stopped together.
#[derive(Debug, Default)]
pub(in crate::engine) struct ThreadGroup {
    members: Vec<Member>,
}

impl ThreadGroup {
    pub(in crate::engine) fn new() -> Self {
        register_wake_signal();
        Self::default()
    }

    /// Starts a thread whose stack has room for the engine.
    pub(in crate::engine) fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Waker> {
        self.spawn_with_stack(name, STACK_LEN, body)
    }

    /// Starts a thread. A panic of it ends the process.
    pub(in crate::engine) fn spawn_with_stack(
        &mut self,
        name: &str,
        stack_len: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Waker> {
        let left = Arc::new(AtomicBool::new(false));
        let leaving = Arc::clone(&left);
        let (tell, told) = mpsc::channel();
        let (body, announcement) = vital(move || {
            // The starting thread may have it blocked, and a thread inherits that.
            let _ = SigSet::from(WAKE_SIGNAL).thread_unblock();
            let _ = tell.send(pthread_self());
            body();
            leaving.store(true, Ordering::Release);
        });
        let handle = std::thread::Builder::new().name(name.to_owned()).stack_size(stack_len).spawn(body)?;
        announcement.wait();
        let thread = told.recv().map_err(io::Error::other)?;
        self.members.push(Member { thread, left, handle });
        Ok(Waker(thread))
    }

    pub(in crate::engine) fn len(&self) -> usize {
        self.members.len()
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members from this one on, in a group of their own.
    pub(in crate::engine) fn split_off(&mut self, at: usize) -> Self {
        Self { members: self.members.split_off(at.min(self.members.len())) }
    }

    /// Interrupts every member once.
    pub(in crate::engine) fn wake(&self) {
        for member in self.members.iter().filter(|member| !member.left.load(Ordering::Acquire)) {
            Waker(member.thread).wake();
        }
    }

    /// Wakes every member until it has left; false when one had not at the deadline.
    pub(in crate::engine) fn stop(&mut self, deadline: Instant) -> bool {
        while self.members.iter().any(|member| !member.left.load(Ordering::Acquire)) {
            if Instant::now() >= deadline {
                return false;
            }
            self.wake();
            std::thread::sleep(WAKE_PAUSE);
        }
        self.members.drain(..).all(|member| member.handle.join().is_ok())
    }
}

/// Time between two signals to a thread that is to stop.
pub(in crate::engine) const WAKE_PAUSE: Duration = Duration::from_millis(2);
/// Courier and janitor need little; the default of 2 MiB each would only make the numbers of `ps` look bad.
const STACK_LEN: usize = 256 * 1024;

fn register_wake_signal() {
    let ignored = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(WAKE_SIGNAL as i32, ignored) {
        log::error!("cannot install the handler of {WAKE_SIGNAL}: {error}; stopping may end the process at once");
    }
}
