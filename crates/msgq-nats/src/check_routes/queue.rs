//! The local queue of a route in: whether it is there, may be used, and is served.

use super::gateway_process::{Identity, own};
use super::report::Report;
use crate::config::InRoute;
use msgq_core::config::KeySetting;
use msgq_core::escape::escape;
use msgq_core::instance::LockState;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::{Queue, QueueKey, QueueStat};
use msgq_core::serving::{directory_of_living_server, server_directories, server_state, taker_of_any_user};
use std::io;

const READ: u32 = 4;
const WRITE: u32 = 2;

pub(super) fn check(route: &InRoute, running: Option<&Identity>, report: &mut Report<'_>) -> io::Result<()> {
    let name = &route.name;
    let Some((key, queue)) = find(name, "queue", route.local.key.as_ref(), report)? else { return Ok(()) };
    let (of_requests, of_answers) = match route.local.protocol.route() {
        ReplyRoute::Shared => (READ | WRITE, 0),
        ReplyRoute::Separate => (WRITE, READ),
        ReplyRoute::Private | ReplyRoute::Nowhere => (WRITE, 0),
    };
    let user = running.cloned().or_else(own);
    check_access(name, &queue, of_requests, user.as_ref(), running.is_some(), report)?;
    if of_answers != 0
        && let Some((_, answers)) = find(name, "second queue", route.local.reply_key.as_ref(), report)?
    {
        check_access(name, &answers, of_answers, user.as_ref(), running.is_some(), report)?;
    }
    check_server(route, key, &queue, report)
}

fn find(
    who: &str,
    what: &str,
    setting: Option<&KeySetting>,
    report: &mut Report<'_>,
) -> io::Result<Option<(QueueKey, Queue)>> {
    let Some(setting) = setting else { return Ok(None) };
    let key = match setting.resolve() {
        Ok(key) => key,
        Err(error) => {
            report.fail(who, &error.to_string(), "")?;
            return Ok(None);
        }
    };
    match Queue::open(key) {
        Ok(queue) => {
            report.ok(who, &format!("the {what} {key} is there (msqid {})", queue.id()))?;
            Ok(Some((key, queue)))
        }
        Err(error) if error.is_gone() => {
            report.fail(who, &format!("there is no {what} {key}"), "start its server, which makes it")?;
            Ok(None)
        }
        Err(error) => {
            report.fail(who, &error.to_string(), "")?;
            Ok(None)
        }
    }
}

fn check_access(
    who: &str,
    queue: &Queue,
    needed: u32,
    user: Option<&Identity>,
    is_gateway: bool,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let (Ok(stat), Some(user)) = (queue.stat_of_any(), user) else {
        return report.skipped(who, "whether the queue may be used, as this user may not look at it; use sudo");
    };
    let program = if is_gateway {
        format!("the gateway (PID {}, user {})", user.pid, user.uid)
    } else {
        format!("this user ({}), as no gateway runs whose user could be asked about,", user.uid)
    };
    let words = match needed {
        READ => "read",
        WRITE => "write",
        _ => "read and write",
    };
    let QueueStat { uid, gid, cuid, cgid, mode, .. } = stat;
    if user.bits([uid, cuid], [gid, cgid], mode) & needed == needed {
        return report.ok(who, &format!("{program} may {words} it"));
    }
    let advice = "SupplementaryGroups=GROUP in a drop-in for msgqd-nats.service makes it a member, or give the queue another mode";
    report.fail(
        who,
        &format!("{program} may not {words} it: it has owner {uid}, group {gid} and mode {mode:04o}"),
        advice,
    )
}

/// A msgqd, as its lock tells, or whoever waits for requests just now.
fn check_server(route: &InRoute, key: QueueKey, queue: &Queue, report: &mut Report<'_>) -> io::Result<()> {
    let who = &route.name;
    let Ok(stat) = queue.stat_of_any() else {
        return report.skipped(who, "who serves the queue, as this user may not look at it; use sudo");
    };
    // In the usual places, or in that of a process that has its lock open.
    let directories = server_directories(key, stat.uid).into_iter().chain(directory_of_living_server(key, stat.uid));
    let states = directories.map(|directory| server_state(&directory.path, key, directory.users));
    let mut msgqd = states.filter_map(|state| match state {
        LockState::Held(pid) => Some(pid),
        _ => None,
    });
    if let Some(pid) = msgqd.next() {
        return report.ok(who, &format!("msgqd serves it (PID {pid})"));
    }
    let types = route.local.protocol.request_types();
    if let Some(pid) = taker_of_any_user(queue, |msgtyp| msgtyp <= 0 || types.contains(msgtyp)) {
        return report.ok(who, &format!("{} serves it (PID {pid}): it waits for requests", name_of(pid)));
    }
    let last = stat.last_receive_pid;
    if let Some(name) = ClientNumber::new(last).and_then(process_name) {
        let name = escape(name.as_bytes());
        return report
            .note(who, &format!("nobody waits for requests just now; {name} (PID {last}) took a message last"));
    }
    if nix::unistd::geteuid().is_root() {
        return report.fail(who, "nobody takes requests out of the queue", "start its server");
    }
    report.skipped(who, "who serves the queue, as this user may not look at all processes; use sudo")
}

fn name_of(pid: i32) -> String {
    ClientNumber::new(pid).and_then(process_name).map_or_else(|| "a program".to_owned(), |name| escape(name.as_bytes()))
}
