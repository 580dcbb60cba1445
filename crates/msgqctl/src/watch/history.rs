use crate::inside::per_second;
use crate::report::InsideReport;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(60);

/// What one daemon had served at each look of the last minute.
#[derive(Debug, Default)]
pub(super) struct History {
    daemon: Option<(i32, u64)>,
    looks: VecDeque<(Instant, u64)>,
}

impl History {
    /// Adds a look, and tells the report the rates.
    pub(super) fn add(&mut self, inside: &mut InsideReport) {
        let daemon = Some((inside.pid, inside.started_at_s));
        if self.daemon != daemon {
            self.daemon = daemon;
            self.looks.clear();
        }
        let (now, served) = (Instant::now(), inside.served);
        let rate = |look: Option<&(Instant, u64)>| {
            look.and_then(|(at, before)| per_second(served.saturating_sub(*before), now.duration_since(*at)))
        };
        inside.rates.now_per_s = rate(self.looks.back());
        inside.rates.minute_per_s = rate(self.looks.front());
        self.looks.push_back((now, served));
        // One look from before the span stays, so that the rate is one of the whole span.
        while self.looks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= SPAN) {
            self.looks.pop_front();
        }
    }
}
