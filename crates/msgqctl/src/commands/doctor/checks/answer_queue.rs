//! The queue into which answers go, where they have one of their own, and who may do what where answers go elsewhere.

use super::configuration::{known_protocol, known_settings};
use super::mend::restart_command;
use super::outcome::{Check, CheckOutcome};
use crate::commands::doctor::facts::Facts;
use crate::output::{shell_word, shown_path};
use crate::system::names::Named;
use msgq_core::config::QueueConfig;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::limits;
use msgq_core::queue::{ListedQueue, Queue, QueueKey, find_listed_queue};

/// For the group and for all others.
const READ_FOR_CLIENTS: u32 = 0o044;
const WRITE_FOR_CLIENTS: u32 = 0o022;

/// `None` where answers have no queue of their own.
pub(super) fn check_of_answer_queue(facts: &Facts) -> Option<Check> {
    let key = reply_key(facts)?;
    let outcome = match (find_listed_queue(key), facts.queue) {
        (None, None) => CheckOutcome::not_applicable("there is no queue of requests either"),
        (None, Some(_)) => missing(facts, key),
        (Some(answers), Some(requests)) if answers.uid != requests.uid => of_another(key, answers.uid, requests.uid),
        (Some(_), _) => size(facts, key),
    };
    Some(Check { check: "answer_queue", title: "queue of the answers", outcome })
}

/// As [`check_of_answer_queue`].
pub(super) fn check_of_answer_queue_mode(facts: &Facts) -> Option<Check> {
    let queue = find_listed_queue(reply_key(facts)?)?;
    let outcome = match known_settings(facts) {
        Err(outcome) => outcome,
        Ok((path, config)) => mode(facts, &shown_path(path), queue, config.reply_queue.as_ref()),
    };
    Some(Check { check: "answer_queue_mode", title: "mode of the queue of the answers", outcome })
}

/// `None` where clients must read from the queue of requests, since their answers are there.
pub(super) fn check_of_request_takers(facts: &Facts) -> Option<Check> {
    let queue = facts.queue.filter(|_| known_protocol(facts).route() != ReplyRoute::Shared)?;
    let outcome = if facts.is_foreign_queue() {
        super::queue::foreign_queue()
    } else if queue.mode & READ_FOR_CLIENTS == 0 {
        CheckOutcome::fine(format!("nobody but its owner: mode {:04o}", queue.mode))
    } else {
        may_take_requests(facts, queue.mode)
    };
    Some(Check { check: "request_takers", title: "who may take requests", outcome })
}

fn reply_key(facts: &Facts) -> Option<QueueKey> {
    let configured = known_settings(facts).ok().and_then(|(_, config)| config.reply_queue.as_ref());
    let served = || facts.daemon.good_table().and_then(|table| QueueKey::new(table.header().about().reply_key));
    configured.and_then(|queue| queue.key.resolve().ok()).or_else(served)
}

fn missing(facts: &Facts, key: QueueKey) -> CheckOutcome {
    let log = facts.unit_name().map(|name| format!("journalctl -u {name} -n 20 --no-pager"));
    CheckOutcome::problem(
        format!("queue {key}, into which answers go, is not there"),
        "nobody gets an answer; msgqd makes it anew by itself, and its log says what keeps it from that",
        log.into_iter().chain([restart_command(facts)]).collect(),
    )
}

fn of_another(key: QueueKey, owner: u32, own: u32) -> CheckOutcome {
    let (owner, own) = (Named::user(owner).label(), Named::user(own).label());
    CheckOutcome::problem(
        format!(
            "queue {key}, into which answers go, is that of user {owner}, and the queue of requests that of user {own}"
        ),
        "msgqd takes no other user's queue for its own; who made it knows what it is for",
        vec!["ipcs -q -c".to_owned(), "ipcs -q -p".to_owned()],
    )
}

fn size(facts: &Facts, key: QueueKey) -> CheckOutcome {
    let actual = match Queue::open(key).and_then(|queue| queue.stat()) {
        Ok(stat) => stat.max_bytes,
        Err(error) => return CheckOutcome::not_checked(error.to_string()),
    };
    let longest = known_protocol(facts).longest_response(0);
    if actual < u64::try_from(longest).unwrap_or(u64::MAX) {
        return CheckOutcome::problem(
            format!("queue {key}, into which answers go, takes {actual} bytes, and one answer has {longest}"),
            "no client gets an answer",
            vec![restart_command(facts)],
        );
    }
    let (path, config) = match known_settings(facts) {
        Ok(known) => known,
        Err(outcome) => return outcome,
    };
    let wanted = config.reply_queue.as_ref().and_then(|queue| queue.max_bytes).unwrap_or_else(limits::msgmnb);
    if actual == wanted {
        return CheckOutcome::fine(format!("{key}, {actual} bytes, as configured"));
    }
    let file = shown_path(path);
    CheckOutcome::warning(
        format!("queue {key}, into which answers go, takes {actual} bytes, and {wanted} are configured ({file})"),
        "the setting was changed after the daemon read it, or somebody changed the queue; of a smaller one more answers wait \
         in the outbox",
        vec![restart_command(facts)],
    )
}

fn mode(facts: &Facts, file: &str, queue: ListedQueue, settings: Option<&QueueConfig>) -> CheckOutcome {
    let actual = queue.mode;
    let Some(wanted) = settings.map(|settings| settings.mode) else {
        return CheckOutcome::not_applicable(format!("{file} has no second queue"));
    };
    if actual != wanted {
        return CheckOutcome::problem(
            format!("the queue of the answers has mode {actual:04o}, and {file} says {wanted:04o}"),
            if actual & !wanted == 0 {
                "clients get EACCES"
            } else {
                "users who should not may take answers, or send some"
            },
            vec![restart_command(facts)],
        );
    }
    if actual & WRITE_FOR_CLIENTS != 0 {
        return CheckOutcome::warning(
            format!("clients may send to the queue of the answers (mode {actual:04o})"),
            "each of them can answer another in the server's name, or fill the queue; mode = \"0640\" in `reply` lets them read \
             alone",
            vec![restart_command(facts)],
        );
    }
    CheckOutcome::fine(format!("{actual:04o}, as configured: clients only read"))
}

fn may_take_requests(facts: &Facts, mode: u32) -> CheckOutcome {
    // There may be two modes in the file.
    let edit = |path| format!("grep -n mode {}    # write mode = \"0620\" below [queue]", shell_word(path));
    CheckOutcome::warning(
        format!("clients may receive from the queue of requests (mode {mode:04o}), and no answer is there"),
        "each of them can take the requests of others, which are lost then; with mode 0620 they can only send, and who is not \
         the owner can no longer look into the queue with msgqctl",
        facts.configuration.path().map(edit).into_iter().chain([restart_command(facts)]).collect(),
    )
}
