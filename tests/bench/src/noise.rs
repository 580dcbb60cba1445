//! Whether the machine was quiet enough to tell anything.

use crate::statistics::Spread;
use crate::turns::{Measured, Results};

/// The same program may differ from itself by that part before its group is called noisy.
pub const SELF_LIMIT: f64 = 0.10;
/// Others may use that part of the machine's CPU time.
pub const OTHERS_LIMIT: f64 = 0.10;

/// How quiet the machine was during a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The ratio of the medians of a server and of the same server again; `None` where one of them is missing.
    pub against_itself: Option<f64>,
    /// The median share of CPU time that others had.
    pub others: f64,
}

impl Noise {
    /// Of a group in which one server takes part under two names.
    #[must_use]
    pub fn of(results: &Results, names: [&str; 2]) -> Self {
        let [one, again] = names.map(|name| results.of(name).and_then(|it| it.spread(|round| round.rate)));
        let others = results.cells.iter().flat_map(|it: &Measured| &it.rounds).map(|round| round.others);
        Self {
            against_itself: one.zip(again).map(|(one, again)| again.median / one.median),
            others: Spread::of(others).map_or(0.0, |it| it.median),
        }
    }

    /// Why the group tells little; `None` when it tells something.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let differs = self.against_itself.filter(|ratio| (ratio - 1.0).abs() > SELF_LIMIT);
        let differs = differs.map(|ratio| format!("the same server differs from itself by a factor of {ratio:.2}"));
        let busy =
            (self.others > OTHERS_LIMIT).then(|| format!("others had {:.0} % of the CPU time", self.others * 100.0));
        let reasons: Vec<String> = differs.into_iter().chain(busy).collect();
        (!reasons.is_empty()).then(|| format!("too noisy to tell: {}", reasons.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_machine_gives_no_complaint() {
        assert_eq!(Noise { against_itself: Some(0.95), others: 0.02 }.complaint(), None);
        assert_eq!(Noise { against_itself: None, others: 0.02 }.complaint(), None);
    }

    #[test]
    fn a_loop_that_differs_from_itself_is_noise() {
        let complaint = Noise { against_itself: Some(1.3), others: 0.0 }.complaint().unwrap();
        assert_eq!(complaint, "too noisy to tell: the same server differs from itself by a factor of 1.30");
    }

    #[test]
    fn load_of_others_is_noise() {
        let complaint = Noise { against_itself: Some(1.0), others: 0.42 }.complaint().unwrap();
        assert_eq!(complaint, "too noisy to tell: others had 42 % of the CPU time");
    }
}
