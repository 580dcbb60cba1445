//! What the table of a msgqd tells, without asking the daemon: it works while the daemon hangs, and after it died.

use crate::names::process_state;
use crate::report::{InHand, InsideReport, LastError, LatencySummary, OutboxReport, OutboxRow, Rates, ServerPhase};
use msgq_core::identity::{ClientPid, process_name};
use msgq_core::inflight::{HistogramSnapshot, Phase, SlotHeader, SlotState, Table, TableError};
use msgq_core::instance::{LockState, candidate_directories, ipc_namespace, lock_path, lock_state, table_path};
use msgq_core::queue::{QueueKey, QueueStat};
use msgq_core::time::{monotonic_ns, unix_time_s};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A daemon that lives writes into its table at least twice a second.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// The span of the rate that is called the one of now; the daemon notes its progress about every second.
const NOW: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Where a daemon of this queue keeps its files, and whether it lives.
pub(crate) struct Found {
    pub(crate) lock: LockState,
    pub(crate) lock_path: PathBuf,
    pub(crate) table_path: PathBuf,
}

/// The directory whose lock is held, or else the first with a table or a lock in it; `None` when there is none.
pub(crate) fn find(key: QueueKey, owner_uid: u32) -> Option<Found> {
    let found = candidate_directories(owner_uid).into_iter().map(|directory| {
        let lock_path = lock_path(&directory, key);
        Found { lock: lock_state(&lock_path), lock_path, table_path: table_path(&directory, key) }
    });
    let mut all: Vec<Found> = found.collect();
    let held = all.iter().position(|found| matches!(found.lock, LockState::Held(_)));
    let left = || all.iter().position(|found| found.lock == LockState::Hidden || exists(&found.table_path));
    held.or_else(left).map(|index| all.swap_remove(index))
}

/// True also for what this user may not look at.
fn exists(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

impl Found {
    /// The table as it is now; the error is a sentence that says why there is nothing to see.
    pub(crate) fn table(&self, key: QueueKey, stat: &QueueStat) -> Result<Table, String> {
        let table = Table::read(&self.table_path).map_err(|error| explain(&self.table_path, &error))?;
        let about = table.header().about();
        let namespace = ipc_namespace();
        if about.key != key.raw() || about.ipc_namespace != namespace || table.header().msqid() != stat.msqid {
            return Err(format!("the table {} is that of another queue", self.table_path.display()));
        }
        Ok(table)
    }

    /// What the daemon does, as its table and its lock tell.
    pub(crate) fn phase(&self, table: &Table) -> ServerPhase {
        phase(table, self.lock, silence(table))
    }
}

/// The daemon's table, for commands that want no more of it.
pub(crate) fn table_of(key: QueueKey, stat: &QueueStat) -> Result<(Found, Table), String> {
    let found = find(key, stat.uid).ok_or("no msgqd keeps a table for this queue")?;
    let table = found.table(key, stat)?;
    Ok((found, table))
}

/// What the table tells.
pub(crate) fn look(found: &Found, key: QueueKey, stat: &QueueStat) -> Result<InsideReport, String> {
    let table = found.table(key, stat)?;
    let about = table.header().about();
    let now_ns = monotonic_ns();
    let silent = silence(&table);
    let phase = phase(&table, found.lock, silent);
    let counters = table.counted();
    let lives = !matches!(phase, ServerPhase::Died | ServerPhase::Ended);
    let now_s = unix_time_s();
    let served = counters.answered.saturating_add(counters.answered_late);
    let uptime_s = lives.then(|| now_s.saturating_sub(about.started_at_s));
    let rates = Rates {
        now_per_s: rate(&table, now_ns, served, NOW).filter(|_| lives),
        minute_per_s: rate(&table, now_ns, served, MINUTE).filter(|_| lives),
        since_start_per_s: uptime_s.and_then(|uptime_s| per_second(served, Duration::from_secs(uptime_s))),
    };
    let last_error = table.header().last_error().map(|(at_s, text)| LastError { at_s, text });
    Ok(InsideReport {
        phase,
        version: about.version,
        handler: about.handler,
        handler_trouble: Some(table.header().trouble()).filter(|trouble| lives && !trouble.is_empty()),
        pid: successor(&table, found.lock).unwrap_or(about.owner),
        started_at_s: about.started_at_s,
        uptime_s,
        last_error,
        silent_ms: milliseconds(silent),
        seen_alive_at_s: now_s.saturating_sub(silent.as_secs()),
        served,
        rates,
        counters,
        in_hand: in_hand_of(&table, now_ns),
        outbox: outbox(&table, now_ns),
        latency: summary(&table.latency()),
        handler_latency: summary(&table.handler_latency()),
        table_file: found.table_path.display().to_string(),
    })
}

/// Answers a second over this span until now, or over what is known of it.
fn rate(table: &Table, now_ns: u64, served: u64, span: Duration) -> Option<f64> {
    let (ago, before) = table.header().history().before(now_ns, span)?;
    per_second(served.saturating_sub(before), ago)
}

/// How long the daemon has shown no sign of life. Its start is one too: the first of the janitor's comes after it.
pub(crate) fn silence(table: &Table) -> Duration {
    if table.header().beat_at_ns() == 0 {
        return Duration::from_secs(unix_time_s().saturating_sub(table.header().about().started_at_s));
    }
    Duration::from_nanos(monotonic_ns().saturating_sub(table.header().beat_at_ns()))
}

fn in_hand_of(table: &Table, now_ns: u64) -> Vec<InHand> {
    table.landings().filter(|slot| is_used(slot)).map(|slot| in_hand(slot, now_ns)).collect()
}

/// True for a slot that holds a request or an answer.
pub(crate) fn is_used(slot: &SlotHeader) -> bool {
    !matches!(slot.state(), Some(SlotState::Armed) | None)
}

fn explain(path: &Path, error: &TableError) -> String {
    let name = path.display();
    match error {
        TableError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            format!("this user may not read the table {name}; members of its group may")
        }
        TableError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("the daemon keeps no table: there is no {name}")
        }
        _ => format!("the table {name} cannot be used: {error}"),
    }
}

/// The daemon that holds the lock and works through the table of an earlier one, until it publishes its own.
fn successor(table: &Table, lock: LockState) -> Option<i32> {
    let LockState::Held(pid) = lock else { return None };
    (pid != 0 && pid != table.header().about().owner).then_some(pid)
}

fn phase(table: &Table, lock: LockState, silent: Duration) -> ServerPhase {
    match (table.header().phase(), lock) {
        _ if successor(table, lock).is_some() => ServerPhase::Starting,
        (Some(Phase::Ended), _) => ServerPhase::Ended,
        (_, LockState::Free) => ServerPhase::Died,
        (Some(Phase::Serving), _) if silent > SILENCE_LIMIT => ServerPhase::Hangs,
        (Some(Phase::Serving), _) => ServerPhase::Serving,
        (Some(Phase::Draining), _) => ServerPhase::Draining,
        _ => ServerPhase::Starting,
    }
}

fn in_hand(slot: &SlotHeader, now_ns: u64) -> InHand {
    let client = slot.client();
    InHand {
        client,
        program: ClientPid::new(client).and_then(process_name),
        state: process_state(client),
        request: slot.sequence.load(Ordering::Relaxed),
        age_ms: age_ms(slot, now_ns),
    }
}

fn outbox(table: &Table, now_ns: u64) -> OutboxReport {
    let capacity = table.geometry().capacity;
    let slots = (0..capacity).filter_map(|index| table.response(index));
    let used = slots.filter(|slot| is_used(slot));
    let mut rows: HashMap<i32, OutboxRow> = HashMap::new();
    for slot in used {
        let client = slot.client();
        let row = rows.entry(client).or_insert_with(|| OutboxRow {
            client,
            program: ClientPid::new(client).and_then(process_name),
            state: process_state(client),
            answers: 0,
            oldest_ms: 0,
        });
        row.answers += 1;
        row.oldest_ms = row.oldest_ms.max(age_ms(slot, now_ns));
    }
    let mut clients: Vec<OutboxRow> = rows.into_values().collect();
    clients.sort_by_key(|row| (std::cmp::Reverse(row.answers), row.client));
    OutboxReport { answers: clients.iter().map(|row| row.answers).sum(), capacity, clients }
}

pub(crate) fn age_ms(slot: &SlotHeader, now_ns: u64) -> u64 {
    now_ns.saturating_sub(slot.received_at_ns.load(Ordering::Relaxed)) / 1_000_000
}

fn summary(histogram: &HistogramSnapshot) -> Option<LatencySummary> {
    let microseconds = |per_mille| Some(histogram.quantile_ns(per_mille)?.div_ceil(1000));
    Some(LatencySummary {
        count: histogram.count(),
        p50_us: microseconds(500)?,
        p99_us: microseconds(990)?,
        p999_us: microseconds(999)?,
    })
}

/// To a tenth; `None` for no time at all.
fn per_second(number: u64, time: Duration) -> Option<f64> {
    let tenths = (u128::from(number) * 10_000).checked_div(time.as_millis())?;
    Some(f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
