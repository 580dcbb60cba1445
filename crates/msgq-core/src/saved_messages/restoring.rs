//! Putting messages back into a queue, in their order, each once.

use super::earlier::{is_in_queue, replaced_lines};
use super::error::SaveError;
use super::file::SaveFile;
use super::line::SavedState;
use super::reading::SavedLine;
use crate::limits::msgmax;
use crate::orphan::Resting;
use crate::queue::{Browse, BrowseLimits, MessageBuffer, Queue, QueueError, QueueStat};
use crate::time::unix_time_s;
use nix::errno::Errno;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Between two looks whether there is room. Not a wait in msgsnd(2): a kill there would leave a message in doubt.
const ROOM_POLL_PAUSE: Duration = Duration::from_millis(2);

/// Should the clock stand still, or have been set back.
const SECOND_LIMIT: Duration = Duration::from_millis(1100);
/// More than the ticks by which the file system's clock is behind.
const SECOND_POLL_PAUSE: Duration = Duration::from_millis(20);

/// How messages are put back.
pub struct Restore<'a> {
    /// How long to wait, for room and for the second behind the last msgrcv(2), all waits together.
    pub patience: Duration,
    /// Put back as well what may be in the queue already.
    pub with_doubtful: bool,
    /// Asked before each message whether to end.
    pub is_interrupted: &'a dyn Fn() -> bool,
}

/// Why no more was put back.
#[derive(Debug)]
pub enum RestoreEnd {
    /// All that were missing are back, but for those in doubt.
    Complete,
    /// There was no room for as long as it may be waited for.
    NoRoom,
    /// It was asked to end.
    Interrupted,
    /// Something failed.
    Failed(SaveError),
}

/// A message that stays in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftMessage {
    /// The number of its line, from 1.
    pub line: usize,
    /// Its type.
    pub mtype: i64,
    /// Length of its body, in bytes.
    pub len: usize,
    /// A msgqctl was killed while it put this one back, and the queue does not show whether it did.
    pub is_doubtful: bool,
}

/// What was put back.
#[derive(Debug)]
pub struct Restored {
    /// How many messages are back, and their bytes.
    pub sent: Resting,
    /// How many were back already, by an earlier run.
    pub back_before: usize,
    /// How many were never missing: they were not taken out, or somebody else received them.
    pub never_missing: usize,
    /// What stays in the file, in its order.
    pub left: Vec<LeftMessage>,
    /// Why it ended.
    pub end: RestoreEnd,
}

impl SaveFile {
    /// Puts back what was taken out and is not back yet. Each message is marked before and after it is sent, so that a run
    /// that was killed is gone on with: see [`SavedState`]. All lines are read, and all limits looked at, before the first
    /// is sent.
    ///
    /// # Errors
    /// Nothing was put back then: [`SaveError::Line`] for a line that is none, [`SaveError::TooLarge`] for a message that the
    /// queue can never take, [`SaveError::Queue`] where the queue cannot be looked at.
    pub fn restore(&self, queue: &Queue, how: &Restore<'_>) -> Result<Restored, SaveError> {
        let stat = queue.stat()?;
        let (missing, mut restored) = self.find_missing(queue, &stat, how.with_doubtful)?;
        let start = Instant::now();
        if !missing.is_empty() {
            await_the_second_behind(stat.last_receive_time, how);
        }
        let mut missing = missing.into_iter();
        for line in missing.by_ref() {
            match self.send_back(queue, &line, how, start) {
                Ok(None) => {
                    restored.sent.messages += 1;
                    restored.sent.bytes += line.message.body.len();
                    continue;
                }
                Ok(Some(end)) => restored.end = end,
                Err(error) => restored.end = RestoreEnd::Failed(error),
            }
            restored.left.push(left_message(&line, false));
            break;
        }
        restored.left.extend(missing.map(|line| left_message(&line, false)));
        restored.left.sort_by_key(|left| left.line);
        self.sync()?;
        Ok(restored)
    }

    fn find_missing(
        &self,
        queue: &Queue,
        stat: &QueueStat,
        with_doubtful: bool,
    ) -> Result<(Vec<SavedLine>, Restored), SaveError> {
        let (mut all, mut lines) = (Vec::new(), self.lines()?);
        while let Some(line) = lines.next_line()? {
            all.push(line);
        }
        let doubts = self.decide_doubts(&all, queue, stat.last_receive_time < self.written_at_s())?;
        let mut restored = Restored {
            sent: Resting::default(),
            back_before: 0,
            never_missing: 0,
            left: Vec::new(),
            end: RestoreEnd::Complete,
        };
        let mut missing = Vec::new();
        for line in all {
            match doubts.get(&line.number).copied().unwrap_or(Some(line.message.state)) {
                Some(SavedState::Removed) => missing.push(line),
                Some(SavedState::Restored) => restored.back_before += 1,
                Some(_) => restored.never_missing += 1,
                None if with_doubtful => missing.push(line),
                None => restored.left.push(left_message(&line, true)),
            }
        }
        let too_large = missing.iter().find_map(|line| Some((line, limit_below(line.message.body.len(), stat)?)));
        match too_large {
            None => Ok((missing, restored)),
            Some((line, limit)) => {
                let (path, len) = (self.path().to_owned(), line.message.body.len());
                Err(SaveError::TooLarge { path, line: line.number, len, limit })
            }
        }
    }

    /// Where the messages are that were in hand when a msgqctl was killed, by the numbers of their lines, as the queue shows it;
    /// `None` where it does not. What is decided is noted, so that the next run need not look again. `is_quiet`: nobody has
    /// received from the queue since the file was written last.
    fn decide_doubts(
        &self,
        lines: &[SavedLine],
        queue: &Queue,
        is_quiet: bool,
    ) -> Result<HashMap<usize, Option<SavedState>>, SaveError> {
        let in_hand = |line: &&SavedLine| matches!(line.message.state, SavedState::Removing | SavedState::Sending);
        let doubtful: Vec<&SavedLine> = lines.iter().filter(in_hand).collect();
        let mut decided = HashMap::new();
        if doubtful.is_empty() {
            return Ok(decided);
        }
        let (mut resting, is_complete) = contents_of(queue)?;
        // Those that are in the queue for certain are not the ones that are looked for.
        let replaced = replaced_lines(lines);
        for line in lines.iter().filter(|line| is_in_queue(line.message.state) && !replaced.contains(&line.offset)) {
            let _ = take_one(&mut resting, line);
        }
        for line in doubtful {
            let state = match (line.message.state, take_one(&mut resting, line)) {
                (SavedState::Removing, true) => Some(SavedState::Saved),
                (_, true) => Some(SavedState::Restored),
                (SavedState::Removing, false) if is_complete => Some(SavedState::Removed),
                (_, false) if is_complete && is_quiet => Some(SavedState::Removed),
                _ => None,
            };
            if let Some(state) = state {
                self.mark(line.offset, state)?;
            }
            decided.insert(line.number, state);
        }
        Ok(decided)
    }

    /// Why it was not sent.
    fn send_back(
        &self,
        queue: &Queue,
        line: &SavedLine,
        how: &Restore<'_>,
        start: Instant,
    ) -> Result<Option<RestoreEnd>, SaveError> {
        loop {
            if (how.is_interrupted)() {
                return Ok(Some(RestoreEnd::Interrupted));
            }
            self.mark(line.offset, SavedState::Sending)?;
            match queue.try_send(line.message.mtype, &line.message.body) {
                Ok(()) => return self.mark(line.offset, SavedState::Restored).map(|()| None),
                Err(error) => {
                    self.mark(line.offset, SavedState::Removed)?;
                    if error.errno() != Errno::EAGAIN {
                        return Err(error.into());
                    }
                }
            }
            if start.elapsed() >= how.patience {
                return Ok(Some(RestoreEnd::NoRoom));
            }
            std::thread::sleep(ROOM_POLL_PAUSE);
        }
    }
}

/// A mark shows that nobody received since only where it is of a later second than the last msgrcv(2): whoever has just taken
/// the messages out would leave each kill in doubt.
fn await_the_second_behind(last_receive_time: i64, how: &Restore<'_>) {
    let (begin, limit) = (Instant::now(), how.patience.min(SECOND_LIMIT));
    let is_behind = || i64::try_from(unix_time_s()).is_ok_and(|now_s| now_s > last_receive_time);
    while !is_behind() && begin.elapsed() < limit && !(how.is_interrupted)() {
        std::thread::sleep(SECOND_POLL_PAUSE);
    }
}

fn left_message(line: &SavedLine, is_doubtful: bool) -> LeftMessage {
    LeftMessage { line: line.number, mtype: line.message.mtype, len: line.message.body.len(), is_doubtful }
}

fn limit_below(len: usize, stat: &QueueStat) -> Option<String> {
    let most = msgmax();
    if len > most {
        return Some(format!("this kernel takes none of more than {most} (kernel.msgmax)"));
    }
    u64::try_from(len).is_ok_and(|len| len > stat.max_bytes).then(|| {
        format!("the whole queue holds {} (msg_qbytes), which its owner may raise up to kernel.msgmnb", stat.max_bytes)
    })
}

/// How often each message rests.
type RestingContents = HashMap<(i64, Vec<u8>), usize>;

/// True where such a message rests; it does not count again then.
fn take_one(resting: &mut RestingContents, line: &SavedLine) -> bool {
    let count = resting.get_mut(&(line.message.mtype, line.message.body.clone())).filter(|count| **count > 0);
    count.map(|count| *count -= 1).is_some()
}

/// What rests in the queue, and whether all of it was looked at.
fn contents_of(queue: &Queue) -> Result<(RestingContents, bool), QueueError> {
    let (mut contents, mut buffer) = (HashMap::new(), MessageBuffer::new());
    let limits = BrowseLimits { time: Duration::from_secs(10), messages: usize::MAX };
    let mut browse = Browse::new(*queue, limits, &mut buffer);
    while let Some((_, message)) = browse.next_message() {
        *contents.entry((message.mtype(), message.body().to_vec())).or_default() += 1;
    }
    let is_complete = browse.is_complete()?;
    Ok((contents, is_complete))
}
