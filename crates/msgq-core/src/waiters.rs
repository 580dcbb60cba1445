//! Who waits in msgsnd or msgrcv, on which queue, for what and since when, as `/proc` shows it; and whether the server of a
//! full queue is among them. One walk tells of all queues. It looks only.
//!
//! A thread that waits shows the name of the kernel's function (`wchan`) to root and to the user of its process, and the
//! arguments of its call (`syscall`) to who may debug it, which Yama can forbid even the same user. Of what neither shows it
//! is only counted that it is hidden.

mod asleep;
mod call;
mod deadlock;
mod thread;
mod waiter;

pub use call::WaitingCall;
pub use deadlock::{Deadlock, Spare, deadlock};
pub use waiter::{Waiter, WaiterSomewhere};

use asleep::OwnClocks;
use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};
pub use thread::visible_processes;
use thread::{ProcessLook, look_at_process};
pub(crate) use thread::{is_here, waiting_call};

/// A machine on which processes come and go faster than they are looked at must not keep the walk going.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// The same by the clock, where the walk itself gets no CPU.
const LOOK_LIMIT_ON_A_BUSY_MACHINE: Duration = Duration::from_secs(5);

/// All who wait on queues of this IPC namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiters {
    /// In the order of their queues.
    waiters: Vec<Waiter>,
    /// Who was stopped or frozen while it waited.
    halted: Vec<Waiter>,
    /// Who waits on a queue of which only that much can be seen.
    pub somewhere: Vec<WaiterSomewhere>,
    /// Processes of which this user may not see whether they wait.
    pub hidden: usize,
    /// False when a limit of time ended the walk, so that there may be more.
    pub is_complete: bool,
}

impl Waiters {
    /// Looks at every thread that `/proc` shows.
    #[must_use]
    pub fn look() -> Self {
        let (started, began_at) = (Instant::now(), used_of_the_cpu());
        let mut seen = Self { is_complete: true, ..Self::default() };
        let mut clocks = OwnClocks::default();
        for pid in visible_processes() {
            seen.add(look_at_process(pid));
            let is_too_long = used_of_the_cpu().saturating_sub(began_at) > LOOK_LIMIT;
            if is_too_long || started.elapsed() > LOOK_LIMIT_ON_A_BUSY_MACHINE {
                seen.is_complete = false;
                break;
            }
        }
        for waiter in &mut seen.waiters {
            waiter.asleep_for = clocks.asleep_for(waiter.pid, waiter.tid);
        }
        seen.waiters.sort_by_key(|waiter| (waiter.call.msqid(), waiter.pid, waiter.tid));
        seen
    }

    fn add(&mut self, process: ProcessLook) {
        self.waiters.extend(process.waiters);
        self.halted.extend(process.halted);
        self.somewhere.extend(process.somewhere);
        self.hidden += usize::from(process.is_hidden);
    }

    /// Who waits on one queue, ordered by PID.
    #[must_use]
    pub fn of(&self, msqid: i32) -> &[Waiter] {
        let start = self.waiters.partition_point(|waiter| waiter.call.msqid() < msqid);
        let end = self.waiters.partition_point(|waiter| waiter.call.msqid() <= msqid);
        self.waiters.get(start..end).unwrap_or_default()
    }

    /// Who was stopped, or frozen with its container, while it waited on any queue: it goes on to wait when it runs on, and nothing
    /// wakes it before, not even the removal of its queue. None of them is among the others.
    #[must_use]
    pub fn halted(&self) -> &[Waiter] {
        &self.halted
    }

    /// All of them, in the order of their queues: also those whose queue is gone, as far as they have not noticed yet.
    #[must_use]
    pub fn all(&self) -> &[Waiter] {
        &self.waiters
    }
}

/// By this thread so far.
fn used_of_the_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

#[cfg(test)]
mod tests;
