//! Medians and quartiles: a noisy machine makes outliers, and means follow them.

use serde::Serialize;

/// The median of some values, and the quartiles around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// A quarter of the values is below.
    pub lower: f64,
    /// Half of the values is below.
    pub median: f64,
    /// A quarter of the values is above.
    pub upper: f64,
}

impl Spread {
    /// Of these values; `None` when there is none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            lower: quantile(&sorted, 1, 4)?,
            median: quantile(&sorted, 1, 2)?,
            upper: quantile(&sorted, 3, 4)?,
        })
    }

    /// Half of the distance between the quartiles, in percent of the median, as in ` ±5 %`; nothing where there is none.
    #[must_use]
    pub fn percent(&self) -> String {
        let percent = (self.upper - self.lower) / 2.0 / self.median * 100.0;
        if percent > 0.0 { format!(" ±{percent:.0} %") } else { String::new() }
    }
}

/// The value below which `part / of` of the sorted values are, between two of them by their distance (type 7 of Hyndman and
/// Fan, what spreadsheets do).
fn quantile(sorted: &[f64], part: usize, of: usize) -> Option<f64> {
    let steps = sorted.len().checked_sub(1)? * part;
    let (index, rest) = (steps / of, steps % of);
    let low = *sorted.get(index)?;
    let high = sorted.get(index + 1).copied().unwrap_or(low);
    Some(low + (high - low) * as_f64(rest) / as_f64(of))
}

/// A count as a float: counts here are far below 2^53.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
pub fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Nanoseconds or a count as a float: exact up to 104 days of nanoseconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
pub fn wide_as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_of_values_is_the_one_in_the_middle() {
        assert_eq!(Spread::of([5.0, 1.0, 3.0]).unwrap().median, 3.0);
    }

    #[test]
    fn the_median_of_an_even_number_of_values_lies_between_two() {
        assert_eq!(Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap().median, 2.5);
    }

    #[test]
    fn quartiles_are_those_of_a_spreadsheet() {
        let spread = Spread::of([1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!((spread.lower, spread.upper), (1.75, 3.25));
        assert_eq!(spread.percent(), " ±30 %");
    }

    #[test]
    fn one_value_has_no_spread_and_none_has_no_median() {
        assert_eq!(Spread::of([7.0]).unwrap(), Spread { lower: 7.0, median: 7.0, upper: 7.0 });
        assert_eq!(Spread::of([7.0]).unwrap().percent(), "");
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN, f64::INFINITY]), None);
    }

    #[test]
    fn an_outlier_moves_the_median_little() {
        assert_eq!(Spread::of([10.0, 11.0, 12.0, 13.0, 1000.0]).unwrap().median, 12.0);
    }
}
