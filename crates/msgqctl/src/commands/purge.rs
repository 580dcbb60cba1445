//! `purge`: removes what nobody will read, or requests that nobody will serve.

mod ages;
mod arguments;
mod planned;
mod report;
mod requests;
mod responses;
mod scope;

pub(crate) use arguments::PurgeArguments;

use super::{CommandOutcome, RunCommand};
use crate::failure::Failure;
use crate::output::Style;
use crate::target::QueueOptions;

impl RunCommand for PurgeArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        if self.requests { requests::purge_requests(self, queue) } else { responses::purge_responses(self, queue) }
    }
}
