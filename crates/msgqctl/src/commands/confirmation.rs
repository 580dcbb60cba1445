//! Asking on a terminal before something is done that cannot be undone.

use crate::failure::{Failure, Status};
use crate::output::complain;
use std::io::{IsTerminal, Write};

/// True in scripts and the like.
pub(super) fn nobody_can_be_asked() -> bool {
    !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal()
}

/// Asks, and waits for a line of answer.
pub(super) fn is_confirmed(question: &str) -> bool {
    let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Says what goes where somebody looks on who need not be asked.
pub(super) fn say_on_terminal(what: impl FnOnce() -> Option<String>) {
    if std::io::stderr().is_terminal()
        && let Some(what) = what()
    {
        complain(&format!("removing {what}"));
    }
}

/// What is about to be removed, in the words of a question and of a statement.
pub(super) struct Removal<'a> {
    /// `3 messages (792 bytes) of 2 types: ...`.
    pub(super) what: &'a str,
    /// `queue 0x12345678`.
    pub(super) place: &'a str,
    /// What it means, as a sentence.
    pub(super) meaning: &'a str,
    /// Why `--yes` is needed where nobody can be asked.
    pub(super) why_asked: &'a str,
}

impl Removal<'_> {
    /// Says what goes, and asks unless `--yes` answered it.
    pub(super) fn announce(&self, is_answered: bool) -> Result<(), Failure> {
        let Self { what, place, meaning, why_asked } = self;
        if is_answered {
            complain(&format!("removing {what}, from {place}"));
            return Ok(());
        }
        if nobody_can_be_asked() {
            let message = format!(
                "{why_asked}: where nobody can be asked, it needs --yes; it would remove {what}, from {place}; nothing was removed"
            );
            return Err(Failure::new(Status::Usage, message));
        }
        match is_confirmed(&format!("Remove {what}, from {place}? {meaning}")) {
            true => Ok(()),
            false => Err(Failure::new(Status::Other, "not confirmed: nothing was removed")),
        }
    }
}
