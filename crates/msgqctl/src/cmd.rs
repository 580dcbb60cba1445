//! The subcommands, one file each. They do the work and return an [`Outcome`], which is printed elsewhere.
//! What cannot wait for the end, a warning or a question, goes to standard error at once.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod door;
pub(crate) mod explain;
pub(crate) mod peek;
pub(crate) mod purge;
pub(crate) mod send;
pub(crate) mod stat;

use crate::failure::Status;
use crate::report::{NothingReport, Report};

/// What a command that could do its work has to say.
pub(crate) struct Outcome {
    pub(crate) report: Box<dyn Report>,
    /// Lines for standard error.
    pub(crate) diagnostics: Vec<String>,
    pub(crate) status: Status,
}

impl Outcome {
    /// Of a command that has shown all it had.
    pub(crate) fn silent() -> Self {
        Self::done(NothingReport)
    }

    fn done(report: impl Report + 'static) -> Self {
        Self { report: Box::new(report), diagnostics: Vec::new(), status: Status::Ok }
    }
}
