//! The clients of a queue as a shell offers them: who has something in it, or is watched by its daemon, the busiest
//! first. Called by the options that take a PID; errors end in fewer candidates, never in a message.

use crate::daemon::{in_hand_slots, outbox_slots, read_table, watched_clients};
use crate::messages::{MessageKind, browse_within, describe_message};
use crate::output::counted;
use crate::system::names::client_state;
use crate::target::{NamedProtocol, QueueOptions, Target};
use clap::ValueEnum;
use clap_complete::CompletionCandidate;
use msgq_core::instance::InstanceName;
use msgq_core::orphan::client_of;
use msgq_core::process::{ClientNumber, process_name};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// More would help nobody.
const MAX_CANDIDATES: usize = 100;

/// Messages that a client has in the queue, and places in the daemon's table.
#[derive(Default)]
struct ClientShare {
    requests: usize,
    answers: usize,
    held: usize,
}

/// The clients of the queue that the command line names; none where it cannot be looked at, or is not known to have clients.
pub(crate) fn client_candidates() -> Vec<CompletionCandidate> {
    let Ok(target) = named_queue(std::env::args_os()).open() else { return Vec::new() };
    if target.stat().map_or(true, |stat| target.why_unknown(&stat).is_some()) {
        return Vec::new();
    }
    let mut clients: Vec<(ClientNumber, ClientShare)> = shares(&target).into_iter().collect();
    clients
        .sort_by_key(|(client, share)| (std::cmp::Reverse(share.requests + share.answers + share.held), client.get()));
    clients.into_iter().take(MAX_CANDIDATES).map(|(client, share)| client_candidate(client, &share)).collect()
}

fn client_candidate(client: ClientNumber, share: &ClientShare) -> CompletionCandidate {
    let words = [(share.requests, "request"), (share.answers, "answer"), (share.held, "place in the table")];
    let counts: Vec<_> =
        words.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| counted(*number, noun)).collect();
    let counts = if counts.is_empty() { "watched".to_owned() } else { counts.join(", ") };
    let name = match (process_name(client), client.pid()) {
        (Some(name), _) => format!("{name}, "),
        (None, Some(_)) => "no name, ".to_owned(),
        (None, None) => String::new(),
    };
    let help = format!("{name}{}: {counts}", client_state(Some(client)));
    CompletionCandidate::new(client.to_string()).help(Some(help.into()))
}

fn shares(target: &Target) -> HashMap<ClientNumber, ClientShare> {
    let mut shares: HashMap<ClientNumber, ClientShare> = HashMap::new();
    // What was seen before an error is worth showing too.
    for queue in [Some(target.clone()), target.answers().ok().flatten()].into_iter().flatten() {
        let _ = browse_within(&queue.queue, queue.look_limits(), |_, message| {
            let described = describe_message(&queue.messages, message.mtype(), message.body());
            if let Some(client) = described.client {
                let share = shares.entry(client).or_default();
                match described.kind {
                    MessageKind::Request => share.requests += 1,
                    MessageKind::Response | MessageKind::Junk | MessageKind::Unknown => share.answers += 1,
                }
            }
        });
    }
    let Ok((_, table)) = target.queue.stat().map_err(drop).and_then(|stat| read_table(&stat).map_err(drop)) else {
        return shares;
    };
    let kind = table.geometry().client_kind;
    for slot in in_hand_slots(&table).chain(outbox_slots(&table)) {
        if let Some(client) = client_of(kind, slot.client()) {
            shares.entry(client).or_default().held += 1;
        }
    }
    for client in watched_clients(&table).filter_map(|(client, _)| client_of(kind, client)) {
        let _ = shares.entry(client).or_default();
    }
    shares
}

/// Key and configuration file that stand on the line.
pub(super) fn named_queue(line: impl Iterator<Item = OsString>) -> QueueOptions {
    let words: Vec<String> = line.map(|word| word.to_string_lossy().into_owned()).collect();
    let value_of = |name: &str| {
        let at = words.iter().position(|word| word.split('=').next() == Some(name))?;
        words.get(at)?.split_once('=').map(|(_, value)| value).or_else(|| words.get(at + 1).map(String::as_str))
    };
    // `-k KEY`, `-k=KEY`, `-kKEY`
    let behind = |letter: &str| {
        let stuck = words.iter().find_map(|word| word.strip_prefix(letter)).filter(|value| !value.is_empty());
        value_of(letter).or(stuck)
    };
    let either = |name: &str, letter: &str| value_of(name).or_else(|| behind(letter));
    let instance = either("--instance", "-i").and_then(|name| name.parse::<InstanceName>().ok());
    let of_instance = || instance.map(|name| name.config_path());
    QueueOptions {
        key: either("--key", "-k").and_then(|key| key.parse().ok()),
        msqid: value_of("--msqid").and_then(|msqid| msqid.parse().ok()),
        config: either("--config", "-c").map(PathBuf::from).or_else(of_instance),
        instance: None,
        protocol: value_of("--protocol").and_then(|name| NamedProtocol::from_str(name, false).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::queue::QueueKey;

    fn named(line: &str) -> (Option<i32>, Option<PathBuf>) {
        let QueueOptions { key, config, .. } = named_queue(line.split(' ').map(OsString::from));
        (key.map(QueueKey::raw), config)
    }

    #[test]
    fn the_queue_is_the_one_that_the_line_names() {
        assert_eq!(named("msgqctl -- msgqctl --key 0x10 explain "), (Some(16), None));
        assert_eq!(named("msgqctl -- msgqctl explain --key=0x10 "), (Some(16), None));
        assert_eq!(named("msgqctl -- msgqctl -i orders explain "), (None, Some("/etc/msgqd/orders.toml".into())));
        assert_eq!(named("msgqctl -- msgqctl --config /etc/x --key"), (None, Some("/etc/x".into())));
        for line in ["-k 0x10 -c /etc/x explain ", "explain -k=0x10 -c=/etc/x ", "-k0x10 explain -c/etc/x "] {
            assert_eq!(named(&format!("msgqctl -- msgqctl {line}")), (Some(16), Some("/etc/x".into())), "{line}");
        }
    }
}
