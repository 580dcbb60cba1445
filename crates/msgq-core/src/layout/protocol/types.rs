//! Which types requests have, and how the kernel is asked for them.

use crate::layout::REQUEST_MTYPE;
use std::ops::RangeInclusive;

/// The numbers below this one are given out once, when a PID namespace begins, and never again (`RESERVED_PIDS` of
/// Linux's `kernel/pid.c`): few clients have one.
const RESERVED_PIDS: i64 = 300;

/// The types of requests, in ascending order. The kernel can be asked for one type, or for the lowest of all up to a
/// number; so several types are served lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTypes {
    ranges: Vec<RangeInclusive<i64>>,
    /// What [`RequestTypes::msgtyp`] makes the kernel give out, from and to.
    received: (i64, i64),
}

/// Which types answers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseType {
    /// This and the client's number.
    Client {
        /// 0 or more.
        base: i64,
    },
    /// All the same: where each client has a queue of its own.
    Fixed(i64),
    /// As the request: where each client has a queue of its own.
    Request,
}

impl ResponseType {
    /// What is added to the client's number; 0 where that does not count.
    #[must_use]
    #[inline]
    pub fn base(self) -> i64 {
        match self {
            Self::Client { base } => base,
            Self::Fixed(_) | Self::Request => 0,
        }
    }
}

impl Default for ResponseType {
    fn default() -> Self {
        Self::Client { base: 0 }
    }
}

/// Why types of requests are not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypesError {
    /// There is none.
    #[error("there is no type of requests")]
    None,
    /// The kernel has no such types.
    #[error("{0} is no type of a message: they begin at 1")]
    Impossible(i64),
    /// A range that ends before it starts.
    #[error("the range {0}..={1} is empty")]
    EmptyRange(i64, i64),
    /// Answers to clients could be received as requests.
    #[error(
        "with {highest} as the highest of several types, answers to clients whose number is not above it would be received \
         as requests: the kernel is asked for the lowest type up to {highest}, and PIDs begin anew at {RESERVED_PIDS}"
    )]
    ReceivesItsAnswers {
        /// The highest type of requests.
        highest: i64,
    },
}

impl Default for RequestTypes {
    fn default() -> Self {
        Self::of_ranges(vec![REQUEST_MTYPE..=REQUEST_MTYPE])
    }
}

impl RequestTypes {
    /// Types out of ranges in any order.
    ///
    /// # Errors
    /// [`TypesError`] where the kernel has no such types.
    pub fn new(ranges: &[RangeInclusive<i64>]) -> Result<Self, TypesError> {
        let mut sorted = ranges.to_vec();
        for range in &sorted {
            if range.is_empty() {
                return Err(TypesError::EmptyRange(*range.start(), *range.end()));
            }
            if *range.start() < 1 {
                return Err(TypesError::Impossible(*range.start()));
            }
        }
        sorted.sort_by_key(|range| *range.start());
        let mut merged: Vec<RangeInclusive<i64>> = Vec::new();
        for range in sorted {
            match merged.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=(*last.end()).max(*range.end());
                }
                _ => merged.push(range),
            }
        }
        if merged.is_empty() { Err(TypesError::None) } else { Ok(Self::of_ranges(merged)) }
    }

    fn of_ranges(ranges: Vec<RangeInclusive<i64>>) -> Self {
        let mut types = Self { ranges, received: (i64::MIN, 0) };
        types.received = types.only().map_or((i64::MIN, types.highest()), |only| (only, only));
        types
    }

    /// Every type that there is, in the order of arrival: where answers do not share the queue.
    #[must_use]
    pub fn any() -> Self {
        Self { ranges: vec![1..=i64::MAX], received: (1, i64::MAX) }
    }

    /// No type: of a queue into which only answers go.
    pub(super) fn none() -> Self {
        Self { ranges: Vec::new(), received: (1, 0) }
    }

    /// True for [`RequestTypes::any`].
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.received == (1, i64::MAX)
    }

    /// All of them, in ascending order.
    #[must_use]
    pub fn ranges(&self) -> &[RangeInclusive<i64>] {
        &self.ranges
    }

    /// The only type; `None` where there are several.
    #[must_use]
    pub fn only(&self) -> Option<i64> {
        match self.ranges.as_slice() {
            [range] if range.start() == range.end() => Some(*range.start()),
            _ => None,
        }
    }

    /// The highest of them.
    #[must_use]
    pub fn highest(&self) -> i64 {
        self.ranges.last().map_or(0, |range| *range.end())
    }

    /// True for the type of a request.
    #[must_use]
    pub fn contains(&self, mtype: i64) -> bool {
        self.ranges.iter().any(|range| range.contains(&mtype))
    }

    /// What msgrcv(2) is asked for: the type, or the highest one, negative, for the lowest of all up to it; 0 for any.
    #[must_use]
    pub fn msgtyp(&self) -> i64 {
        if self.is_any() {
            return 0;
        }
        self.only().unwrap_or(-self.highest())
    }

    /// True for every type that [`RequestTypes::msgtyp`] makes the kernel give out: no answer may have one.
    #[must_use]
    #[inline]
    pub fn receives(&self, mtype: i64) -> bool {
        let (from, to) = self.received;
        from <= mtype && mtype <= to
    }

    /// The type behind this one, and after the last the first: so that each has its turn.
    #[must_use]
    pub fn after(&self, mtype: i64) -> i64 {
        let next = mtype.saturating_add(1);
        let behind = self.ranges.iter().find(|range| *range.end() >= next);
        let first = self.ranges.first().map_or(0, |range| *range.start());
        behind.map_or(first, |range| next.max(*range.start()))
    }

    /// Checks that no answer whose type is `base` and a client's number can be received as a request.
    pub(super) fn check_against_answers(&self, base: i64) -> Result<(), TypesError> {
        let highest = self.highest();
        if self.only().is_none() && highest >= base.saturating_add(RESERVED_PIDS) {
            return Err(TypesError::ReceivesItsAnswers { highest });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_joined() {
        let types = RequestTypes::new(&[6..=6, 1..=2, 3..=4]).unwrap();
        assert_eq!(types.ranges, [1..=4, 6..=6]);
        assert_eq!((types.msgtyp(), types.highest(), types.only()), (-6, 6, None));
        assert_eq!((types.contains(5), types.receives(5), types.receives(7)), (false, true, false));
        assert_eq!(RequestTypes::default().msgtyp(), 1);
    }

    #[test]
    fn each_type_has_its_turn() {
        let types = RequestTypes::new(&[1..=2, 6..=6]).unwrap();
        let turns: Vec<i64> = std::iter::successors(Some(0), |turn| Some(types.after(*turn))).take(7).collect();
        assert_eq!(turns, [0, 1, 2, 6, 1, 2, 6]);
    }

    #[test]
    fn what_the_kernel_has_no_types_for_is_refused() {
        assert_eq!(RequestTypes::new(&[]), Err(TypesError::None));
        assert_eq!(RequestTypes::new(&[0..=3]), Err(TypesError::Impossible(0)));
        let reversed = RangeInclusive::new(5, 3);
        assert_eq!(RequestTypes::new(&[reversed]), Err(TypesError::EmptyRange(5, 3)));
    }

    #[test]
    fn several_types_stay_below_the_numbers_of_clients() {
        let types = |highest| RequestTypes::new(&[1..=1, highest..=highest]).unwrap();
        assert!(types(299).check_against_answers(0).is_ok());
        assert!(types(300).check_against_answers(0).is_err());
        assert!(types(1000).check_against_answers(1000).is_ok());
        assert!(RequestTypes::new(&[5000..=5000]).unwrap().check_against_answers(0).is_ok());
    }
}
