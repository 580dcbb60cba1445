//! What is counted, and what each count means.

use crate::memory::{Shared, shared_struct};
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        shared_struct! {
            /// Counters of the daemon. They only grow, and are written without locks.
            ///
            /// The counters balance: `received + adopted + recovered` equals the sum of all fates
            /// ([`CountersSnapshot::fates`]) and what is in hand or in the outbox at that moment.
            pub struct Counters {
                $($(#[doc = $doc])+ pub $name: AtomicU64,)+
            }
        }

        /// What the counters said at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct CountersSnapshot {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        /// Stands in for counters that cannot be reached, so that counting never fails.
        pub(super) static NOWHERE: Counters = Counters::ZERO;

        impl Counters {
            /// Reads all counters, each by itself.
            pub(super) fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }

        impl CountersSnapshot {
            /// The counts of both together. Saturating: the table may be one that was damaged.
            pub(super) fn plus(&self, other: &Self) -> Self {
                Self { $($name: self.$name.saturating_add(other.$name),)+ }
            }

            /// Names of all counters, in the order of their declaration.
            pub(super) const NAMES: &[&str] = &[$(stringify!($name),)+];

            /// Name and value of each counter, in the order of their declaration.
            #[must_use]
            pub fn entries(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)+]
            }

            /// Name, meaning and value of each counter, in the order of their declaration.
            #[must_use]
            pub fn described(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), concat!($($doc),+).trim_ascii(), self.$name),)+]
            }
        }
    };
}

counters! {
    /// Messages of type 1 taken from the queue, good or bad.
    received,
    /// Answers that went into the queue at once.
    answered,
    /// Answers that waited in the outbox first and reached their client.
    answered_late,
    /// Requests of 0 to 3 bytes, which name no client. A fate.
    malformed_short,
    /// Requests of more than 264 bytes. Where the PID was good, the client got an error, which is counted as answered.
    malformed_long,
    /// Requests from PID 0, 1, a negative one, one above pid_max, or the daemon's own. A fate.
    refused_pid,
    /// Requests from a PID that no living process or thread has. A fate.
    refused_nobody,
    /// Answers whose client died, or whose PID changed hands, before they were sent or read. A fate.
    client_gone,
    /// Answers dropped because the outbox was full and their client held the most. A fate.
    shed,
    /// Answers in the outbox that their client did not read within `response_ttl_s`. A fate.
    expired,
    /// Answers whose queue was removed under the daemon. A fate.
    queue_removed,
    /// Answers that the kernel refused for another reason; each is logged. A fate.
    send_failed,
    /// Requests that name a queue for their answer to which the server does not write: its own, or another user's. A fate.
    private_refused,
    /// Requests and answers whose client's own queue is not there any more. A fate.
    private_gone,
    /// Answers that a client's own queue does not take: no right to write, or no room for one of this length. A fate.
    private_unwritable,
    /// Times a client's own queue was full when its answer was sent.
    private_full,
    /// One-way requests that the handler took. A fate.
    consumed,
    /// One-way requests that were given up and are dead letters. A fate.
    dead_lettered,
    /// Answers longer than one message, which went out in parts.
    in_parts,
    /// Answers longer than one message whose client got an error instead, since too many others were on their way.
    in_parts_refused,
    /// Times that a one-way request was to be tried again.
    retried,
    /// Answers taken back out of the queue into the outbox because others waited and their client did not read them.
    adopted,
    /// Offers of a waiting answer that were taken back because the client did not read it and others waited.
    recalled,
    /// Times the queue was full when a worker wanted to answer.
    queue_full,
    /// Messages in the queue removed because their client died.
    orphans_dead_client,
    /// Messages in the queue removed because no process or thread has their type as its number.
    orphans_nobody,
    /// Messages in the queue removed because they cannot be an answer of this protocol.
    orphans_junk,
    /// Answers in the queue removed because nobody read them within `response_ttl_s`.
    orphans_expired,
    /// Times the queue was removed by somebody else and made anew.
    queue_recreated,
    /// Times a worker's receive failed for a reason that is not part of normal service; each is logged.
    receive_failed,
    /// Scans of the queue by the janitor.
    scans,
    /// Answers of an earlier daemon that were taken over into the outbox, made by it or after it.
    recovered,
    /// Requests that an earlier daemon had in hand and that were handled again.
    recovered_rerun,
    /// Requests that an earlier daemon had in hand and that were answered with an error: `on_crash` says so, or the
    /// daemon died three times over them.
    recovered_refused,
    /// Answers of an earlier daemon that had reached their client or the queue already.
    recovered_delivered,
    /// Requests and answers of an earlier daemon whose client is dead.
    recovered_gone,
    /// Answers that an earlier daemon was sending when it died, and of which nothing shows whether they were read; they
    /// are not sent again.
    recovered_ambiguous,
    /// Requests that the handler did.
    handler_done,
    /// Requests that the handler answered with an error.
    handler_failed,
    /// Requests for which the handler took too long.
    handler_timed_out,
    /// Requests over which the operator's program broke.
    handler_broken,
    /// Requests for which the operator's program could not be started or reached.
    handler_unavailable,
}

impl Counters {
    /// Adds one to a counter of this table.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl CountersSnapshot {
    /// All that came in and must have a fate in the end.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        sum(&[self.received, self.adopted, self.recovered])
    }

    /// Requests, adopted and recovered answers whose story has ended, one way or the other.
    #[must_use]
    pub fn fates(&self) -> u64 {
        sum(&[
            self.answered,
            self.answered_late,
            self.malformed_short,
            self.refused_pid,
            self.refused_nobody,
            self.client_gone,
            self.shed,
            self.expired,
            self.queue_removed,
            self.send_failed,
            self.private_refused,
            self.private_gone,
            self.private_unwritable,
            self.consumed,
            self.dead_lettered,
        ])
    }
}

/// Saturating: the table may be one that was damaged.
fn sum(counters: &[u64]) -> u64 {
    counters.iter().fold(0, |sum, counter| sum.saturating_add(*counter))
}
