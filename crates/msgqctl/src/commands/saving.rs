//! `--save FILE`, wherever something is removed: what goes is written there first.

use crate::failure::{Failure, Status};
use crate::output::{counted, shown_path};
use crate::target::Target;
use clap::{Args, ValueHint};
use msgq_core::orphan::Resting;
use msgq_core::saved_messages::{SaveError, SaveFile};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Types that a sentence names at most.
const MOST_TYPES: usize = 5;

/// Where what goes is saved.
#[derive(Debug, Clone, Args)]
pub(crate) struct SaveOptions {
    /// Write what goes into this new file first, a line of JSON with all bytes for each message; `msgqctl restore FILE` puts it
    /// back
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) save: Option<PathBuf>,

    /// Write it behind what the file of `--save` has of this queue
    #[arg(long, requires = "save")]
    pub(crate) append: bool,
}

impl SaveOptions {
    /// The file, new or to be written on.
    pub(super) fn open_file(&self, target: &Target) -> Result<Option<SaveFile>, Failure> {
        let Some(path) = &self.save else { return Ok(None) };
        let file = match self.append {
            true => SaveFile::append(path, &target.queue),
            false => SaveFile::create(path, &target.queue),
        };
        file.map(Some).map_err(|error| {
            let failure = failure_of_saving(&error);
            Failure::new(failure.status, format!("cannot save what goes, so nothing was removed: {}", failure.message))
        })
    }

    /// The name of the file, for reports.
    pub(super) fn shown_file(&self) -> Option<String> {
        self.save.as_deref().map(shown_path)
    }
}

pub(super) fn failure_of_saving(error: &SaveError) -> Failure {
    match error {
        SaveError::Queue(error) => Failure::of_queue(error),
        SaveError::OtherQueue { .. } => Failure::new(Status::Usage, error.to_string()),
        _ => Failure::new(Status::Other, error.to_string()),
    }
}

/// What is about to go: `3 messages (792 bytes) of 2 types: 1 of type 1, 2 of type 200`.
pub(super) fn counts_by_type(by_type: &BTreeMap<i64, Resting>, noun: &str) -> String {
    let messages = by_type.values().map(|resting| resting.messages).sum::<usize>();
    let bytes = by_type.values().map(|resting| resting.bytes).sum::<usize>();
    let named = by_type.iter().take(MOST_TYPES).map(|(mtype, of_type)| format!("{} of type {mtype}", of_type.messages));
    let more = by_type.len().checked_sub(MOST_TYPES).filter(|more| *more > 0);
    let named: Vec<String> =
        named.chain(more.map(|more| format!("those of {}", counted(more, "other type")))).collect();
    format!(
        "{} ({}) of {}: {}",
        counted(messages, noun),
        counted(bytes, "byte"),
        counted(by_type.len(), "type"),
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_counted_by_type_and_few_types_are_named() {
        let of_types = |types: i64| (1..=types).map(|mtype| (mtype, Resting { messages: 2, bytes: 10 })).collect();
        assert_eq!(counts_by_type(&of_types(1), "message"), "2 messages (10 bytes) of 1 type: 2 of type 1");
        let many = counts_by_type(&of_types(7), "message");
        assert!(
            many.ends_with(
                "of 7 types: 2 of type 1, 2 of type 2, 2 of type 3, 2 of type 4, 2 of type 5, those of 2 other types"
            ),
            "{many}"
        );
    }
}
