//! What `bench` is told to do.

use crate::commands::declared_request::parse_setting;
use crate::commands::reply_choice::ReplyChoice;
use crate::commands::values::{parse_duration, parse_timeout, whole_number};
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  msgqctl bench --clients 50                    50 clients, as fast as they can
  msgqctl bench --rate 1000 --duration 30s      1000 requests a second for half a minute
  msgqctl -j bench --count 10000 --no-progress  for programs";

/// Measure how a queue's server does under load
///
/// Every client is a process of its own with at most one request under way, so that no more than `--clients`
/// messages are added to the queue at any time. With `--rate` the latency of a request counts from the moment when
/// it was due, not from when the client got round to it: a server that stalls cannot hide that.
///
/// Answers are read where the configuration says; a queue of each client's own is made and removed. Where nothing is
/// answered, the latency of a request is how long the queue took to take it, and what is left is for the server.
///
/// Ctrl-C ends it: the requests under way are answered first, so that no answer is left in the queue, and what was
/// measured is shown. A second one ends it at once.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct BenchArguments {
    /// How many clients ask at the same time
    #[arg(long, value_name = "N", default_value = "8", value_parser = whole_number::<u32>("", 1..=1000))]
    pub(crate) clients: u32,

    /// Send this many requests a second, all clients together. Default: each client asks again once it is answered
    #[arg(long, value_name = "N", value_parser = whole_number::<u32>("", 1..=10_000_000))]
    pub(crate) rate: Option<u32>,

    /// How long: seconds, or a number with ms, s or m, at most an hour
    #[arg(long, value_name = "TIME", default_value = "5", conflicts_with = "count", value_parser = parse_duration)]
    pub(crate) duration: Duration,

    /// How many requests, all clients together, instead of how long
    #[arg(long, value_name = "N", value_parser = whole_number::<u32>("", 1..=100_000_000))]
    pub(crate) count: Option<u32>,

    /// Text of the requests, in the plain protocol at most 256 bytes. Default: bench, where requests have a text
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<OsString>,

    /// Set a field of declared requests, as in `--set op=3 --set name=bolt`; all others are 0 or empty
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_setting)]
    pub(crate) set: Vec<(String, String)>,

    /// Type of the requests, where there are several. Default: the lowest
    #[arg(long, value_name = "N", value_parser = whole_number::<i64>("", 1..=i64::MAX))]
    pub(crate) r#type: Option<i64>,

    /// Wait at most this long for each answer, sending included; three in a row that are late end a client
    #[arg(long, value_name = "TIME", default_value = "5", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// Where answers go must be this: in the queue of requests, in a second one, in one of each client's own, or nowhere. It is
    /// what the configuration says (protocol.reply); another is an error that says what is missing
    #[arg(long, value_name = "ROUTE")]
    pub(crate) reply: Option<ReplyChoice>,

    /// Show no progress. It is shown on standard error, where that is a terminal, and never with `--json`
    #[arg(long)]
    pub(crate) no_progress: bool,
}
