//! How much of a request's time the gateway takes for itself. Pure.

use std::time::Duration;

const LEAST: Duration = Duration::from_millis(10);
const MOST: Duration = Duration::from_millis(250);

/// What is left of a deadline so that the gateway's sentence comes before msgqd's own limit.
#[must_use]
pub fn budget(deadline: Duration) -> Duration {
    let margin = (deadline / 20).clamp(LEAST, MOST);
    deadline.saturating_sub(margin).max(deadline / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_is_kept_back_but_neither_much_nor_all() {
        let ms = Duration::from_millis;
        for (deadline, left) in [(30_000, 29_750), (2000, 1900), (100, 90), (20, 10), (10, 5), (2, 1)] {
            assert_eq!(budget(ms(deadline)), ms(left), "of {deadline} ms");
        }
        assert_eq!(budget(Duration::MAX), Duration::MAX - MOST);
    }
}
