//! Clients with queues of their own, and what they send.

use msgq_core::queue::{MessageBuffer, Queue, QueueSettings};
use msgqd_system_tests::{DaemonBuilder, ScratchKey, wait_until};

pub const BY_MSQID: &str = "reply_to = 'to'";
pub const BY_KEY: &str = "reply_to = { field = 'to', as = 'key' }";
/// The client is a process, which the request names.
pub const NAMED: &str = "client = 'pid'";

/// A daemon for clients with queues of their own.
pub fn serving(protocol: &[&str]) -> DaemonBuilder {
    let common = [
        "request = 'struct { long mtype; pid_t pid; int to; char text[64]; }'",
        "response = 'struct { long mtype; int status; char text[64]; }'",
        "status = 'status'",
        "reply = 'private'",
    ];
    common.iter().chain(protocol).fold(DaemonBuilder::new(), |builder, line| builder.set("protocol", line))
}

pub fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// The body of a request.
pub fn request(pid: i32, address: i32, text: &str) -> Vec<u8> {
    let mut body = [pid.to_ne_bytes(), address.to_ne_bytes()].concat();
    body.extend(text.bytes());
    body.resize(72, 0);
    body
}

/// What a counter says in the last line of the log.
pub fn counted(log: &str, name: &str) -> u64 {
    let stopped = log.lines().rfind(|line| line.contains("stopped: ")).unwrap_or_else(|| panic!("no end: {log}"));
    let value = stopped.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.map_or(0, |value| value.parse().unwrap())
}

/// Of the body of an answer.
pub const ANSWER_LEN: u64 = 68;

/// A queue of a client's own, removed with it.
pub struct OwnQueue {
    pub queue: Queue,
    /// `None`: nobody finds it but by its msqid.
    key: Option<ScratchKey>,
}

impl OwnQueue {
    pub fn new() -> Self {
        Self::with_mode(0o600)
    }

    pub fn with_mode(mode: u32) -> Self {
        Self { queue: Queue::create_private(mode).unwrap(), key: None }
    }

    pub fn with_key() -> Self {
        let key = ScratchKey::new();
        Self { queue: Queue::create(key.key(), 0o600).unwrap(), key: Some(key) }
    }

    /// As this protocol has them named.
    pub fn as_named_by(protocol: &[&str]) -> Self {
        if protocol.contains(&BY_KEY) { Self::with_key() } else { Self::new() }
    }

    /// Its key if it has one, else its msqid.
    pub fn address(&self) -> i32 {
        self.key.as_ref().map_or(self.queue.id(), |key| key.key().raw())
    }

    /// One with room for so many answers.
    pub fn with_room_for(answers: u64) -> Self {
        let own = Self::new();
        own.queue.set(&QueueSettings { max_bytes: Some(answers * ANSWER_LEN), ..QueueSettings::default() }).unwrap();
        own
    }

    /// Type and text of the next answer.
    #[track_caller]
    pub fn next(&self) -> (i64, String) {
        let mut buffer = MessageBuffer::new();
        wait_until("an answer comes", || self.queue.try_receive(0, &mut buffer).unwrap());
        let text = buffer.body()[4..].split(|byte| *byte == 0).next().unwrap();
        (buffer.mtype(), String::from_utf8(text.to_vec()).unwrap())
    }

    pub fn is_empty(&self) -> bool {
        self.queue.stat().unwrap().messages == 0
    }
}

impl Drop for OwnQueue {
    fn drop(&mut self) {
        let _ = self.queue.remove();
    }
}
