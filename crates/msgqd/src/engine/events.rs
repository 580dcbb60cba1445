//! Events that a client could cause as often as it likes: logged at a bounded rate, counted always.

use crate::ratelimit::RateLimit;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::limits;
use msgq_core::process::ClientPid;
use msgq_core::queue::QueueError;
use msgq_core::table::Counters;
use nix::errno::Errno;
use std::time::Instant;

/// One kind of event.
#[derive(Debug)]
pub(super) struct Event {
    limit: RateLimit,
}

impl Event {
    const fn new(name: &'static str) -> Self {
        Self { limit: RateLimit::new(name) }
    }

    /// Logs a warning, unless there were too many of this kind lately; the text is made only if it is logged.
    pub(super) fn warn(&self, text: impl FnOnce() -> String) {
        self.log(log::Level::Warn, text);
    }

    /// As [`Event::warn`], for what is part of normal service.
    pub(super) fn info(&self, text: impl FnOnce() -> String) {
        self.log(log::Level::Info, text);
    }

    /// As [`Event::warn`], for what the operator must mend.
    pub(super) fn error(&self, text: impl FnOnce() -> String) {
        self.log(log::Level::Error, text);
    }

    fn log(&self, level: log::Level, text: impl FnOnce() -> String) {
        if let Some(note) = self.limit.admit_with_note("similar suppressed") {
            log::log!(level, "{}{note}", text());
        }
    }

    fn flush(&self) {
        if let Some(suppressed) = self.limit.flush(Instant::now()) {
            log::info!("{suppressed} more events of the kind \"{}\" were not logged one by one", self.limit.name());
        }
    }
}

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident: $text:literal,)+) => {
        /// All kinds.
        #[derive(Debug)]
        pub(super) struct Events {
            $($(#[doc = $doc])+ pub(super) $name: Event,)+
        }

        impl Events {
            pub(super) const fn new() -> Self {
                Self { $($name: Event::new($text),)+ }
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
    short: "request too short",
    /// A body of more than 264 bytes.
    long: "request too long",
    /// A PID that no client can have.
    impossible_pid: "impossible PID",
    /// A PID that nobody has.
    nobody: "PID of nobody",
    /// An answer dropped at the outbox's limit.
    shed: "outbox full",
    /// An answer nobody read in time.
    expired: "answer expired",
    /// Answers of a client that died.
    reaped: "client died",
    /// Messages of types that nobody has.
    orphans: "orphans removed",
    /// An answer that the kernel refused.
    send_failed: "answer refused by the kernel",
    /// A client that no pidfd watches.
    watch_failed: "client not watched",
    /// A handler that panicked.
    handler_panicked: "handler panicked",
    /// A receive that failed.
    receive_failed: "receive failed",
}

impl Events {
    /// Counts and logs an answer that the kernel did not take; one whose queue is gone is counted only.
    pub(super) fn answer_refused(&self, counters: &Counters, client: ClientPid, error: &QueueError) {
        if error.is_gone() {
            Counters::add(&counters.queue_removed);
            return;
        }
        Counters::add(&counters.send_failed);
        self.send_failed.error(|| match error.errno() {
            Errno::EACCES => format!("cannot answer client {client}: {error}; did somebody change the queue's mode?"),
            Errno::EINVAL => format!(
                "cannot answer client {client}: {error}; the queue is there, so kernel.msgmax was lowered below the \
                 {BODY_LEN_LP64} bytes of an answer; raise it with: sysctl -w kernel.msgmax={}",
                limits::DEFAULT_MSGMAX
            ),
            _ => format!("cannot answer client {client}: {error}"),
        });
    }
}
