//! What the service manager shows of the daemon (STATUS= in sd_notify(3)): whole sentences, in every state.

use crate::engine::Engine;
use crate::panics::caught;
use msgq_core::words::counted;

/// While it finishes what an earlier server left.
pub(super) const RECOVERING: &str = "Finishing what an earlier server had in hand.";
/// While a reload is looked at.
pub(super) const RELOADING: &str = "Reloading the configuration.";
/// While requests are answered that were there before the stop.
pub(super) const DRAINING: &str = "Draining: new requests are refused, and what is queued is answered.";
/// While nothing but answers is left.
pub(super) const AWAITING_CLIENTS: &str = "Draining: waiting for clients to fetch their answers.";
/// While it ends and its queue does not.
pub(super) const HANDING_OVER: &str = "Finishing what is in hand; the queue stays.";
/// While it ends before it was ready.
pub(super) const ENDING_RECOVERY: &str = "Stopping: finishing what an earlier server had in hand.";
/// After an end before it was ready.
pub(super) const STOPPED_BEFORE_START: &str = "Stopped before the start was through.";

/// The first line of a text, as a sentence: what is told there may be longer, and need not end with a full stop.
pub(super) fn sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_end();
    let is_ended = line.is_empty() || line.ends_with(['.', '!', '?']);
    if is_ended { line.to_owned() } else { format!("{}.", line.trim_end_matches([';', ':', ','])) }
}

/// What keeps a server from being simply at work.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    /// The operator has closed the door.
    pub(super) is_closed: bool,
    /// Why the last reload was refused; empty when it was not.
    pub(super) refusal: String,
    /// Lines of the log that nobody read.
    pub(super) lost_lines: u64,
}

impl Remarks {
    fn sentences(&self) -> String {
        let closed = if self.is_closed { " It is CLOSED for new requests: msgqctl resume opens it." } else { "" };
        let refused = match self.refusal.lines().next() {
            Some(reason) => format!(" The last reload was REFUSED: {}", sentence(reason)),
            None => String::new(),
        };
        let lost = match self.lost_lines {
            0 => String::new(),
            lost => format!(" Of the log {} LOST, since nobody reads it.", lines_were(lost)),
        };
        format!("{closed}{refused}{lost}")
    }
}

fn lines_were(number: u64) -> String {
    format!("{} {}", counted(number, "line"), if number == 1 { "was" } else { "were" })
}

/// While it serves. What the handler says of its trouble goes into the table as well, where `msgqctl stat` finds it.
pub(super) fn serving(engine: &Engine, remarks: &Remarks) -> String {
    let handler = engine.handler();
    let trouble = caught(|| handler.trouble()).unwrap_or_else(|panic| Some(format!("its trouble is unknown: {panic}")));
    engine.table().header().set_trouble(trouble.as_deref().unwrap_or_default());
    let trouble = trouble.map_or_else(String::new, |trouble| format!(" HANDLER DOWN: {}", sentence(&trouble)));
    format!("{}{trouble}{}", at_work(engine), remarks.sentences())
}

fn at_work(engine: &Engine) -> String {
    let queue = engine.queue();
    let key = queue.key().map_or_else(String::new, |key| format!(" {key}"));
    if queue.stat().is_err_and(|error| error.is_gone()) {
        return format!(
            "Nobody is served: somebody removed queue{key}, and it is not made anew yet; the log says why."
        );
    }
    let metrics = engine.table().counted();
    let second = engine.second_queue().and_then(|second| second.key());
    let second = second.map_or_else(String::new, |key| format!(", answers in {key}"));
    let answered = metrics.answered + metrics.answered_late;
    let (in_hand, in_outbox) = (engine.in_hand(), engine.in_outbox());
    format!("Serving queue{key}{second}: {answered} answered, {in_hand} in hand, {in_outbox} waiting in the outbox.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_text_its_first_line_is_told_with_one_full_stop() {
        assert_eq!(sentence("no such file\n  |\n2 | x"), "no such file.");
        assert_eq!(sentence("is the service started?"), "is the service started?");
        assert_eq!(sentence("It is over."), "It is over.");
        assert_eq!(sentence("wrong:"), "wrong.");
    }

    #[test]
    fn what_is_remarked_is_told_in_sentences_of_its_own() {
        let remarks = Remarks { is_closed: true, refusal: "too many\nof them".to_owned(), lost_lines: 1 };
        let expected = " It is CLOSED for new requests: msgqctl resume opens it. The last reload was REFUSED: too many. Of \
            the log 1 line was LOST, since nobody reads it.";
        assert_eq!(remarks.sentences(), expected);
        assert_eq!(Remarks::default().sentences(), "");
    }
}
