//! Where answers go, as the command line names it and JSON has it.

use crate::failure::{Failure, Status};
use crate::target::Target;
use clap::ValueEnum;
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use serde::Serialize;

/// Where answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplyChoice {
    /// Into the queue of the requests
    Shared,
    /// Into a second queue
    Second,
    /// Into a queue of the client's own
    Private,
    /// Nowhere
    None,
}

impl ReplyChoice {
    pub(super) fn of(protocol: &Protocol) -> Self {
        match protocol.route() {
            ReplyRoute::Shared => Self::Shared,
            ReplyRoute::Separate => Self::Second,
            ReplyRoute::Private => Self::Private,
            ReplyRoute::Nowhere => Self::None,
        }
    }

    /// An error where the protocol has its answers elsewhere: a server would not send them there.
    pub(super) fn check(self, target: &Target) -> Result<(), Failure> {
        let now = Self::of(target.protocol());
        if self == now {
            return Ok(());
        }
        let (name, source) = (target.name, &target.known.source);
        let message = format!(
            "answers of queue {name} go {}, so its server would send none {}: the configuration needs {} in [protocol] (what is \
             known of the protocol is {source})",
            now.in_words(),
            self.in_words(),
            self.needed(target.protocol().plan().is_some())
        );
        Err(Failure::new(Status::Usage, message))
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Shared => "into the same queue",
            Self::Second => "into a second queue",
            Self::Private => "into a queue of each client's own",
            Self::None => "nowhere",
        }
    }

    fn needed(self, is_declared: bool) -> &'static str {
        match self {
            Self::Shared => "reply = \"shared\"",
            Self::Second => "reply = { key = KEY }",
            Self::Private if is_declared => {
                "reply = \"private\" and reply_to, the field of a request with the msqid or key of that queue"
            }
            Self::Private => {
                "a struct for request that has a field for the msqid or key of that queue, reply_to with its name, and reply = \
                 \"private\""
            }
            Self::None => "reply = \"none\"",
        }
    }
}
