//! From `[handler]` of the configuration to a handler.

use super::passing::{EchoBody, PassesBodies, PassesJson};
use super::payload::Payload;
use super::pool::{find_user, unix_pool, worker_pool};
use super::process::Program;
use super::{Echo, Handler, exec::Exec};
use msgq_core::config::{HandlerConfig, Overlong, Pass, ProgramConfig};
use msgq_core::layout::protocol::Protocol;
use std::sync::Arc;

/// The handler that the configuration asks for. Workers are started at once, but not waited for.
///
/// # Errors
/// A sentence for the log: there is no such user, or no descriptor or thread is left. That a program or service does
/// not work is no error here; see [`Handler::trouble`].
pub fn build_handler(config: &HandlerConfig, pass: Pass, protocol: &Protocol) -> Result<Arc<dyn Handler>, String> {
    let payload = Payload::of(pass, config.overlong(), protocol);
    let handler: Arc<dyn Handler> = match config {
        HandlerConfig::Echo if pass != Pass::Text => return Ok(Arc::new(EchoBody)),
        HandlerConfig::Echo => Arc::new(Echo),
        HandlerConfig::Exec(exec) => Arc::new(Exec::new(exec.clone(), payload)),
        HandlerConfig::Worker(worker) => Arc::new(worker_pool(worker, payload)?),
        HandlerConfig::Unix(unix) => Arc::new(unix_pool(unix, payload)?),
    };
    Ok(match pass {
        Pass::Text => handler,
        Pass::Body => Arc::new(PassesBodies::new(handler, config.overlong() == Overlong::Parts)),
        Pass::Json => Arc::new(PassesJson::new(handler)),
    })
}

/// What the handler needs of the machine and does not find there now, without starting it.
///
/// # Errors
/// A sentence: a program cannot be started, or there is no such user. Whether a service listens is not asked: it may be
/// started later.
pub fn check_handler(config: &HandlerConfig) -> Result<(), String> {
    let check_program =
        |program: &ProgramConfig| Program::new(program.clone()).check().map_err(|error| error.to_string());
    match config {
        HandlerConfig::Echo => Ok(()),
        HandlerConfig::Exec(exec) => check_program(&exec.program),
        HandlerConfig::Worker(worker) => check_program(&worker.program),
        HandlerConfig::Unix(unix) => unix.user.as_deref().map_or(Ok(()), |user| find_user(user).map(drop)),
    }
}

/// What a handler takes at the most, at the same time, of limits that it shares with the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Requests that it works on at the same time.
    pub(crate) concurrency: usize,
    /// Processes, not counting what they start, and threads of this process.
    pub(crate) tasks: u64,
    pub(crate) descriptors: u64,
}

impl Demand {
    /// Of the handler that the configuration asks for.
    pub(crate) fn of(config: &HandlerConfig) -> Self {
        let (concurrency, tasks_each, descriptors_each) = match config {
            HandlerConfig::Echo => (1, 0, 0),
            HandlerConfig::Exec(exec) => (exec.max_concurrency, 1, PROGRAM_DESCRIPTORS),
            // A process and the thread that keeps it.
            HandlerConfig::Worker(worker) => (worker.max_concurrency, 2, PROGRAM_DESCRIPTORS),
            HandlerConfig::Unix(unix) => (unix.max_concurrency, 1, 4),
        };
        let number = u64::try_from(concurrency).unwrap_or(u64::MAX);
        Self {
            concurrency,
            tasks: number.saturating_mul(tasks_each),
            descriptors: number.saturating_mul(descriptors_each),
        }
    }
}

/// Both ends of three pipes while it starts, the pidfd, and the end that wakes whoever waits for it.
const PROGRAM_DESCRIPTORS: u64 = 8;
