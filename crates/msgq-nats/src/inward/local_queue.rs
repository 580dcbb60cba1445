//! The queue of a route as its clients use it: found by its key whenever that is needed, since it may be removed and made anew.

use crate::config::LocalSide;
use msgq_core::client::{CallError, Client, Phase, Received};
use msgq_core::config::KeySetting;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::queue::{Queue, QueueError};
use nix::errno::Errno;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queue behind a key.
#[derive(Debug)]
pub(super) struct LocalQueue {
    local: LocalSide,
    host: String,
    opened: Mutex<Option<Opened>>,
}

#[derive(Debug, Clone)]
struct Opened {
    client: Client,
    requests: Queue,
    /// The second queue, where answers go into one.
    answers: Option<Queue>,
}

/// Why a request has no answer; a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Nobody had it.
    NotRun(String),
    /// It was in the queue, and its time is over.
    Timeout(String),
    /// It was in the queue.
    Unknown(String),
}

/// What became of a message that nobody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Put {
    /// It is in the queue.
    Done,
    /// There was no room meanwhile.
    Full,
    /// There is no queue, or it may not be used; this may change.
    NoQueue(String),
    /// It will never be in this queue as that is.
    Impossible(String),
}

impl LocalQueue {
    pub(super) fn new(local: LocalSide, host: &str) -> Self {
        Self { local, host: host.to_owned(), opened: Mutex::default() }
    }

    /// Removes what queues of its own the client has, also under calls that wait there.
    pub(super) fn close(&self) {
        if let Some(opened) = self.lock().take() {
            opened.client.remove_private_queues();
        }
    }

    /// Puts the request into the queue once, and waits for the answer.
    pub(super) fn exchange(&self, mtype: i64, body: &[u8], deadline: Instant) -> Result<Received, Unanswered> {
        let opened = self.open().map_err(Unanswered::NotRun)?;
        match self.exchange_in(&opened, mtype, body, deadline) {
            // Removed since it was looked at, and the request is in none: there may be a new one already.
            Err(CallError::QueueGone(error)) if error.is_of_sending() => {
                self.forget(&opened);
                let opened = self.open().map_err(Unanswered::NotRun)?;
                self.exchange_in(&opened, mtype, body, deadline)
            }
            result => result,
        }
        .map_err(|error| self.unanswered(&error))
    }

    fn exchange_in(&self, opened: &Opened, mtype: i64, body: &[u8], deadline: Instant) -> Result<Received, CallError> {
        let left = deadline.saturating_duration_since(Instant::now());
        opened.client.exchange(&self.local.protocol, mtype, body, left)
    }

    /// Puts a message that nobody answers into the queue, and waits for room at most that long.
    pub(super) fn put(&self, mtype: i64, body: &[u8], patience: Duration) -> Put {
        let opened = match self.open() {
            Ok(opened) => opened,
            Err(reason) => return Put::NoQueue(reason),
        };
        match opened.client.send(&self.local.protocol, mtype, body, patience) {
            Ok(_) => Put::Done,
            Err(CallError::Timeout { .. }) => match too_long(&opened.requests, body) {
                Some(reason) => Put::Impossible(reason),
                None => Put::Full,
            },
            Err(CallError::Queue(error)) if error.errno() == Errno::EINVAL => Put::Impossible(error.to_string()),
            Err(error) => {
                self.forget(&opened);
                Put::NoQueue(error.to_string())
            }
        }
    }

    fn unanswered(&self, error: &CallError) -> Unanswered {
        let sentence = format!("{error} (host {})", self.host);
        match error {
            CallError::Timeout { phase: Phase::Receive, .. } => Unanswered::Timeout(sentence),
            // The queues were there and readable just before, so this came when the request was in one.
            CallError::QueueGone(error) | CallError::Permission(error) | CallError::Queue(error)
                if error.call_name() == "msgrcv" =>
            {
                Unanswered::Unknown(sentence)
            }
            CallError::OwnQueueGone(_) | CallError::MalformedAnswer { .. } => Unanswered::Unknown(sentence),
            _ => Unanswered::NotRun(sentence),
        }
    }

    /// The queue that there is now, and that may be used, as far as that can be known before.
    fn open(&self) -> Result<Opened, String> {
        let mut opened = self.lock();
        if let Some(known) = &*opened {
            match self.look_at(known) {
                Ok(()) => return Ok(known.clone()),
                Err(error) if error.is_gone() => *opened = None,
                Err(error) => return Err(self.told(&error)),
            }
        }
        let found = self.find()?;
        self.look_at(&found).map_err(|error| self.told(&error))?;
        *opened = Some(found.clone());
        Ok(found)
    }

    fn find(&self) -> Result<Opened, String> {
        let requests = self.find_queue(self.local.key.as_ref())?;
        let client = Client::new(requests);
        if self.local.protocol.route() != ReplyRoute::Separate {
            return Ok(Opened { client, requests, answers: None });
        }
        let answers = self.find_queue(self.local.reply_key.as_ref())?;
        Ok(Opened { client: client.with_reply_queue(answers), requests, answers: Some(answers) })
    }

    fn find_queue(&self, key: Option<&KeySetting>) -> Result<Queue, String> {
        let key = key.ok_or("the configuration names no queue")?;
        let key = key.resolve().map_err(|error| format!("there is no queue on host {}: {error}", self.host))?;
        Queue::open(key).map_err(|error| self.told(&error))
    }

    /// Whether they are there, and answers may be read: what fails later fails with the request in a queue.
    fn look_at(&self, opened: &Opened) -> Result<(), QueueError> {
        match (self.local.protocol.route(), &opened.answers) {
            (ReplyRoute::Shared, _) => opened.requests.stat().map(drop),
            (_, answers) => {
                answers.as_ref().map(Queue::stat).transpose()?;
                // Whoever writes need not be able to read.
                match opened.requests.stat_of_any() {
                    Err(error) if !error.is_permission() => Err(error),
                    _ => Ok(()),
                }
            }
        }
    }

    fn told(&self, error: &QueueError) -> String {
        let host = &self.host;
        match error.key() {
            Some(key) if error.is_gone() => format!("there is no queue {key} on host {host}"),
            _ if error.is_permission() => {
                format!("{error}; the gateway on host {host} must be a member of the queue's group")
            }
            _ => format!("{error} (host {host})"),
        }
    }

    fn forget(&self, which: &Opened) {
        let mut opened = self.lock();
        if opened.as_ref().is_some_and(|it| it.requests == which.requests) {
            *opened = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever waits for more room than a queue has waits for ever.
fn too_long(queue: &Queue, body: &[u8]) -> Option<String> {
    let max_bytes = queue.stat_of_any().ok()?.max_bytes;
    let len = body.len();
    u64::try_from(len).is_ok_and(|len| len > max_bytes).then(|| {
        format!("the message has {len} bytes, and the whole queue has room for {max_bytes} (max_bytes, msg_qbytes)")
    })
}
