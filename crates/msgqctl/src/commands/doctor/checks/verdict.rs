//! What `stat` says of the queue, so that both commands never disagree.

use super::daemon::check_daemon;
use super::outcome::CheckOutcome;
use super::queue::no_queue;
use crate::commands::doctor::facts::{Facts, SeenVerdict};
use crate::condition::Condition;

pub(super) fn check_verdict(facts: &Facts) -> CheckOutcome {
    let SeenVerdict { condition, sentence, cure } = match &facts.verdict {
        None => return no_queue(),
        Some(Err(reason)) => return CheckOutcome::not_checked(reason),
        Some(Ok(verdict)) => verdict,
    };
    let key = facts.key_name();
    match *condition {
        Condition::Serving => CheckOutcome::fine(sentence),
        Condition::Unknown => CheckOutcome::not_checked(sentence),
        Condition::Busy => CheckOutcome::warning(
            sentence,
            "clients that send wait for a place: when it does not pass, the handler or the queue is too small",
            vec![format!("msgqctl --key {key} stat --watch")],
        ),
        Condition::Closed => CheckOutcome::problem(
            sentence,
            "new requests are refused (EACCES) until the door is opened again",
            vec![format!("msgqctl --key {key} resume    # when the work is done for which it was closed")],
        ),
        Condition::Degraded => {
            CheckOutcome::problem(sentence, "clients wait or get errors until that is over", looks(facts, &key))
        }
        Condition::Deadlocked => CheckOutcome::problem(
            sentence,
            "nobody is served, and nothing changes that by itself",
            cure.iter().cloned().chain(looks(facts, &key)).collect(),
        ),
        condition => of_server(facts, condition, sentence, &key),
    }
}

/// A server that does not serve is a finding of the daemon's check, and not of two.
fn of_server(facts: &Facts, condition: Condition, sentence: &str, key: &str) -> CheckOutcome {
    match check_daemon(facts) {
        CheckOutcome::Problem(_) | CheckOutcome::Warning(_) => {
            CheckOutcome::not_applicable(format!("what stat says is told above: {sentence}"))
        }
        // Nothing is wrong with a queue that another program serves.
        _ if condition == Condition::NotServed => CheckOutcome::not_applicable(sentence),
        _ => CheckOutcome::problem(sentence, "clients wait until somebody answers", looks(facts, key)),
    }
}

fn looks(facts: &Facts, key: &str) -> Vec<String> {
    let log = facts.unit_name().map(|name| format!("journalctl -u {name} -n 20 --no-pager"));
    [format!("msgqctl --key {key} stat")].into_iter().chain(log).collect()
}
