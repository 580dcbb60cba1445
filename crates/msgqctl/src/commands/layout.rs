//! `layout`: where the fields of a message's struct stand.

mod constants;
mod report;
mod roles;
mod rows;

use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use clap::Args;
use constants::{NamedConstant, named_constant};
use msgq_core::layout::declaration::Declaration;
use msgq_core::layout::protocol::Protocol;
use report::{LayoutReport, StructReport};
use roles::Roles;
use std::collections::BTreeMap;

const EXAMPLES: &str = "\
Examples:
  msgqctl layout                            the structs of the configuration
  msgqctl layout --request \"$(<message.h)\"  where each field of the struct in message.h stands";

/// Show where the fields of a message's struct stand, in 64-bit and in 32-bit programs
///
/// Reads the struct as it stands in a program's C header, with the structs, unions, enums and typedefs that it needs in
/// front of it. Its first field is the message's type, `long mtype`. Offsets count from the start of the struct, as those of
/// offsetof do; of an array of structs, the fields of its first element are shown. What `sizeof` must say in the program is
/// told with the type and without it, which is the length that msgsnd takes. Where a [protocol] is configured for the queue, the
/// role of each field by its name is shown too. No queue is looked at.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LayoutArguments {
    /// The struct of a request, in C: "struct { long mtype; pid_t pid; char text[256]; }". Default: the structs of [protocol]
    /// in the configuration
    #[arg(long, value_name = "DECLARATION")]
    pub(crate) request: Option<String>,

    /// The struct of an answer, in C. Default: that of the request
    #[arg(long, value_name = "DECLARATION", requires = "request")]
    pub(crate) response: Option<String>,

    /// Values of names that stand in the bounds of arrays, as their #define says
    #[arg(long, value_name = "NAME=N", num_args = 1.., requires = "request", value_parser = named_constant)]
    pub(crate) constants: Vec<NamedConstant>,
}

impl RunCommand for LayoutArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let Some(request) = &self.request else { return of_configuration(queue) };
        let mut constants = BTreeMap::new();
        for NamedConstant { name, value } in &self.constants {
            if constants.insert(name.clone(), *value).is_some_and(|other| other != *value) {
                let message = format!("--constants gives `{name}` two values: leave one of them out");
                return Err(Failure::new(Status::Usage, message));
            }
        }
        let request = read(request, "--request", &constants)?;
        let response = self.response.as_deref().map(|text| read(text, "--response", &constants)).transpose()?;
        // Key and configuration only add what their names say of these fields, and need not be there.
        let known = queue.resolve_key().map(|key| queue.known_protocol(Some(key)).protocol).unwrap_or_default();
        Ok(outcome(&known, &request, response.as_ref()))
    }
}

fn of_configuration(queue: &QueueOptions) -> Result<CommandOutcome, Failure> {
    let known = queue.known_protocol(Some(queue.resolve_key()?));
    let Some((request, response)) = known.protocol.declarations() else {
        let source = &known.source;
        let message = format!("no struct is declared for this queue ({source}); give one with --request DECLARATION");
        return Err(Failure::new(Status::Usage, message));
    };
    Ok(outcome(&known.protocol, request, Some(response).filter(|response| *response != request)))
}

fn outcome(protocol: &Protocol, request: &Declaration, response: Option<&Declaration>) -> CommandOutcome {
    let Some(plan) = protocol.plan() else {
        let of_struct = |declaration| StructReport::new(declaration, &Roles::default());
        return CommandOutcome::done(LayoutReport { request: of_struct(request), response: response.map(of_struct) });
    };
    // The same field has one role in requests and another in answers.
    let response = StructReport::new(response.unwrap_or(request), &Roles::of_response(protocol, plan));
    let request = StructReport::new(request, &Roles::of_request(protocol, plan));
    CommandOutcome::done(LayoutReport { request, response: Some(response) })
}

fn read(text: &str, option: &str, constants: &BTreeMap<String, i64>) -> Result<Declaration, Failure> {
    Declaration::parse(text, constants).map_err(|error| Failure::new(Status::Usage, format!("{option}: {error}")))
}
