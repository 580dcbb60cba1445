//! The queue into which answers go, where they have one of their own.

use super::by_type::MessagesByType;
use super::one_queue::{look_into, not_shown, queue_report, waiting_in};
use super::queue_report::{QueueReport, Waiting};
use crate::failure::Status;
use crate::output::StyledText;
use crate::target::Target;
use msgq_core::queue::QueueStat;
use serde::Serialize;

/// The second queue.
#[derive(Debug, Serialize)]
pub(super) struct SecondQueue {
    pub(super) key: String,
    pub(super) state: SecondQueueState,
    /// What the kernel tells of it; `null` where it is not there, or this user may not look.
    pub(super) queue: Option<QueueReport>,
    /// The messages by type; `null` where they cannot be looked at.
    pub(super) messages: Option<MessagesByType>,
    /// What they mean; `null` where that is not known.
    pub(super) waiting: Option<Waiting>,
    #[serde(skip)]
    pub(super) stat: Option<QueueStat>,
}

/// Whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecondQueueState {
    There,
    Missing,
    /// This user may not look.
    Hidden,
}

impl SecondQueue {
    /// `None` where answers have no queue of their own; with what is to be said beside it.
    pub(super) fn look(requests: &Target, is_known: bool) -> (Option<Self>, Vec<String>) {
        let Some(key) = requests.known.reply_key else { return (None, Vec::new()) };
        let nothing =
            |state| Self { key: key.to_string(), state, queue: None, messages: None, waiting: None, stat: None };
        let seen = match requests.answers() {
            Ok(Some(answers)) => answers.stat().map(|stat| (answers, stat)),
            Ok(None) => return (None, Vec::new()),
            Err(failure) => Err(failure),
        };
        let (answers, stat) = match seen {
            Ok(seen) => seen,
            Err(failure) if failure.status == Status::NoQueue => {
                return (Some(nothing(SecondQueueState::Missing)), Vec::new());
            }
            Err(failure) => return (Some(nothing(SecondQueueState::Hidden)), vec![failure.message]),
        };
        let (survey, said) = match look_into(&answers) {
            Ok(survey) => (Some(survey), Vec::new()),
            Err(error) => (None, vec![not_shown(&error)]),
        };
        let second = Self {
            queue: Some(queue_report(&stat)),
            messages: survey.as_ref().map(MessagesByType::of_survey),
            waiting: survey.filter(|_| is_known).map(|survey| waiting_in(&answers, &survey)),
            stat: Some(stat),
            ..nothing(SecondQueueState::There)
        };
        (Some(second), said)
    }

    pub(super) fn write(&self, now_s: i64, text: &mut StyledText) {
        match (self.state, &self.queue) {
            (_, Some(queue)) => queue.write_briefly("answers", now_s, text),
            (SecondQueueState::Missing, None) => text.field("answers", &format!("{}, which is not there", self.key)),
            (_, None) => text.field("answers", &format!("{}, into which this user may not look", self.key)),
        }
        match (&self.waiting, &self.messages) {
            (Some(waiting), _) => waiting.write_answers(text),
            (None, Some(messages)) => messages.write(text),
            (None, None) => {}
        }
    }
}
