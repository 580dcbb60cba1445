//! From `[handler]` of the configuration to a handler.

use crate::handler::{
    Echo, Exec, ExecSettings, Handler, Overlong, ProgramSettings, UnixSettings, UnixUpstream, WorkerPool,
    WorkerSettings,
};
use msgq_core::config::{HandlerConfig, ProgramConfig};
use nix::unistd::User;
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
        HandlerConfig::Worker(worker) => Arc::new(
            WorkerPool::new(&WorkerSettings {
                program: program(&worker.program),
                processes: worker.max_concurrency,
                timeout: worker.timeout,
                start_timeout: worker.start_timeout,
                kill_grace: worker.program.kill_grace,
                max_requests: worker.max_requests,
                idempotent: worker.is_idempotent,
            })
            .map_err(|error| format!("cannot start the pool of workers: {error}"))?,
        ),
        HandlerConfig::Unix(unix) => Arc::new(
            UnixUpstream::new(&UnixSettings {
                socket: unix.socket.clone(),
                connections: unix.max_concurrency,
                connect_timeout: unix.connect_timeout,
                timeout: unix.timeout,
                user: unix.user.as_deref().map(find_user).transpose()?,
                idempotent: unix.is_idempotent,
            })
            .map_err(|error| format!("cannot set up the connections to {}: {error}", unix.socket.display()))?,
        ),
    })
}

fn find_user(name: &str) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!("there is no user {name:?}; write the one that the service runs as in handler.user")),
        Err(errno) => Err(format!("cannot look up user {name:?}: {}", errno.desc())),
    }
}

fn program(config: &ProgramConfig) -> ProgramSettings {
    ProgramSettings {
        argv: config.command.iter().map(Into::into).collect(),
        environment: config.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        working_directory: config.working_directory.clone(),
    }
}
