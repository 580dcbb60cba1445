//! Whether the queue looks as it was configured.

use super::command::{shell_word, sysctl};
use super::facts::{Facts, shown};
use crate::commands::doctor::report::CheckOutcome;
use crate::daemon::ServerPhase;
use crate::daemon::{closing_note, closing_sentence};
use crate::names::Named;
use crate::permission;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::limits;
use nix::unistd::Group;

/// Writing for those who are neither owner nor of the group.
const OTHERS_WRITE: u32 = 0o002;
const NO_QUEUE: &str = "there is no queue";

pub(super) fn size(facts: &Facts) -> CheckOutcome {
    let limit = limits::msgmnb();
    let wanted = facts.configuration.known().map(|(path, config)| (shown(path), config.queue.max_bytes));
    if let Some((file, Some(wanted))) = wanted.as_ref().filter(|(_, wanted)| wanted.is_some_and(|it| it > limit)) {
        return CheckOutcome::problem(
            format!("max_bytes = {wanted} in {file} is above kernel.msgmnb = {limit}"),
            "without CAP_SYS_RESOURCE, which the service does not have, msgqd does not start with it",
            above_limit(facts, *wanted),
        );
    }
    let stat = match (&facts.stat, facts.key) {
        (Some(Ok(stat)), _) => stat,
        (Some(Err(error)), Some(key)) if error.is_permission() => {
            return CheckOutcome::not_checked(format!("{error}; {}", permission::advice(key)));
        }
        _ => return CheckOutcome::not_applicable(NO_QUEUE),
    };
    let actual = stat.max_bytes;
    let one_message = u64::try_from(BODY_LEN_LP64).unwrap_or(u64::MAX);
    let Some((file, wanted)) = wanted else {
        if actual < one_message {
            return too_small(facts, actual);
        }
        return facts.configuration.nothing_to_compare_with();
    };
    let (expected, source) = match wanted {
        Some(wanted) => (wanted, format!("max_bytes in {file}")),
        None => (limit, "kernel.msgmnb, the default".to_owned()),
    };
    match actual {
        _ if actual < one_message => too_small(facts, actual),
        _ if actual == expected => CheckOutcome::fine(format!("{actual} bytes, as configured")),
        _ => CheckOutcome::warning(
            format!("the queue takes {actual} bytes, and {expected} are configured ({source})"),
            "the setting was changed after the daemon read it, or somebody changed the queue; a smaller queue lets \
             clients wait earlier",
            vec![facts.restart_command()],
        ),
    }
}

fn above_limit(facts: &Facts, wanted: u64) -> Vec<String> {
    let mut mend = sysctl("kernel.msgmnb", wanted);
    mend.push(facts.restart_command());
    mend
}

fn too_small(facts: &Facts, actual: u64) -> CheckOutcome {
    let mut mend = Vec::new();
    if limits::msgmnb() < limits::DEFAULT_MSGMNB {
        mend = sysctl("kernel.msgmnb", limits::DEFAULT_MSGMNB);
    }
    mend.push(facts.restart_command());
    CheckOutcome::problem(
        format!("the queue takes {actual} bytes, and one message of the protocol has {BODY_LEN_LP64}"),
        "every client waits for room for ever",
        mend,
    )
}

pub(super) fn mode(facts: &Facts) -> CheckOutcome {
    let Some(queue) = facts.queue else { return CheckOutcome::not_applicable(NO_QUEUE) };
    let actual = queue.mode;
    if facts.phase() == Some(ServerPhase::Draining) {
        return CheckOutcome::not_applicable("a daemon that is stopping shuts writers out");
    }
    if let Some(note) = facts.key.and_then(|key| closing_note(key, queue.uid)) {
        return CheckOutcome::not_applicable(format!(
            "the door is {}; msgqctl resume opens it",
            closing_sentence(&note)
        ));
    }
    let Some((path, config)) = facts.configuration.known() else {
        if actual & OTHERS_WRITE != 0 {
            return CheckOutcome::warning(
                format!("every user may write into the queue (mode {actual:04o})"),
                "anybody can fill it, ask in another's name, and read answers that are not theirs",
                open_to_all(facts),
            );
        }
        return facts.configuration.nothing_to_compare_with();
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
        format!("the queue has mode {actual:04o}, and {} says {wanted:04o}", shown(path)),
        why,
        vec![facts.restart_command()],
    )
}

fn open_to_all(facts: &Facts) -> Vec<String> {
    let Some(path) = facts.configuration.path() else { return vec![facts.restart_command()] };
    let edit = format!("sed -i 's/^#*mode = .*/mode = \"0660\"/' {}", shell_word(path));
    vec![edit, facts.restart_command()]
}

pub(super) fn group(facts: &Facts) -> CheckOutcome {
    let Some(queue) = facts.queue else { return CheckOutcome::not_applicable(NO_QUEUE) };
    let Some((path, config)) = facts.configuration.known() else {
        return facts.configuration.nothing_to_compare_with();
    };
    let Some(name) = &config.queue.group else {
        return CheckOutcome::not_applicable(format!("{} names no group", shown(path)));
    };
    let file = shown(path);
    let by_number = || name.parse().ok();
    let by_name = || Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
    let Some(wanted) = by_number().or_else(by_name) else {
        return CheckOutcome::problem(
            format!("{file} gives the queue to group {}, and there is no such group", shown(name.as_ref())),
            "msgqd does not start with it",
            vec![format!("groupadd --system {}", shell_word(name.as_ref())), facts.restart_command()],
        );
    };
    if wanted == queue.gid {
        return CheckOutcome::fine(format!("{}, as configured", shown(name.as_ref())));
    }
    CheckOutcome::problem(
        format!(
            "the queue belongs to group {}, and {file} says {}",
            Named::group(queue.gid).label(),
            shown(name.as_ref())
        ),
        "members of the group that is configured get EACCES",
        vec![facts.restart_command()],
    )
}
