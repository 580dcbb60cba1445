//! From `[handler]` of the configuration to a handler.

use crate::handler::{Echo, Exec, ExecSettings, Handler, Overlong, ProgramSettings};
use msgq_core::config::{HandlerConfig, ProgramConfig};
use std::sync::Arc;

/// The handler that the configuration asks for; the error is a sentence for the log.
pub(super) fn build(config: &HandlerConfig) -> Result<Arc<dyn Handler>, String> {
    Ok(match config {
        HandlerConfig::Echo => Arc::new(Echo),
        HandlerConfig::Exec(exec) => Arc::new(Exec::new(ExecSettings {
            program: program(&exec.program),
            timeout: exec.timeout,
            kill_grace: exec.program.kill_grace,
            max_concurrency: exec.max_concurrency,
            overlong: if exec.truncates { Overlong::Truncate } else { Overlong::Error },
        })),
        HandlerConfig::Worker(_) | HandlerConfig::Unix(_) => return Err("this handler is not built in".to_owned()),
    })
}

fn program(config: &ProgramConfig) -> ProgramSettings {
    ProgramSettings {
        argv: config.command.iter().map(Into::into).collect(),
        environment: config.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        working_directory: config.working_directory.clone(),
    }
}
