//! The configuration as the programs use it.

use super::handler::{self, HandlerConfig};
use super::raw;
use crate::queue::QueueKey;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;
use toml::{Spanned, Value};

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// `[queue]`
    pub queue: QueueConfig,
    /// `[service]`
    pub service: ServiceConfig,
    /// `[handler]`
    pub handler: HandlerConfig,
    /// `[log]`
    pub log: LogConfig,
}

/// Which queue, and what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// Its key.
    pub key: KeySetting,
    /// Its nine permission bits.
    pub mode: u32,
    /// The group that owns it, by name or number; `None`: the group of the process.
    pub group: Option<String>,
    /// `msg_qbytes`; `None`: `kernel.msgmnb`.
    pub max_bytes: Option<u64>,
}

/// How the key is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySetting {
    /// As a number.
    Number(QueueKey),
    /// As a file and an id for ftok(3).
    Path {
        /// A file that exists when the server starts.
        path: PathBuf,
        /// The project id.
        id: u8,
    },
}

/// The key cannot be made from its file.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the queue's key from {path} and id {id} (queue.key): {error}; clients make it from the same file with ftok(3), so it must exist", path = .path.display())]
pub struct KeyError {
    path: PathBuf,
    id: u8,
    error: std::io::Error,
}

impl KeySetting {
    /// The key itself.
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

/// How the service works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Threads that receive and handle.
    pub workers: Workers,
    /// How long a worker may look for the next request before it blocks.
    pub spin: Spin,
    /// How long a stop may wait for answers to be made and fetched.
    pub drain_timeout: Duration,
    /// Answers that may wait for room in the queue.
    pub outbox_capacity: u32,
    /// How long an answer may wait for its client.
    pub response_ttl: Duration,
    /// What is done with a request that a daemon had in hand when it died.
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

/// How many workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// As many as the handler can use.
    Auto,
    /// So many.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogConfig {
    /// The least important level that is logged.
    pub level: LogLevel,
}

/// Levels of the log, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed, and somebody must act.
    Error,
    /// Something is not as it should be.
    Warn,
    /// Start, stop, and what happens rarely.
    #[default]
    Info,
    /// For finding out what goes on.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// All levels, with their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { key: KeySetting::Number(QueueKey::DEFAULT), mode: 0o660, group: None, max_bytes: None }
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
            on_crash: OnCrash::Retry,
            on_stop: QueueFate::Remove,
            on_failure: QueueFate::Remove,
        }
    }
}

/// A value that is not allowed.
#[derive(Debug)]
pub(super) struct Invalid {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

impl Invalid {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into() }
    }
}

pub(super) fn validate(raw: &raw::Config) -> Result<Config, Invalid> {
    let defaults = Config::default();
    let milliseconds =
        |value: &Spanned<i64>| number(value, "drain_timeout_ms", 0..=3_600_000).map(Duration::from_millis);
    let seconds = |value: &Spanned<i64>| number(value, "response_ttl_s", 1..=31_536_000).map(Duration::from_secs);
    let capacity = |value: &Spanned<i64>| {
        number(value, "outbox_capacity", 64..=65_536).map(|slots| u32::try_from(slots).unwrap_or(u32::MAX))
    };
    Ok(Config {
        queue: QueueConfig {
            key: or(raw.queue.key.as_ref(), key, defaults.queue.key)?,
            mode: or(raw.queue.mode.as_ref(), mode, defaults.queue.mode)?,
            group: raw.queue.group.as_ref().map(group).transpose()?,
            max_bytes: raw.queue.max_bytes.as_ref().map(|value| number(value, "max_bytes", MAX_BYTES)).transpose()?,
        },
        service: ServiceConfig {
            workers: or(raw.service.workers.as_ref(), workers, defaults.service.workers)?,
            spin: or(raw.service.spin_us.as_ref(), spin, defaults.service.spin)?,
            drain_timeout: or(raw.service.drain_timeout_ms.as_ref(), milliseconds, defaults.service.drain_timeout)?,
            outbox_capacity: or(raw.service.outbox_capacity.as_ref(), capacity, defaults.service.outbox_capacity)?,
            response_ttl: or(raw.service.response_ttl_s.as_ref(), seconds, defaults.service.response_ttl)?,
            on_crash: or(raw.service.on_crash.as_ref(), on_crash, defaults.service.on_crash)?,
            on_stop: or(raw.service.on_stop.as_ref(), fate, defaults.service.on_stop)?,
            on_failure: or(raw.service.on_failure.as_ref(), fate, defaults.service.on_failure)?,
        },
        handler: handler::validate(&raw.handler, 0..0)?,
        log: LogConfig { level: or(raw.log.level.as_ref(), level, defaults.log.level)? },
    })
}

/// At least room for one message of the protocol; at most what the kernel's counter of bytes holds.
const MAX_BYTES: RangeInclusive<u64> = 264..=2_147_483_647;
pub(super) const MAX_WORKERS: u64 = 256;
const MAX_SPIN_US: u64 = 1000;

pub(super) fn or<T, V>(
    value: Option<&Spanned<V>>,
    check: impl FnOnce(&Spanned<V>) -> Result<T, Invalid>,
    default: T,
) -> Result<T, Invalid> {
    value.map_or(Ok(default), check)
}

pub(super) fn number(value: &Spanned<i64>, name: &str, allowed: RangeInclusive<u64>) -> Result<u64, Invalid> {
    let (least, most) = (*allowed.start(), *allowed.end());
    u64::try_from(*value.get_ref()).ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        let message = format!("{name} = {} is out of range", value.get_ref());
        Invalid::new(value.span(), message, format!("write a number from {least} to {most}"))
    })
}

fn key(value: &Spanned<Value>) -> Result<KeySetting, Invalid> {
    const HELP: &str = "write a number from 1 to 0xffffffff, for example key = 0x12345678, or the file and id that \
                        clients give to ftok(3): key = { path = \"/srv/app\", id = 65 }";
    let invalid = |message: String| Invalid::new(value.span(), message, HELP);
    match value.get_ref() {
        Value::Integer(number) => {
            parse_key(&number.to_string()).ok_or_else(|| invalid(format!("{number} is no queue key")))
        }
        Value::String(text) => parse_key(text).ok_or_else(|| invalid(format!("{text:?} is no queue key"))),
        Value::Table(table) => {
            let path = table.get("path").and_then(Value::as_str);
            let id = table.get("id").and_then(Value::as_integer).and_then(|id| u8::try_from(id).ok());
            match (path, id.filter(|id| *id != 0), table.len()) {
                (Some(path), Some(id), 2) => Ok(KeySetting::Path { path: PathBuf::from(path), id }),
                _ => Err(invalid("a key from a file has exactly a path (text) and an id (1 to 255)".to_owned())),
            }
        }
        other => Err(invalid(format!("a queue key is not written as {}", other.type_str()))),
    }
}

fn parse_key(text: &str) -> Option<KeySetting> {
    text.parse().ok().map(KeySetting::Number)
}

fn mode(value: &Spanned<Value>) -> Result<u32, Invalid> {
    const HELP: &str = "write it as text in octal, for example mode = \"0660\": read and write for owner and group";
    let invalid = |message: String| Invalid::new(value.span(), message, HELP);
    let Value::String(text) = value.get_ref() else {
        return Err(invalid("a mode is written as text, so that nobody takes it for a decimal number".to_owned()));
    };
    let is_octal = !text.is_empty() && text.len() <= 5 && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    let mode = mode.ok_or_else(|| invalid(format!("{text:?} is no octal file mode")))?;
    if mode & 0o600 == 0o600 {
        Ok(mode)
    } else {
        Err(invalid(format!("mode {text:?} would keep the server itself from its queue")))
    }
}

fn group(value: &Spanned<String>) -> Result<String, Invalid> {
    let name = value.get_ref();
    if name.is_empty() || name.contains(|character: char| character.is_control() || character == ':') {
        let help = "write the name of an existing group, for example group = \"msgq\"";
        return Err(Invalid::new(value.span(), format!("{name:?} is no name of a group"), help));
    }
    Ok(name.clone())
}

fn workers(value: &Spanned<Value>) -> Result<Workers, Invalid> {
    let allowed = match value.get_ref() {
        Value::String(text) if text == "auto" => Some(Workers::Auto),
        Value::Integer(number) => u64::try_from(*number)
            .ok()
            .filter(|number| (1..=MAX_WORKERS).contains(number))
            .and_then(|number| usize::try_from(number).ok().map(Workers::Fixed)),
        _ => None,
    };
    allowed.ok_or_else(|| {
        let message = format!("workers = {} is not possible", value.get_ref());
        Invalid::new(value.span(), message, format!("write \"auto\" or a number from 1 to {MAX_WORKERS}"))
    })
}

fn spin(value: &Spanned<Value>) -> Result<Spin, Invalid> {
    let allowed = match value.get_ref() {
        Value::String(text) if text == "auto" => Some(Spin::Auto),
        Value::Integer(number) => u64::try_from(*number)
            .ok()
            .filter(|number| *number <= MAX_SPIN_US)
            .map(|microseconds| Spin::Limit(Duration::from_micros(microseconds))),
        _ => None,
    };
    allowed.ok_or_else(|| {
        let message = format!("spin_us = {} is not possible", value.get_ref());
        Invalid::new(value.span(), message, format!("write \"auto\" or a number from 0 to {MAX_SPIN_US}"))
    })
}

fn on_crash(value: &Spanned<String>) -> Result<OnCrash, Invalid> {
    one_of(value, &[("retry", OnCrash::Retry), ("fail", OnCrash::Fail)])
}

fn fate(value: &Spanned<String>) -> Result<QueueFate, Invalid> {
    one_of(value, &[("remove", QueueFate::Remove), ("keep", QueueFate::Keep)])
}

pub(super) fn one_of<T: Copy>(value: &Spanned<String>, words: &[(&str, T)]) -> Result<T, Invalid> {
    let found = words.iter().find(|(word, _)| word == value.get_ref());
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let help = format!("write {}", known.join(" or "));
        Invalid::new(value.span(), format!("{:?} is not possible here", value.get_ref()), help)
    })
}

fn level(value: &Spanned<String>) -> Result<LogLevel, Invalid> {
    let found = LogLevel::ALL.into_iter().find(|(name, _)| name == value.get_ref());
    found.map(|(_, level)| level).ok_or_else(|| {
        let names = LogLevel::ALL.map(|(name, _)| name).join(", ");
        Invalid::new(
            value.span(),
            format!("there is no log level {:?}", value.get_ref()),
            format!("write one of {names}"),
        )
    })
}
