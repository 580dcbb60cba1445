//! Completion in a shell: scripts that ask msgqctl, and what it answers.

use crate::daemon::{in_hand_slots, outbox_slots, read_table, watched_clients};
use crate::messages::{MessageKind, browse_messages, describe_message};
use crate::names::process_state;
use crate::output::counted;
use crate::target::{QueueOptions, Target};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, CompletionCandidate, Shell};
use msgq_core::process::{ClientPid, process_name};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Set by the scripts to the name of their shell.
const VARIABLE: &str = "MSGQCTL_COMPLETE";
const PROGRAM: &str = "msgqctl";
/// More would help nobody.
const MAX_CANDIDATES: usize = 100;
/// The function that a script for zsh defines. Loaded by zsh in the moment of the first completion, the script must also
/// call it.
const FIRST_CALL_IN_ZSH: &str = "[ \"$funcstack[1]\" = _msgqctl ] && _clap_dynamic_completer_msgqctl \"$@\"\n";

/// Prints candidates when a completion script asks for them; false when none does.
///
/// # Errors
/// When the shell is unknown, or standard output cannot be written.
pub(crate) fn answer(command: fn() -> clap::Command, arguments: &[OsString]) -> clap::error::Result<bool> {
    let directory = std::env::current_dir().ok();
    CompleteEnv::with_factory(command).var(VARIABLE).try_complete(arguments, directory.as_deref())
}

/// The script for a shell.
///
/// # Errors
/// When there is none for this shell.
pub fn script(shell: Shell) -> io::Result<String> {
    let shells = Shells::builtins();
    let name = shell.to_string();
    let completer = shells.completer(&name).ok_or_else(|| io::Error::other("this shell is not known"))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    if shell == Shell::Zsh {
        script.extend_from_slice(FIRST_CALL_IN_ZSH.as_bytes());
    }
    String::from_utf8(script).map_err(io::Error::other)
}

/// Messages that a client has in the queue, and places in the daemon's table.
#[derive(Default)]
struct Share {
    requests: usize,
    answers: usize,
    held: usize,
}

/// The clients of the queue that the command line names; none where it cannot be looked at.
pub(crate) fn clients() -> Vec<CompletionCandidate> {
    let Ok(target) = named_queue(std::env::args_os()).open() else { return Vec::new() };
    let mut clients: Vec<(ClientPid, Share)> = shares(&target).into_iter().collect();
    clients
        .sort_by_key(|(client, share)| (std::cmp::Reverse(share.requests + share.answers + share.held), client.get()));
    clients.into_iter().take(MAX_CANDIDATES).map(|(client, share)| candidate(client, &share)).collect()
}

fn candidate(client: ClientPid, share: &Share) -> CompletionCandidate {
    let name = process_name(client).unwrap_or_else(|| "no name".to_owned());
    let words = [(share.requests, "request"), (share.answers, "answer"), (share.held, "place in the table")];
    let counts: Vec<_> =
        words.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| counted(*number, noun)).collect();
    let counts = if counts.is_empty() { "watched".to_owned() } else { counts.join(", ") };
    let help = format!("{name}, {}: {counts}", process_state(client.get()));
    CompletionCandidate::new(client.to_string()).help(Some(help.into()))
}

fn shares(target: &Target) -> HashMap<ClientPid, Share> {
    let mut shares: HashMap<ClientPid, Share> = HashMap::new();
    // What was seen before an error is worth showing too.
    let _ = browse_messages(&target.queue, |_, message| {
        let described = describe_message(message.mtype(), message.body());
        if let Some(client) = described.client {
            let share = shares.entry(client).or_default();
            match described.kind {
                MessageKind::Request => share.requests += 1,
                MessageKind::Response | MessageKind::Junk => share.answers += 1,
            }
        }
    });
    let Ok((_, table)) = target.queue.stat().map_err(drop).and_then(|stat| read_table(target.key, &stat).map_err(drop))
    else {
        return shares;
    };
    for slot in in_hand_slots(&table).chain(outbox_slots(&table)) {
        if let Some(client) = ClientPid::new(slot.client()) {
            shares.entry(client).or_default().held += 1;
        }
    }
    for client in watched_clients(&table).filter_map(|(client, _)| ClientPid::new(client)) {
        let _ = shares.entry(client).or_default();
    }
    shares
}

/// Key and configuration file that stand on the line.
fn named_queue(line: impl Iterator<Item = OsString>) -> QueueOptions {
    let words: Vec<String> = line.map(|word| word.to_string_lossy().into_owned()).collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| word.split('=').next() == Some(name))?;
        words.get(at)?.split_once('=').map(|(_, value)| value).or_else(|| words.get(at + 1).map(String::as_str))
    };
    QueueOptions { key: value("--key").and_then(|key| key.parse().ok()), config: value("--config").map(PathBuf::from) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::queue::QueueKey;

    fn named(line: &str) -> (Option<i32>, Option<PathBuf>) {
        let QueueOptions { key, config } = named_queue(line.split(' ').map(OsString::from));
        (key.map(QueueKey::raw), config)
    }

    #[test]
    fn the_queue_is_the_one_that_the_line_names() {
        assert_eq!(named("msgqctl -- msgqctl --key 0x10 explain "), (Some(16), None));
        assert_eq!(named("msgqctl -- msgqctl explain --key=0x10 "), (Some(16), None));
        assert_eq!(named("msgqctl -- msgqctl --config /etc/x --key"), (None, Some("/etc/x".into())));
    }
}
