//! The command line.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, Parser, Subcommand};
use log::Level;
use msgq_core::config::LOG_LEVELS;
use std::path::PathBuf;

/// What `--version` says; `-V` says the first word. The build script knows the rest.
const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\ncommit: ", env!("MSGQ_COMMIT"), "\nbuild: ", env!("MSGQ_BUILD"));

/// Gateway between System V message queues and NATS.
#[derive(Debug, Parser)]
#[command(name = "msgq-nats", version, long_version = LONG_VERSION, about, long_about = LONG_ABOUT, max_term_width = 100, after_long_help = EXAMPLES_AND_PLACES)]
pub struct Arguments {
    /// The configuration; nats.toml(5) has all settings
    #[arg(long, global = true, value_name = "FILE", default_value = crate::config::SYSTEM_CONFIG)]
    pub config: PathBuf,
    /// Check the configuration, and the ones of msgqd that it names, and end
    #[arg(long)]
    pub check_config: bool,
    /// Log this and everything more important
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", value_parser = log_level())]
    pub log_level: Level,
    /// What to do; without a command, the gateway runs
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What else it does.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Try routes from end to end: a line for each step, and status 1 where one fails
    #[command(after_long_help = EXAMPLES_OF_CHECK)]
    Check {
        /// Routes; all where none is named
        #[arg(value_name = "ROUTE")]
        routes: Vec<String>,
        /// Send a request with this text over each route out that has answers: whoever listens there handles it
        #[arg(long, value_name = "TEXT")]
        send: Option<String>,
    },
    /// Print the metrics of the running gateway, in Prometheus' text format
    #[command(after_long_help = EXAMPLES_OF_METRICS)]
    Metrics,
}

/// Behind the options where the long help and the man page have room for it.
const EXAMPLES_AND_PLACES: &str = "\
Examples:
  msgq-nats                                      run as /etc/msgqd/nats.toml says, in the foreground
  msgq-nats --config new.toml --check-config     is this file good for this machine
  msgq-nats check                                does each route work from end to end, and where it breaks
  msgq-nats metrics                              what the running gateway counts

Signals:
  SIGTERM, SIGINT  end in order: nothing new is taken, and what is in hand is finished within drain_timeout_ms

Files:
  /etc/msgqd/nats.toml                      the configuration; see nats.toml(5)
  /run/msgqd-nats                           sockets of routes, and the one that `metrics` reads
  /usr/share/doc/msgqd-nats/distributed.md  three whole set-ups, and what is promised in each

Environment:
  NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID  from the service manager, as in sd_notify(3)
  LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID      sockets of routes from the service manager, each under the name of its route
  JOURNAL_STREAM                              whether the log goes to the journal, and has priorities

Exit codes:
  0  ended in order, or done
  1  cannot start, or what was asked for failed; the last line says why
  2  the command line is wrong";

const EXAMPLES_OF_CHECK: &str = "\
Examples:
  msgq-nats check               every route
  msgq-nats check orders stock  these two
  msgq-nats check orders --send 'are you there'
                                a real request over the route orders, and its answer

Exit codes:
  0  each step of each route is ok
  1  a step failed: its line begins with FAIL
  2  the command line is wrong";

const EXAMPLES_OF_METRICS: &str = "\
Examples:
  msgq-nats metrics                             all of them
  msgq-nats metrics | grep msgq_nats_connected  is there a connection

Exit codes:
  0  printed
  1  no gateway runs, or it may not be asked
  2  the command line is wrong";

const LONG_ABOUT: &str = "Gateway between System V message queues and NATS.\n\n\
    A route out is the handler of a local msgqd: each request becomes a request on a subject of NATS, and the reply becomes the \
    answer. A route in puts each request that comes from NATS into a local queue, and replies with the answer of its server. \
    One-way messages go through a stream of JetStream.";

/// For man page and completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

fn log_level() -> impl TypedValueParser<Value = Level> {
    let names = LOG_LEVELS.map(|(name, _, meaning)| PossibleValue::new(name).help(meaning));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_of_the_log_that_is_none_is_told_with_those_that_are() {
        for bad in ["5", "loud", ""] {
            let error = Arguments::try_parse_from(["msgq-nats", "--log-level", bad]).unwrap_err().to_string();
            assert!(error.contains("possible values: error, warn, info, debug, trace"), "{error}");
            assert!(!error.contains("attempted"), "{error}");
        }
        let arguments = Arguments::try_parse_from(["msgq-nats", "--log-level", "debug"]).unwrap();
        assert_eq!(arguments.log_level, Level::Debug);
    }
}
