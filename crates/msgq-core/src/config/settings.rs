//! The configuration as the programs use it.

use super::handler::{HandlerConfig, Pass};
use crate::layout::protocol::Protocol;
use crate::queue::QueueKey;
use log::Level;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// All settings, checked. A reload (SIGHUP) replaces all at once or none; some are fixed while the server runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// `[queue]`: which queue is served, and what it looks like.
    pub queue: QueueConfig,
    /// `[service]`: how requests are served, and what becomes of them at the end.
    pub service: ServiceConfig,
    /// `[protocol]`: what requests and answers look like; fixed while the server runs.
    pub protocol: Arc<Protocol>,
    /// `protocol.reply`: the second queue, into which answers go; `None` where there is none. Fixed while the server runs.
    pub reply_queue: Option<QueueConfig>,
    /// `[handler]`: what answers the requests.
    pub handler: HandlerConfig,
    /// `handler.pass`: what of a request a handler gets, and what it answers with.
    pub pass: Pass,
    /// `[log]`: how much is logged.
    pub log: LogConfig,
}

/// Which queue, and what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// The key under which clients find it; fixed while the server runs.
    pub key: KeySetting,
    /// Its nine permission bits, as in chmod(2).
    pub mode: u32,
    /// The group that owns it, by name or number; `None`: the group of the process.
    pub group: Option<String>,
    /// Bytes of text that it holds (`msg_qbytes`); `None`: `kernel.msgmnb`.
    pub max_bytes: Option<u64>,
    /// Which queues of other owners are taken over; one setting for both queues.
    pub takeover: Takeover,
}

/// Which queues that belong to another user are taken over, where this is possible at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Takeover {
    /// None.
    Refuse,
    /// What a client made before the server started: empty or with nothing but requests, and used by no other server.
    #[default]
    Empty,
    /// Every one that no msgqd serves.
    Always,
}

impl Takeover {
    /// As the configuration has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Empty => "empty",
            Self::Always => "always",
        }
    }
}

/// How the key of the queue is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySetting {
    /// As a number.
    Number(QueueKey),
    /// As a file and an id for ftok(3).
    Path {
        /// A file that exists when the server starts; its device and inode make the key.
        path: PathBuf,
        /// The project id, as clients give it to ftok(3), which uses its low 8 bits.
        id: i32,
    },
}

/// The key cannot be made from its file.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the queue's key from {path} and id {id} (queue.key): {error}; clients make it from the same file with ftok(3), so it must exist before either starts", path = .path.display())]
pub struct KeyError {
    path: PathBuf,
    id: i32,
    error: std::io::Error,
}

impl KeySetting {
    /// The key itself; that of a file is another one when the file is made anew.
    ///
    /// # Errors
    /// When its file cannot be looked at.
    pub fn resolve(&self) -> Result<QueueKey, KeyError> {
        match self {
            Self::Number(key) => Ok(*key),
            Self::Path { path, id } => {
                QueueKey::from_path(path, *id).map_err(|error| KeyError { path: path.clone(), id: *id, error })
            }
        }
    }
}

/// How requests are served, and what becomes of them at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Threads that receive requests and have them handled.
    pub workers: Workers,
    /// How long a worker may look for the next request before it blocks.
    pub spin: Spin,
    /// How long a stop may wait for answers to be made and fetched, from when the queue is closed.
    pub drain_timeout: Duration,
    /// Answers that may wait for room in the queue, of all clients together; fixed while the server runs.
    pub outbox_capacity: u32,
    /// How long an answer may wait in the outbox, counted from when its request was taken from the queue.
    pub response_ttl: Duration,
    /// How often a one-way request is tried until it is given up; with `protocol.reply = "none"`.
    pub attempts: u32,
    /// What the next daemon does with a request that one had in hand when it died.
    pub on_crash: OnCrash,
    /// What becomes of the queue when the daemon is asked to end.
    pub on_stop: QueueFate,
    /// What becomes of the queue when the service manager gives up on the daemon.
    pub on_failure: QueueFate,
}

/// What is done with a request that a daemon had in hand when it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCrash {
    /// The handler runs again.
    #[default]
    Retry,
    /// The client gets an error that says so.
    Fail,
}

/// What becomes of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueFate {
    /// It is removed, and whoever waits at it gets EIDRM.
    #[default]
    Remove,
    /// It stays, and whoever waits at it waits for the next daemon.
    Keep,
}

/// How many threads receive requests and have them handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// As many as the handler works on requests at the same time ([`super::HandlerConfig`]).
    Auto,
    /// So many, 1 to 256.
    Fixed(usize),
}

/// How long a worker may look for the next request before it blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spin {
    /// As long as pays on this machine.
    Auto,
    /// At most so long; zero: not at all.
    Limit(Duration),
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// The least important level that is logged. A reload changes it.
    pub level: Level,
}

/// The levels of the log, the most important first: name in the configuration and on the command line, the level, and
/// what is told at it.
pub const LOG_LEVELS: [(&str, Level, &str); 5] = [
    ("error", Level::Error, "Something failed, and somebody must act"),
    ("warn", Level::Warn, "Something is not as it should be"),
    ("info", Level::Info, "Start, stop, and what happens rarely"),
    ("debug", Level::Debug, "For finding out what goes on"),
    ("trace", Level::Trace, "Everything"),
];

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: Level::Info }
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            key: KeySetting::Number(QueueKey::DEFAULT),
            mode: 0o660,
            group: None,
            max_bytes: None,
            takeover: Takeover::default(),
        }
    }
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            workers: Workers::Auto,
            spin: Spin::Auto,
            drain_timeout: Duration::from_millis(5000),
            outbox_capacity: 4096,
            response_ttl: Duration::from_secs(600),
            attempts: 3,
            on_crash: OnCrash::Retry,
            on_stop: QueueFate::Remove,
            on_failure: QueueFate::Remove,
        }
    }
}
