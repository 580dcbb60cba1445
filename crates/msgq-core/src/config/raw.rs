//! The configuration as it is written, and the library's errors in words that help.
//!
//! Every setting may have any type here: who checks it knows in which words to ask for another.

use super::merge::{Joined, Merge};
use serde::Deserialize;
use toml::{Spanned, Value};

/// What several files may have a part in.
macro_rules! merged {
    ($(#[$attribute:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Default, Deserialize)]
        $(#[$attribute])*
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
        }

        impl Merge for $name {
            fn merge(&mut self, later: Self, joined: &mut Joined) {
                $(self.$field.merge(later.$field, joined);)*
            }

            fn shift(&mut self, by: usize) {
                $(self.$field.shift(by);)*
            }
        }
    };
}

/// A section: settings that may each be missing, and their names.
macro_rules! section {
    ($(#[$attribute:meta])* $section:ident { $($setting:ident),* $(,)? }) => {
        merged! { $(#[$attribute])* $section { $($setting: Option<Spanned<Value>>),* } }

        impl $section {
            const SETTINGS: &[&str] = &[$(stringify!($setting)),*];
        }
    };
}

merged! {
    #[serde(deny_unknown_fields, default)]
    Config {
        queue: Queue,
        service: Service,
        protocol: Protocol,
        handler: Handler,
        log: Log,
    }
}

section! {
    #[serde(deny_unknown_fields, default)]
    Queue {
        key, mode, group, max_bytes, takeover,
    }
}

section! {
    #[serde(deny_unknown_fields, default)]
    Service {
        workers, spin_us, drain_timeout_ms, outbox_capacity, response_ttl_s, attempts, on_crash, on_stop,
        on_failure,
    }
}

section! {
    #[serde(deny_unknown_fields, default)]
    Handler {
        kind, command, environment, working_directory, timeout_ms, kill_grace_ms, max_concurrency, overlong,
        start_timeout_ms, max_requests, idempotent, socket, connect_timeout_ms, user, pass,
    }
}

section! {
    #[serde(deny_unknown_fields, default)]
    Protocol {
        preset, request, response, constants, client, client_is, request_types, order, response_type, body,
        response_length, status, request_text, response_text, set, reply, reply_to, part_types,
    }
}

section! {
    #[serde(deny_unknown_fields, default)]
    Log {
        level,
    }
}

merged! {
    /// What is read of a configuration that has errors elsewhere.
    #[serde(default)]
    LenientConfig {
        queue: LenientQueue,
        service: LenientService,
    }
}

merged! {
    /// To read `[protocol]` although something else is wrong.
    #[serde(default)]
    ProtocolOnly {
        queue: LenientQueue,
        protocol: Protocol,
    }
}

merged! {
    /// To find out whether `[queue]` is as it should be.
    #[serde(default)]
    QueueOnly {
        queue: Queue,
    }
}

merged! {
    #[serde(default)]
    LenientQueue {
        key: Option<Spanned<Value>>,
    }
}

merged! {
    #[serde(default)]
    LenientService {
        on_failure: Option<Spanned<Value>>,
    }
}

/// All settings by their section, in the order in which they are documented.
pub(super) const SETTINGS: [(&str, &[&str]); 5] = [
    ("queue", Queue::SETTINGS),
    ("service", Service::SETTINGS),
    ("protocol", Protocol::SETTINGS),
    ("handler", Handler::SETTINGS),
    ("log", Log::SETTINGS),
];

/// The names of the sections.
pub(super) const SECTIONS: [&str; 5] = ["queue", "service", "protocol", "handler", "log"];

/// What is wrong with a configuration that the library of TOML refuses, and what to do about it where that is known;
/// `found` is the text that it points to.
#[must_use]
pub fn explain(message: &str, found: &str) -> (String, Option<String>) {
    if let Some(number) = message.strip_prefix("invalid type: integer `").and_then(|rest| rest.split('`').next()) {
        return (format!("{number} is too large"), Some("no setting takes such a number".to_owned()));
    }
    if message.starts_with("string values must be quoted") {
        let wrong = if found.is_empty() { "there is no value".to_owned() } else { format!("{found} is no value") };
        return (wrong, Some("write text in quotes, and numbers, true and false without".to_owned()));
    }
    if message == "integer number overflowed" {
        return (format!("{found} is no number, or too large"), Some("no setting takes such a number".to_owned()));
    }
    if message.starts_with("unexpected leading zero") {
        let help = r#"write a mode as text, for example mode = "0660", and numbers without a zero before them"#;
        return ("no number begins with 0".to_owned(), Some(help.to_owned()));
    }
    let Some(rest) = message.strip_prefix("unknown field `") else {
        let message = message.trim_end_matches(", expected nothing");
        return (message.replacen(", expected ", "; here belongs ", 1), None);
    };
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
