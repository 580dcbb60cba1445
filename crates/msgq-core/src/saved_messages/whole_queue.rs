//! Saving all messages of a queue that is to be removed.

use super::copying::copy_message;
use super::error::SaveError;
use super::file::SaveFile;
use super::line::{SavedMessage, SavedState};
use crate::orphan::Resting;
use crate::queue::{MessageBuffer, Queue, QueueStat};

/// How often more is copied that came meanwhile, before the queue counts as one that is in use.
const MOST_LOOKS: usize = 10;
const BATCH_MESSAGES: usize = 1024;

impl SaveFile {
    /// Copies every message of the queue, and when all of them are on the disk removes the queue with what is in it. What was
    /// sent in the instant between the last look and the removal is lost with it: whoever can takes the senders' permission
    /// first.
    ///
    /// # Errors
    /// The queue is there then, with all its messages: [`SaveError::InUse`] where they come and go, [`SaveError::Queue`] with
    /// EPERM where this user may not remove it, and as [`SaveFile::take`].
    pub fn save_and_remove_queue(&mut self, queue: &Queue) -> Result<Resting, SaveError> {
        let (lines, saved) = self.copy_all(queue)?;
        lines.iter().try_for_each(|line| self.mark(*line, SavedState::Removing))?;
        if let Err(error) = queue.remove() {
            lines.iter().try_for_each(|line| self.mark(*line, SavedState::Saved))?;
            return Err(error.into());
        }
        lines.iter().try_for_each(|line| self.mark(*line, SavedState::Removed))?;
        self.sync()?;
        Ok(saved)
    }

    fn copy_all(&mut self, queue: &Queue) -> Result<(Vec<u64>, Resting), SaveError> {
        let (mut lines, mut saved, mut buffer) = (Vec::new(), Resting::default(), MessageBuffer::new());
        let last_received = |stat: &QueueStat| (stat.last_receive_pid, stat.last_receive_time);
        let before = queue.stat()?;
        for _ in 0..MOST_LOOKS {
            let stat = queue.stat()?;
            // What comes is behind what was copied; where something goes, a copy may be missing in the middle.
            if last_received(&stat) != last_received(&before) {
                break;
            }
            if usize::try_from(stat.messages).is_ok_and(|present| present == saved.messages) {
                return Ok((lines, saved));
            }
            while self.copy_batch(queue, &mut buffer, &mut lines, &mut saved)? {}
        }
        let present = queue.stat()?.messages;
        Err(SaveError::InUse { queue: self.saved_from().name(), copied: saved.messages, present })
    }

    /// False when no message is behind those that were copied.
    fn copy_batch(
        &mut self,
        queue: &Queue,
        buffer: &mut MessageBuffer,
        lines: &mut Vec<u64>,
        saved: &mut Resting,
    ) -> Result<bool, SaveError> {
        let mut messages = Vec::new();
        while messages.len() < BATCH_MESSAGES && copy_message(queue, saved.messages, buffer)? {
            messages.push(SavedMessage::new(SavedState::Saved, buffer.mtype(), buffer.body()));
            saved.messages += 1;
            saved.bytes += buffer.body().len();
        }
        let added = self.add(&mut messages).map_err(|error| SaveError::of_file(self.path(), error))?;
        lines.extend(added);
        Ok(messages.len() == BATCH_MESSAGES)
    }
}
