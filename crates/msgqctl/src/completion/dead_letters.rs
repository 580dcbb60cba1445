//! The ids of a queue's dead letters as a shell offers them. Errors end in fewer candidates, never in a message.

use super::candidates::named_queue;
use crate::output::{counted, rough_age_s};
use clap_complete::CompletionCandidate;
use msgq_core::dead_letters::{DeadLetter, files_of_queue};
use msgq_core::queue::find_listed_queue;
use msgq_core::time::unix_time_s;

/// More would help nobody.
const MAX_CANDIDATES: usize = 100;

/// The oldest letters of the queue that the command line names.
pub(crate) fn dead_letter_candidates() -> Vec<CompletionCandidate> {
    let Ok(key) = named_queue(std::env::args_os()).resolve_key() else { return Vec::new() };
    let own = nix::unistd::geteuid().as_raw();
    let owner = find_listed_queue(key).map_or(own, |row| row.uid);
    let files = files_of_queue(key, owner).into_iter().filter_map(|file| file.list().ok());
    files.flatten().map_while(Result::ok).take(MAX_CANDIDATES).map(|letter| letter_candidate(&letter)).collect()
}

fn letter_candidate(letter: &DeadLetter) -> CompletionCandidate {
    let age = rough_age_s(unix_time_s().saturating_sub(letter.at_s));
    let (mtype, bytes) = (letter.mtype, counted(letter.body.len(), "byte"));
    CompletionCandidate::new(&letter.id).help(Some(format!("type {mtype}, {bytes}, {age} ago").into()))
}
