//! The number by which programs find a queue.

use crate::escape::escape;
use nix::libc;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;

/// The key that names a queue for every program (`key_t`); never `IPC_PRIVATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueueKey(i32);

/// The text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: a queue key is a number from 1 to 0xffffffff, decimal or with 0x in hexadecimal, for example 0x12345678")]
pub struct ParseKeyError(String);

impl QueueKey {
    /// The key that the protocol's seed programs use.
    pub const DEFAULT: Self = Self(0x1234_5678);

    /// `None` for 0, which is `IPC_PRIVATE` and names no queue that a second program could find.
    #[must_use]
    pub fn new(raw: i32) -> Option<Self> {
        (raw != libc::IPC_PRIVATE).then_some(Self(raw))
    }

    /// The key that ftok(3) of the C library makes from an existing file and the low 8 bits of `id`.
    ///
    /// # Errors
    /// When the file cannot be looked at; ftok(3) fails then too.
    pub fn from_path(path: &Path, id: u8) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        let raw = (metadata.ino() & 0xffff) | ((metadata.dev() & 0xff) << 16) | (u64::from(id) << 24);
        let key = u32::try_from(raw).unwrap_or_default().cast_signed();
        Self::new(key).ok_or_else(|| std::io::Error::other("the file and id give key 0, which is IPC_PRIVATE"))
    }

    /// As msgget(2) takes it.
    #[must_use]
    pub fn raw(self) -> i32 {
        self.0
    }
}

impl Default for QueueKey {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for QueueKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#010x}", self.0.cast_unsigned())
    }
}

impl FromStr for QueueKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16).ok().map(u32::cast_signed),
            Some(_) => None,
            None => text.parse::<i64>().ok().and_then(|number| {
                i32::try_from(number).ok().or_else(|| u32::try_from(number).ok().map(u32::cast_signed))
            }),
        };
        parsed.and_then(Self::new).ok_or_else(|| ParseKeyError(escape(text.as_bytes())))
    }
}
