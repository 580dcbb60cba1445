//! Whether the queue looks as it was configured.

use super::configuration::{known_settings, longest_in_queue};
use super::mend::{restart_command, sysctl};
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::Facts;
use crate::daemon::{ServerPhase, closing_note, closing_sentence};
use crate::output::{shell_word, shown_path};
use crate::system::names::Named;
use crate::system::permission::permission_advice;
use msgq_core::limits;
use nix::unistd::Group;

/// Writing for those who are neither owner nor of the group.
const OTHERS_WRITE: u32 = 0o002;

/// How a check of the queue ends when there is none.
pub(super) fn no_queue() -> CheckOutcome {
    CheckOutcome::not_applicable("there is no queue")
}

/// How a check of the queue ends that is another program's.
pub(super) fn foreign_queue() -> CheckOutcome {
    CheckOutcome::not_applicable("the queue is not known to be msgqd's, so what it should be knows its own program")
}

pub(super) fn check_queue_size(facts: &Facts) -> CheckOutcome {
    let limit = limits::msgmnb();
    let settings = known_settings(facts).map(|(path, config)| (shown_path(path), config.queue.max_bytes));
    if let Ok((file, Some(wanted))) = &settings
        && *wanted > limit
    {
        return CheckOutcome::problem(
            format!("max_bytes = {wanted} in {file} is above kernel.msgmnb = {limit}"),
            "without CAP_SYS_RESOURCE, which the service does not have, msgqd does not start with it",
            [sysctl("kernel.msgmnb", *wanted), vec![restart_command(facts)]].concat(),
        );
    }
    if facts.is_foreign_queue() {
        return foreign_queue();
    }
    let actual = match (&facts.stat, facts.key) {
        (Some(Ok(stat)), _) => stat.max_bytes,
        (Some(Err(error)), _) if error.is_permission() => {
            return CheckOutcome::not_checked(format!(
                "{error}; {}",
                permission_advice(facts.queue, error.is_of_sending())
            ));
        }
        _ => return no_queue(),
    };
    if actual < u64::try_from(longest_in_queue(facts)).unwrap_or(u64::MAX) {
        return too_small(facts, actual);
    }
    let (expected, source) = match settings {
        Ok((file, Some(wanted))) => (wanted, format!("max_bytes in {file}")),
        Ok((_, None)) => (limit, "kernel.msgmnb, the default".to_owned()),
        Err(outcome) => return outcome,
    };
    if actual == expected {
        return CheckOutcome::fine(format!("{actual} bytes, as configured"));
    }
    CheckOutcome::warning(
        format!("the queue takes {actual} bytes, and {expected} are configured ({source})"),
        "the setting was changed after the daemon read it, or somebody changed the queue; a smaller queue lets clients \
         wait earlier",
        vec![restart_command(facts)],
    )
}

fn too_small(facts: &Facts, actual: u64) -> CheckOutcome {
    let mut mend = Vec::new();
    if limits::msgmnb() < limits::DEFAULT_MSGMNB {
        mend = sysctl("kernel.msgmnb", limits::DEFAULT_MSGMNB);
    }
    mend.push(restart_command(facts));
    let longest = longest_in_queue(facts);
    CheckOutcome::problem(
        format!("the queue takes {actual} bytes, and one message of the protocol has {longest}"),
        "every client waits for room for ever",
        mend,
    )
}

pub(super) fn check_queue_mode(facts: &Facts) -> CheckOutcome {
    let Some(queue) = facts.queue else { return no_queue() };
    if facts.is_foreign_queue() {
        return foreign_queue();
    }
    let actual = queue.mode;
    if facts.daemon.phase() == Some(ServerPhase::Draining) {
        return CheckOutcome::not_applicable("a daemon that is stopping shuts writers out");
    }
    if let Some(note) = facts.key.and_then(|key| closing_note(key, queue.uid)) {
        return CheckOutcome::not_applicable(format!(
            "the door is {}; msgqctl resume opens it",
            closing_sentence(&note)
        ));
    }
    let (path, config) = match known_settings(facts) {
        Ok(known) => known,
        Err(_) if actual & OTHERS_WRITE != 0 => return open_to_all(facts, actual),
        Err(outcome) => return outcome,
    };
    let wanted = config.queue.mode;
    if actual == wanted {
        return CheckOutcome::fine(format!("{actual:04o}, as configured"));
    }
    let why = if actual & !wanted == 0 {
        "clients that should use the queue get EACCES"
    } else {
        "users who should not may use the queue: fill it, ask in another's name, read answers that are not theirs"
    };
    CheckOutcome::problem(
        format!("the queue has mode {actual:04o}, and {} says {wanted:04o}", shown_path(path)),
        why,
        vec![restart_command(facts)],
    )
}

fn open_to_all(facts: &Facts, mode: u32) -> CheckOutcome {
    let edit = |path| format!("sed -i 's/^#*mode = .*/mode = \"0660\"/' {}", shell_word(path));
    CheckOutcome::warning(
        format!("every user may write into the queue (mode {mode:04o})"),
        "anybody can fill it, ask in another's name, and read answers that are not theirs",
        facts.configuration.path().map(edit).into_iter().chain([restart_command(facts)]).collect(),
    )
}

pub(super) fn check_queue_group(facts: &Facts) -> CheckOutcome {
    let Some(queue) = facts.queue else { return no_queue() };
    let (path, config) = match known_settings(facts) {
        Ok(known) => known,
        Err(outcome) => return outcome,
    };
    let Some(name) = &config.queue.group else {
        return CheckOutcome::not_applicable(format!("{} names no group", shown_path(path)));
    };
    let (file, shown_name) = (shown_path(path), shown_path(name.as_ref()));
    let by_number = || name.parse().ok();
    let by_name = || Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
    let Some(wanted) = by_number().or_else(by_name) else {
        return CheckOutcome::problem(
            format!("{file} gives the queue to group {shown_name}, and there is no such group"),
            "msgqd does not start with it",
            vec![format!("groupadd --system {}", shell_word(name.as_ref())), restart_command(facts)],
        );
    };
    if facts.is_foreign_queue() {
        return foreign_queue();
    }
    if wanted == queue.gid {
        return CheckOutcome::fine(format!("{shown_name}, as configured"));
    }
    CheckOutcome::problem(
        format!("the queue belongs to group {}, and {file} says {shown_name}", Named::group(queue.gid).label()),
        "members of the group that is configured get EACCES",
        vec![restart_command(facts)],
    )
}
