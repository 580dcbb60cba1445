//! The lines of the file: of which queue the messages are, and a message.

use crate::instance::ipc_namespace;
use crate::message_fields::{bytes_as_hex, optional_key_as_text, readable_text};
use crate::queue::{Queue, QueueError, QueueKey};
use crate::time::unix_time_s;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};

/// The longest body that is saved, in bytes.
pub(super) const MAX_BODY_LEN: usize = 16 << 20;
/// The longest line: a body in hexadecimal, and what else there is.
pub(super) const MAX_LINE_LEN: usize = 2 * MAX_BODY_LEN + (64 << 10);
/// Which form the lines have.
const VERSION: u32 = 1;
/// What stands before the state in each line of a message.
const BEFORE_STATE: &[u8] = b"{\"state\":";
/// The longest state with its quotes and the comma behind it; shorter ones have spaces behind theirs.
const STATE_WIDTH: usize = 11;

/// What the fields of the first line must be.
const FORMS_OF_SAVED_FROM: [(&str, &str); 6] = [
    ("saved_messages", "a whole number"),
    ("queue_key", "a key in quotes as \"0x12345678\", or null"),
    ("msqid", "the number of a queue"),
    ("at_s", "a whole number of seconds since 1970"),
    ("boot_id", "a text in quotes"),
    ("ipc_namespace", "a whole number"),
];
/// What the fields of a message must be.
const FORMS_OF_MESSAGE: [(&str, &str); 5] = [
    ("state", "one of \"saved\", \"removing\", \"removed\", \"taken\", \"sending\", \"restored\""),
    ("mtype", "a whole number from 1 to 9223372036854775807"),
    ("instead_of", "the place of another line"),
    ("body_hex", "hexadecimal digits in quotes, two for each byte"),
    ("text", "a text in quotes"),
];

/// Of which queue the messages of a file are: its first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFrom {
    /// The form of the lines.
    saved_messages: u32,
    /// The key of the queue; null for one without (`IPC_PRIVATE`).
    #[serde(with = "optional_key_as_text")]
    pub queue_key: Option<QueueKey>,
    /// The number of the queue.
    pub msqid: i32,
    /// When the file was made, in seconds since 1970.
    pub at_s: u64,
    /// `/proc/sys/kernel/random/boot_id`: no queue outlives the machine's start. Empty where it is hidden.
    pub boot_id: String,
    /// The inode of the IPC namespace that the queue is in.
    pub ipc_namespace: u64,
}

/// Where a saved message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedState {
    /// In the queue still: it was copied and not taken out.
    Saved,
    /// On its way out: whether the queue still has it, only the queue shows.
    Removing,
    /// In this file alone.
    Removed,
    /// Somebody else received it before it could be taken out.
    Taken,
    /// On its way back: whether the queue has it again, only the queue shows.
    Sending,
    /// In the queue again.
    Restored,
}

/// A message, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMessage {
    /// Where it is.
    pub state: SavedState,
    /// Its type.
    pub mtype: i64,
    /// Where the line of the file begins that this one takes the place of: it told of the same message, or of an equal one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<u64>,
    /// All bytes behind the type.
    #[serde(rename = "body_hex", with = "bytes_as_hex")]
    pub body: Vec<u8>,
    /// The body for people, escaped and cut: nothing reads it again.
    #[serde(default)]
    pub text: String,
}

impl SavedFrom {
    /// What a file of messages of this queue, made now, says of it.
    ///
    /// # Errors
    /// As [`Queue::stat`], for a queue of which only the number is known.
    pub fn of_queue(queue: &Queue) -> Result<Self, QueueError> {
        let queue_key = match queue.key() {
            Some(key) => Some(key),
            None => queue.stat()?.key,
        };
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let (msqid, ipc_namespace) = (queue.id(), ipc_namespace());
        Ok(Self { saved_messages: VERSION, queue_key, msqid, at_s: unix_time_s(), boot_id, ipc_namespace })
    }

    /// True where these are messages of the same queue, or of one that a program would take for it: with the same key. A queue
    /// without a key is only itself.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        match (self.queue_key, other.queue_key) {
            (Some(key), Some(other)) => key == other,
            (None, None) => {
                let place = |it: &Self| (it.msqid, it.ipc_namespace, it.boot_id.clone());
                place(self) == place(other)
            }
            _ => false,
        }
    }

    /// The queue in a sentence: `0x12345678 (msqid 7)`, `msqid 7 (IPC_PRIVATE)`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.queue_key {
            Some(key) => format!("{key} (msqid {})", self.msqid),
            None => format!("msqid {} (IPC_PRIVATE)", self.msqid),
        }
    }

    fn sample() -> Self {
        let (queue_key, msqid, at_s, boot_id, ipc_namespace) = (None, 0, 0, String::new(), 0);
        Self { saved_messages: VERSION, queue_key, msqid, at_s, boot_id, ipc_namespace }
    }

    pub(super) fn to_line(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    pub(super) fn of_line(line: &[u8]) -> Result<Self, String> {
        let line = line.trim_ascii_end();
        let from: Self = serde_json::from_slice(line).map_err(|error| {
            let why = why_unreadable(line, &error, &Self::sample(), &FORMS_OF_SAVED_FROM);
            format!("it is no first line of a file of saved messages: {why}")
        })?;
        match from.saved_messages {
            VERSION => Ok(from),
            other => Err(format!("its lines have form {other}, and this msgqctl reads form {VERSION}")),
        }
    }
}

impl SavedMessage {
    pub(super) fn new(state: SavedState, mtype: i64, body: &[u8]) -> Self {
        Self { state, mtype, instead_of: None, body: body.to_vec(), text: readable_text(body) }
    }

    /// The line, with its newline.
    pub(super) fn to_line(&self) -> serde_json::Result<Vec<u8>> {
        let json = serde_json::to_vec(self)?;
        // serde writes the fields in their order, so the state is the first.
        let behind_state = json.iter().position(|byte| *byte == b',').map_or(json.len(), |comma| comma + 1);
        let mut line = [BEFORE_STATE, &self.state.field()].concat();
        line.extend_from_slice(json.get(behind_state..).unwrap_or_default());
        line.push(b'\n');
        Ok(line)
    }

    pub(super) fn of_line(line: &[u8]) -> Result<Self, String> {
        let message: Self = serde_json::from_slice(line).map_err(|error| {
            let sample = Self::new(SavedState::Saved, 1, b"");
            format!("it is no saved message: {}", why_unreadable(line, &error, &sample, &FORMS_OF_MESSAGE))
        })?;
        let field = line.strip_prefix(BEFORE_STATE).and_then(|rest| rest.get(..STATE_WIDTH));
        if field != Some(&message.state.field()) {
            let message =
                "it does not begin as msgqctl wrote it, with \"state\" and its spaces, so no progress can be noted";
            return Err(message.to_owned());
        }
        if message.mtype < 1 {
            return Err(format!("its type {} is none that a message can have", message.mtype));
        }
        Ok(message)
    }
}

impl SavedState {
    /// As it stands in a line, always as wide.
    pub(super) fn field(self) -> [u8; STATE_WIDTH] {
        let name = match self {
            Self::Saved => "saved",
            Self::Removing => "removing",
            Self::Removed => "removed",
            Self::Taken => "taken",
            Self::Sending => "sending",
            Self::Restored => "restored",
        };
        let mut field = [b' '; STATE_WIDTH];
        let text = format!("\"{name}\",");
        field.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
        field
    }

    /// Where it stands in a line that begins at this offset.
    pub(super) fn offset_in_line(line: u64) -> u64 {
        line.saturating_add(u64::try_from(BEFORE_STATE.len()).unwrap_or_default())
    }
}

/// Why a line is not what it should be, for who mends it by hand: the field, where it is one. `sample` is a line as it should be.
fn why_unreadable<T: Serialize + DeserializeOwned>(
    line: &[u8],
    error: &serde_json::Error,
    sample: &T,
    forms: &[(&str, &str)],
) -> String {
    let column = error.column();
    let fields: Map<String, Value> = match (error.classify(), serde_json::from_slice(line)) {
        (Category::Eof, _) => return "the line ends too early".to_owned(),
        (Category::Data, Ok(fields)) => fields,
        (Category::Data, Err(_)) => return format!("it is no object of JSON (column {column})"),
        _ => return format!("the line is cut off or damaged (column {column})"),
    };
    let fits = |name: &str, value: Option<&Value>| {
        let mut line = serde_json::to_value(sample).ok()?;
        let fields = line.as_object_mut()?;
        match value {
            Some(value) => fields.insert(name.to_owned(), value.clone()),
            None => fields.remove(name),
        };
        T::deserialize(line).ok()
    };
    for (name, form) in forms {
        match fields.get(*name) {
            value if fits(name, value).is_some() => {}
            None => return format!("`{name}` is missing"),
            Some(_) => return format!("`{name}` must be {form} (column {column})"),
        }
    }
    format!("its fields are not those that msgqctl wrote (column {column})")
}
