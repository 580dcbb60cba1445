use crate::builder::DaemonBuilder;
use crate::programs::{test_client, test_client_by_type, test_client_with_texts_of};
use crate::second_queue::{answers_of, tell_second_key};
use crate::wait::wait_until;
use msgq_core::layout::{BODY_LEN_LP64, REQUEST_MTYPE};
use msgq_core::queue::{MessageBuffer, Queue, QueueKey};
use std::path::PathBuf;
use std::process::Command;

/// Of a queue that the kernel makes, if it was not told another size.
const DEFAULT_MAX_BYTES: usize = 16384;

/// Behind the PID or the status, which have four bytes each.
const TEXT_OFFSET: usize = 4;

/// What a suite sends, and where its answers are: the messages of the plain protocol, or the same with texts of another length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Messages {
    /// Those of the plain protocol.
    Plain,
    /// The same, with answers in a second queue.
    PlainInTwoQueues,
    /// Declared structs in two queues: the type of a request is its client's PID.
    ByTypeInTwoQueues,
    /// Declared structs, whose texts have room for so many bytes.
    TextsOf(usize),
}

impl Messages {
    /// Shorter and longer than those of the plain protocol: bodies of 40 and of 1024 bytes.
    pub const DECLARED: [Self; 2] = [Self::TextsOf(36), Self::TextsOf(1020)];

    /// Those and the plain ones.
    pub const ALL: [Self; 4] = [Self::Plain, Self::PlainInTwoQueues, Self::DECLARED[0], Self::DECLARED[1]];

    /// In two queues.
    pub const TWO_QUEUES: [Self; 2] = [Self::PlainInTwoQueues, Self::ByTypeInTwoQueues];

    /// The length of a body of an answer, in bytes, which requests have too but for those by type.
    #[must_use]
    pub fn body_len(self) -> usize {
        match self {
            Self::Plain | Self::PlainInTwoQueues => BODY_LEN_LP64,
            Self::ByTypeInTwoQueues => TEXT_OFFSET + 256,
            Self::TextsOf(text_len) => TEXT_OFFSET + text_len,
        }
    }

    /// A daemon that serves them, and whose queue is full of at most as many of them as of plain ones.
    #[must_use]
    pub fn daemon(self) -> DaemonBuilder {
        match self {
            Self::Plain => DaemonBuilder::new(),
            Self::PlainInTwoQueues => DaemonBuilder::new().second_queue(),
            Self::ByTypeInTwoQueues => DaemonBuilder::new().clients_by_type(),
            Self::TextsOf(text_len) => {
                let as_many = DEFAULT_MAX_BYTES / BODY_LEN_LP64 * self.body_len();
                let max_bytes = format!("max_bytes = {}", as_many.min(DEFAULT_MAX_BYTES));
                DaemonBuilder::new().texts_of(text_len).set("queue", &max_bytes)
            }
        }
    }

    /// A test client in C that sends them.
    #[must_use]
    pub fn client(self, name: &str, key: QueueKey, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program(name));
        command.arg(key.to_string()).args(arguments);
        tell_second_key(&mut command, key);
        command
    }

    fn program(self, name: &str) -> PathBuf {
        match self {
            Self::Plain | Self::PlainInTwoQueues => test_client(name),
            Self::ByTypeInTwoQueues => test_client_by_type(name),
            Self::TextsOf(text_len) => test_client_with_texts_of(text_len, name),
        }
    }

    /// The body of a request; not of those by type.
    #[must_use]
    pub fn request(self, client: i32, text: &[u8]) -> Vec<u8> {
        let mut body = [&client.to_ne_bytes()[..], text].concat();
        body.resize(self.body_len(), 0);
        body
    }

    /// Status and text of an answer.
    #[must_use]
    pub fn answer(self, body: &[u8]) -> (i32, Vec<u8>) {
        assert_eq!(body.len(), self.body_len());
        let (status, text) = body.split_first_chunk().unwrap();
        let text = text.split(|byte| *byte == 0).next().unwrap();
        (i32::from_ne_bytes(*status), text.to_vec())
    }

    /// Sends `text` in the name of this process, waits for the answer and returns its status and text.
    #[must_use]
    #[track_caller]
    pub fn ask(self, queue: &Queue, text: &[u8]) -> (i32, Vec<u8>) {
        let own_pid = std::process::id().cast_signed();
        queue.send(REQUEST_MTYPE, &self.request(own_pid, text)).unwrap();
        let (mut buffer, answers) = (MessageBuffer::new(), answers_of(queue));
        wait_until("a request is answered", || answers.try_receive(own_pid.into(), &mut buffer).unwrap());
        self.answer(buffer.body())
    }
}
