//! The command line of msgqctl: the options that every command takes, and the list of the commands.

use crate::commands::{self, Outcome, RunCommand};
use crate::failure::Failure;
use crate::output::Style;
use crate::target::{GLOBAL_OPTIONS, QueueOptions};
use clap::{CommandFactory, Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server answered an error; doctor: something is not well, or could not be checked
  2  the command line is wrong
  3  there is no such queue, or it was removed meanwhile
  4  nobody answered in time
  5  permission is missing
  6  anything else that failed, among it a refused purge of a living client";

/// Look at, test and clean up a System V message queue
///
/// Works on queues of msgqd and of any other server of the same protocol, as any member of the queue's group. Results
/// go to standard output, everything else to standard error. Text of clients and servers is shown with control
/// characters escaped.
#[derive(Debug, Parser)]
#[command(name = "msgqctl", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) queue: QueueOptions,

    /// Print the result as JSON. Fields may be added; any other change raises its `schema_version`
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Makes the commands of a list: each is its arguments, which bring its help text and its work.
macro_rules! list_of_commands {
    ($($name:ident($arguments:ty),)+) => {
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($name($arguments),)+
        }

        impl Command {
            pub(crate) fn run(&self, queue: &QueueOptions, style: Style) -> Result<Outcome, Failure> {
                match self {
                    $(Self::$name(arguments) => arguments.run_command(queue, style),)+
                }
            }
        }
    };
}

list_of_commands! {
    Stat(commands::stat::StatArguments),
    Peek(commands::peek::PeekArguments),
    Explain(commands::explain::ExplainArguments),
    Doctor(commands::doctor::DoctorArguments),
    Purge(commands::purge::PurgeArguments),
    Drain(commands::drain::DrainArguments),
    Resume(commands::resume::ResumeArguments),
    Send(commands::send::SendArguments),
    Bench(commands::bench::BenchArguments),
    Completions(commands::completions::CompletionsArguments),
}

/// The definition that `--help`, the completions and the man pages are made from.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::queue::QueueKey;

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
            assert_eq!(parse(&arguments).unwrap().queue.key, QueueKey::new(16));
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
