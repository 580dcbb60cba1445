//! Taking messages out of a queue: copied, written and made durable first, then received and compared.

use super::copying::copy_message;
use super::error::SaveError;
use super::file::SaveFile;
use super::line::{SavedMessage, SavedState};
use super::plan::{Taken, Taking, TakingEnd};
use crate::queue::{MessageBuffer, Queue};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Instant;

/// How many messages are on the disk before the first of them is taken out: few enough that a look at them costs little (the
/// kernel counts from the head of the queue), many enough that the disk is seldom waited for.
const BATCH_MESSAGES: usize = 256;
/// The same in bytes.
const BATCH_BYTES: usize = 1 << 20;

impl SaveFile {
    /// Takes messages out of the queue; what is out stands in the file.
    pub fn take(&mut self, queue: &Queue, taking: Taking<'_>) -> Taken {
        let taken = Taken { by_type: BTreeMap::new(), received_by_others: 0, end: TakingEnd::Complete };
        let mut run = Run {
            file: self,
            queue: *queue,
            taking,
            taken,
            buffer: MessageBuffer::new(),
            start: Instant::now(),
            staying: 0,
            last_staying: None,
        };
        run.taken.end = run.take_all();
        let synced = run.file.sync();
        let mut taken = run.taken;
        if let (Err(error), TakingEnd::Complete) = (synced, &taken.end) {
            taken.end = TakingEnd::Failed(error);
        }
        taken
    }
}

/// A copy that is on the disk.
struct Copy {
    line: u64,
    message: SavedMessage,
    is_settled: bool,
}

struct Run<'a, 'b> {
    file: &'a mut SaveFile,
    queue: Queue,
    taking: Taking<'b>,
    taken: Taken,
    buffer: MessageBuffer,
    start: Instant,
    /// How many messages at the head of the queue were looked at and stay.
    staying: usize,
    /// The last of those.
    last_staying: Option<(i64, Vec<u8>)>,
}

impl Run<'_, '_> {
    fn take_all(&mut self) -> TakingEnd {
        loop {
            if let Some(end) = self.early_end() {
                return end;
            }
            match self.take_batch() {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(error) => return TakingEnd::Failed(error),
            }
        }
    }

    /// Why to end although there may be more.
    fn early_end(&self) -> Option<TakingEnd> {
        if (self.taking.is_interrupted)() {
            return Some(TakingEnd::Interrupted);
        }
        (self.start.elapsed() >= self.taking.time).then_some(TakingEnd::TimeLimit)
    }

    /// Why it was the last one.
    fn take_batch(&mut self) -> Result<Option<TakingEnd>, SaveError> {
        self.look_from_the_head_if_others_took()?;
        let (mut messages, looked_at) = self.copy_batch()?;
        if messages.is_empty() {
            if let Some(end) = self.early_end() {
                return Ok(Some(end));
            }
            if self.staying == 0 || self.taking.at_most == 0 || !self.is_any_wanted() {
                return Ok(Some(TakingEnd::Complete));
            }
            self.staying = 0;
            return Ok(None);
        }
        let lines = self.file.add(&mut messages).map_err(|error| SaveError::of_file(self.file.path(), error))?;
        let mut copies: Vec<Copy> =
            lines.into_iter().zip(messages).map(|(line, message)| Copy { line, message, is_settled: false }).collect();
        for place in 0..copies.len() {
            if (self.taking.is_interrupted)() {
                return Ok(Some(TakingEnd::Interrupted));
            }
            if let Some(end) = self.take_out(&mut copies, place)? {
                return Ok(Some(end));
            }
        }
        let gone = copies.iter().filter(|copy| copy.is_settled).count();
        self.staying += looked_at.saturating_sub(gone);
        Ok(None)
    }

    /// The next messages that are wanted, and how many were looked at for them. A look at very many takes long, so it ends
    /// early as the whole does.
    fn copy_batch(&mut self) -> Result<(Vec<SavedMessage>, usize), SaveError> {
        let (mut messages, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        while messages.len() < BATCH_MESSAGES.min(self.taking.at_most) && bytes < BATCH_BYTES && self.is_any_wanted() {
            if self.early_end().is_some() || !copy_message(&self.queue, self.staying + looked_at, &mut self.buffer)? {
                break;
            }
            looked_at += 1;
            if self.claim(self.buffer.mtype()) {
                bytes += self.buffer.body().len();
                messages.push(SavedMessage::new(SavedState::Saved, self.buffer.mtype(), self.buffer.body()));
            } else {
                self.last_staying = Some((self.buffer.mtype(), self.buffer.body().to_vec()));
            }
        }
        self.taking.at_most -= messages.len();
        Ok((messages, looked_at))
    }

    /// Where others take messages in front of the place that was looked to, those behind it move up and would be missed.
    fn look_from_the_head_if_others_took(&mut self) -> Result<(), SaveError> {
        let Some(last) = self.staying.checked_sub(1) else { return Ok(()) };
        let is_there = copy_message(&self.queue, last, &mut self.buffer)?;
        let shown = is_there.then(|| (self.buffer.mtype(), self.buffer.body()));
        if shown != self.last_staying.as_ref().map(|(mtype, body)| (*mtype, body.as_slice())) {
            self.staying = 0;
        }
        Ok(())
    }

    fn is_any_wanted(&self) -> bool {
        self.taking.all_of.is_some() || self.taking.by_type.values().any(|left| *left > 0)
    }

    /// Counts a message of this type as one of those that are wanted; false where it is none.
    fn claim(&mut self, mtype: i64) -> bool {
        let all_of = self.taking.all_of;
        let left = match self.taking.by_type.entry(mtype) {
            Entry::Occupied(left) => left.into_mut(),
            Entry::Vacant(place) if all_of.is_some_and(|all_of| all_of(mtype)) => place.insert(usize::MAX),
            Entry::Vacant(_) => return false,
        };
        let is_wanted = *left > 0;
        *left = left.saturating_sub(1);
        is_wanted
    }

    fn take_out(&mut self, copies: &mut [Copy], place: usize) -> Result<Option<TakingEnd>, SaveError> {
        let Some(copy) = copies.get(place).filter(|copy| !copy.is_settled) else { return Ok(None) };
        let (line, mtype) = (copy.line, copy.message.mtype);
        if !(self.taking.may_go)(mtype) {
            self.taking.by_type.insert(mtype, 0);
            return Ok(None);
        }
        self.file.mark(line, SavedState::Removing)?;
        if !self.queue.try_receive_any(mtype, &mut self.buffer)? {
            self.settle(copies, place, SavedState::Taken)?;
            return Ok(None);
        }
        let is_same =
            |copy: &Copy| !copy.is_settled && copy.message.mtype == mtype && copy.message.body == self.buffer.body();
        let same = copies.iter().skip(place).position(is_same).map(|ahead| place + ahead);
        // What stands before it in the queue was received by somebody else.
        let missed = same.unwrap_or(copies.len());
        for other in place..missed {
            if copies.get(other).is_some_and(|copy| !copy.is_settled && copy.message.mtype == mtype) {
                self.settle(copies, other, SavedState::Taken)?;
            }
        }
        match same {
            Some(same) => self.settle(copies, same, SavedState::Removed).map(|()| None),
            None => self.save_unexpected().map(|()| Some(TakingEnd::AnotherReceiver)),
        }
    }

    fn settle(&mut self, copies: &mut [Copy], place: usize, state: SavedState) -> Result<(), SaveError> {
        let Some(copy) = copies.get_mut(place) else { return Ok(()) };
        copy.is_settled = true;
        match state {
            SavedState::Removed => {
                self.taken.count(copy.message.mtype, copy.message.body.len());
                (self.taking.on_taken)(copy.message.mtype, &copy.message.body);
            }
            _ => self.taken.received_by_others += 1,
        }
        self.file.mark(copy.line, state)
    }

    /// A message came out that was not copied: it stood behind those that somebody else received.
    fn save_unexpected(&mut self) -> Result<(), SaveError> {
        let (mtype, body) = (self.buffer.mtype(), self.buffer.body());
        let mut message = SavedMessage::new(SavedState::Removed, mtype, body);
        let Err(error) = self.file.add(std::slice::from_mut(&mut message)) else {
            self.taken.count(mtype, body.len());
            (self.taking.on_taken)(mtype, body);
            return Ok(());
        };
        let path = self.file.path();
        match self.queue.try_send(mtype, body) {
            Ok(()) => Err(SaveError::of_file(path, error)),
            Err(put_back) => {
                let line = String::from_utf8(message.to_line().unwrap_or_default()).unwrap_or_default();
                Err(SaveError::Unsaved { path: path.to_owned(), error, put_back, line: line.trim_end().to_owned() })
            }
        }
    }
}
