//! One client of `bench`.

use super::arguments::BenchArguments;
use super::report::ClientResult;
use crate::commands::Outcome;
use crate::commands::latency::{latency_histogram, nanoseconds};
use crate::failure::{Failure, Status};
use crate::target::Target;
use hdrhistogram::Histogram;
use msgq_core::client::{CallError, Client};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use std::fmt;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// So many answers in a row that did not come show that nobody serves.
const MAX_TIMEOUTS_IN_A_ROW: u32 = 3;

/// The variable that tells a program which `bench` starts its [`Role`].
pub(super) const ROLE: &str = "MSGQCTL_BENCH_CLIENT";

/// So often a client tells how many requests it has sent.
const TELL_PAUSE: Duration = Duration::from_millis(200);

/// Which client, and of whom: the PID of the one who counts, and whether that one shows progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) number: u32,
    pub(super) counter: u32,
    pub(super) tells: bool,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tells = if self.tells { ", telling" } else { "" };
        write!(formatter, "{} of {}{tells}", self.number, self.counter)
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (text, tells) = text.strip_suffix(", telling").map_or((text, false), |text| (text, true));
        let (number, counter) = text.split_once(" of ").ok_or(())?;
        Ok(Self { number: number.parse().map_err(drop)?, counter: counter.parse().map_err(drop)?, tells })
    }
}

pub(super) fn run(options: &BenchArguments, role: Role, target: &Target) -> Result<Outcome, Failure> {
    // Nobody would read the result of a client that outlives the one who counts.
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| Failure::new(Status::Other, format!("prctl: {errno}")))?;
    let mut line = String::new();
    let is_started = std::io::stdin().read_line(&mut line).is_ok_and(|read| read > 0);
    // The kernel sends no signal for a parent that was dead by then.
    if !is_started || getppid().as_raw().cast_unsigned() != role.counter {
        return Err(Failure::new(Status::Other, "bench has ended"));
    }
    let mut run = Run {
        client: Client::new(target.queue),
        text: options.text.as_bytes(),
        timeout: options.timeout,
        latencies_ns: latency_histogram()?,
        result: ClientResult::default(),
        timeouts_in_a_row: 0,
        teller: role.tells.then(|| Teller { last: Instant::now(), told: 0 }),
    };
    let schedule = Schedule::of(options, role.number);
    let ended = run.follow(&schedule);
    let mut result = run.result;
    result.failure = ended.err().map(|error| {
        let failure = Failure::of_call(target.key, &error);
        (failure.status.code(), failure.message)
    });
    result.elapsed_ns = nanoseconds(schedule.start.elapsed());
    let recorded = run.latencies_ns.iter_recorded();
    result.latencies_ns =
        recorded.map(|value| (value.value_iterated_to(), value.count_since_last_iteration())).collect();
    Ok(Outcome::done(result))
}

/// When this client's requests are due.
struct Schedule {
    start: Instant,
    end: Option<Instant>,
    count: u64,
    /// `None`: as soon as the last one is answered.
    interval: Option<Duration>,
    /// The clients take turns.
    offset: Duration,
}

impl Schedule {
    fn of(options: &BenchArguments, number: u32) -> Self {
        let (start, clients) = (Instant::now(), options.clients.max(1));
        let share = |count: u32| u64::from(count / clients + u32::from(number < count % clients));
        let between_any_two = options.rate.map(|rate| Duration::from_secs(1) / rate.max(1));
        Self {
            start,
            end: options.count.is_none().then(|| start + options.duration),
            count: options.count.map_or(u64::MAX, share),
            interval: between_any_two.map(|interval| interval * clients),
            offset: between_any_two.map_or(Duration::ZERO, |interval| interval * number),
        }
    }

    /// When request `index` is due; `None` when there is no such request.
    fn due(&self, index: u64, now: Instant) -> Option<Instant> {
        let due = match self.interval {
            None => now,
            Some(interval) => {
                let since_start = nanoseconds(interval).saturating_mul(index);
                self.start + self.offset + Duration::from_nanos(since_start)
            }
        };
        (index < self.count && self.end.is_none_or(|end| due < end)).then_some(due)
    }

    /// How many were due by now and come too late: the time is over.
    fn unsent(&self, index: u64) -> u64 {
        let (Some(end), Some(interval)) = (self.end, self.interval) else { return 0 };
        let ahead = end.saturating_duration_since(self.start + self.offset);
        let due = nanoseconds(ahead).div_ceil(nanoseconds(interval).max(1));
        due.saturating_sub(index)
    }
}

struct Run<'a> {
    client: Client,
    text: &'a [u8],
    timeout: Duration,
    latencies_ns: Histogram<u64>,
    result: ClientResult,
    timeouts_in_a_row: u32,
    teller: Option<Teller>,
}

/// Tells the one who counts how many requests were sent since it was last told.
struct Teller {
    last: Instant,
    told: u64,
}

impl Teller {
    fn tell(&mut self, requests: u64) {
        if self.last.elapsed() >= TELL_PAUSE {
            // Where nobody listens any more, the end is near.
            let _ = writeln!(std::io::stdout().lock(), "{}", requests - self.told);
            (self.last, self.told) = (Instant::now(), requests);
        }
    }
}

impl Run<'_> {
    fn follow(&mut self, schedule: &Schedule) -> Result<(), CallError> {
        let mut index = 0;
        loop {
            let now = Instant::now();
            let Some(due) = schedule.due(index, now) else { return Ok(()) };
            if schedule.interval.is_some() && schedule.end.is_some_and(|end| now >= end) {
                self.result.unsent = schedule.unsent(index);
                return Ok(());
            }
            std::thread::sleep(due.saturating_duration_since(now));
            self.ask(due)?;
            if let Some(teller) = &mut self.teller {
                teller.tell(self.result.requests);
            }
            index += 1;
        }
    }

    fn ask(&mut self, due: Instant) -> Result<(), CallError> {
        self.result.requests += 1;
        match self.client.call(self.text, self.timeout) {
            Ok(answer) => {
                self.timeouts_in_a_row = 0;
                self.result.answered += 1;
                self.result.errors += u64::from(answer.status != 0);
                self.latencies_ns.saturating_record(nanoseconds(due.elapsed()));
                Ok(())
            }
            Err(error @ CallError::Timeout { .. }) => {
                self.result.timeouts += 1;
                self.timeouts_in_a_row += 1;
                if self.timeouts_in_a_row < MAX_TIMEOUTS_IN_A_ROW { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_was_written() {
        for tells in [false, true] {
            let role = Role { number: 3, counter: 4711, tells };
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("3".parse::<Role>().is_err() && "x of y".parse::<Role>().is_err());
    }

    fn schedule(interval: Option<Duration>, end: Option<u64>, count: u64) -> Schedule {
        let start = Instant::now();
        let end = end.map(|seconds| start + Duration::from_secs(seconds));
        Schedule { start, end, count, interval, offset: Duration::from_millis(10) }
    }

    #[test]
    fn requests_of_a_fixed_rate_are_due_at_their_time_however_late_it_is() {
        let schedule = schedule(Some(Duration::from_millis(100)), Some(1), u64::MAX);
        let late = schedule.start + Duration::from_secs(9);
        let due = |index| schedule.due(index, late).map(|due| due.duration_since(schedule.start).as_millis());
        assert_eq!([due(0), due(1), due(9), due(10)], [Some(10), Some(110), Some(910), None]);
        assert_eq!((schedule.unsent(4), schedule.unsent(10)), (6, 0));
    }

    #[test]
    fn in_a_closed_loop_a_request_is_due_at_once_until_the_end_or_the_count() {
        let by_time = schedule(None, Some(1), u64::MAX);
        let (early, late) = (by_time.start, by_time.start + Duration::from_secs(1));
        assert_eq!((by_time.due(7, early), by_time.due(7, late)), (Some(early), None));
        let by_count = schedule(None, None, 2);
        assert!(by_count.due(1, late).is_some() && by_count.due(2, late).is_none());
    }
}
