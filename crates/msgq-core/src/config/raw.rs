//! The configuration as it is written, and the library's errors in words that help.
//!
//! The names of the types stand in such errors ("expected struct Queue").

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    pub(super) queue: Queue,
    pub(super) service: Service,
    pub(super) handler: Handler,
    pub(super) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Queue {
    pub(super) key: Option<Spanned<toml::Value>>,
    pub(super) mode: Option<Spanned<toml::Value>>,
    pub(super) group: Option<Spanned<String>>,
    pub(super) max_bytes: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Service {
    pub(super) workers: Option<Spanned<toml::Value>>,
    pub(super) spin_us: Option<Spanned<toml::Value>>,
    pub(super) drain_timeout_ms: Option<Spanned<i64>>,
    pub(super) outbox_capacity: Option<Spanned<i64>>,
    pub(super) response_ttl_s: Option<Spanned<i64>>,
    pub(super) on_crash: Option<Spanned<String>>,
    pub(super) on_stop: Option<Spanned<String>>,
    pub(super) on_failure: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Handler {
    pub(super) kind: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Vec<String>>>,
    pub(super) environment: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) working_directory: Option<Spanned<String>>,
    pub(super) timeout_ms: Option<Spanned<i64>>,
    pub(super) kill_grace_ms: Option<Spanned<i64>>,
    pub(super) max_concurrency: Option<Spanned<i64>>,
    pub(super) overlong: Option<Spanned<String>>,
    pub(super) start_timeout_ms: Option<Spanned<i64>>,
    pub(super) max_requests: Option<Spanned<i64>>,
    pub(super) idempotent: Option<Spanned<bool>>,
    pub(super) socket: Option<Spanned<String>>,
    pub(super) connect_timeout_ms: Option<Spanned<i64>>,
    pub(super) user: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: Option<Spanned<String>>,
}

/// What is read of a configuration that has errors elsewhere.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LenientConfig {
    pub(super) queue: LenientQueue,
    pub(super) service: LenientService,
}

/// To find out whether `[queue]` is as it should be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct QueueOnly {
    #[serde(rename = "queue")]
    _queue: Queue,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LenientQueue {
    pub(super) key: Option<Spanned<toml::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LenientService {
    pub(super) on_failure: Option<Spanned<String>>,
}

/// The library's message, and what to do about it where that is known.
pub(super) fn explain(message: &str) -> (String, Option<String>) {
    let Some(rest) = message.strip_prefix("unknown field `") else { return (message.to_owned(), None) };
    let Some((unknown, expected)) = rest.split_once('`') else { return (message.to_owned(), None) };
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let nearest = known.iter().max_by(|a, b| likeness(unknown, a).total_cmp(&likeness(unknown, b)));
    let help = match nearest.filter(|name| likeness(unknown, name) > 0.5) {
        Some(name) => format!("did you mean {name}? Known here: {}", known.join(", ")),
        None => format!("known here: {}", known.join(", ")),
    };
    (format!("there is no setting {unknown}"), Some(help))
}

/// Dice's coefficient over pairs of letters, from 0 (nothing in common) to 1.
fn likeness(a: &str, b: &str) -> f64 {
    let pairs = |text: &str| -> Vec<(char, char)> { text.chars().zip(text.chars().skip(1)).collect() };
    let (of_a, mut of_b) = (pairs(a), pairs(b));
    let total = u32::try_from(of_a.len() + of_b.len()).unwrap_or(u32::MAX);
    let common = of_a
        .iter()
        .filter(|pair| of_b.iter().position(|other| other == *pair).map(|at| of_b.swap_remove(at)).is_some())
        .count();
    if total == 0 { 0.0 } else { 2.0 * f64::from(u32::try_from(common).unwrap_or(0)) / f64::from(total) }
}
