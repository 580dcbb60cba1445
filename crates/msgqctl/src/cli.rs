//! The command line of msgqctl: the options that every command takes, and the list of the commands.

use crate::commands::{self, CommandOutcome, RunCommand};
use crate::failure::Failure;
use crate::output::Style;
use crate::target::{GLOBAL_OPTIONS, QueueOptions};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server answered an error; doctor: something is not well, or could not be checked
  2  the command line is wrong
  3  there is no such queue, or it was removed meanwhile
  4  nobody answered in time
  5  permission is missing
  6  anything else that failed, among it a purge that is refused";

/// What `--version` says; `-V` says the first word. The build script knows the rest.
const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\ncommit: ", env!("MSGQ_COMMIT"), "\nbuild: ", env!("MSGQ_BUILD"));

/// Behind the exit codes where the long help and the man page have room for it.
const EXAMPLES_AND_PLACES: &str = "\
Examples:
  msgqctl stat                          is all well, and what to do if not
  msgqctl stat --watch                  the same, again and again; q ends it
  msgqctl list                          all queues of the machine, those with trouble first
  msgqctl top                           the same, again and again
  msgqctl peek --limit 20               the oldest 20 messages, without taking them
  msgqctl explain 4711                  what client 4711 waits for, and what waits for it
  msgqctl send hello                    a test request, and its answer
  msgqctl send --count 1000 hello       a thousand, and how long they took
  msgqctl bench --clients 50            a load of 50 clients for 5 seconds
  msgqctl purge --dry-run               what a purge would remove; without --dry-run it does
  msgqctl remove 7                      the queue with msqid 7, if nobody uses it any more
  msgqctl restore f.jsonl               what --save wrote goes back into its queue
  msgqctl layout --request \"$(<m.h)\"    where each field of the struct in m.h stands
  msgqctl client python > client.py     a client for the configured protocol
  msgqctl dead list                     messages that no handler took; retry and drop
  msgqctl drain --wait                  no new requests, until `msgqctl resume`
  msgqctl -i orders stat                the queue of the instance `orders`
  msgqctl -k 0x6f726431 doctor          what is not well with another queue and its server
  msgqctl -j stat | jq .verdict         for programs
  msgqctl stat --check                  for monitoring: one line, exit code 0 to 3

Files:
  /etc/msgqd/msgqd.toml             the key of the queue, unless an option or MSGQ_KEY says otherwise
  /run/msgqd/queue-KEY-ipcN.table   what the service holds for clients; N is the IPC namespace
  /run/msgqd/queue-KEY-ipcN.lock    locked by the service while it lives
  /run/msgqd/queue-KEY-ipcN.closed  the note of `drain`
  An instance has its own: /etc/msgqd/NAME.toml, /run/msgqd/NAME and /var/lib/msgqd/NAME.
  A server that was started by hand has them in $XDG_RUNTIME_DIR/msgqd or /dev/shm/msgqd-UID; another directory in /run, or of a living server, is found by the key.
  /var/lib/msgqd/dead-KEY.jsonl     messages that no handler took, for root and the service's user
  A server that was started by hand has them in $STATE_DIRECTORY, $XDG_STATE_HOME/msgqd or
  ~/.local/state/msgqd; of units, other directories whose name begins with msgqd are looked at.

Environment:
  MSGQ_KEY                            the key of the queue, where no option names one; before msgqd.toml
  XDG_RUNTIME_DIR                     where the files of a server are looked for first
  STATE_DIRECTORY, XDG_STATE_HOME     the same for dead letters
  CONFIGURATION_DIRECTORY             where NAME.toml of an instance is, instead of /etc/msgqd
  COLUMNS                             the width of text where there is no terminal
  NO_COLOR, TERM                      no colours with any NO_COLOR, or a TERM that is empty or dumb,
                                      unless --color says otherwise
  TZ                                  the time zone of what is shown, unless --utc";

fn long_help() -> String {
    format!("{EXIT_CODES}\n\n{EXAMPLES_AND_PLACES}")
}

/// Look at, test and clean up a System V message queue
///
/// Works as any member of the queue's group. On queues that are not known to be msgqd's it looks, tests, and removes
/// nothing but what is named. Results go to standard output, everything else to standard error. Text of clients and
/// servers is shown with control characters escaped.
#[derive(Debug, Parser)]
#[command(name = "msgqctl", version, long_version = LONG_VERSION, max_term_width = 100, after_help = EXIT_CODES, after_long_help = long_help())]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) queue: QueueOptions,

    /// Print the result as JSON. Fields may be added; any other change raises its `schema_version`
    #[arg(short, long, global = true, help_heading = GLOBAL_OPTIONS)]
    pub(crate) json: bool,

    /// Colour the text, or not
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL_OPTIONS,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "auto",
        default_missing_value = "always"
    )]
    pub(crate) color: ColourChoice,

    /// Show times in UTC instead of the local time zone ($TZ, else /etc/localtime); JSON has UTC and seconds since 1970
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS)]
    pub(crate) utc: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal that can show colours, unless NO_COLOR is set
    #[default]
    Auto,
    /// Also into a pipe or a file, and with NO_COLOR
    Always,
    Never,
}

impl ColourChoice {
    /// `None` where the terminal decides.
    pub(crate) fn is_coloured(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::Always => Some(true),
            Self::Never => Some(false),
        }
    }
}

/// Makes the commands of a list: each is its arguments, which bring its help text and its work.
macro_rules! list_of_commands {
    ($($name:ident($arguments:ty),)+) => {
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($name($arguments),)+
        }

        impl Command {
            pub(crate) fn run(&self, queue: &QueueOptions, style: Style) -> Result<CommandOutcome, Failure> {
                let queue = &queue.with_instance()?;
                match self {
                    $(Self::$name(arguments) => arguments.run_command(queue, style),)+
                }
            }
        }
    };
}

list_of_commands! {
    Stat(commands::stat::StatArguments),
    List(commands::list::ListArguments),
    Top(commands::list::TopArguments),
    Peek(commands::peek::PeekArguments),
    Explain(commands::explain::ExplainArguments),
    Doctor(commands::doctor::DoctorArguments),
    Purge(commands::purge::PurgeArguments),
    Restore(commands::restore::RestoreArguments),
    Remove(commands::remove::RemoveArguments),
    Dead(commands::dead::DeadArguments),
    Drain(commands::drain::DrainArguments),
    Resume(commands::resume::ResumeArguments),
    Send(commands::send::SendArguments),
    Bench(commands::bench::BenchArguments),
    Layout(commands::layout::LayoutArguments),
    Client(commands::client::ClientArguments),
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

    /// What the long help shows as examples, without what a shell does with it.
    fn examples(definition: &clap::Command) -> Vec<String> {
        let help = definition.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1).take_while(|line| !line.is_empty());
        let commands = lines.map(|line| line.trim().split("  ").next().unwrap());
        commands.map(|line| line.split(['|', '>']).next().unwrap().replace("\"$(<m", "m").trim().to_owned()).collect()
    }

    #[test]
    fn every_example_is_a_command_line_that_is_taken() {
        let mut pages = vec![command()];
        while let Some(page) = pages.pop() {
            let examples = examples(&page);
            assert!(!examples.is_empty(), "{} has no examples", page.get_name());
            for example in examples {
                let parsed = Arguments::try_parse_from(example.split_whitespace());
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
            pages.extend(page.get_subcommands().cloned());
        }
    }

    /// The words before each subcommand, and the subcommand itself.
    fn all_commands() -> Vec<(Vec<String>, clap::Command)> {
        let (mut found, mut left) = (Vec::new(), vec![(vec!["msgqctl".to_owned()], command())]);
        while let Some((words, definition)) = left.pop() {
            let below = definition
                .get_subcommands()
                .map(|it| ([words.as_slice(), &[it.get_name().to_owned()]].concat(), it.clone()));
            left.extend(below);
            found.push((words, definition));
        }
        found
    }

    #[test]
    fn no_value_is_refused_in_the_words_of_a_parser() {
        let mut refused = 0;
        let global: Vec<_> = command().get_arguments().cloned().collect();
        for (words, definition) in all_commands() {
            for argument in definition.get_arguments().chain(&global).filter(|it| it.get_action().takes_values()) {
                for bad in ["x", "", "1.5", "-1", "99999999999999999999"] {
                    let given = match argument.get_long() {
                        Some(long) => format!("--{long}={bad}"),
                        None => bad.to_owned(),
                    };
                    let Err(error) = Arguments::try_parse_from(words.iter().chain([&given])) else { continue };
                    let text = error.to_string();
                    refused += usize::from(text.contains("invalid value"));
                    for jargon in ["invalid digit", "..=", "parse", "integer", "float", "string"] {
                        assert!(!text.contains(jargon), "{words:?} {given}: {text}");
                    }
                }
            }
        }
        assert!(refused > 100, "only {refused} values were refused");
    }

    #[test]
    fn a_bare_pid_is_not_the_same_as_none_and_zero_is_no_client() {
        let pids = |arguments: &[&str]| match parse(arguments).unwrap().command {
            Command::Purge(purge) => purge.pid,
            other => panic!("{other:?}"),
        };
        assert_eq!(pids(&["purge"]), None);
        assert_eq!(pids(&["purge", "--pid"]), Some(vec![]));
        assert_eq!(pids(&["purge", "--pid", "7", "8", "--dry-run"]), Some(vec![7, 8]));
        for bad in ["0", "-3", "9223372036854775808", "x"] {
            assert!(parse(&["purge", "--pid", bad]).is_err(), "{bad}");
        }
    }
}
