use super::Outcome;
use crate::cli::{CompletionsArguments, command};
use crate::failure::Failure;
use crate::report::ScriptReport;

pub(crate) fn run(options: &CompletionsArguments) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command(), "msgqctl", &mut script);
    Ok(Outcome::done(ScriptReport {
        shell: options.shell.to_string(),
        script: String::from_utf8_lossy(&script).into_owned(),
    }))
}
