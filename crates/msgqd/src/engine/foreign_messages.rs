//! Messages that may be another program's: what rested in the queue before anything tells that a msgqd served it, and is
//! neither a request nor like an answer. They are left alone until they are gone. What has the length and the type of an
//! answer is what an earlier server left, and orphans of a server that wrote no table must not clog the queue for ever. Nothing tells two messages of one type apart, so all of such a type
//! are. The table says that there are some, for the next daemon.

use crate::alerts;
use msgq_core::layout::protocol::Protocol;
use msgq_core::orphan::{Resting, Survey};
use msgq_core::queue::{BrowseLimits, Queue, QueueRole};
use msgq_core::table::Table;
use msgq_core::words::counted;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Types that a line of the log names.
const NAMED_TYPES: usize = 8;
/// A start does not wait longer for the look at a crowded queue.
const LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_millis(500), messages: 16_384 };

#[derive(Debug)]
pub(super) struct ForeignMessages {
    left_alone: Mutex<LeftAlone>,
    role: QueueRole,
    table: Arc<Table>,
}

#[derive(Debug, Default)]
struct LeftAlone {
    types: BTreeSet<i64>,
    /// Not all messages could be looked at, so all types are left alone until that is done.
    is_every_type: bool,
}

impl ForeignMessages {
    pub(super) fn new(role: QueueRole, table: Arc<Table>) -> Self {
        Self { left_alone: Mutex::default(), role, table }
    }

    /// From now on the types that rest in this queue and are neither of requests nor of answers are left alone, and a line of the log names
    /// them. To be called before anything is sent to the queue.
    pub(super) fn leave_alone_what_rests(&self, queue: &Queue, protocol: &Protocol) {
        let Some(survey) = self.survey(queue, protocol) else { return };
        let mut resting = survey.responses;
        resting.retain(|mtype, _| survey.unlike_answers.contains(mtype));
        if !resting.is_empty() {
            log::warn!(
                message_id = alerts::FOREIGN_MESSAGES;
                "nothing tells that a msgqd served queue {key} (msqid {id}) before: {messages} that are neither requests nor answers \
                 rest in it ({types}); they may be another program's, so they are left alone, even where they fill the queue, and keep it \
                 at a stop; `msgqctl --key {key} peek` shows them; what nobody wants any more goes with: msgqctl --key {key} \
                 purge --type {named}",
                key = queue.key().map_or_else(|| "without a key".to_owned(), |key| key.to_string()),
                id = queue.id(),
                messages = counted(resting.values().map(|of_type| of_type.messages).sum::<usize>(), "message"),
                types = types_in_words(&resting, survey.is_complete),
                named = first_types(&resting, " "),
            );
        }
        let left_alone = LeftAlone { types: resting.into_keys().collect(), is_every_type: !survey.is_complete };
        self.replace(left_alone);
    }

    /// True when messages of this type are not to be touched.
    pub(super) fn contains(&self, mtype: i64) -> bool {
        let left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        left_alone.is_every_type || left_alone.types.contains(&mtype)
    }

    /// All messages were looked at: what rests for others than the server has one of these types.
    pub(super) fn keep_only(&self, rests: impl Fn(i64) -> bool) {
        let mut left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        left_alone.is_every_type = false;
        left_alone.types.retain(|mtype| rests(*mtype));
        self.table.header().set_foreign_messages(self.role, !left_alone.types.is_empty());
    }

    /// How many messages rest now that are left alone.
    pub(super) fn count_in(&self, queue: &Queue, protocol: &Protocol) -> usize {
        if !self.table.header().has_foreign_messages_in(self.role) {
            return 0;
        }
        let Some(survey) = self.survey(queue, protocol) else { return 0 };
        let of_others = survey.responses.iter().filter(|(mtype, _)| self.contains(**mtype));
        of_others.map(|(_, of_type)| of_type.messages).sum()
    }

    fn survey(&self, queue: &Queue, protocol: &Protocol) -> Option<Survey> {
        let looked = match self.role {
            QueueRole::Answers => Survey::of_answers(queue, protocol, LIMITS),
            QueueRole::Both | QueueRole::Requests => Survey::of_queue(queue, protocol, LIMITS),
        };
        looked.ok()
    }

    fn replace(&self, left_alone: LeftAlone) {
        let has_any = left_alone.is_every_type || !left_alone.types.is_empty();
        *self.left_alone.lock().unwrap_or_else(PoisonError::into_inner) = left_alone;
        self.table.header().set_foreign_messages(self.role, has_any);
    }
}

fn types_in_words(resting: &BTreeMap<i64, Resting>, is_complete: bool) -> String {
    let more = match (resting.len().saturating_sub(NAMED_TYPES), is_complete) {
        (0, true) => String::new(),
        (0, false) => ", and more messages that could not be looked at in time".to_owned(),
        (more, _) => format!(", and {more} more"),
    };
    let word = if resting.len() == 1 { "type" } else { "types" };
    format!("{word} {}{more}", first_types(resting, ", "))
}

fn first_types(resting: &BTreeMap<i64, Resting>, between: &str) -> String {
    let named: Vec<String> = resting.keys().take(NAMED_TYPES).map(i64::to_string).collect();
    named.join(between)
}
