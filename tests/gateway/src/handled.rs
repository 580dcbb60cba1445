use msgqd_system_tests::{eventually, numbers_of_producers};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::limits::PATIENCE;

/// The file in which a handler takes note of the messages that it gets.
#[derive(Debug)]
pub struct Handled {
    file: PathBuf,
}

impl Handled {
    /// That file, which need not be there yet.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// How many lines there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let text = std::fs::read(&self.file).unwrap_or_default();
        text.iter().filter(|byte| **byte == b'\n').count()
    }

    /// Waits until there are so many lines; `false` where there was no new one for long.
    #[must_use]
    pub fn reaches(&self, count: usize) -> bool {
        let mut seen = self.count();
        while seen < count {
            if !eventually(PATIENCE, || self.count() > seen) {
                return false;
            }
            seen = self.count();
        }
        true
    }

    /// Waits until all producers `p0` and so on have had their messages `1..=each` handled. How many messages were handled more
    /// than once, each counted as often as that was too often.
    #[must_use]
    #[track_caller]
    pub fn all_of(&self, producers: usize, each: usize, reports: impl Fn() -> String) -> usize {
        let whole = eventually(PATIENCE, || self.missing(producers, each) == 0);
        let missing = self.missing(producers, each);
        assert!(whole, "{missing} messages were never handled; {}", reports());
        let numbers = self.numbers();
        numbers.values().map(Vec::len).sum::<usize>() - producers * each
    }

    fn numbers(&self) -> BTreeMap<String, Vec<usize>> {
        numbers_of_producers(&self.file, "took")
    }

    fn missing(&self, producers: usize, each: usize) -> usize {
        let numbers = self.numbers();
        let of = |producer| numbers.get(&format!("p{producer}")).map_or(0, |all| BTreeSet::from_iter(all).len());
        (0..producers).map(|producer| each.saturating_sub(of(producer))).sum()
    }

    /// The test fails unless the messages of each producer were handled in their order, not looking at what came again.
    #[track_caller]
    pub fn are_in_order(&self) {
        for (producer, numbers) in self.numbers() {
            let mut seen = BTreeSet::new();
            let first: Vec<_> = numbers.into_iter().filter(|number| seen.insert(*number)).collect();
            let wrong = first.windows(2).find(|pair| pair[0] > pair[1]);
            assert!(wrong.is_none(), "messages of {producer} overtook each other: {wrong:?}");
        }
    }
}
