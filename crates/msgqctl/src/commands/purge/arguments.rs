//! What `purge` is told to remove.

use crate::commands::values::{client_pid, clients, parse_age};
use clap::{ArgGroup, Args};
use std::time::Duration;

/// Remove what nobody will read; never a request unless asked to
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("named").args(["pid", "type"]).multiple(true))]
#[command(group = ArgGroup::new("selected").args(["pid", "type", "older_than", "force", "all_orphans"]).multiple(true))]
pub(crate) struct PurgeArguments {
    /// Only responses for these clients. Without a PID: for every dead client, as without this option
    #[arg(long, value_name = "PID", num_args = 0.., value_parser = client_pid(), add = clients())]
    pub(crate) pid: Option<Vec<i32>>,

    /// Only messages of these types: a client's PID, or the type of junk as `peek` shows it
    #[arg(long, value_name = "N", num_args = 1.., value_parser = clap::value_parser!(i64).range(2..))]
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

    /// Do not ask before requests are removed
    #[arg(long, requires = "requests")]
    pub(crate) yes: bool,

    /// Remove responses for the named clients or types even if the clients are alive: they may wait for them in vain
    #[arg(long, requires = "named")]
    pub(crate) force: bool,

    /// Change nothing, show what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}
