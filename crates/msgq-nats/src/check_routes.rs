//! `msgq-nats check`: each route, from end to end, step by step.
//!
//! No step has work done by whoever listens, but for the one that `--send` asks for.

mod gateway_process;
mod inward;
mod listeners;
mod out;
mod permissions;
mod queue;
mod report;
mod servers;
mod streams;

use crate::config::Config;
use crate::connection::Gateway;
use report::Report;
use std::io::{self, Write};

/// Tries the routes with these names, or all where none is named, and writes a line for each step. True where all is well.
/// `send`: a request with this text goes over each of these routes out.
///
/// # Errors
/// When `out` cannot be written.
pub async fn check(
    config: &Config,
    gateway: &Gateway,
    names: &[String],
    send: Option<&str>,
    out: &mut (dyn Write + Send),
) -> io::Result<bool> {
    let mut report = Report::new(out);
    let is_connected = servers::check(config, gateway, &mut report).await?;
    let is_chosen = |name: &String| names.is_empty() || names.contains(name);
    let running = gateway_process::find(&config.gateway.metrics_socket);
    for route in config.out.iter().filter(|route| is_chosen(&route.name)) {
        out::check_local(route, &mut report)?;
        if is_connected {
            out::check_far(route, gateway, send, &mut report).await?;
        }
    }
    for route in config.inward.iter().filter(|route| is_chosen(&route.name)) {
        queue::check(route, running.as_ref(), &mut report)?;
        if is_connected {
            inward::check_far(route, gateway, &mut report).await?;
        }
    }
    if !is_connected {
        report.skipped("nats", "what is behind NATS, as there is no connection")?;
    }
    Ok(report.is_all_well())
}
