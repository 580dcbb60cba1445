//! Who may be answered: the checks of the number that a request names.

use super::clients::{Clients, Generation};
use super::shared::Shared;
use crate::own_threads::is_own_thread;
use msgq_core::layout::likely_cause;
use msgq_core::layout::protocol::{ClientKind, ResponseForm};
use msgq_core::pid_namespace::{InnerProcess, namesakes_in_containers, own_pid_namespace};
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::table::Counters;
use std::time::Duration;

/// The client that the request of this number names, watched from now on; `None`, counted and logged, when nobody can be answered.
pub(super) fn admit(
    shared: &Shared,
    sequence: u64,
    claimed_client: i64,
    form: Option<ResponseForm>,
    body: &[u8],
) -> Option<(ClientNumber, Generation)> {
    let counters = shared.counters();
    let Some(client) = possible_client(shared, claimed_client, form) else {
        refuse(shared, claimed_client, body);
        return None;
    };
    // In this order: what is taken out of the queue meanwhile is in the outbox.
    let is_due = || {
        shared.answers.current().has_message(shared.mtype_of(client)).unwrap_or(true)
            || shared.outbox.holds_earlier(client, sequence)
    };
    let generation = shared.clients.admit(client, sequence, is_due).unwrap_or_else(|error| {
        shared
            .events
            .watch_failed
            .of(client)
            .error(|| format!("cannot watch client {client}: {error}; raise LimitNOFILE= if this goes on"));
        shared.clients.find(client)
    });
    let Some(generation) = generation else {
        if is_own_thread(client) {
            refuse(shared, claimed_client, body);
            return None;
        }
        if Clients::is_kernel_thread(client) {
            refuse_kernel_thread(shared, client);
            return None;
        }
        Counters::add(&counters.refused_nobody);
        shared.events.nobody.of(client).warn(|| refusal_of_number(client, ": no living process or thread has it"));
        return None;
    };
    Some((client, generation))
}

/// The client with this number, if a client can have it and answers to it are no requests. `form` tells where it is known how
/// wide the types of its messages are.
#[inline]
pub(super) fn possible_client(
    shared: &Shared,
    claimed_client: i64,
    form: Option<ResponseForm>,
) -> Option<ClientNumber> {
    let client = shared.clients.possible_client(claimed_client)?;
    if shared.clients.kind() == ClientKind::Number && !shared.protocol.can_be_read(claimed_client, form) {
        return None;
    }
    shared.protocol.may_answer(client.get()).then_some(client)
}

/// As a slot notes it: 0 where nobody can be answered.
pub(super) fn noted_client(claimed_client: Option<i64>) -> i64 {
    claimed_client.unwrap_or(0)
}

/// A number that is no client's here: what it is, or who has it elsewhere, and what helps.
fn refusal_of_number(client: ClientNumber, what_it_is: &str) -> String {
    const HELP: &str = "start it with --pid=host (hostPID in Kubernetes), or give clients numbers of their own \
                        (client_is = \"number\")";
    let dropped = format!("dropped a request that names PID {client}");
    let in_words = |InnerProcess { pid, name, .. }: InnerProcess| {
        format!("PID {pid} ({})", name.as_deref().unwrap_or("name hidden"))
    };
    let namesakes =
        namesakes_in_containers(client.get(), NAMESAKE_LIMIT).into_iter().take(SHOWN_NAMESAKES).map(in_words);
    let namesakes = namesakes.collect::<Vec<_>>().join(" or ");
    if !namesakes.is_empty() {
        return format!(
            "{dropped}, which no client has here: {namesakes} has it for itself in a PID namespace of its own, as in a \
             container, and may be the client; {HELP}"
        );
    }
    if own_pid_namespace().is_some() {
        return format!(
            "{dropped}{what_it_is}; the client died, or runs outside of this server's own PID namespace; {HELP}"
        );
    }
    format!(
        "{dropped}{what_it_is}; the client died, sends something else for its PID, or runs in another PID namespace"
    )
}

/// A worker looks no longer, and only for a line that is logged.
const NAMESAKE_LIMIT: Duration = Duration::from_millis(50);
const SHOWN_NAMESAKES: usize = 3;

fn refuse_kernel_thread(shared: &Shared, client: ClientNumber) {
    Counters::add(&shared.counters().refused_pid);
    shared.events.kernel_thread.of(client).warn(|| {
        let name = process_name(client).map_or_else(String::new, |name| format!(" ({name})"));
        refusal_of_number(client, &format!(", which is a thread of the kernel{name} and asks nothing"))
    });
}

fn refuse(shared: &Shared, claimed_client: i64, body: &[u8]) {
    Counters::add(&shared.counters().refused_pid);
    if shared.clients.kind() == ClientKind::Number {
        return shared.events.impossible_pid.of_claimed(claimed_client).warn(|| {
            format!(
                "dropped a request that names {claimed_client} as its client, which no client can have: a number from 1 \
                 that is a type for its program's messages, and with which its answers do not have the type of a request{}",
                likely_cause(body).unwrap_or_default()
            )
        });
    }
    shared.events.impossible_pid.of_claimed(claimed_client).warn(|| {
        format!(
            "dropped a request that names PID {claimed_client}, which no client can have (1 < PID < {}, not the server's \
             own{}){}",
            shared.clients.pid_max(),
            if claimed_client > 1 && i32::try_from(claimed_client).is_ok() && !shared.protocol.may_answer(claimed_client) {
                ", and no number whose answers would have the type of a request"
            } else {
                ""
            },
            likely_cause(body).unwrap_or_default()
        )
    });
}
