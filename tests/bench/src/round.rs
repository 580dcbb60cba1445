//! One round: a fresh server, the load driver, and what it found.

use crate::cell::{Cell, Times};
use crate::child::{Child, command};
use crate::failure::{Failure, Result};
use crate::programs::Programs;
use crate::running::Running;
use crate::statistics::wide_as_f64;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// What a round found.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// Round trips a second.
    pub rate: f64,
    /// Latencies in microseconds: half, 99 and 99.9 percent are no longer.
    pub p50_us: f64,
    /// See `p50_us`.
    pub p99_us: f64,
    /// See `p50_us`.
    pub p999_us: f64,
    /// CPU time of the server, seconds for a million round trips.
    pub server_cpu_s: f64,
    /// CPU time of the clients, seconds for a million round trips.
    pub clients_cpu_s: f64,
    /// Answers that were not those to the request.
    pub wrong: u64,
    /// Clients whose answer never came.
    pub stuck: u32,
    /// Clients that got an error from the system.
    pub failed: u32,
    /// The share of the CPU time that went to others, or that the host took, of the CPUs that the cell may use: 0 to 1.
    pub others: f64,
}

/// The driver's line of JSON.
#[derive(Debug, Deserialize)]
struct Driven {
    round_ns: u64,
    cpus: u32,
    capacity: u64,
    servers_cpu_ns: u64,
    clients_cpu_ns: u64,
    busy_ns: u64,
    stolen_ns: u64,
    samples: Vec<u64>,
    completed: u64,
    wrong: u64,
    stuck: u32,
    failed: u32,
    error: String,
}

/// Measures once.
///
/// # Errors
/// `NotRun` when server or clients cannot do it here.
pub fn run(cell: &Cell, times: Times, programs: &mut Programs) -> Result<Round> {
    let cpu = if cell.pinned { Some(crate::machine::last_cpu()?) } else { None };
    let load = programs.load(cell.server.transport())?;
    let mut server = Running::start(&cell.server, programs, cpu)?;
    let _resting = rest(cell.resting, &server, programs, cpu)?;
    let samples = server.directory().join("samples");
    File::create(&samples).map_err(Failure::on("create", &samples))?;
    let warm_up_ms = times.whole_warm_up_ms(cell.clients);
    let numbers = [cell.clients.into(), warm_up_ms, times.round_ms, times.grace_ms];
    let mut arguments = vec![OsString::from(&server.address)];
    arguments.extend(numbers.iter().map(|number| number.to_string().into()));
    arguments.push(samples.clone().into());
    arguments.extend(server.pids.iter().map(|pid| pid.to_string().into()));
    let mut driver =
        Child::start(command(&load, &arguments, cpu, false), "the load driver", &server.directory().join("load-log"))?;
    let limit = Duration::from_millis(60_000 + 2 * (warm_up_ms + times.round_ms) + times.grace_ms);
    let status = driver.wait(limit)?;
    let output = driver.output();
    let driven = output.lines().find_map(|line| serde_json::from_str::<Driven>(line).ok());
    let (Some(driven), Some(_)) = (driven, status) else {
        // Ctrl-C in a terminal ends the driver too.
        crate::interrupt::check()?;
        server.still_serves()?;
        return Err(Failure::NotRun(format!("the clients failed: {}", output.trim())));
    };
    server.still_serves()?;
    if driven.failed > 0 {
        let error = if driven.error.is_empty() { "they died" } else { &driven.error };
        return Err(Failure::NotRun(format!("{} clients failed: {error}", driven.failed)));
    }
    Round::new(&driven, &samples)
}

fn rest(count: u32, server: &Running, programs: &mut Programs, cpu: Option<u32>) -> Result<Option<Child>> {
    if count == 0 {
        return Ok(None);
    }
    let arguments = [OsString::from(&server.address), count.to_string().into()];
    let command = command(programs.resting_clients()?, &arguments, cpu, false);
    let mut child = Child::start(command, "the resting clients", &server.directory().join("rest-log"))?;
    child.wait_for("serving", Duration::from_secs(30))?;
    Ok(Some(child))
}

impl Round {
    fn new(driven: &Driven, samples: &Path) -> Result<Self> {
        let latencies = latencies(&driven.samples, driven.capacity, samples)?;
        let at = |quantile| match latencies.is_empty() {
            true => f64::NAN,
            false => wide_as_f64(latencies.value_at_quantile(quantile)) / 1000.0,
        };
        let count = wide_as_f64(driven.completed);
        let seconds = wide_as_f64(driven.round_ns) / 1e9;
        // Nanoseconds for one round trip, thousandth of it: seconds for a million.
        let each = |cpu_ns| wide_as_f64(cpu_ns) / count / 1000.0;
        let of_others =
            (driven.busy_ns + driven.stolen_ns).saturating_sub(driven.servers_cpu_ns + driven.clients_cpu_ns);
        let cpu_seconds = seconds * f64::from(driven.cpus.max(1));
        Ok(Self {
            rate: count / seconds,
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            server_cpu_s: each(driven.servers_cpu_ns),
            clients_cpu_s: each(driven.clients_cpu_ns),
            wrong: driven.wrong,
            stuck: driven.stuck,
            failed: driven.failed,
            others: wide_as_f64(of_others) / 1e9 / cpu_seconds,
        })
    }

    /// CPU time of all, seconds for a million round trips.
    #[must_use]
    pub fn cpu_s(&self) -> f64 {
        self.server_cpu_s + self.clients_cpu_s
    }
}

/// All clients' latencies in nanoseconds, to three digits.
fn latencies(counts: &[u64], capacity: u64, samples: &Path) -> Result<Histogram<u64>> {
    let broken = |error: &dyn std::fmt::Display| Failure::NotRun(format!("histogram: {error}"));
    let mut histogram = Histogram::new_with_bounds(1, u64::from(u32::MAX), 3).map_err(|error| broken(&error))?;
    let file = File::open(samples).map_err(Failure::on("open", samples))?;
    for (client, count) in (0..).zip(counts) {
        let length = usize::try_from(*count).unwrap_or(0) * 4;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, client * capacity * 4).map_err(Failure::on("read", samples))?;
        for sample in bytes.as_chunks::<4>().0 {
            histogram.saturating_record(u64::from(u32::from_ne_bytes(*sample)));
        }
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn latencies_are_read_from_each_clients_part_of_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for sample in [1000_u32, 2000, 9, 9, 3000, 9, 9, 9] {
            file.write_all(&sample.to_ne_bytes()).unwrap();
        }
        let histogram = latencies(&[2, 1], 4, file.path()).unwrap();
        assert_eq!(histogram.len(), 3);
        assert!(histogram.equivalent(histogram.value_at_quantile(0.5), 2000));
        assert!(histogram.equivalent(histogram.max(), 3000));
    }
}
