//! What `bench` is told to do.

use crate::commands::values::{parse_duration, parse_timeout};
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

/// Measure how a queue's server does under load
///
/// Every client is a process of its own with at most one request under way, so that no more than `--clients`
/// messages are added to the queue at any time. With `--rate` the latency of a request counts from the moment when
/// it was due, not from when the client got round to it: a server that stalls cannot hide that.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArguments {
    /// How many clients ask at the same time
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) clients: u32,

    /// Send this many requests a second, all clients together. Default: each client asks again once it is answered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rate: Option<u32>,

    /// How long: seconds, or a number with ms, s or m, at most an hour
    #[arg(long, value_name = "TIME", default_value = "5", conflicts_with = "count", value_parser = parse_duration)]
    pub(crate) duration: Duration,

    /// How many requests, all clients together, instead of how long
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) count: Option<u32>,

    /// Text of the requests, at most 255 bytes
    #[arg(long, value_name = "TEXT", default_value = "bench")]
    pub(crate) text: OsString,

    /// Wait at most this long for each answer, sending included; three in a row that are late end a client
    #[arg(long, value_name = "TIME", default_value = "5", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// Show no progress. It is shown on standard error, where that is a terminal, and never with `--json`
    #[arg(long)]
    pub(crate) no_progress: bool,
}
