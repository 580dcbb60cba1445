//! Pauses between tries to connect.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);

/// The pause before try number `attempt`, counted from 1, with as many servers: each is tried once without a pause, and from
/// then on the pauses double up to the longest. So that not all gateways come at once, a pause is cut by up to half.
pub(super) fn pause(attempt: usize, servers: usize, longest: Duration) -> Duration {
    let Some(doublings) = attempt.checked_sub(servers.max(1) + 1) else { return Duration::ZERO };
    let doublings = u32::try_from(doublings).unwrap_or(u32::MAX).min(20);
    let whole = FIRST.saturating_mul(1 << doublings).min(longest);
    whole - whole.mul_f64(random_part() / 2.0)
}

/// From 0 up to 1. The keys of hash tables are random, and that is random enough.
fn random_part() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_tried_at_once_and_then_pauses_grow_to_the_longest() {
        let longest = Duration::from_millis(1000);
        assert_eq!([1, 2, 3].map(|attempt| pause(attempt, 3, longest)), [Duration::ZERO; 3]);
        for (attempt, most) in [(4, 100), (5, 200), (6, 400), (7, 800), (8, 1000), (100, 1000), (usize::MAX, 1000)] {
            let most = Duration::from_millis(most);
            let pause = pause(attempt, 3, longest);
            assert!(pause <= most && pause >= most / 2, "try {attempt}: {pause:?}");
        }
    }

    #[test]
    fn two_gateways_do_not_come_at_the_same_moment() {
        let pauses: std::collections::BTreeSet<Duration> =
            (0..20).map(|_| pause(9, 1, Duration::from_secs(4))).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
    }
}
