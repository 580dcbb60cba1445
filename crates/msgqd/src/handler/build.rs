//! From `[handler]` of the configuration to a handler.

use super::pool::{unix_pool, worker_pool};
use super::{Echo, Handler, exec::Exec};
use msgq_core::config::HandlerConfig;
use std::sync::Arc;

/// The handler that the configuration asks for. Workers are started at once, but not waited for.
///
/// # Errors
/// A sentence for the log: there is no such user, or no descriptor or thread is left. That a program or service does
/// not work is no error here; see [`Handler::trouble`].
pub fn build_handler(config: &HandlerConfig) -> Result<Arc<dyn Handler>, String> {
    Ok(match config {
        HandlerConfig::Echo => Arc::new(Echo),
        HandlerConfig::Exec(exec) => Arc::new(Exec::new(exec.clone())),
        HandlerConfig::Worker(worker) => Arc::new(worker_pool(worker)?),
        HandlerConfig::Unix(unix) => Arc::new(unix_pool(unix)?),
    })
}
