//! One client of `bench`.

use super::arguments::BenchArguments;
use super::report::{ClientResult, RequestTotals};
use super::request::LoadRequest;
use super::schedule::Schedule;
use crate::commands::CommandOutcome;
use crate::commands::interrupt::Interrupt;
use crate::commands::latency::{latency_histogram, nanoseconds};
use crate::commands::own_type::refuse_to_take_messages_of_others;
use crate::commands::test_client::TestClient;
use crate::failure::{Failure, Status};
use crate::target::Target;
use hdrhistogram::Histogram;
use msgq_core::client::CallError;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getppid;
use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// As many answers in a row that do not come in time show that nobody serves.
const MAX_TIMEOUTS_IN_A_ROW: u32 = 3;

/// The variable that tells a program which `bench` starts its [`Role`].
pub(super) const ROLE: &str = "MSGQCTL_BENCH_CLIENT";

/// The time between two tellings of how many requests a client has sent.
const TELL_PAUSE: Duration = Duration::from_millis(200);

/// Whoever waits longer looks now and then whether the end is asked for.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Tells that the one who counts has ended. It is not the signal by which that one asks for the end: two of the same that
/// come before the client runs again would be one, and a second one must end it at once.
const COUNTER_ENDED: Signal = Signal::SIGUSR1;

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

pub(super) fn run_client(options: &BenchArguments, role: Role, target: &Target) -> Result<CommandOutcome, Failure> {
    let client = TestClient::new(target, options.timeout)?;
    let interrupt = follow_the_counter(&client)?;
    refuse_to_take_messages_of_others(target)?;
    let mut line = String::new();
    let is_started = std::io::stdin().read_line(&mut line).is_ok_and(|read| read > 0);
    // The kernel sends no signal for a parent that was dead by then.
    if !is_started || getppid().as_raw().cast_unsigned() != role.counter {
        return Err(Failure::new(Status::Other, "bench has ended"));
    }
    let mut run = LoadClient {
        client,
        request: LoadRequest::new(options, target.protocol())?,
        latencies_ns: latency_histogram()?,
        totals: RequestTotals::default(),
        timeouts_in_a_row: 0,
        teller: role.tells.then(|| Teller { last: Instant::now(), told: 0 }),
        interrupt,
    };
    let schedule = Schedule::of_client(options, role.number);
    let ended = run.follow(&schedule);
    let failure = ended.err().map(|error| Failure::of_call(&target.queue, &error));
    let totals = RequestTotals { elapsed_ns: nanoseconds(schedule.start.elapsed()), ..run.totals };
    let recorded = run.latencies_ns.iter_recorded();
    let latencies_ns = recorded.map(|value| (value.value_iterated_to(), value.count_since_last_iteration())).collect();
    Ok(CommandOutcome::done(ClientResult { totals, failure, latencies_ns }))
}

/// It ends when the one who counts asks for that, or has ended: nobody would read its result. A terminal's signals reach it
/// too; it leaves them to the one who counts.
fn follow_the_counter(client: &TestClient<'_>) -> Result<Interrupt, Failure> {
    let failed = |what: &str, error: &dyn fmt::Display| Failure::new(Status::Other, format!("{what}: {error}"));
    let mut of_the_terminal = SigSet::empty();
    [Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().for_each(|signal| of_the_terminal.add(signal));
    of_the_terminal.thread_block().map_err(|errno| failed("cannot block signals", &errno))?;
    let asking = [Signal::SIGTERM, COUNTER_ENDED];
    let interrupt = client.interrupt_by(asking, 1)?;
    set_pdeathsig(COUNTER_ENDED).map_err(|errno| failed("prctl", &errno))?;
    Ok(interrupt)
}

/// One client at work.
struct LoadClient<'a> {
    client: TestClient<'a>,
    request: LoadRequest<'a>,
    latencies_ns: Histogram<u64>,
    totals: RequestTotals,
    timeouts_in_a_row: u32,
    teller: Option<Teller>,
    interrupt: Interrupt,
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
            if !self.sleep_until(due) {
                return Ok(());
            }
            self.ask(due)?;
            if let Some(teller) = &mut self.teller {
                teller.tell(self.totals.requests);
            }
            index += 1;
        }
    }

    /// False when the end was asked for.
    fn sleep_until(&self, due: Instant) -> bool {
        while self.interrupt.signal().is_none() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LONGEST_SLEEP));
        }
        false
    }

    fn ask(&mut self, due: Instant) -> Result<(), CallError> {
        self.totals.requests += 1;
        match self.request.ask(&self.client) {
            Ok(answer) => {
                self.timeouts_in_a_row = 0;
                self.totals.answered += u64::from(self.client.is_answered());
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
