//! Orphans: messages in the queue that nobody will ever read. What counts as one, who rests there, and how to remove it.
//!
//! A [`Verdict`] says whether a message is one; a [`Survey`] counts and takes nothing; [`sweep`] removes responses, under all the
//! conditions of `msgqctl purge`; [`take_requests`] removes requests, which no sweep does.
//!
//! The kernel gives a message no sender and no time, so all that can be known of a response is its type, which the
//! protocol makes of the number of the client that is to read it. A number is not an identity. If a living process has the number of a dead client, its
//! predecessor's answers are kept here; only a daemon that held on to the client by pidfd from the start can tell.
//!
//! To purge:
//!
//! ```no_run
//! use msgq_core::orphan::{SweepOptions, SweepScope, sweep};
//! use msgq_core::queue::{Queue, QueueKey};
//!
//! let queue = Queue::open(QueueKey::DEFAULT)?;
//! // All that is certainly nobody's; `SweepScope::Clients` and `Types` name whose, also by force.
//! let options = SweepOptions { scope: SweepScope::All, ..SweepOptions::default() };
//! let report = sweep(&queue, &options)?;
//! println!("{} types were removed, {} stay", report.removed.len(), report.kept.len());
//! # Ok::<(), msgq_core::orphan::SweepError>(())
//! ```
//!
//! What is old as well is [`sweep_older_than`], for whoever can tell the age of a message (a msgqd's table does).

mod removal;
mod survey;
mod sweep;
mod verdict;

pub use removal::{RemovalLimits, RemovedByType, remove_of_types, take_requests};
pub use survey::{Resting, Survey};
pub use sweep::{Kept, Removed, SweepError, SweepOptions, SweepReport, SweepScope, sweep, sweep_older_than};
pub use verdict::{Reason, Verdict, client_of, reader_of};

#[cfg(test)]
mod tests;
