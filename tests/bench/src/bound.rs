//! What a ratio shall be, and whether it is.

use std::fmt;

/// A bound for a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// No less than that.
    AtLeast(f64),
    /// No more than that.
    AtMost(f64),
}

/// Whether a bound is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is missed by less than a server differs from itself.
    WithinNoise,
    /// It is not.
    Missed,
}

impl Verdict {
    /// `itself` is the ratio of a server to itself in the same turns.
    #[must_use]
    pub fn of(ratio: f64, bound: Bound, itself: Option<f64>) -> Self {
        let missed_by = match bound {
            Bound::AtLeast(least) => least / ratio,
            Bound::AtMost(most) => ratio / most,
        };
        let noise = itself.map_or(1.0, |itself| itself.max(1.0 / itself));
        match missed_by {
            _ if missed_by <= 1.0 => Self::Met,
            _ if missed_by <= noise => Self::WithinNoise,
            _ => Self::Missed,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::WithinNoise => "missed within noise",
            Self::Missed => "**missed**",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_up_to_itself() {
        assert_eq!(Verdict::of(0.97, Bound::AtLeast(0.97), Some(1.0)), Verdict::Met);
        assert_eq!(Verdict::of(1.15, Bound::AtMost(1.15), None), Verdict::Met);
    }

    #[test]
    fn noise_excuses_no_more_than_itself_in_either_direction() {
        for itself in [1.05, 1.0 / 1.05] {
            assert_eq!(Verdict::of(0.95, Bound::AtLeast(0.97), Some(itself)), Verdict::WithinNoise);
            assert_eq!(Verdict::of(0.90, Bound::AtLeast(0.97), Some(itself)), Verdict::Missed);
            assert_eq!(Verdict::of(1.18, Bound::AtMost(1.15), Some(itself)), Verdict::WithinNoise);
        }
    }

    #[test]
    fn without_a_comparison_with_itself_there_is_no_excuse() {
        assert_eq!(Verdict::of(0.96, Bound::AtLeast(0.97), None), Verdict::Missed);
        assert_eq!(Verdict::of(f64::NAN, Bound::AtLeast(0.97), Some(2.0)), Verdict::Missed);
    }
}
