//! Command line of msgqctl.

mod time;

use crate::complete;
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueHint};
use clap_complete::{ArgValueCandidates, Shell};
use msgq_core::limits::PID_MAX_LIMIT;
use msgq_core::queue::QueueKey;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use time::{parse_age, parse_duration, parse_interval, parse_timeout};

/// Heading of the options that every command takes.
const GLOBAL: &str = "Global options";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server answered an error; doctor: something is not well, or could not be checked
  2  the command line is wrong
  3  there is no such queue, or it was removed meanwhile
  4  nobody answered in time
  5  permission is missing
  6  anything else that failed, among it a refused purge of a living client";

const DOCTOR_EXIT_CODES: &str = "\
Exit codes:
  0  everything that matters here was checked, and all is well
  1  there are problems or warnings, or something could not be checked
  2  the command line is wrong
  6  the result could not be written";

/// Look at, test and clean up a System V message queue
///
/// Works on queues of msgqd and of any other server of the same protocol, as any member of the queue's group. Results
/// go to standard output, everything else to standard error. Text of clients and servers is shown with control
/// characters escaped.
#[derive(Debug, Parser)]
#[command(name = "msgqctl", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// Use the queue with this key, decimal or hexadecimal with 0x; overrides the configuration
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "KEY", allow_negative_numbers = true)]
    pub key: Option<QueueKey>,

    /// Take the key from this configuration file. Default: /etc/msgqd/msgqd.toml where it can be read, else 0x12345678
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Print the result as JSON. Fields may be added; any other change raises its `schema_version`
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the queue, what waits in it, and whether a daemon serves it
    ///
    /// Looks at the messages and takes none. The look ends after half a second, and says so, as it would never end in a
    /// queue that is being flooded.
    ///
    /// What the daemon itself counts is read from its table, without asking the daemon: also while it hangs, and after
    /// it was killed. Where the table cannot be read, it is said why.
    Stat(StatArguments),
    /// List the messages in the queue, oldest first, and take none
    ///
    /// The look ends after half a second, and says so. In a queue that is in use it is an approximation: what moves
    /// meanwhile may be missed or have another index.
    Peek(PeekArguments),
    /// Tell the story of one client: what it waits for, what waits for it, and what to do
    Explain(ExplainArguments),
    /// Check the machine, the queue and its server, and say what to mend and how
    ///
    /// For each finding it prints what it is, why it matters, and the commands that mend it, each in one line, for root's
    /// shell. Then what could not be checked and why, what cannot matter here, and what is fine.
    ///
    /// Changes nothing and asks no server, so it works while the daemon hangs, and without one. What another user's
    /// processes do is hidden from ordinary users: only root gets every check. The settings that the queue is compared
    /// with are those of `--config`, or of /etc/msgqd/msgqd.toml where that is about this queue.
    #[command(after_help = DOCTOR_EXIT_CODES)]
    Doctor,
    /// Remove what nobody will read; never a request unless asked to
    Purge(PurgeArguments),
    /// Close the door: no new requests, while what is queued is answered and the server runs on
    ///
    /// Takes write permission on the queue from group and others, so that msgsnd fails there with EACCES, also where it
    /// waits already; its owner and root can still send. msgqd keeps the door closed until `resume`, also when it is
    /// restarted or killed meanwhile, and not beyond the next boot. On a queue of another program the mode is changed at
    /// once, where this user may do that.
    Drain(DrainArguments),
    /// Open the door that `drain` closed
    Resume(ResumeArguments),
    /// Send a test request and print the answer
    Send(SendArguments),
    /// Measure how a queue's server does under load
    ///
    /// Every client is a process of its own with at most one request under way, so that no more than `--clients`
    /// messages are added to the queue at any time. With `--rate` the latency of a request counts from the moment when
    /// it was due, not from when the client got round to it: a server that stalls cannot hide that.
    Bench(BenchArguments),
    /// Print a completion script for a shell
    ///
    /// The script asks msgqctl itself: it completes commands, options, and the clients of the queue where a PID is
    /// wanted. The package installs it for bash, zsh and fish.
    Completions(CompletionsArguments),
}

/// Arguments of `stat`.
#[derive(Debug, Clone, Args)]
pub struct StatArguments {
    /// Look again and again, every 2 seconds or as often as given. On a terminal it redraws in place
    /// until q or Ctrl-C; elsewhere it prints one report after the other
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        conflicts_with = "prometheus",
        value_parser = parse_interval
    )]
    pub watch: Option<Duration>,

    /// Print metrics in the text format of Prometheus, for the textfile collector of its node exporter. Without a queue
    /// `msgqd_up` is 0 and the exit code 3
    #[arg(long)]
    pub prometheus: bool,
}

/// Arguments of `peek`.
#[derive(Debug, Clone, Args)]
pub struct PeekArguments {
    /// Only messages of this type: 1 for requests, a client's PID for its responses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub r#type: Option<i64>,

    /// Only requests that name this client and messages for it
    #[arg(long, value_name = "PID", value_parser = pid(), add = ArgValueCandidates::new(complete::clients))]
    pub pid: Option<i32>,

    /// Show the whole text of each message, on a line of its own
    #[arg(long)]
    pub full: bool,

    /// Show at most this many messages
    #[arg(long, value_name = "N", default_value = "100")]
    pub limit: usize,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArguments {
    /// The client: the PID, or the thread id where a thread is the client
    #[arg(value_parser = pid(), add = ArgValueCandidates::new(complete::clients))]
    pub pid: i32,
}

/// Arguments of `purge`.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("named").args(["pid", "type"]).multiple(true))]
#[command(group = ArgGroup::new("selected").args(["pid", "type", "older_than", "force", "all_orphans"]).multiple(true))]
pub struct PurgeArguments {
    /// Only responses for these clients. Without a PID: for every dead client, as without this option
    #[arg(long, value_name = "PID", num_args = 0.., value_parser = pid(), add = ArgValueCandidates::new(complete::clients))]
    pub pid: Option<Vec<i32>>,

    /// Only messages of these types: a client's PID, or the type of junk as `peek` shows it
    #[arg(long, value_name = "N", num_args = 1.., value_parser = clap::value_parser!(i64).range(2..))]
    pub r#type: Vec<i64>,

    /// Only responses to requests that were received at least this long ago: seconds, or a number with ms, s, m, h or
    /// d. The server's table tells the age of answers that it keeps an eye on; what it does not know stays, and it is
    /// said how much that is
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    pub older_than: Option<Duration>,

    /// Everything that nobody will read: responses of dead clients, and types that no process can have. The same as
    /// without any option, spelled out for scripts
    #[arg(long, conflicts_with = "named")]
    pub all_orphans: bool,

    /// Remove the requests that wait in the queue instead: their clients will wait in vain. Asks first on a terminal
    #[arg(long, conflicts_with = "selected")]
    pub requests: bool,

    /// Do not ask before requests are removed
    #[arg(long, requires = "requests")]
    pub yes: bool,

    /// Remove responses for the named clients or types even if the clients are alive: they may wait for them in vain
    #[arg(long, requires = "named")]
    pub force: bool,

    /// Change nothing, show what would go
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `drain`.
#[derive(Debug, Clone, Args)]
pub struct DrainArguments {
    /// Wait until nothing is queued, in hand or in the outbox: for 30 seconds at most, or as long as given
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30", value_parser = parse_timeout)]
    pub wait: Option<Duration>,

    /// Why, for those who look at `stat` or at the log; at most 200 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub reason: String,
}

/// Arguments of `resume`.
#[derive(Debug, Clone, Args)]
pub struct ResumeArguments {
    /// Give the queue this mode, in octal: for the queue of another program, whose mode `drain` has changed
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    pub mode: Option<u32>,
}

/// Arguments of `send`.
#[derive(Debug, Clone, Args)]
pub struct SendArguments {
    /// Text of the request, at most 255 bytes; `-` reads it from standard input, without the last newline
    pub text: OsString,

    /// Wait at most this long for each answer, sending included: seconds, or a number with ms, s or m
    #[arg(long, value_name = "TIME", default_value = "5", value_parser = parse_timeout)]
    pub timeout: Duration,

    /// Send the request this many times, one after the other, and print a summary of the latencies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub count: Option<u32>,
}

/// Arguments of `bench`.
#[derive(Debug, Clone, Args)]
pub struct BenchArguments {
    /// How many clients ask at the same time
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub clients: u32,

    /// Send this many requests a second, all clients together. Default: each client asks again once it is answered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub rate: Option<u32>,

    /// How long: seconds, or a number with ms, s or m, at most an hour
    #[arg(long, value_name = "TIME", default_value = "5", conflicts_with = "count", value_parser = parse_duration)]
    pub duration: Duration,

    /// How many requests, all clients together, instead of how long
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub count: Option<u32>,

    /// Text of the requests, at most 255 bytes
    #[arg(long, value_name = "TEXT", default_value = "bench")]
    pub text: OsString,

    /// Wait at most this long for each answer, sending included; three in a row that are late end a client
    #[arg(long, value_name = "TIME", default_value = "5", value_parser = parse_timeout)]
    pub timeout: Duration,

    /// Show no progress. It is shown on standard error, where that is a terminal, and never with `--json`
    #[arg(long)]
    pub no_progress: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: Shell,
}

/// The definition that `--help`, the completions and the man pages are made from.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// A number that a client can have.
fn parse_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "expected nine permission bits in octal, for example 0660".into())
}

fn pid() -> clap::builder::RangedI64ValueParser<i32> {
    clap::value_parser!(i32).range(2..i64::from(PID_MAX_LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["msgqctl"], arguments].concat())
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_behind_the_command() {
        for arguments in [["--key", "0x10", "stat"], ["stat", "--key", "16"]] {
            assert_eq!(parse(&arguments).unwrap().key, QueueKey::new(16));
        }
        assert!(parse(&["--key", "0", "stat"]).is_err());
        assert!(parse(&[]).is_err());
    }

    #[test]
    fn a_bare_pid_is_not_the_same_as_none_and_one_is_not_a_client() {
        let pids = |arguments: &[&str]| match parse(arguments).unwrap().command {
            Command::Purge(purge) => purge.pid,
            other => panic!("{other:?}"),
        };
        assert_eq!(pids(&["purge"]), None);
        assert_eq!(pids(&["purge", "--pid"]), Some(vec![]));
        assert_eq!(pids(&["purge", "--pid", "7", "8", "--dry-run"]), Some(vec![7, 8]));
        for bad in ["1", "0", "-3", "4194304", "x"] {
            assert!(parse(&["purge", "--pid", bad]).is_err(), "{bad}");
        }
        assert!(parse(&["purge", "--force"]).is_err());
    }
}
