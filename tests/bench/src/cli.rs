//! The command line.

use crate::cell::Times;
use crate::turns::Plan;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Measures msgqd beside what else carries a request and an answer on one machine.
///
/// Best started by tests/bench/run, which builds what is measured and makes an IPC namespace for it.
#[derive(Debug, Parser)]
pub struct Cli {
    /// What is measured.
    #[command(subcommand)]
    pub mode: Mode,
    /// What can be changed about it.
    #[command(flatten)]
    pub options: Options,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Mode {
    /// Everything that needs nothing installed: 3 rounds of 0.4 s
    Quick,
    /// Everything, with ZeroMQ, Redis and NATS where they are installed: 9 rounds of 1 s
    Full,
    /// msgqd against the bare loop in pairs, beside the bounds that it shall keep: 9 pairs of 1 s
    Pairs,
    /// Cost against clients, resting messages, workers and size of the queue: 5 rounds of 0.5 s
    Curves,
}

/// What can be changed.
#[derive(Debug, Args)]
pub struct Options {
    /// Measure only cells whose label contains TEXT, such as "msgqd, 8 clients"
    #[arg(long, value_name = "TEXT", global = true)]
    pub only: Option<String>,
    /// Turns of each group
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: Option<u32>,
    /// Time in which round trips count, in milliseconds
    #[arg(long, value_name = "MS", global = true, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub round_ms: Option<u64>,
    /// Load before that, in milliseconds
    #[arg(long, value_name = "MS", global = true, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub warm_up_ms: Option<u64>,
    /// Clients that ask, such as 1,8,64
    #[arg(long, value_name = "LIST", global = true, value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=4000))]
    pub clients: Option<Vec<u32>>,
    /// Where the report, the plots and the raw numbers go
    #[arg(long, value_name = "DIRECTORY", global = true, default_value = "target/bench")]
    pub output: PathBuf,
}

impl Options {
    /// How often and how long, where nothing else was said.
    #[must_use]
    pub fn plan(&self, mode: Mode) -> Plan {
        let (rounds, round_ms, warm_up_ms) = match mode {
            Mode::Quick => (3, 400, 100),
            Mode::Full | Mode::Pairs => (9, 1000, 200),
            Mode::Curves => (5, 500, 100),
        };
        let times = Times {
            warm_up_ms: self.warm_up_ms.unwrap_or(warm_up_ms),
            round_ms: self.round_ms.unwrap_or(round_ms),
            grace_ms: 3000,
        };
        Plan { rounds: self.rounds.unwrap_or(rounds), times }
    }
}

impl Mode {
    /// The name of its report.
    #[must_use]
    pub fn report(self) -> &'static str {
        match self {
            Self::Quick | Self::Full => "report",
            Self::Pairs => "pairs",
            Self::Curves => "curves",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_given_replaces_the_mode_s_own() {
        let cli = Cli::parse_from(["msgqd-bench", "quick", "--rounds", "7", "--clients", "1,8"]);
        let plan = cli.options.plan(cli.mode);
        assert_eq!((plan.rounds, plan.times.round_ms, cli.options.clients), (7, 400, Some(vec![1, 8])));
    }
}
