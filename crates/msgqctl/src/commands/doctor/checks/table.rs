//! Whether the table is that of a living daemon and of the queue that is there now.

use super::daemon::no_daemon_seen;
use super::mend::{restart_command, start_command};
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::Facts;
use crate::daemon::{ServerPhase, is_used};
use crate::output::{counted, shown_path};
use msgq_core::instance::LockState;
use msgq_core::table::{Table, TableError};
use std::io::ErrorKind;
use std::path::Path;

const LOST: &str = "the next start of this version cannot finish what it holds, and puts its own in its place: clients \
                    would wait in vain; the version that wrote it can";

pub(super) fn check_table(facts: &Facts) -> CheckOutcome {
    let Some(files) = &facts.daemon.files else { return CheckOutcome::not_applicable("there is no table") };
    let path = &files.table_path;
    let lives = matches!(facts.daemon.lock(), LockState::Held(_));
    match &facts.daemon.table {
        None if lives => CheckOutcome::warning(
            format!("the daemon keeps no table: there is no {}", shown_path(path)),
            "what it has in hand is lost if it is killed; its log says why there is none",
            vec!["df /run /dev/shm".to_owned(), restart_command(facts)],
        ),
        None => CheckOutcome::not_applicable("there is no table"),
        Some(Err(TableError::Io(error))) if error.kind() == ErrorKind::PermissionDenied => CheckOutcome::not_checked(
            format!("this user may not read {}; members of its group may, and root", shown_path(path)),
        ),
        Some(Err(error)) => unusable(facts, path, lives, &error.to_string()),
        Some(Ok(table)) if lives => of_living(facts, table, path),
        Some(Ok(_)) if facts.daemon.lock() == LockState::Hidden => no_daemon_seen(facts),
        Some(Ok(table)) => of_dead(facts, table, path),
    }
}

fn unusable(facts: &Facts, path: &Path, lives: bool, error: &str) -> CheckOutcome {
    let what = format!("the table {} cannot be used: {error}", shown_path(path));
    if lives {
        let why = "msgqctl cannot see inside of the daemon, and a crash would lose what it has in hand";
        return CheckOutcome::warning(what, why, vec![restart_command(facts)]);
    }
    CheckOutcome::warning(what, LOST, vec![start_command(facts)])
}

fn of_living(facts: &Facts, table: &Table, path: &Path) -> CheckOutcome {
    let served = table.header().msqid();
    match facts.queue {
        Some(queue) if queue.msqid != served => CheckOutcome::problem(
            format!(
                "the daemon serves msqid {served}, but key {} now means msqid {}: somebody removed the queue and made \
                 another",
                facts.key_name(),
                queue.msqid
            ),
            "clients talk to a queue that the daemon does not look at; it takes a queue of its own user that nobody serves, and \
             else waits until this one is gone",
            vec![format!("ipcs -q -i {}", queue.msqid)],
        ),
        _ => CheckOutcome::fine(format!("{} is that of the daemon", shown_path(path))),
    }
}

/// No table is to be removed: the next start takes it, or puts its own in its place.
fn of_dead(facts: &Facts, table: &Table, path: &Path) -> CheckOutcome {
    let about = table.header().about();
    let name = shown_path(path);
    if let Some(queue) = facts.queue.filter(|queue| queue.msqid != about.msqid) {
        return stale(&name, about.msqid, format!("ipcs -q -i {}", queue.msqid));
    }
    if facts.queue.is_none() {
        return stale(&name, about.msqid, start_command(facts));
    }
    if !table.is_of_this_boot() {
        return CheckOutcome::warning(
            format!("the table {name} is of another boot than this shell sees"),
            "if it was written before the machine was started, nothing in it can be finished; in a container a service may \
             see another boot than a shell: the next start knows, and takes it or puts its own in its place",
            vec![start_command(facts)],
        );
    }
    if facts.daemon.phase() == Some(ServerPhase::Ended) {
        return CheckOutcome::fine(format!("{name} waits for the next start"));
    }
    let responses = (0..table.geometry().capacity).filter_map(|index| table.response(index));
    let held = table.landings().chain(responses).filter(|slot| is_used(slot)).count();
    CheckOutcome::warning(
        format!(
            "the table {name} is that of a dead daemon (PID {}), which had {} in hand",
            about.owner,
            counted(held, "message")
        ),
        "the next start finishes what it holds; until then those clients wait",
        vec![start_command(facts)],
    )
}

fn stale(name: &str, msqid: i32, command: String) -> CheckOutcome {
    CheckOutcome::warning(
        format!("the table {name} is stale: its queue (msqid {msqid}) is gone"),
        "clients that waited got EIDRM or ended with the machine, so nothing in it is to be finished; the next start puts \
         its own in its place",
        vec![command],
    )
}
