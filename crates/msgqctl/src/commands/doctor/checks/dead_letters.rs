//! Messages that no handler took, and that wait for somebody to look at them.

use super::outcome::{Check, CheckOutcome};
use crate::commands::doctor::facts::Facts;
use crate::output::{counted, moment_with_age, shell_word, shown_path};
use msgq_core::dead_letters::{DeadLetters, MAX_FILE_LEN, files_of_queue};
use msgq_core::queue::QueueKey;
use std::io;

/// From here on the file has no room for a long while.
const NEARLY_FULL: u64 = MAX_FILE_LEN / 10 * 9;

/// The letters of one file.
struct Waiting {
    letters: usize,
    oldest_at_s: u64,
    bytes: u64,
}

/// `None` where none wait, as far as this user may see: most servers never have any.
pub(super) fn check_of_dead_letters(facts: &Facts) -> Option<Check> {
    let key = facts.key?;
    let owner = facts.queue.map_or_else(|| nix::unistd::geteuid().as_raw(), |queue| queue.uid);
    let outcome = files_of_queue(key, owner).iter().find_map(|file| match look_into(file) {
        Ok(Waiting { letters: 0, .. }) => None,
        Ok(waiting) => Some(of_letters(key, file, &waiting, facts.now_s)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) => Some(of_bad_file(file, &error)),
    })?;
    Some(Check { check: "dead_letters", title: "dead letters", outcome })
}

fn look_into(file: &DeadLetters) -> io::Result<Waiting> {
    let mut waiting = Waiting { letters: 0, oldest_at_s: u64::MAX, bytes: 0 };
    for letter in file.list()? {
        waiting.letters += 1;
        waiting.oldest_at_s = waiting.oldest_at_s.min(letter?.at_s);
    }
    if waiting.letters > 0 {
        waiting.bytes = file.path().symlink_metadata()?.len();
    }
    Ok(waiting)
}

fn of_letters(key: QueueKey, file: &DeadLetters, waiting: &Waiting, now_s: i64) -> CheckOutcome {
    let Waiting { letters, oldest_at_s, bytes } = waiting;
    let since = moment_with_age(i64::try_from(*oldest_at_s).unwrap_or(i64::MAX), now_s);
    let (letters, path) = (counted(*letters, "dead letter"), shown_path(file.path()));
    let what = format!("{letters}, messages that no handler took, in {path}, the oldest of {since}");
    let mend = vec![
        format!("msgqctl --key {key} dead list"),
        format!("msgqctl --key {key} dead retry --all    # when the handler is mended"),
    ];
    if *bytes >= NEARLY_FULL {
        let why = format!(
            "the file has {bytes} of at most {MAX_FILE_LEN} bytes: when it is full, the server keeps what fails in hand"
        );
        return CheckOutcome::problem(what, why, mend);
    }
    CheckOutcome::warning(what, "nobody handles them until they are sent again, or dropped", mend)
}

fn of_bad_file(file: &DeadLetters, error: &io::Error) -> CheckOutcome {
    CheckOutcome::warning(
        format!("the dead letters cannot be used: {error}"),
        "a message that no handler takes stays with the server while they cannot be written",
        vec![format!("ls -l {}", shell_word(file.path()))],
    )
}
