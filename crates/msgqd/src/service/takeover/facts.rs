//! What the kernel tells of a queue of another user, in words: its age, who used it last, and how much is in it.

use super::foreign_queue::ForeignQueue;
use super::users::name_of;
use msgq_core::process::{ClientNumber, Liveness, liveness};
use msgq_core::time::unix_time_s;
use msgq_core::words::counted;
use std::fmt;

/// The beginning of no sentence: `it was set up 3 h ago, ...`.
pub(super) struct Facts<'a>(pub(super) &'a ForeignQueue<'a>);

impl fmt::Display for Facts<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stat = &self.0.stat;
        let maker = if stat.cuid == stat.uid { String::new() } else { format!(" (made by {})", maker_name(stat.cuid)) };
        write!(out, "it was set up {}{maker}, ", ago(stat.last_change_time))?;
        match stat.last_send_time {
            0 => write!(out, "nobody ever sent to it, ")?,
            time => write!(out, "last sent to {}{}, ", ago(time), by(stat.last_send_pid))?,
        }
        match stat.last_receive_time {
            0 => write!(out, "nobody ever received from it, ")?,
            time => write!(out, "last received from {}{}, ", ago(time), by(stat.last_receive_pid))?,
        }
        match stat.messages {
            0 => write!(out, "and it is empty"),
            messages => write!(out, "and it holds {}", counted(messages, "message")),
        }
    }
}

fn maker_name(uid: u32) -> String {
    crate::service::owners::user_name(uid)
}

/// Who did it, and whether that process still lives; its number may be another's by now, so no more is said.
fn by(pid: i32) -> String {
    let Some(number) = ClientNumber::new(pid) else { return String::new() };
    match liveness(number) {
        Ok(Liveness::Alive) => format!(" by PID {pid} ({})", name_of(pid)),
        // A thread of the kernel has the number of one that ended.
        Ok(Liveness::Dead | Liveness::Zombie | Liveness::KernelThread) => format!(" by PID {pid}, which has ended"),
        Err(_) => format!(" by PID {pid}"),
    }
}

/// How long ago a time of the kernel's is, which has seconds.
fn ago(time: i64) -> String {
    let age = unix_time_s().saturating_sub(u64::try_from(time).unwrap_or(0));
    match age {
        0..=119 => format!("{age} s ago"),
        120..=7199 => format!("{} min ago", age / 60),
        7200..=172_799 => format!("{} h ago", age / 3600),
        _ => format!("{} days ago", age / 86_400),
    }
}
