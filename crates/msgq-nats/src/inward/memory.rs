//! Which messages of a stream were put into the queue already. Pure.
//!
//! A server of NATS that is killed may have lost acknowledgements that it had confirmed, and sends those messages again: from
//! the beginning of the file in which it keeps them, at the worst. So all are remembered, which takes little: they have
//! numbers without gaps, and a range is all that is kept of those.
//!
//! It may also have lost which ids it has seen: of messages that were taken out of a work queue it knows none any more when it
//! starts. A gateway that had no word of such a message publishes it again, and it comes under another number.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

/// Where several gateways share a consumer, each has a message here and there.
const MOST_RANGES: usize = 100_000;

/// Many more than can be on their way again after a kill: each local msgqd has one for each of its connections.
const MOST_IDS: usize = 65_536;

/// A message of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity<'a> {
    pub(super) sequence: u64,
    pub(super) published_ns: i128,
    /// Which no other message ever has.
    pub(super) id: Option<&'a str>,
}

/// All messages that were put into the queue.
#[derive(Debug)]
pub(super) struct Memory {
    /// First and last numbers of each range; no two of them touch.
    ranges: BTreeMap<u64, u64>,
    /// When the newest of them was published.
    newest_ns: i128,
    /// When their stream was made.
    stream_ns: Option<i128>,
    most_ranges: usize,
    ids: HashSet<Arc<str>>,
    /// The oldest first.
    order: VecDeque<Arc<str>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            ranges: BTreeMap::new(),
            newest_ns: i128::MIN,
            stream_ns: None,
            most_ranges: MOST_RANGES,
            ids: HashSet::new(),
            order: VecDeque::new(),
        }
    }
}

impl Memory {
    /// From now on messages are of the stream that was made at this moment. One that was made anew has other messages with
    /// the same numbers, but not with the same ids.
    pub(super) fn is_of_stream(&mut self, made_ns: i128) {
        if self.stream_ns != Some(made_ns) {
            self.stream_ns = Some(made_ns);
            self.ranges.clear();
            self.newest_ns = i128::MIN;
        }
    }

    /// Whether this message was put into the queue. One that is newer than all of those was not, whatever its number is.
    pub(super) fn has(&self, message: Identity<'_>) -> bool {
        let range = self.ranges.range(..=message.sequence).next_back();
        let has_number =
            message.published_ns <= self.newest_ns && range.is_some_and(|(_, last)| message.sequence <= *last);
        has_number || message.id.is_some_and(|id| self.ids.contains(id))
    }

    pub(super) fn keep(&mut self, message: Identity<'_>) {
        self.newest_ns = self.newest_ns.max(message.published_ns);
        self.keep_number(message.sequence);
        if let Some(id) = message.id {
            self.keep_id(id);
        }
    }

    fn keep_id(&mut self, id: &str) {
        let id: Arc<str> = id.into();
        if !self.ids.insert(Arc::clone(&id)) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > MOST_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    fn keep_number(&mut self, sequence: u64) {
        let (mut first, mut last) = (sequence, sequence);
        if let Some((before, end)) = self.ranges.range(..=sequence).next_back().map(|(before, end)| (*before, *end)) {
            if sequence <= end {
                return;
            }
            if end.checked_add(1) == Some(sequence) {
                first = before;
            }
        }
        if let Some(behind) = sequence.checked_add(1)
            && let Some(end) = self.ranges.remove(&behind)
        {
            last = end;
        }
        self.ranges.insert(first, last);
        if self.ranges.len() > self.most_ranges {
            self.ranges.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn message(sequence: u64) -> Identity<'static> {
        Identity { sequence, published_ns: i128::from(sequence) * 10, id: None }
    }

    #[test]
    fn a_stream_that_was_made_anew_has_other_messages() {
        let mut memory = Memory::default();
        memory.is_of_stream(1);
        memory.keep(message(5));
        memory.is_of_stream(1);
        assert!(memory.has(message(5)));
        // Newer than all that were kept, so it cannot be one of them.
        assert!(!memory.has(Identity { published_ns: 51, ..message(5) }));
        memory.is_of_stream(2);
        assert!(!memory.has(message(5)));
    }

    #[test]
    fn a_message_that_comes_under_another_number_is_known_by_its_id() {
        let mut memory = Memory::default();
        memory.is_of_stream(1);
        memory.keep(Identity { id: Some("a/1/7"), ..message(5) });
        memory.is_of_stream(2);
        assert!(memory.has(Identity { id: Some("a/1/7"), ..message(9) }));
        assert!(!memory.has(Identity { id: Some("a/1/8"), ..message(9) }));
        for number in 0..MOST_IDS {
            memory.keep(Identity { id: Some(&number.to_string()), ..message(10) });
        }
        assert!(!memory.has(Identity { id: Some("a/1/7"), ..message(99) }));
        assert_eq!((memory.ids.len(), memory.order.len()), (MOST_IDS, MOST_IDS));
    }

    #[test]
    fn numbers_without_gaps_are_one_range_and_the_oldest_ranges_are_forgotten() {
        let mut memory = Memory { most_ranges: 3, ..Memory::default() };
        for sequence in (1..=1000).chain([u64::MAX, u64::MAX - 1]) {
            memory.keep(message(sequence));
        }
        assert_eq!(memory.ranges.len(), 2);
        for sequence in [2000, 3000] {
            memory.keep(message(sequence));
        }
        assert!(!memory.has(message(1000)) && memory.has(message(2000)) && memory.has(message(u64::MAX)));
    }

    proptest! {
        #[test]
        fn exactly_what_was_kept_is_known(kept in prop::collection::vec(0_u64..40, 0..60)) {
            let mut memory = Memory::default();
            kept.iter().for_each(|sequence| memory.keep(message(*sequence)));
            let (all, newest): (BTreeSet<u64>, _) = (kept.iter().copied().collect(), kept.iter().max());
            for sequence in 0..45 {
                let is_known = memory.has(Identity { published_ns: 0, ..message(sequence) });
                prop_assert_eq!(is_known, all.contains(&sequence) && newest.is_some());
            }
            let are_apart = memory.ranges.iter().zip(memory.ranges.keys().skip(1)).all(|((_, last), next)| last + 1 < *next);
            prop_assert!(are_apart, "{:?}", memory.ranges);
        }
    }
}
