//! One client of `bench`.

use super::arguments::BenchArguments;
use super::report::{ClientResult, RequestTotals};
use super::schedule::Schedule;
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

pub(super) fn run_client(options: &BenchArguments, role: Role, target: &Target) -> Result<Outcome, Failure> {
    // Nobody would read the result of a client that outlives the one who counts.
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| Failure::new(Status::Other, format!("prctl: {errno}")))?;
    let mut line = String::new();
    let is_started = std::io::stdin().read_line(&mut line).is_ok_and(|read| read > 0);
    // The kernel sends no signal for a parent that was dead by then.
    if !is_started || getppid().as_raw().cast_unsigned() != role.counter {
        return Err(Failure::new(Status::Other, "bench has ended"));
    }
    let mut run = LoadClient {
        client: Client::new(target.queue),
        text: options.text.as_bytes(),
        timeout: options.timeout,
        latencies_ns: latency_histogram()?,
        totals: RequestTotals::default(),
        timeouts_in_a_row: 0,
        teller: role.tells.then(|| Teller { last: Instant::now(), told: 0 }),
    };
    let schedule = Schedule::of_client(options, role.number);
    let ended = run.follow(&schedule);
    let failure = ended.err().map(|error| Failure::of_call(target.key, &error));
    let totals = RequestTotals { elapsed_ns: nanoseconds(schedule.start.elapsed()), ..run.totals };
    let recorded = run.latencies_ns.iter_recorded();
    let latencies_ns = recorded.map(|value| (value.value_iterated_to(), value.count_since_last_iteration())).collect();
    Ok(Outcome::done(ClientResult { totals, failure, latencies_ns }))
}

/// One client at work.
struct LoadClient<'a> {
    client: Client,
    text: &'a [u8],
    timeout: Duration,
    latencies_ns: Histogram<u64>,
    totals: RequestTotals,
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

impl LoadClient<'_> {
    fn follow(&mut self, schedule: &Schedule) -> Result<(), CallError> {
        let mut index = 0;
        loop {
            let now = Instant::now();
            let Some(due) = schedule.due(index, now) else { return Ok(()) };
            if schedule.interval.is_some() && schedule.end.is_some_and(|end| now >= end) {
                self.totals.unsent = schedule.unsent(index);
                return Ok(());
            }
            std::thread::sleep(due.saturating_duration_since(now));
            self.ask(due)?;
            if let Some(teller) = &mut self.teller {
                teller.tell(self.totals.requests);
            }
            index += 1;
        }
    }

    fn ask(&mut self, due: Instant) -> Result<(), CallError> {
        self.totals.requests += 1;
        match self.client.call(self.text, self.timeout) {
            Ok(answer) => {
                self.timeouts_in_a_row = 0;
                self.totals.answered += 1;
                self.totals.errors += u64::from(answer.status != 0);
                self.latencies_ns.saturating_record(nanoseconds(due.elapsed()));
                Ok(())
            }
            Err(error @ CallError::Timeout { .. }) => {
                self.totals.timeouts += 1;
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
}
