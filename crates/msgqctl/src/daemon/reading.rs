//! Reads a daemon's table into a [`DaemonReport`].

use super::files::DaemonFiles;
use super::phase::{ServerPhase, silence, successor};
use super::report::{DaemonReport, LastError, LatencySummary, OutboxReport, OutboxRow, Rates, RequestInHand};
use super::slots::{age_ms, in_hand_slots, outbox_slots};
use crate::system::names::client_state;
use msgq_core::layout::protocol::ClientKind;
use msgq_core::orphan::client_of;
use msgq_core::process::process_name;
use msgq_core::queue::QueueStat;
use msgq_core::table::{HistogramSnapshot, SlotHeader, Table};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The span of the rate that is called the one of now; the daemon notes its progress about every second.
const NOW: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl DaemonFiles {
    /// All that the table tells; the error is a sentence that says why there is nothing to see.
    pub(crate) fn report(&self, stat: &QueueStat) -> Result<DaemonReport, String> {
        let table = self.table(stat)?;
        let about = table.header().about();
        let (kind, now_ns) = (table.geometry().client_kind, table.read_at_ns());
        let silent = silence(&table);
        let phase = ServerPhase::read(&table, self.lock);
        let counters = table.counted();
        let lives = !matches!(phase, ServerPhase::Died | ServerPhase::Ended);
        let now_s = table.read_at_s();
        let served = counters.answered.saturating_add(counters.answered_late).saturating_add(counters.consumed);
        let uptime_s = lives.then(|| now_s.saturating_sub(about.started_at_s));
        let rates = Rates {
            now_per_s: rate(&table, now_ns, served, NOW).filter(|_| lives),
            minute_per_s: rate(&table, now_ns, served, MINUTE).filter(|_| lives),
            since_start_per_s: uptime_s.and_then(|uptime_s| per_second(served, Duration::from_secs(uptime_s))),
        };
        let last_error = table.header().last_error().map(|(at_s, text)| LastError { at_s, text });
        Ok(DaemonReport {
            phase,
            version: about.version,
            handler: about.handler,
            handler_trouble: Some(table.header().trouble()).filter(|trouble| lives && !trouble.is_empty()),
            pid: successor(&table, self.lock).unwrap_or(about.owner),
            started_at_s: about.started_at_s,
            uptime_s,
            last_error,
            silent_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
            seen_alive_at_s: now_s.saturating_sub(silent.as_secs()),
            served,
            rates,
            counters,
            in_hand: in_hand_slots(&table).map(|slot| in_hand(kind, slot, now_ns)).collect(),
            outbox: outbox(&table, now_ns),
            latency: summary(&table.latency()),
            handler_latency: summary(&table.handler_latency()),
            clients_are: if kind == ClientKind::Number { "number" } else { "process" },
            table_file: self.table_path.display().to_string(),
            unit: self.unit(),
        })
    }
}

/// Answers a second over this span until now, or over what is known of it.
fn rate(table: &Table, now_ns: u64, served: u64, span: Duration) -> Option<f64> {
    let (ago, before) = table.header().history().before(now_ns, span)?;
    per_second(served.saturating_sub(before), ago)
}

/// A rate, to a tenth; `None` where no time has passed.
fn per_second(number: u64, time: Duration) -> Option<f64> {
    let tenths = (u128::from(number) * 10_000).checked_div(time.as_millis())?;
    Some(f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0)
}

fn in_hand(kind: ClientKind, slot: &SlotHeader, now_ns: u64) -> RequestInHand {
    let client = client_of(kind, slot.client());
    RequestInHand {
        client: slot.client(),
        program: client.and_then(process_name),
        state: client_state(client),
        request: slot.sequence.load(Ordering::Relaxed),
        age_ms: age_ms(slot, now_ns),
    }
}

fn outbox(table: &Table, now_ns: u64) -> OutboxReport {
    let mut rows: HashMap<i64, OutboxRow> = HashMap::new();
    for slot in outbox_slots(table) {
        let number = slot.client();
        let row = rows.entry(number).or_insert_with(|| {
            let client = client_of(table.geometry().client_kind, number);
            let (program, state) = (client.and_then(process_name), client_state(client));
            OutboxRow { client: number, program, state, answers: 0, oldest_ms: 0 }
        });
        row.answers += 1;
        row.oldest_ms = row.oldest_ms.max(age_ms(slot, now_ns));
    }
    let mut clients: Vec<OutboxRow> = rows.into_values().collect();
    clients.sort_by_key(|row| (std::cmp::Reverse(row.answers), row.client));
    let answers = clients.iter().map(|row| row.answers).sum();
    OutboxReport { answers, capacity: table.geometry().capacity, clients }
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
