//! What `purge` is told to remove.

use crate::commands::saving::SaveOptions;
use crate::commands::values::{client_number, clients, parse_age, whole_number};
use clap::{ArgGroup, Args};
use std::time::Duration;

const EXIT_CODES_AND_EXAMPLES: &str = "\
Exit codes:
  0  done, also where nothing was to go
  6  the purge was refused, a question was answered with no, or some of it is left, which is said
  Else those of msgqctl(1).

Examples:
  msgqctl purge --dry-run                  what would go
  msgqctl purge                            answers of dead clients, and what has no reader
  msgqctl purge --pid 4711 --force         what waits for client 4711, though it lives
  msgqctl purge --requests --save f.jsonl  all requests, into a file that `restore` puts back
  msgqctl --msqid 7 purge --type 3 --yes   all messages of type 3 of a queue of another program";

/// Remove what nobody will read; never a request unless asked to
///
/// Where answers have a queue of their own, as the configuration says, they are removed there.
///
/// Who is to read a message is known on a queue that msgqd serves, or served until it died, and where a configuration or
/// `--protocol` tells the protocol. On any other a type is a type and nothing more, and every purge is refused but `--type N`
/// with `--yes`, or with a yes to the question at a terminal: it removes every message of type N, whatever it means there.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXIT_CODES_AND_EXAMPLES)]
#[command(group = ArgGroup::new("named").args(["pid", "type"]).multiple(true))]
#[command(group = ArgGroup::new("selected").args(["pid", "type", "older_than", "force", "all_orphans"]).multiple(true))]
pub(crate) struct PurgeArguments {
    /// Only responses for these clients. Without a PID: for every dead client, as without this option
    #[arg(long, value_name = "PID", num_args = 0.., value_parser = client_number(), add = clients())]
    pub(crate) pid: Option<Vec<i64>>,

    /// Only messages of these types: that of a client's answers, which is its PID in the plain protocol, or the type of junk as
    /// `peek` shows it. On a queue of which nothing is known: every message of these types, type 1 as well
    #[arg(long, value_name = "N", num_args = 1.., value_parser = whole_number::<i64>("", 1..=i64::MAX))]
    pub(crate) r#type: Vec<i64>,

    /// Only responses to requests that were received at least this long ago: seconds, or a number with ms, s, m, h or
    /// d. The server's table tells the age of answers that it keeps an eye on; what it does not know stays, and it is
    /// said how much that is
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    pub(crate) older_than: Option<Duration>,

    /// Everything that nobody will read: responses of dead clients, and types that no process can have. The same as
    /// without any option, spelled out for scripts
    #[arg(long, conflicts_with = "named")]
    pub(crate) all_orphans: bool,

    /// Remove the requests that wait in the queue instead: their clients will wait in vain. Asks first on a terminal
    #[arg(long, conflicts_with = "selected")]
    pub(crate) requests: bool,

    /// At most so many messages, the oldest first
    #[arg(long, value_name = "COUNT", value_parser = whole_number::<usize>("", 1..=i64::MAX))]
    pub(crate) limit: Option<usize>,

    #[command(flatten)]
    pub(crate) saving: SaveOptions,

    /// Do not ask before requests are removed, or messages of a queue of which nothing is known
    #[arg(long)]
    pub(crate) yes: bool,

    /// Remove responses for the named clients or types even if the clients are alive: they may wait for them in vain
    #[arg(long, requires = "named")]
    pub(crate) force: bool,

    /// Change nothing, show what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}
