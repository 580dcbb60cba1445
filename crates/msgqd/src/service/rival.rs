//! Programs of another kind that serve a queue: they keep no lock and no table.

use msgq_core::layout::protocol::Protocol;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::{Queue, QueueKey};
use msgq_core::serving::{request_taker, taker};

/// Refuses a queue of this user that a living program serves, whichever it is.
pub(super) fn check_is_free(queue: &Queue, key: QueueKey) -> Result<(), String> {
    let Some(pid) = request_taker(queue) else { return Ok(()) };
    Err(format!(
        "queue {key} (msqid {}) is served by another program: PID {pid} ({}) takes requests from it; of two servers each \
         would get a part of them, and whichever stops first would remove the queue; see what it is with: ps -f -p {pid}; \
         stop it in its own way first, or serve another queue with --key",
        queue.id(),
        name_of(pid)
    ))
}

/// Refuses a second queue of this user from which a living program takes what no client of this protocol asks for. Who waits for
/// the answers of one client is that client.
pub(super) fn check_is_free_for_answers(queue: &Queue, key: QueueKey, protocol: &Protocol) -> Result<(), String> {
    let Some(pid) = taker(queue, |msgtyp| protocol.client_of_response(msgtyp).is_none()) else { return Ok(()) };
    Err(format!(
        "queue {key} (msqid {}), which is to take the answers (protocol.reply), is used by another program: PID {pid} ({}) takes \
         messages from it that are no answers to one client, and would take those of others as well; see what it is with: \
         ps -f -p {pid}; stop it in its own way first, or give protocol.reply another key",
        queue.id(),
        name_of(pid)
    ))
}

fn name_of(pid: i32) -> String {
    ClientNumber::new(pid).and_then(process_name).unwrap_or_else(|| "name hidden".to_owned())
}
