//! Who uses a queue of another user: a program that serves it already.

use super::foreign_queue::{ForeignQueue, Objection};
use msgq_core::instance::LockState;
use msgq_core::process::{ClientNumber, Liveness, liveness, process_name};
use msgq_core::queue::QueueRole;
use msgq_core::queue_call::{QueueCall, queue_call_of};
use msgq_core::serving::{directory_of_living_server, server_state, taker_of_any_user};

/// A msgqd of the queue's owner that serves it, as far as this user may see.
pub(super) fn living_msgqd(foreign: &ForeignQueue<'_>) -> Option<i32> {
    let directory = directory_of_living_server(foreign.key, foreign.stat.uid)?;
    match server_state(&directory.path, foreign.key, directory.users) {
        LockState::Held(pid) => Some(pid),
        _ => None,
    }
}

/// A living program of another kind that takes what this server is to take, or may do so.
pub(super) fn objection(foreign: &ForeignQueue<'_>) -> Option<Objection> {
    let takes = |msgtyp: i64| takes_what_is_ours(foreign, msgtyp);
    let taker = taker_of_any_user(&foreign.queue, takes);
    let pid = taker.or_else(|| last_receiver(foreign))?;
    let name = name_of(pid);
    let what = match taker {
        Some(_) if foreign.role == QueueRole::Answers => {
            format!("PID {pid} ({name}) takes messages from it that are no answers to one client")
        }
        Some(_) => format!("PID {pid} ({name}) takes requests from it"),
        None => format!("PID {pid} ({name}), which received from it last, lives and may serve it"),
    };
    Some(Objection { what, cure: format!("see what it is with: ps -f -p {pid}; stop it in its own way first") })
}

fn takes_what_is_ours(foreign: &ForeignQueue<'_>, msgtyp: i64) -> bool {
    match foreign.role {
        QueueRole::Answers => foreign.protocol.client_of_response(msgtyp).is_none(),
        QueueRole::Both | QueueRole::Requests => msgtyp <= 0 || foreign.protocol.request_types().receives(msgtyp),
    }
}

/// The last receiver, if it lives and is not seen to wait as a client does.
fn last_receiver(foreign: &ForeignQueue<'_>) -> Option<i32> {
    let pid = foreign.stat.last_receive_pid;
    let is_alive = matches!(ClientNumber::new(pid).map(liveness), Some(Ok(Liveness::Alive)));
    let call = queue_call_of(pid, |msqid| msqid == i64::from(foreign.queue.id()));
    let waits_as_client =
        matches!(call, Some(QueueCall::Msgrcv { msgtyp, .. }) if !takes_what_is_ours(foreign, msgtyp));
    (is_alive && !waits_as_client && pid != std::process::id().cast_signed()).then_some(pid)
}

pub(super) fn name_of(pid: i32) -> String {
    ClientNumber::new(pid).and_then(process_name).unwrap_or_else(|| "name hidden".to_owned())
}
