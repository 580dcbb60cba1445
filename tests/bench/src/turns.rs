//! Cells that take turns: A B C A B C, so that what changes on the machine changes for all.

use crate::cell::{Cell, Times};
use crate::failure::{Failure, Result};
use crate::programs::Programs;
use crate::round::{Round, run};
use crate::statistics::Spread;
use serde::Serialize;

/// Cells that are compared with each other.
#[derive(Debug, Clone)]
pub struct Group {
    /// What tells it from other groups, as in `8 clients`.
    pub name: String,
    /// Who takes turns.
    pub cells: Vec<Cell>,
}

/// A cell and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// What was asked of whom.
    pub cell: Cell,
    /// Its rounds, in the order of time.
    pub rounds: Vec<Round>,
    /// Why there are no or fewer rounds.
    pub not_run: Option<String>,
}

impl Measured {
    /// Median and quartiles of something over the rounds in which no client was stuck.
    #[must_use]
    pub fn spread(&self, what: impl Fn(&Round) -> f64) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter(|round| round.stuck == 0).map(what))
    }

    /// The most clients that were stuck in a round.
    #[must_use]
    pub fn stuck(&self) -> u32 {
        self.rounds.iter().map(|round| round.stuck).max().unwrap_or(0)
    }

    /// Wrong answers of all rounds.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.rounds.iter().map(|round| round.wrong).sum()
    }

    /// Neither stuck nor refused before: another round tells something.
    fn goes_on(&self) -> bool {
        self.not_run.is_none() && self.stuck() == 0
    }
}

/// A group and what came of its cells.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// The group's name.
    pub name: String,
    /// In the group's order.
    pub cells: Vec<Measured>,
}

impl Results {
    /// What came of the cell of that server.
    #[must_use]
    pub fn of(&self, server: &str) -> Option<&Measured> {
        self.cells.iter().find(|measured| measured.cell.server.name == server)
    }
}

/// How often and how long.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Plan {
    /// Turns of each group.
    pub rounds: u32,
    /// Of each round.
    #[serde(flatten)]
    pub times: Times,
}

/// Measures the groups one after the other, and calls `progress` with a line after each turn. An interrupt ends it early:
/// the second value is false then.
///
/// # Errors
/// What makes all measuring pointless.
pub fn measure(
    groups: &[Group],
    plan: Plan,
    programs: &mut Programs,
    mut progress: impl FnMut(&str),
) -> Result<(Vec<Results>, bool)> {
    let mut all = Vec::new();
    for group in groups {
        let begin = |cell: &Cell| Measured { cell: cell.clone(), rounds: Vec::new(), not_run: None };
        let mut results = Results { name: group.name.clone(), cells: group.cells.iter().map(begin).collect() };
        for number in 1..=plan.rounds {
            match turn(&mut results.cells, plan.times, programs) {
                Ok(line) => progress(&format!("{}, round {number} of {}: {line}", group.name, plan.rounds)),
                Err(Failure::Interrupted) => {
                    all.push(results);
                    return Ok((all, false));
                }
                Err(failure) => return Err(failure),
            }
        }
        all.push(results);
    }
    Ok((all, true))
}

/// Each cell once. Returns what is said of it.
fn turn(cells: &mut [Measured], times: Times, programs: &mut Programs) -> Result<String> {
    let mut said = Vec::new();
    for measured in cells.iter_mut().filter(|measured| measured.goes_on()) {
        let name = &measured.cell.server.name;
        match run(&measured.cell, times, programs) {
            Ok(round) if round.stuck > 0 => {
                said.push(format!("{name} stuck"));
                measured.rounds.push(round);
            }
            Ok(round) => {
                said.push(format!("{name} {:.0}/s", round.rate));
                measured.rounds.push(round);
            }
            Err(Failure::NotRun(reason)) => {
                said.push(format!("{name} not run"));
                measured.not_run = Some(reason);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(said.join(", "))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A group with one cell for each server, and these rounds.
    pub fn results(clients: u32, cells: &[(crate::server::Server, &[Round])]) -> Results {
        let cells = cells.iter().map(|(server, rounds)| Measured {
            cell: Cell::new(server.clone(), clients),
            rounds: rounds.to_vec(),
            not_run: rounds.is_empty().then(|| "it is missing".to_owned()),
        });
        Results { name: format!("{clients} clients"), cells: cells.collect() }
    }

    /// A round of that rate, in which all latencies are the time of a round trip.
    pub fn round(rate: f64) -> Round {
        let (us, cpu) = (1e6 / rate, 1.5);
        Round {
            rate,
            p50_us: us,
            p99_us: us,
            p999_us: us,
            server_cpu_s: cpu,
            clients_cpu_s: cpu,
            wrong: 0,
            stuck: 0,
            failed: 0,
            others: 0.0,
        }
    }

    #[test]
    fn a_round_in_which_a_client_was_stuck_does_not_count_in_medians() {
        let rounds = [round(10.0), Round { stuck: 1, ..round(1.0) }];
        let results = results(8, &[(crate::server::Server::msgqd(), &rounds)]);
        let measured = results.of("msgqd").unwrap();
        assert_eq!((measured.spread(|it| it.rate).unwrap().median, measured.stuck()), (10.0, 1));
        assert!(!measured.goes_on());
    }
}
