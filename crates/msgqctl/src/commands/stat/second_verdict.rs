//! What `stat` says first where something is not well with the queue of the answers.

use super::second_queue::{SecondQueue, SecondQueueState};
use super::verdict::{StatVerdict, because, crowded_by_answers};
use crate::condition::Condition;
use crate::system::names::Named;
use msgq_core::queue::QueueStat;

/// A word on what is not well with it, beside the queue of requests.
pub(super) fn trouble_of_answers(answers: &SecondQueue, requests: &QueueStat) -> Option<StatVerdict> {
    let key = &answers.key;
    let stat = match (answers.state, &answers.stat) {
        (SecondQueueState::Missing, _) => {
            let sentence = format!(
                "queue {key}, into which answers go, is not there, so nobody gets one: msgqd makes it anew, and its log \
                     says what keeps it from that"
            );
            return Some(because(Condition::Degraded, sentence));
        }
        (_, None) => return None,
        (_, Some(stat)) => stat,
    };
    if stat.uid != requests.uid {
        let (owner, own) = (Named::user(stat.uid).label(), Named::user(requests.uid).label());
        let sentence = format!(
            "queue {key}, into which answers go, is that of user {owner}, and the queue of requests that of user {own}: msgqd takes \
             no other user's queue for its own, and its log says what it does; find out with that user what this one is for"
        );
        return Some(because(Condition::Degraded, sentence));
    }
    crowded_by_answers(key, stat, answers.waiting.as_ref())
}
