//! The numbers of all queues as a shell offers them. Errors end in fewer candidates, never in a message.

use crate::output::counted;
use crate::system::names::Named;
use clap_complete::CompletionCandidate;
use msgq_core::queue::{QueueStat, stat_of_every_queue};

/// More would help nobody.
const MAX_CANDIDATES: usize = 100;

/// The queues of this IPC namespace by msqid, the lowest first.
pub(crate) fn queue_candidates() -> Vec<CompletionCandidate> {
    let mut queues = stat_of_every_queue().unwrap_or_default();
    queues.sort_by_key(|queue| queue.msqid);
    queues.iter().take(MAX_CANDIDATES).map(queue_candidate).collect()
}

fn queue_candidate(queue: &QueueStat) -> CompletionCandidate {
    let key = queue.key.map_or_else(|| "private".to_owned(), |key| key.to_string());
    let messages = counted(usize::try_from(queue.messages).unwrap_or(usize::MAX), "message");
    let help = format!("{key}, user {}, {messages}", Named::user(queue.uid).label());
    CompletionCandidate::new(queue.msqid.to_string()).help(Some(help.into()))
}
