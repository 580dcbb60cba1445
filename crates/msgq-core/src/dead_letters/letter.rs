//! One dead letter, and the line that it is in the file.

use crate::message_fields::{bytes_as_hex, cut_text, key_as_text, readable_text as text_of_message};
use crate::queue::QueueKey;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};

/// The longest body of a letter, in bytes.
pub const MAX_BODY_LEN: usize = 1 << 20;
/// The longest line, in bytes: a body in hexadecimal, and twice what all else takes with each character escaped.
pub(super) const MAX_LINE_LEN: usize = 2 * MAX_BODY_LEN + (64 << 10);
const MAX_ID_LEN: usize = 64;

/// A message that its handler did not take, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Names it among all letters of its queue, see [`letter_id`]: at most 64 of the characters that need no quotes in a shell.
    pub id: String,
    /// When it was given up, in seconds since 1970.
    pub at_s: u64,
    /// The key of its queue.
    #[serde(with = "key_as_text")]
    pub queue_key: QueueKey,
    /// The number of its queue.
    pub msqid: i32,
    /// Its type.
    pub mtype: i64,
    /// All bytes behind the type.
    #[serde(rename = "body_hex", with = "bytes_as_hex")]
    pub body: Vec<u8>,
    /// Its text for people, if it has one: [`readable_text`].
    pub text: Option<String>,
    /// The number of the client that sent it, if the message names one.
    pub client: Option<i64>,
    /// The number that the daemon gave to the request.
    pub request: u64,
    /// How often the handler was tried.
    pub attempts: u32,
    /// Why it failed last; any text, and to be escaped before it is shown.
    pub reason: String,
}

/// The id of the letter of this request, given up at this moment. Whoever may write a letter a second time, since it
/// does not know whether the first time was the end of it, makes it of the same numbers.
#[must_use]
pub fn letter_id(unix_time_ms: u64, request: u64) -> String {
    format!("{unix_time_ms}-{request}")
}

/// The text of a message as it stands in a letter: escaped, and cut where it is long.
#[must_use]
pub fn readable_text(text: &[u8]) -> String {
    text_of_message(text)
}

impl DeadLetter {
    /// The line of JSON that it is in the file, with its newline.
    ///
    /// # Errors
    /// For a letter that can be in no file: one with another kind of id, or a body of more than [`MAX_BODY_LEN`].
    pub fn to_line(&self) -> io::Result<Vec<u8>> {
        if !is_id(&self.id) {
            let message = format!("{:?} can be no id of a dead letter", self.id);
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        if self.body.len() > MAX_BODY_LEN {
            let message = format!("a body of {} bytes; at most {MAX_BODY_LEN} are kept", self.body.len());
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        let kept =
            Self { text: self.text.clone().map(cut_text), reason: cut_text(self.reason.clone()), ..self.clone() };
        let mut line = serde_json::to_vec(&kept)?;
        line.push(b'\n');
        Ok(line)
    }

    /// `None` for what is no letter.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(|letter: &Self| is_id(&letter.id))
    }
}

/// It is typed in shells and shown on terminals.
fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !id.is_empty() && id.len() <= MAX_ID_LEN && !id.starts_with('-') && id.bytes().all(is_plain)
}
