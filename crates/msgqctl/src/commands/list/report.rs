//! What `list` found, as JSON and as text.

use super::rows::write_rows;
use super::selection::Selection;
use crate::failure::Failure;
use crate::output::{Colour, StyledText, Text, counted, program_label};
use crate::overview::{InstanceRow, InstanceState, Overview, QueueFacts, QueueRow, QueueVerdict, StaleWaiter};
use crate::target::QueueOptions;
use serde::{Serialize, Serializer};

/// Sentences that the text shows at most; JSON has all.
const MAX_SENTENCES: usize = 20;

/// Result of `list`.
#[derive(Debug, Serialize)]
pub(super) struct ListReport {
    /// How many queues there are, listed or not.
    total: usize,
    #[serde(serialize_with = "rows")]
    queues: Vec<QueueFacts>,
    /// The instances of msgqd that have a file or run; none where the options choose among queues otherwise than by name.
    instances: Vec<InstanceRow>,
    /// Processes that wait on queues that were removed.
    stale_waiters: Vec<StaleWaiter>,
    /// Processes of which this user may not see whether they wait.
    hidden_processes: usize,
    #[serde(skip)]
    now_s: i64,
}

fn rows<S: Serializer>(queues: &[QueueFacts], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(queues.iter().map(QueueRow::from))
}

impl ListReport {
    pub(super) fn new(overview: Overview, selection: &Selection, options: &QueueOptions) -> Result<Self, Failure> {
        let Overview { queues, instances, stale_waiters, hidden_processes, now_s } = overview;
        let total = queues.len();
        let instances = selection.of_instances(instances, options);
        Ok(Self { total, queues: selection.of(queues, options)?, instances, stale_waiters, hidden_processes, now_s })
    }

    /// How many there are of each verdict.
    fn summary(&self) -> String {
        let of = |verdict: QueueVerdict| {
            let count = self.queues.iter().filter(|queue| queue.verdict() == verdict).count();
            (count > 0).then(|| format!("{count} {}", verdict.label()))
        };
        let counts: Vec<_> = QueueVerdict::ALL.into_iter().filter_map(of).collect();
        let shown = self.queues.len();
        let which = if shown == self.total { String::new() } else { format!("{shown} of ") };
        match counts.as_slice() {
            [] => format!("{which}{}", self.total),
            counts => format!("{which}{}: {}", self.total, counts.join(", ")),
        }
    }

    fn write_sentences(&self, text: &mut StyledText) {
        let all = self.queues.iter().flat_map(|queue| {
            let trouble = queue.findings.iter().filter(|finding| !finding.verdict.is_fine());
            trouble.map(|finding| (queue.stat.msqid, finding))
        });
        let all: Vec<_> = all.collect();
        for (msqid, finding) in all.iter().take(MAX_SENTENCES) {
            let colour = match finding.verdict {
                QueueVerdict::Deadlocked | QueueVerdict::Stuck | QueueVerdict::Hangs | QueueVerdict::Down => {
                    Colour::Red
                }
                _ => Colour::Yellow,
            };
            let advice = finding.advice.as_ref().map_or_else(String::new, |advice| format!("; {advice}"));
            let sentence = format!("{}: {}{advice}", finding.verdict.label(), finding.sentence);
            text.coloured_field(colour, &format!("msqid {msqid}"), &sentence);
            // In one line, so that it can be copied.
            if let Some(command) = &finding.command {
                text.unbroken_field("", command);
            }
        }
        if all.len() > MAX_SENTENCES {
            let more = format!("and {} more: --json has all", counted(all.len() - MAX_SENTENCES, "verdict"));
            text.field("", &more);
        }
    }

    fn write_instances(&self, text: &mut StyledText) {
        for instance in &self.instances {
            let heading = format!("msgqd@{}", instance.name);
            match instance.state {
                InstanceState::Hangs | InstanceState::Down | InstanceState::Broken => {
                    text.coloured_field(Colour::Red, &heading, &instance.sentence);
                }
                state if state.is_fine() => text.field(&heading, &instance.sentence),
                _ => text.coloured_field(Colour::Yellow, &heading, &instance.sentence),
            }
        }
    }

    fn write_stale_waiters(&self, text: &mut StyledText) {
        for waiter in self.stale_waiters.iter().take(MAX_SENTENCES) {
            let name = program_label(Some(&waiter.program));
            let sentence = format!(
                "PID {} ({name}) waits in {} on msqid {}, which was removed, and cannot run: it was stopped, or frozen with its \
                 container; it gets an error when it runs on",
                waiter.pid, waiter.call, waiter.msqid
            );
            text.coloured_field(Colour::Yellow, "stale readers", &sentence);
        }
    }
}

impl Text for ListReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        text.field("queues", &self.summary());
        write_rows(&mut text, &self.queues, self.now_s);
        self.write_instances(&mut text);
        self.write_sentences(&mut text);
        self.write_stale_waiters(&mut text);
        text
    }
}
