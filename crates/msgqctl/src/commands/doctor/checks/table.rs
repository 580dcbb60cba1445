//! Whether the table is that of a living daemon and of the queue that is there now.

use super::mend::{restart_command, shell_word, start_command};
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::Facts;
use crate::daemon::{ServerPhase, is_used};
use crate::output::{counted, shown_path};
use msgq_core::instance::LockState;
use msgq_core::table::{Table, TableError};
use std::io::ErrorKind;
use std::path::Path;

const LOST: &str = "after a crash the next start cannot finish what the table holds: clients would wait in vain";

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
        Some(Ok(table)) => of_dead(facts, table, path),
    }
}

fn unusable(facts: &Facts, path: &Path, lives: bool, error: &str) -> CheckOutcome {
    let what = format!("the table {} cannot be used: {error}", shown_path(path));
    if lives {
        let why = "msgqctl cannot see inside of the daemon, and a crash would lose what it has in hand";
        return CheckOutcome::warning(what, why, vec![restart_command(facts)]);
    }
    CheckOutcome::warning(what, LOST, vec![format!("rm {}", shell_word(path)), start_command(facts)])
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
            "clients talk to a queue that the daemon does not look at",
            vec![restart_command(facts)],
        ),
        _ => CheckOutcome::fine(format!("{} is that of the daemon", shown_path(path))),
    }
}

fn of_dead(facts: &Facts, table: &Table, path: &Path) -> CheckOutcome {
    let about = table.header().about();
    let name = shown_path(path);
    let remove = || vec![format!("rm {}", shell_word(path))];
    if !table.is_of_this_boot() {
        return CheckOutcome::warning(
            format!("the table {name} is stale: it was written before the machine was started"),
            "its queue went with the reboot, so nothing in it can be finished",
            remove(),
        );
    }
    if facts.queue.is_none_or(|queue| queue.msqid != about.msqid) {
        return CheckOutcome::warning(
            format!("the table {name} is stale: its queue (msqid {}) was removed", about.msqid),
            "its clients got EIDRM, so nothing in it is to be finished",
            remove(),
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
