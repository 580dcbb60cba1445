//! What a program that embeds the server calls: settings one by one, then [`Server::run`]. It decides nothing itself.

use crate::handler::Handler;
use crate::service::{self, StartError};
use msgq_core::config::Config;
use msgq_core::queue::QueueKey;
use std::fmt;
use std::sync::Arc;

/// Reads the configuration again when a reload is asked for; the error is a sentence for the log.
type Reload = Box<dyn Fn() -> Result<Config, String>>;

/// A server that is about to run; made by [`Server::builder`].
#[derive(Default)]
pub struct Server {
    config: Config,
    handler: Option<Arc<dyn Handler>>,
    reload: Option<Reload>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Server {
    /// A server with the built-in settings.
    #[must_use]
    pub fn builder() -> Self {
        Self::default()
    }

    /// Sets all settings. Those of `[handler]` have no effect beside [`Server::handler`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the queue's key.
    #[must_use]
    pub fn key(mut self, key: QueueKey) -> Self {
        self.config.queue.key = msgq_core::config::KeySetting::Number(key);
        self
    }

    /// Sets what answers the requests.
    #[must_use]
    pub fn handler(mut self, handler: impl Handler + 'static) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Sets where the configuration comes from at a reload (SIGHUP). Without it a reload changes nothing.
    #[must_use]
    pub fn reload_with(mut self, reload: impl Fn() -> Result<Config, String> + 'static) -> Self {
        self.reload = Some(Box::new(reload));
        self
    }

    /// Serves until SIGTERM or SIGINT ends it, or the SIGHUP of a terminal that is closed. Takes over the process's handling of these, SIGHUP, SIGUSR1 and SIGUSR2;
    /// logs through the [`log`] crate.
    ///
    /// # Errors
    /// When the service cannot start: another instance, no permission, a limit of the kernel. When the handler, or what
    /// reads the configuration, panicked in this thread: then the server has ended in order, and the queue is left to the
    /// next start.
    pub fn run(self) -> Result<(), StartError> {
        let ended = service::run(self.config, self.handler, self.reload.as_deref());
        crate::logging::flush();
        ended
    }
}
