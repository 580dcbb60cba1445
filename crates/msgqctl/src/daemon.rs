//! What the files of a msgqd tell of it, without asking the daemon: while it hangs too, and after it died.

mod closure;
mod files;
mod groups;
mod known_protocol;
mod ownership;
mod phase;
mod presence;
mod reading;
mod report;
mod slots;

pub(crate) use closure::{closing_note, closing_note_path, closing_sentence};
pub(crate) use files::{DaemonFiles, read_table};
pub(crate) use known_protocol::{KnownProtocol, reply_key_of_daemon};
pub(crate) use ownership::{LockSight, foreign_queue};
pub(crate) use phase::{ServerPhase, silence};
pub(crate) use presence::why_no_answer;
pub(crate) use report::{DaemonReport, LastError, LatencySummary};
pub(crate) use slots::{age_ms, in_hand_slots, is_used, outbox_slots, watched_clients};
