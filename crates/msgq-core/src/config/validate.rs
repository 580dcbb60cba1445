//! From raw `[queue]`, `[service]` and `[log]` to settings: what each value may be. Called by `Config::parse` only.

use super::check::{Invalid, MAX_WORKERS, auto_or_number, milliseconds, number, one_of, or, size};
use super::handler::{checked_handler, checked_pass};
use super::parts::check_overlong;
use super::protocol::checked_protocol;
use super::raw;
use super::reply::reply_queue;
use super::settings::{
    Config, KeySetting, LOG_LEVELS, LogConfig, OnCrash, QueueConfig, QueueFate, ServiceConfig, Spin, Takeover, Workers,
};
use crate::layout::protocol::ReplyRoute;
use log::Level;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use toml::{Spanned, Value};

pub(super) fn checked_config(raw: &raw::Config, text: &str) -> Result<Config, Invalid> {
    let defaults = Config::default();
    let seconds = |value: &Spanned<Value>| number(value, "response_ttl_s", 1..=31_536_000).map(Duration::from_secs);
    let capacity = |value: &Spanned<Value>| {
        number(value, "outbox_capacity", 64..=65_536).map(|slots| u32::try_from(slots).unwrap_or(u32::MAX))
    };
    let protocol = checked_protocol(&raw.protocol, text)?;
    let pass = checked_pass(&raw.handler, &protocol).map_err(|invalid| invalid.beside(&raw.protocol.request))?;
    check_overlong(raw, pass, &protocol)?;
    // Where nobody waits for an answer, a removal tells nobody anything, and loses what waits.
    let is_one_way = protocol.route() == ReplyRoute::Nowhere;
    let usual_fate = if is_one_way { QueueFate::Keep } else { QueueFate::Remove };
    let queue = checked_queue(&raw.queue, defaults.queue)?;
    Ok(Config {
        reply_queue: checked_reply_queue(&raw.protocol, &queue, &raw.queue.key)?,
        queue,
        service: ServiceConfig {
            workers: or(&raw.service.workers, workers, defaults.service.workers)?,
            spin: or(&raw.service.spin_us, spin, defaults.service.spin)?,
            drain_timeout: milliseconds(
                &raw.service.drain_timeout_ms,
                "drain_timeout_ms",
                0..=3_600_000,
                defaults.service.drain_timeout,
            )?,
            outbox_capacity: or(&raw.service.outbox_capacity, capacity, defaults.service.outbox_capacity)?,
            response_ttl: or(&raw.service.response_ttl_s, seconds, defaults.service.response_ttl)?,
            attempts: checked_attempts(raw, is_one_way, defaults.service.attempts)?,
            on_crash: or(&raw.service.on_crash, on_crash, defaults.service.on_crash)?,
            on_stop: or(&raw.service.on_stop, fate, usual_fate)?,
            on_failure: or(&raw.service.on_failure, fate, usual_fate)?,
        },
        protocol: Arc::new(protocol),
        handler: checked_handler(&raw.handler, 0..0, is_one_way)?,
        pass,
        log: LogConfig { level: or(&raw.log.level, level, defaults.log.level)? },
    })
}

fn checked_attempts(raw: &raw::Config, is_one_way: bool, default: u32) -> Result<u32, Invalid> {
    let Some(value) = &raw.service.attempts else { return Ok(default) };
    if !is_one_way {
        let message = "a request is tried again only where nobody waits for its answer";
        let help = "leave attempts out, or write reply = \"none\" in [protocol]";
        return Err(Invalid::new(value.span(), message, help).beside(&raw.protocol.reply));
    }
    number(value, "attempts", 1..=1000).map(|attempts| u32::try_from(attempts).unwrap_or(default))
}

fn checked_queue(raw: &raw::Queue, defaults: QueueConfig) -> Result<QueueConfig, Invalid> {
    Ok(QueueConfig {
        key: or(&raw.key, key, defaults.key)?,
        mode: or(&raw.mode, mode, defaults.mode)?,
        group: raw.group.as_ref().map(group).transpose()?,
        max_bytes: raw.max_bytes.as_ref().map(|value| size(value, "max_bytes", MAX_BYTES)).transpose()?,
        takeover: or(&raw.takeover, takeover, defaults.takeover)?,
    })
}

/// Clients only read there, unless its mode says otherwise.
fn checked_reply_queue(
    raw: &raw::Protocol,
    requests: &QueueConfig,
    requests_key: &Option<Spanned<Value>>,
) -> Result<Option<QueueConfig>, Invalid> {
    let Some(value) = &raw.reply else { return Ok(None) };
    let Some(settings) = reply_queue(value)? else { return Ok(None) };
    let queue =
        checked_queue(&settings, QueueConfig { mode: 0o640, takeover: requests.takeover, ..QueueConfig::default() })?;
    // Also two files, or a file and a number, can give one key; where one cannot be made, its own error tells.
    let keys = (queue.key.resolve().ok(), requests.key.resolve().ok());
    if queue.key == requests.key || (keys.0.is_some() && keys.0 == keys.1) {
        let key = keys.0.map_or_else(String::new, |key| format!(", {key}"));
        let message = format!("the second queue has the key of the first{key}");
        let help = "give it another key, or write reply = \"shared\"; of a file and its id, ftok(3) uses the low 16 bits of the inode \
                    and the low 8 bits of device and id";
        return Err(Invalid::new(value.span(), message, help).beside(requests_key));
    }
    Ok(Some(queue))
}

pub(super) fn leniently_checked_config(raw: &raw::LenientConfig) -> Result<Config, Invalid> {
    let mut config = Config::default();
    config.queue.key = or(&raw.queue.key, key, config.queue.key)?;
    config.service.on_failure = or(&raw.service.on_failure, fate, config.service.on_failure)?;
    Ok(config)
}

/// The key of the queue and its protocol, whatever is wrong elsewhere.
pub(super) fn checked_protocol_only(raw: &raw::ProtocolOnly, text: &str) -> Result<Config, Invalid> {
    let mut config = Config::default();
    config.queue.key = or(&raw.queue.key, key, config.queue.key)?;
    config.protocol = Arc::new(checked_protocol(&raw.protocol, text)?);
    config.reply_queue = checked_reply_queue(&raw.protocol, &config.queue, &raw.queue.key)?;
    Ok(config)
}

/// At least room for one message of the protocol; at most what the kernel's counter of bytes holds.
const MAX_BYTES: RangeInclusive<u64> = 264..=2_147_483_647;
const MAX_SPIN_US: u64 = 1000;

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
            match (path, table.get("id").and_then(ftok_id), table.len()) {
                (Some(path), Some(id), 2) => Ok(KeySetting::Path { path: PathBuf::from(path), id }),
                _ => Err(invalid(
                    "a key from a file has exactly a path (text) and an id (an int of C, or text of one character as in \"A\")"
                        .to_owned(),
                )),
            }
        }
        other => Err(invalid(format!("{other} is no queue key"))),
    }
}

/// As C has it: an int, or the character of a `'A'`.
fn ftok_id(value: &Value) -> Option<i32> {
    match value {
        Value::Integer(number) => i32::try_from(*number).ok(),
        Value::String(text) => match text.as_bytes() {
            [character] => Some(i32::from(*character)),
            _ => None,
        },
        _ => None,
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

fn group(value: &Spanned<Value>) -> Result<String, Invalid> {
    const HELP: &str = "write it as text, in quotes: the name of an existing group, for example group = \"msgq\"";
    let is_good =
        |name: &&str| !name.is_empty() && !name.contains(|character: char| character.is_control() || character == ':');
    let name = value.get_ref().as_str().filter(is_good);
    let invalid = || Invalid::new(value.span(), format!("{} is no name of a group", value.get_ref()), HELP);
    name.map(str::to_owned).ok_or_else(invalid)
}

fn takeover(value: &Spanned<Value>) -> Result<Takeover, Invalid> {
    one_of(value, &[Takeover::Refuse, Takeover::Empty, Takeover::Always].map(|it| (it.name(), it)))
}

fn workers(value: &Spanned<Value>) -> Result<Workers, Invalid> {
    let number = auto_or_number(value, "workers", 1..=MAX_WORKERS)?;
    Ok(number.map_or(Workers::Auto, |workers| Workers::Fixed(usize::try_from(workers).unwrap_or(1))))
}

fn spin(value: &Spanned<Value>) -> Result<Spin, Invalid> {
    let number = auto_or_number(value, "spin_us", 0..=MAX_SPIN_US)?;
    Ok(number.map_or(Spin::Auto, |microseconds| Spin::Limit(Duration::from_micros(microseconds))))
}

fn on_crash(value: &Spanned<Value>) -> Result<OnCrash, Invalid> {
    one_of(value, &[("retry", OnCrash::Retry), ("fail", OnCrash::Fail)])
}

fn fate(value: &Spanned<Value>) -> Result<QueueFate, Invalid> {
    one_of(value, &[("remove", QueueFate::Remove), ("keep", QueueFate::Keep)])
}

fn level(value: &Spanned<Value>) -> Result<Level, Invalid> {
    let found = LOG_LEVELS.into_iter().find(|(name, ..)| value.get_ref().as_str() == Some(*name));
    found.map(|(_, level, _)| level).ok_or_else(|| {
        let message = format!("there is no log level {}", value.get_ref());
        Invalid::new(value.span(), message, format!("write one of {}", LOG_LEVELS.map(|(name, ..)| name).join(", ")))
    })
}
