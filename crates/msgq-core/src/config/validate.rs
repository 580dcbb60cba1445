//! From raw `[queue]`, `[service]` and `[log]` to settings: what each value may be. Called by `Config::parse` only.

use super::check::{Invalid, MAX_WORKERS, auto_or_number, milliseconds, number, one_of, or};
use super::handler::checked_handler;
use super::raw;
use super::settings::{
    Config, KeySetting, LOG_LEVELS, LogConfig, OnCrash, QueueConfig, QueueFate, ServiceConfig, Spin, Workers,
};
use log::Level;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::{Spanned, Value};

pub(super) fn checked_config(raw: &raw::Config) -> Result<Config, Invalid> {
    let defaults = Config::default();
    let seconds = |value: &Spanned<i64>| number(value, "response_ttl_s", 1..=31_536_000).map(Duration::from_secs);
    let capacity = |value: &Spanned<i64>| {
        number(value, "outbox_capacity", 64..=65_536).map(|slots| u32::try_from(slots).unwrap_or(u32::MAX))
    };
    Ok(Config {
        queue: QueueConfig {
            key: or(&raw.queue.key, key, defaults.queue.key)?,
            mode: or(&raw.queue.mode, mode, defaults.queue.mode)?,
            group: raw.queue.group.as_ref().map(group).transpose()?,
            max_bytes: raw.queue.max_bytes.as_ref().map(|value| number(value, "max_bytes", MAX_BYTES)).transpose()?,
        },
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
            on_crash: or(&raw.service.on_crash, on_crash, defaults.service.on_crash)?,
            on_stop: or(&raw.service.on_stop, fate, defaults.service.on_stop)?,
            on_failure: or(&raw.service.on_failure, fate, defaults.service.on_failure)?,
        },
        handler: checked_handler(&raw.handler, 0..0)?,
        log: LogConfig { level: or(&raw.log.level, level, defaults.log.level)? },
    })
}

pub(super) fn leniently_checked_config(raw: &raw::LenientConfig) -> Result<Config, Invalid> {
    let mut config = Config::default();
    config.queue.key = or(&raw.queue.key, key, config.queue.key)?;
    config.service.on_failure = or(&raw.service.on_failure, fate, config.service.on_failure)?;
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
    let number = auto_or_number(value, "workers", 1..=MAX_WORKERS)?;
    Ok(number.map_or(Workers::Auto, |workers| Workers::Fixed(usize::try_from(workers).unwrap_or(1))))
}

fn spin(value: &Spanned<Value>) -> Result<Spin, Invalid> {
    let number = auto_or_number(value, "spin_us", 0..=MAX_SPIN_US)?;
    Ok(number.map_or(Spin::Auto, |microseconds| Spin::Limit(Duration::from_micros(microseconds))))
}

fn on_crash(value: &Spanned<String>) -> Result<OnCrash, Invalid> {
    one_of(value, &[("retry", OnCrash::Retry), ("fail", OnCrash::Fail)])
}

fn fate(value: &Spanned<String>) -> Result<QueueFate, Invalid> {
    one_of(value, &[("remove", QueueFate::Remove), ("keep", QueueFate::Keep)])
}

fn level(value: &Spanned<String>) -> Result<Level, Invalid> {
    let found = LOG_LEVELS.into_iter().find(|(name, ..)| name == value.get_ref());
    found.map(|(_, level, _)| level).ok_or_else(|| {
        let message = format!("there is no log level {:?}", value.get_ref());
        Invalid::new(value.span(), message, format!("write one of {}", LOG_LEVELS.map(|(name, ..)| name).join(", ")))
    })
}
