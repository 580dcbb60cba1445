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
    /// When the file cannot be looked at, as in ftok(3); when the key is 0.
    pub fn from_path(path: &Path, id: i32) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Self::from_file_numbers(metadata.ino(), metadata.dev(), id).ok_or_else(|| {
            std::io::Error::other(
                "the file and the id give key 0, which is IPC_PRIVATE: each msgget(2) with it makes a new queue that no other \
                 program finds; use another id or file, here and in the clients",
            )
        })
    }

    /// Of inode and device so many bits count that different files can give one key.
    fn from_file_numbers(inode: u64, device: u64, id: i32) -> Option<Self> {
        let raw = (inode & 0xffff) | ((device & 0xff) << 16) | (u64::from(low_8_bits(id)) << 24);
        Self::new(u32::try_from(raw).unwrap_or_default().cast_signed())
    }

    /// As msgget(2) takes it.
    #[must_use]
    pub fn raw(self) -> i32 {
        self.0
    }
}

/// What a queue is called in a sentence: by its key, or by its number where it has none (`IPC_PRIVATE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueName {
    /// Its key.
    Key(QueueKey),
    /// The kernel's number for it.
    Msqid(i32),
}

impl fmt::Display for QueueName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(formatter),
            Self::Msqid(msqid) => write!(formatter, "with msqid {msqid}"),
        }
    }
}

/// What ftok(3) uses of an id.
#[must_use]
pub fn low_8_bits(id: i32) -> u8 {
    let [low, ..] = id.to_le_bytes();
    low
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_different_inodes_devices_and_ids_can_give_one_key_and_some_give_none() {
        let key = QueueKey::from_file_numbers(0x1_2345, 0xfd01, 65);
        assert_eq!(key, QueueKey::new(0x4101_2345));
        assert_eq!(QueueKey::from_file_numbers(0x7_2345, 0x0801, 65 + 256), key);
        assert_eq!(QueueKey::from_file_numbers(0x2_0000, 0x300, 256), None);
        assert_eq!(QueueKey::from_file_numbers(1, 0, -1).map(QueueKey::raw), Some(0xff00_0001_u32.cast_signed()));
    }
}
