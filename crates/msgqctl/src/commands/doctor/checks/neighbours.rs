//! Other programs that take requests off the queue while a msgqd serves it.

use super::mend::look_at_process;
use super::outcome::CheckOutcome;
use super::queue::no_queue;
use crate::commands::doctor::facts::{Facts, Identification};
use crate::output::counted;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue_call::{RequestTaking, request_taking};
use msgq_core::waiters::visible_processes;
use std::time::{Duration, Instant};

/// A server that is not waiting at the moment of one look is seen by another.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(2);

/// The programs that were seen to wait for requests, and how many could not be looked at.
#[derive(Default)]
struct RequestTakers {
    takers: Vec<i32>,
    hidden: usize,
}

pub(super) fn check_other_programs(facts: &Facts) -> CheckOutcome {
    let Some(queue) = facts.queue else { return no_queue() };
    match facts.is_queue_of_msgqd() {
        Some(true) => {}
        Some(false) => {
            return CheckOutcome::not_applicable(
                "no msgqd is known to serve it, so who takes its messages may be its server",
            );
        }
        None => return CheckOutcome::not_checked("who serves it is hidden from this user; root sees it"),
    }
    let daemon = match facts.daemon.identification {
        Identification::Same(pid) => Some(pid),
        Identification::NoDaemon => None,
        Identification::Other(_) | Identification::Unproven(_) | Identification::Unknown => {
            return CheckOutcome::not_checked("the daemon could not be told from others: its number here is not known");
        }
    };
    let seen = watch(i64::from(queue.msqid), daemon);
    let key = facts.key_name();
    match seen.takers.first() {
        Some(pid) => {
            let name = ClientNumber::new(*pid).and_then(process_name).unwrap_or_else(|| "name hidden".to_owned());
            let (whose, why) = match daemon {
                Some(_) => (
                    "and is not the msgqd that holds its lock",
                    "each of two servers gets a part of the requests, and whichever stops first may remove the queue; \
                     which of them should serve know those who started them",
                ),
                None => (
                    "and no msgqd that can be seen from here holds its lock",
                    "it may be the queue's own server: until that is known nothing is to be started or ended",
                ),
            };
            let what = format!("PID {pid} ({name}) takes requests from queue {key}, {whose}");
            CheckOutcome::problem(what, why, look_at_process(*pid))
        }
        // What is hidden from root too, such as the init of some containers, nobody can look at.
        None if seen.hidden > 0 && !nix::unistd::geteuid().is_root() => CheckOutcome::not_checked(format!(
            "in which calls {} of other users wait is hidden from this user; root sees it",
            counted(seen.hidden, "program")
        )),
        None => CheckOutcome::fine("nobody else waits for requests"),
    }
}

fn watch(msqid: i64, daemon: Option<i32>) -> RequestTakers {
    let deadline = Instant::now() + LIMIT;
    let mut seen = look_once(msqid, daemon, deadline);
    for _ in 1..LOOKS {
        if !seen.takers.is_empty() || Instant::now() > deadline {
            break;
        }
        std::thread::sleep(PAUSE);
        seen = look_once(msqid, daemon, deadline);
    }
    seen
}

fn look_once(msqid: i64, daemon: Option<i32>, deadline: Instant) -> RequestTakers {
    let mut seen = RequestTakers::default();
    for pid in visible_processes().filter(|pid| Some(*pid) != daemon) {
        match request_taking(pid, msqid) {
            RequestTaking::Yes => seen.takers.push(pid),
            RequestTaking::No => {}
            RequestTaking::Hidden => seen.hidden += 1,
        }
        if Instant::now() > deadline {
            break;
        }
    }
    seen
}
