//! Events that a client could cause as often as it likes: logged at a bounded rate, counted always.

mod private;

pub(super) use private::asker;

use crate::alerts;
use crate::ratelimit::RateLimit;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::limits;
use msgq_core::process::ClientNumber;
use msgq_core::queue::QueueError;
use msgq_core::table::Counters;
use msgq_core::words::counted;
use nix::errno::Errno;
use std::time::Instant;

/// One kind of event.
#[derive(Debug)]
pub(super) struct Event {
    limit: RateLimit,
    message_id: Option<u128>,
}

/// One kind of event, as far as a client has a part in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventOfClient<'a> {
    event: &'a Event,
    client_pid: Option<i64>,
}

impl Event {
    const fn new(name: &'static str, message_id: Option<u128>) -> Self {
        Self { limit: RateLimit::new(name), message_id }
    }

    /// The event with the client that it is about.
    pub(super) fn of(&self, client: ClientNumber) -> EventOfClient<'_> {
        self.of_claimed(client.get())
    }

    /// The event with the number that a request names as its client.
    pub(super) fn of_claimed(&self, client_pid: i64) -> EventOfClient<'_> {
        EventOfClient { event: self, client_pid: Some(client_pid) }
    }

    fn of_nobody(&self) -> EventOfClient<'_> {
        EventOfClient { event: self, client_pid: None }
    }

    /// As [`EventOfClient::warn`].
    pub(super) fn warn(&self, text: impl FnOnce() -> String) {
        self.of_nobody().warn(text);
    }

    /// As [`EventOfClient::info`].
    pub(super) fn info(&self, text: impl FnOnce() -> String) {
        self.of_nobody().info(text);
    }

    /// As [`EventOfClient::error`].
    pub(super) fn error(&self, text: impl FnOnce() -> String) {
        self.of_nobody().error(text);
    }

    fn flush(&self) {
        if let Some(suppressed) = self.limit.flush(Instant::now()) {
            let (events, were) = (counted(suppressed, "more event"), if suppressed == 1 { "was" } else { "were" });
            log::info!(message_id = self.message_id; "{events} of the kind \"{}\" {were} not logged one by one", self.limit.name());
        }
    }
}

impl EventOfClient<'_> {
    /// Logs a warning, unless there were too many of this kind lately; the text is made only if it is logged.
    pub(super) fn warn(self, text: impl FnOnce() -> String) {
        self.log(log::Level::Warn, text);
    }

    /// As [`EventOfClient::warn`], for what is part of normal service.
    pub(super) fn info(self, text: impl FnOnce() -> String) {
        self.log(log::Level::Info, text);
    }

    /// As [`EventOfClient::warn`], for what the operator must mend.
    pub(super) fn error(self, text: impl FnOnce() -> String) {
        self.log(log::Level::Error, text);
    }

    fn log(self, level: log::Level, text: impl FnOnce() -> String) {
        let Self { event, client_pid } = self;
        if let Some(note) = event.limit.admit_with_note("similar suppressed") {
            log::log!(level, message_id = event.message_id, client_pid = client_pid; "{}{note}", text());
        }
    }
}

macro_rules! events {
    (@id) => { None };
    (@id $alert:path) => { Some($alert) };
    ($($(#[doc = $doc:literal])+ $name:ident: $text:literal $(=> $alert:path)?,)+) => {
        /// All kinds.
        #[derive(Debug)]
        pub(super) struct Events {
            $($(#[doc = $doc])+ pub(super) $name: Event,)+
        }

        impl Events {
            pub(super) const fn new() -> Self {
                Self { $($name: Event::new($text, events!(@id $($alert)?)),)+ }
            }

            /// Reports what was suppressed once a kind has calmed down.
            pub(super) fn flush(&self) {
                $(self.$name.flush();)+
            }
        }
    };
}

events! {
    /// A body of 0 to 3 bytes.
    short: "request too short" => alerts::REQUEST_REFUSED,
    /// A body of more than 264 bytes.
    long: "request too long" => alerts::REQUEST_REFUSED,
    /// A PID that no client can have.
    impossible_pid: "impossible PID" => alerts::REQUEST_REFUSED,
    /// A PID that a thread of the kernel has.
    kernel_thread: "PID of a kernel thread" => alerts::REQUEST_REFUSED,
    /// A PID that nobody has.
    nobody: "PID of nobody" => alerts::REQUEST_REFUSED,
    /// An answer dropped at the outbox's limit.
    shed: "outbox full" => alerts::ANSWER_SHED,
    /// An answer nobody read in time.
    expired: "answer expired" => alerts::ANSWER_EXPIRED,
    /// Answers of a client that died.
    reaped: "client died" => alerts::CLIENT_DIED,
    /// Messages of types that nobody has.
    orphans: "orphans removed",
    /// An answer that the kernel refused.
    send_failed: "answer refused by the kernel" => alerts::ANSWER_REFUSED,
    /// A request that names another's queue as its client's own.
    private_refused: "queue of a client's own refused" => alerts::REQUEST_REFUSED,
    /// A client's own queue that is not there.
    private_gone: "queue of a client's own gone" => alerts::ANSWER_REFUSED,
    /// A client's own queue that does not take its answers.
    private_unwritable: "queue of a client's own not writable" => alerts::ANSWER_REFUSED,
    /// A client's own queue that is full.
    private_full: "queue of a client's own full",
    /// A client that no pidfd watches.
    watch_failed: "client not watched" => alerts::LIMITS_TOO_SMALL,
    /// A handler that panicked.
    handler_panicked: "handler panicked" => alerts::HANDLER_PANICKED,
    /// A one-way request that is tried again.
    retry: "request tried again",
    /// A one-way request that was given up.
    dead_letter: "dead letter" => alerts::DEAD_LETTER,
    /// A dead letter that could not be written.
    letter_failed: "dead letter not written" => alerts::DEAD_LETTER_FAILED,
    /// A receive that failed.
    receive_failed: "receive failed",
}

impl Events {
    /// Counts and logs an answer that the kernel did not take; one whose queue is gone is counted only.
    pub(super) fn answer_refused(&self, counters: &Counters, client: ClientNumber, error: &QueueError) {
        if error.is_gone() {
            Counters::add(&counters.queue_removed);
            return;
        }
        Counters::add(&counters.send_failed);
        self.send_failed.of(client).error(|| match error.errno() {
            Errno::EACCES => format!("cannot answer client {client}: {error}; did somebody change the queue's mode?"),
            Errno::EINVAL => format!(
                "cannot answer client {client}: {error}; the queue is there, so kernel.msgmax was lowered below the \
                 {BODY_LEN_LP64} bytes of an answer; raise it with: {}",
                limits::how_to_set_limit("kernel.msgmax", limits::DEFAULT_MSGMAX)
            ),
            _ => format!("cannot answer client {client}: {error}"),
        });
    }
}
