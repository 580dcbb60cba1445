//! Which queues are meant.

use crate::failure::{Failure, Status};
use crate::overview::QueueFacts;
use crate::target::QueueOptions;
use msgq_core::queue::QueueKey;
use std::fmt;
use std::str::FromStr;

/// A queue as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueChoice {
    Msqid(i32),
    Key(QueueKey),
}

impl FromStr for QueueChoice {
    type Err = String;

    /// A decimal number is never a key here: both look alike, and one of them would be the wrong queue.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("0x") || text.starts_with("0X") {
            return text.parse().map(Self::Key).map_err(|error: msgq_core::queue::ParseKeyError| error.to_string());
        }
        let msqid = text.parse().ok().filter(|msqid| *msqid >= 0).map(Self::Msqid);
        msqid.ok_or_else(|| "expected an msqid, a number from 0, or a key in hexadecimal with 0x".to_owned())
    }
}

impl fmt::Display for QueueChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Msqid(msqid) => write!(formatter, "msqid {msqid}"),
            Self::Key(key) => write!(formatter, "key {key}"),
        }
    }
}

/// The queues that are named, each once. A configuration names none here: what is removed for good is named by hand.
pub(super) fn chosen_queues(
    named: &[QueueChoice],
    options: &QueueOptions,
    queues: &[QueueFacts],
) -> Result<Vec<QueueFacts>, Failure> {
    let by_option = options.key.map(QueueChoice::Key).or(options.msqid.map(QueueChoice::Msqid));
    let choices: Vec<QueueChoice> = named.iter().copied().chain(by_option).collect();
    if choices.is_empty() {
        let message = "name the queue that is to be removed: its msqid, or its key with 0x; `msgqctl list` shows both";
        return Err(Failure::new(Status::Usage, message));
    }
    let mut chosen: Vec<QueueFacts> = Vec::new();
    for choice in choices {
        let is_it = |facts: &&QueueFacts| match choice {
            QueueChoice::Msqid(msqid) => facts.stat.msqid == msqid,
            QueueChoice::Key(key) => facts.stat.key == Some(key),
        };
        let missing = || {
            let message = format!("there is no queue with {choice}, so nothing was removed; `msgqctl list` shows all");
            Failure::new(Status::NoQueue, message)
        };
        let facts = queues.iter().find(is_it).ok_or_else(missing)?;
        if chosen.iter().all(|it| it.stat.msqid != facts.stat.msqid) {
            chosen.push(facts.clone());
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_number_is_an_msqid_and_a_hexadecimal_one_a_key() {
        assert_eq!("7".parse(), Ok(QueueChoice::Msqid(7)));
        assert_eq!("0x7".parse(), Ok(QueueChoice::Key(QueueKey::new(7).unwrap())));
        for bad in ["", "-1", "0x0", "seven", "0xgg", "2147483648", "0x"] {
            assert!(bad.parse::<QueueChoice>().is_err(), "{bad}");
        }
    }
}
