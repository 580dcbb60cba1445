//! The door of the queue: closed as long as the operator's note is there (`msgqctl drain`, `msgqctl resume`).

use super::acquire::QueuePlan;
use super::queue_size::TooLarge;
use crate::alerts;
use msgq_core::drain_note::{self, Closed};
use msgq_core::escape::escape;
use msgq_core::queue::Queue;
use msgq_core::trusted_file::TrustedUsers;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Follows the note.
#[derive(Debug)]
pub(super) struct Door {
    path: Option<PathBuf>,
    closed: Arc<AtomicBool>,
    /// False while the queue does not have the mode that belongs to `closed`.
    is_in_effect: bool,
    /// What was said of the note last, and of the mode: each is said once until it is over.
    note_complaint: Option<String>,
    mode_complaint: Option<String>,
}

impl Door {
    /// Looks at the note before there is a queue.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        let mut door = Self {
            path,
            closed: Arc::new(AtomicBool::new(false)),
            is_in_effect: true,
            note_complaint: None,
            mode_complaint: None,
        };
        door.look();
        door
    }

    /// For plans of queues, which are closed while this is true.
    pub(super) fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Looks at the note, and opens or closes the queue when it came or went.
    pub(super) fn tend(&mut self, queue: &Queue, plan: &QueuePlan) {
        if self.look() {
            self.is_in_effect = false;
        }
        if self.is_in_effect {
            return;
        }
        match plan.apply(queue, TooLarge::ServeSmaller) {
            Ok(_) => {
                self.is_in_effect = true;
                self.mode_complaint = None;
            }
            Err(reason) => {
                let complaint = format!("cannot change who may send to the queue: {reason}; trying again");
                complain(&mut self.mode_complaint, complaint);
            }
        }
    }

    /// True when the note came or went since the last look.
    fn look(&mut self) -> bool {
        let Some(path) = self.path.clone() else { return false };
        let note = drain_note::read(&path, TrustedUsers::own());
        let was_closed = self.is_closed();
        let is_closed = match &note {
            Ok(note) => note.is_some(),
            // What is there closes the door, whatever it says: better than to open it by mistake.
            Err(_) => path.symlink_metadata().is_ok(),
        };
        if note.is_ok() {
            self.note_complaint = None;
        }
        match note {
            Ok(Some(note)) if !was_closed => log::warn!(message_id = alerts::DOOR_CLOSED; "{}", closing(&note)),
            Ok(None) if was_closed => {
                log::info!(message_id = alerts::DOOR_OPENED; "the door is open again: new requests are welcome");
            }
            Ok(_) => {}
            Err(error) if !is_closed => complain(
                &mut self.note_complaint,
                format!("cannot look whether the door is to be closed, and leave it open: {}: {error}", path.display()),
            ),
            Err(error) => complain(
                &mut self.note_complaint,
                format!(
                    "{} is there, so the door is closed, but it cannot be read: {error}; remove it to open the door",
                    path.display()
                ),
            ),
        }
        self.closed.store(is_closed, Ordering::Relaxed);
        was_closed != is_closed
    }
}

/// Says the same thing once.
fn complain(last: &mut Option<String>, complaint: String) {
    if last.as_ref() != Some(&complaint) {
        log::error!("{complaint}");
        *last = Some(complaint);
    }
}

fn closing(Closed { by, reason, .. }: &Closed) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(" ({})", escape(reason.as_bytes())) };
    format!(
        "the door is closed by {}{reason}: group and others get EACCES for new requests; what is queued is answered; \
         open it with: msgqctl resume",
        escape(by.as_bytes())
    )
}
