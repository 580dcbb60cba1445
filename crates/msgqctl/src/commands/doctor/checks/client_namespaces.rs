//! Clients whose numbers mean others to the server: each container may have a PID namespace of its own and the queues of the host.

use super::configuration::known_protocol;
use super::outcome::CheckOutcome;
use super::queue::no_queue;
use crate::commands::doctor::facts::{Facts, Identification};
use crate::output::counted;
use msgq_core::instance::ipc_namespace;
use msgq_core::layout::protocol::ClientKind;
use msgq_core::pid_namespace::{ContainerUsers, InnerProcess, own_pid_namespace, users_in_containers};
use msgq_core::queue::ListedQueue;
use msgq_core::queue_call::QueueCall;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1);
/// The inode of the machine's first IPC namespace, `PROC_IPC_INIT_INO` of `include/linux/proc_ns.h`.
const FIRST_IPC_NAMESPACE: u64 = 0xefff_ffff;

pub(super) fn check_client_pid_namespaces(facts: &Facts) -> CheckOutcome {
    let Some(queue) = facts.queue else { return no_queue() };
    if known_protocol(facts).client_kind() == ClientKind::Number {
        return CheckOutcome::not_applicable("clients are numbers without processes (client_is = \"number\")");
    }
    if let Some(namespace) = own_pid_namespace().filter(|_| is_used_from_outside(facts, queue)) {
        return in_a_container(namespace);
    }
    if facts.is_foreign_queue() && !facts.is_protocol_named {
        return CheckOutcome::not_applicable("whether numbers of processes are in its messages is not known");
    }
    if let Identification::Other(_) = facts.daemon.identification {
        return CheckOutcome::not_applicable("the daemon itself is in another PID namespace, as told above");
    }
    // Who takes requests is a server, and another check's.
    let is_client = |call: &QueueCall| !matches!(call, QueueCall::Msgrcv { msgtyp, .. } if *msgtyp <= 1);
    let ContainerUsers { mut waiting, hidden } = users_in_containers(queue.msqid, LIMIT);
    waiting.retain(|(_, call)| is_client(call));
    match waiting.first() {
        Some((process, call)) => of_containers(facts, process, call, waiting.len() - 1),
        None if hidden > 0 && !nix::unistd::geteuid().is_root() => CheckOutcome::not_checked(format!(
            "in which calls {} of other PID namespaces wait is hidden from this user; root sees it",
            counted(hidden, "process")
        )),
        None => CheckOutcome::fine("nobody of another PID namespace was seen to wait in it"),
    }
}

/// The kernel shows 0 as the number of a process that this PID namespace does not show.
fn is_used_from_outside(facts: &Facts, queue: ListedQueue) -> bool {
    let was_sent = facts.stat.is_some_and(|stat| stat.is_ok_and(|it| it.last_send_pid == 0 && it.last_send_time != 0));
    let was_received = queue.last_receive_pid == 0 && queue.last_receive_time != 0;
    ipc_namespace() == FIRST_IPC_NAMESPACE || was_sent || was_received
}

fn in_a_container(namespace: u64) -> CheckOutcome {
    CheckOutcome::warning(
        format!(
            "this shell is in a PID namespace of its own (pid:[{namespace}]), as in a container, and the queue is used from \
             outside of it too"
        ),
        "where messages name processes by PID, as in the plain protocol, the number of a client that is started here means \
         another process to a server outside, or nobody: it is refused, or its answer goes to somebody else",
        mend(),
    )
}

fn of_containers(facts: &Facts, process: &InnerProcess, call: &QueueCall, others: usize) -> CheckOutcome {
    let InnerProcess { pid, own_pid, name } = process;
    let name = name.as_deref().unwrap_or("name hidden");
    let waits = match call {
        QueueCall::Msgrcv { msgtyp, .. } => format!("for messages of type {msgtyp} in"),
        QueueCall::Msgsnd { .. } => "for room in".to_owned(),
    };
    let others = if others == 0 { String::new() } else { format!(", as {} more do", counted(others, "process")) };
    CheckOutcome::problem(
        format!(
            "PID {pid} ({name}), which is PID {own_pid} for itself in a PID namespace of its own, as in a container, waits \
             {waits} queue {}{others}",
            facts.key_name()
        ),
        "the number that it sends means another process here, or nobody: its requests are refused, or its answers go to \
         somebody else",
        mend(),
    )
}

fn mend() -> Vec<String> {
    vec![
        "docker run --pid=host --ipc=host ...    # the client; in Kubernetes hostPID, or shareProcessNamespace in one pod"
            .to_owned(),
        "man 5 msgqd.toml    # or clients with a number of their own: client_is = \"number\" in [protocol]".to_owned(),
    ]
}
