//! What a daemon does, as its table and its lock tell.

use msgq_core::instance::LockState;
use msgq_core::table::{Phase, Table};
use serde::Serialize;
use std::time::Duration;

/// A daemon that lives writes into its table at least twice a second.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// Where a daemon is between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerPhase {
    /// It finishes what an earlier one had in hand.
    Starting,
    Serving,
    /// It was asked to end.
    Draining,
    /// It is there, but shows no sign of life.
    Hangs,
    /// It was killed or crashed.
    Died,
    /// It ended in order and kept its queue.
    Ended,
}

impl ServerPhase {
    /// The phase of the daemon with this table and this lock.
    pub(crate) fn read(table: &Table, lock: LockState) -> Self {
        match (table.header().phase(), lock) {
            _ if successor(table, lock).is_some() => Self::Starting,
            (Some(Phase::Ended), _) => Self::Ended,
            (_, LockState::Free) => Self::Died,
            (Some(Phase::Serving), _) if silence(table) > SILENCE_LIMIT => Self::Hangs,
            (Some(Phase::Serving), _) => Self::Serving,
            (Some(Phase::Draining), _) => Self::Draining,
            _ => Self::Starting,
        }
    }
}

/// The daemon that holds the lock and works through the table of an earlier one, until it publishes its own.
pub(super) fn successor(table: &Table, lock: LockState) -> Option<i32> {
    let LockState::Held(pid) = lock else { return None };
    (pid != 0 && pid != table.header().about().owner).then_some(pid)
}

/// How long the daemon had shown no sign of life when its table was read. Its start is one too: the first of the janitor's comes
/// after it.
pub(crate) fn silence(table: &Table) -> Duration {
    if table.header().beat_at_ns() == 0 {
        return Duration::from_secs(table.read_at_s().saturating_sub(table.header().about().started_at_s));
    }
    Duration::from_nanos(table.read_at_ns().saturating_sub(table.header().beat_at_ns()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::table::Geometry;
    use msgq_core::time::monotonic_ns;

    #[test]
    fn a_daemon_is_not_more_silent_the_later_one_thinks_of_it() {
        let table = Table::anonymous(Geometry::plain(1, 64, 8192, 1)).unwrap();
        table.header().set_beat_at_ns(monotonic_ns());
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(silence(&table), Duration::ZERO);
    }
}
