//! Command line of msgqd; [`command`] is for whoever makes man pages and completions of it.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, Parser};
use log::Level;
use msgq_core::config::LOG_LEVELS;
use msgq_core::queue::QueueKey;
use std::path::PathBuf;

/// Serve programs that talk through one System V message queue
///
/// A client sends its request with mtype 1 and its PID in the body; the server answers with mtype = that PID. See
/// msgqd-protocol(7). Without any option msgqd serves queue 0x12345678 in the foreground and answers every request with
/// "Processed: TEXT". SIGTERM and SIGINT end it: the queue is closed for new requests, what is queued is answered,
/// clients get a moment to fetch their answers, and the queue is removed. A second signal ends it at once.
#[derive(Debug, Parser)]
#[command(name = "msgqd", version, max_term_width = 100)]
pub struct Arguments {
    /// Read settings from FILE; see msgqd.toml(5). Without it, the built-in defaults apply
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Check the configuration and exit: 0 when it is good, 1 with the error when it is not
    #[arg(long)]
    pub check_config: bool,

    /// Have the server that runs read its configuration again, and wait for it: 0 when it is in effect, 1 with the reason
    /// when it was refused; then nothing was changed. For the service manager
    #[arg(long, conflicts_with = "check_config")]
    pub reload: bool,

    /// Do with the queue what on_failure says, unless a server runs, and exit. For the service manager, once it has given
    /// up on the server
    #[arg(long, conflicts_with_all = ["check_config", "reload"])]
    pub after_failure: bool,

    /// Remove every queue that a server of this runtime directory left and nobody serves, and exit. For the removal of the
    /// package
    #[arg(long, conflicts_with_all = ["check_config", "after_failure"])]
    pub remove_left_queues: bool,

    /// Serve the queue with this key, decimal or hexadecimal with 0x; overrides the configuration
    #[arg(long, value_name = "KEY", allow_negative_numbers = true)]
    pub key: Option<QueueKey>,

    /// Log this and everything more important; overrides the configuration
    #[arg(long, value_name = "LEVEL", value_parser = log_level())]
    pub log_level: Option<Level>,
}

/// The definition that `--help` and the man page are made from.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

fn log_level() -> impl TypedValueParser<Value = Level> {
    let names = LOG_LEVELS.map(|(name, _, meaning)| PossibleValue::new(name).help(meaning));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}
