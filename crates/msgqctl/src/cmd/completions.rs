use super::Outcome;
use crate::cli::CompletionsArguments;
use crate::complete;
use crate::failure::{Failure, Status};
use crate::report::ScriptReport;

pub(crate) fn run(options: &CompletionsArguments) -> Result<Outcome, Failure> {
    let script = complete::script(options.shell)
        .map_err(|error| Failure::new(Status::Other, format!("no script for {}: {error}", options.shell)))?;
    Ok(Outcome::done(ScriptReport { shell: options.shell.to_string(), script }))
}
