//! Who may be answered: the checks of the PID that a request names.

use super::clients::Generation;
use super::shared::Shared;
use msgq_core::process::ClientPid;
use msgq_core::table::Counters;

/// The client that a request names, watched from now on; `None`, counted and logged, when nobody can be answered.
pub(super) fn admit(shared: &Shared, claimed_pid: i32) -> Option<(ClientPid, Generation)> {
    let counters = shared.counters();
    let Some(client) = shared.clients.possible_client(claimed_pid) else {
        Counters::add(&counters.refused_pid);
        shared.events.impossible_pid.warn(|| {
            format!(
                "dropped a request that names PID {claimed_pid}, which no client can have (1 < PID < {}, not the \
                 server's own)",
                shared.clients.pid_max()
            )
        });
        return None;
    };
    let generation = shared.clients.admit(client).unwrap_or_else(|error| {
        shared
            .events
            .watch_failed
            .error(|| format!("cannot watch client {client}: {error}; raise LimitNOFILE= if this goes on"));
        shared.clients.find(client)
    });
    let Some(generation) = generation else {
        Counters::add(&counters.refused_nobody);
        shared.events.nobody.warn(|| {
            format!(
                "dropped a request that names PID {client}: no living process or thread has it; the client died, or \
                 runs in another PID namespace"
            )
        });
        return None;
    };
    Some((client, generation))
}
