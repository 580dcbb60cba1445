//! Who sent or received last, and whether that process lives.

use crate::output::program_label;
use msgq_core::proc_text::proc_text;
use msgq_core::process::{ClientNumber, Liveness, liveness, process_name};
use serde::Serialize;
use std::collections::HashMap;

/// What is known of the process or thread whose number the kernel noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserState {
    Alive,
    /// Nobody has this number, or only a zombie or a thread of the kernel, which uses no queue.
    Gone,
    /// Somebody has the number who started later, as the clock tells.
    Reused,
    /// In another PID namespace, or not to be found out.
    Unknown,
}

impl UserState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Gone => "gone",
            Self::Reused => "reused",
            Self::Unknown => "unknown",
        }
    }
}

/// The last use of a queue in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LastUse {
    /// As the kernel noted it: of a receiver it may be that of a thread. 0: of another PID namespace.
    pub(crate) pid: i32,
    /// The name of whoever has the number now; escaped.
    pub(crate) program: Option<String>,
    pub(crate) state: UserState,
    /// Seconds since 1970.
    pub(crate) at_s: i64,
}

impl LastUse {
    /// Who it was, in a sentence.
    pub(crate) fn label(&self) -> String {
        let name = self.program.as_deref().map_or_else(|| "name hidden".to_owned(), |name| program_label(Some(name)));
        match self.state {
            UserState::Alive => format!("{name} (PID {})", self.pid),
            UserState::Gone => format!("PID {} (gone)", self.pid),
            UserState::Reused => format!("PID {} (a number that {name}, which started later, has now)", self.pid),
            UserState::Unknown if self.pid == 0 => "a process of another PID namespace".to_owned(),
            UserState::Unknown => format!("PID {} (alive or not)", self.pid),
        }
    }

    /// Who it was, in a table.
    pub(crate) fn short_label(&self) -> String {
        match (&self.program, self.state) {
            (_, UserState::Unknown) if self.pid == 0 => "other namespace".to_owned(),
            (Some(name), UserState::Alive) => format!("{} ({}, alive)", program_label(Some(name)), self.pid),
            (_, state) => format!("({}, {})", self.pid, state.name()),
        }
    }
}

/// Looks each number up once.
#[derive(Debug, Default)]
pub(super) struct UserLookup {
    /// When the machine was started, by its clock now; seconds since 1970.
    booted_at_s: Option<i64>,
    seen: HashMap<i32, Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    state: UserState,
    program: Option<String>,
    started_at_s: Option<i64>,
}

impl UserLookup {
    pub(super) fn new() -> Self {
        Self { booted_at_s: booted_at_s(), seen: HashMap::new() }
    }

    /// `None` where nothing was ever sent, or received.
    pub(super) fn last_use(&mut self, pid: i32, at_s: i64) -> Option<LastUse> {
        if at_s == 0 {
            return None;
        }
        let booted_at_s = self.booted_at_s;
        let seen = self.seen.entry(pid).or_insert_with(|| Seen::look(pid, booted_at_s)).clone();
        let Seen { state, program, started_at_s } = seen;
        // A queue is never older than the machine's start: where it seems so, the clock was changed and tells nothing.
        let is_clock_sound = booted_at_s.is_some_and(|booted| booted <= at_s);
        let is_later = is_clock_sound && started_at_s.is_some_and(|started| started > at_s.saturating_add(1));
        let state = if state == UserState::Alive && is_later { UserState::Reused } else { state };
        Some(LastUse { pid, program, state, at_s })
    }
}

impl Seen {
    fn look(pid: i32, booted_at_s: Option<i64>) -> Self {
        let unknown = Self { state: UserState::Unknown, program: None, started_at_s: None };
        let number = match pid {
            1 => return Self { state: UserState::Alive, program: program_of_init(), ..unknown },
            _ => ClientNumber::new(pid),
        };
        let Some(number) = number else { return unknown };
        match liveness(number) {
            Ok(Liveness::Alive) => Self {
                state: UserState::Alive,
                program: process_name(number),
                started_at_s: booted_at_s.and_then(|booted| started_at_s(pid, booted)),
            },
            Ok(Liveness::Zombie | Liveness::Dead | Liveness::KernelThread) => {
                Self { state: UserState::Gone, ..unknown }
            }
            Err(_) => unknown,
        }
    }
}

fn program_of_init() -> Option<String> {
    std::fs::read_to_string("/proc/1/comm").ok().map(|name| msgq_core::escape::escape(name.trim_end().as_bytes()))
}

/// proc_stat(5).
fn booted_at_s() -> Option<i64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// proc_pid_stat(5): field 22, in ticks since the machine's start.
fn started_at_s(pid: i32, booted_at_s: i64) -> Option<i64> {
    let stat = proc_text(&format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: i64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    Some(booted_at_s.saturating_add(ticks.checked_div(TICKS_PER_SECOND)?))
}

/// `USER_HZ`, which the kernel keeps at 100 for all that it tells programs.
const TICKS_PER_SECOND: i64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::time::unix_time_s;

    #[test]
    fn a_number_is_that_of_the_last_user_only_if_its_process_was_there_then() {
        let own = std::process::id().cast_signed();
        let now_s = i64::try_from(unix_time_s()).unwrap();
        let mut lookup = UserLookup::new();
        let state = |lookup: &mut UserLookup, pid, at_s| lookup.last_use(pid, at_s).map(|it| it.state);
        assert_eq!(state(&mut lookup, own, now_s), Some(UserState::Alive));
        assert_eq!(state(&mut lookup, own, 0), None);
        assert_eq!(state(&mut lookup, 0, now_s), Some(UserState::Unknown));
        assert_eq!(state(&mut lookup, i32::MAX, now_s), Some(UserState::Gone));
        let booted = lookup.booted_at_s.unwrap();
        let started = started_at_s(own, booted).unwrap();
        if started > booted + 10 {
            assert_eq!(state(&mut lookup, own, started - 5), Some(UserState::Reused));
        }
        // The clock was set forward since: nothing is said of the number.
        assert_eq!(state(&mut lookup, own, 1000), Some(UserState::Alive));
    }
}
