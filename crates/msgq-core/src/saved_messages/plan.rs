//! What is to be taken out of a queue, and what came of it: plain data.

use super::error::SaveError;
use crate::orphan::Resting;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is to be taken out.
pub struct Taking<'a> {
    /// How many messages of each type, the oldest first.
    pub by_type: BTreeMap<i64, usize>,
    /// Types that `by_type` does not name and of which every message is to be taken out.
    pub all_of: Option<&'a dyn Fn(i64) -> bool>,
    /// How many of all types together.
    pub at_most: usize,
    /// Asked before each message of a type: what was true of it may not be any more.
    pub may_go: &'a dyn Fn(i64) -> bool,
    /// Asked before each message that is looked at or taken out whether to end.
    pub is_interrupted: &'a dyn Fn() -> bool,
    /// Told of each message that is out and saved, its type and body.
    pub on_taken: &'a dyn Fn(i64, &[u8]),
    /// How long to go on.
    pub time: Duration,
}

/// Why no more was taken out.
#[derive(Debug)]
pub enum TakingEnd {
    /// All of it is out that was there.
    Complete,
    /// The time was over.
    TimeLimit,
    /// It was asked to end.
    Interrupted,
    /// Another program receives messages of the same types at the same time.
    AnotherReceiver,
    /// Something failed.
    Failed(SaveError),
}

/// What was taken out, and stands in the file.
#[derive(Debug)]
pub struct Taken {
    /// How many messages, and their bytes, by type.
    pub by_type: BTreeMap<i64, Resting>,
    /// Messages that somebody else received after they were saved.
    pub received_by_others: usize,
    /// Why it ended.
    pub end: TakingEnd,
}

impl Taking<'_> {
    /// So many messages of each of these types, the oldest first, within half a minute.
    pub fn of_types(by_type: impl IntoIterator<Item = (i64, usize)>) -> Self {
        let by_type = by_type.into_iter().collect();
        let time = Duration::from_secs(30);
        let (may_go, is_interrupted, on_taken) = (&|_| true, &|| false, &|_, _: &[u8]| ());
        Self { by_type, all_of: None, at_most: usize::MAX, may_go, is_interrupted, on_taken, time }
    }
}

impl Taken {
    /// How many messages, of all types together.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.by_type.values().map(|resting| resting.messages).sum()
    }

    pub(super) fn count(&mut self, mtype: i64, len: usize) {
        let resting = self.by_type.entry(mtype).or_default();
        resting.messages += 1;
        resting.bytes += len;
    }
}
