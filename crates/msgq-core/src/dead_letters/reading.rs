//! Going through the lines of the file, of which some may be damaged.

use super::letter::{DeadLetter, MAX_LINE_LEN};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::ops::Range;
use std::time::{Duration, Instant};

/// What a line of the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A letter.
    Letter(Box<DeadLetter>),
    /// Half a letter, as a writer leaves it that lost its power, or anything else.
    Damaged,
}

/// The letters of a file, the oldest first, as they were when it was opened.
#[derive(Debug)]
pub struct Letters {
    lines: Option<Lines>,
    damaged: usize,
}

impl Letters {
    pub(super) fn none() -> Self {
        Self { lines: None, damaged: 0 }
    }

    /// Waits a moment for whoever is writing a line, so that half of it is not taken for a damaged one.
    pub(super) fn of_file(file: &File, try_lock_shared: impl Fn(&File) -> io::Result<bool>) -> io::Result<Self> {
        let end = Instant::now() + WRITER_PATIENCE;
        while !try_lock_shared(file)? && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        let lines = Lines::of_file(file.try_clone()?)?;
        flock(file, FlockOperation::Unlock)?;
        Ok(Self { lines: Some(lines), damaged: 0 })
    }

    /// How many lines of those that were read are no letters.
    #[must_use]
    pub fn damaged(&self) -> usize {
        self.damaged
    }
}

/// A writer needs milliseconds for a line.
const WRITER_PATIENCE: Duration = Duration::from_millis(500);

impl Iterator for Letters {
    type Item = io::Result<DeadLetter>;

    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.lines.as_mut()?;
        loop {
            match lines.next_line() {
                Ok(Some((_, Record::Letter(letter)))) => return Some(Ok(*letter)),
                Ok(Some((_, Record::Damaged))) => self.damaged += 1,
                Ok(None) => return None,
                Err(error) => {
                    self.lines = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// All lines from the beginning of a file to where its end is now.
#[derive(Debug)]
pub(super) struct Lines {
    reader: io::Take<BufReader<File>>,
    offset: u64,
}

impl Lines {
    pub(super) fn of_file(mut file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        file.rewind()?;
        Ok(Self { reader: BufReader::new(file).take(len), offset: 0 })
    }

    /// The next line that is not empty, and which bytes of the file it is with its newline.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(Range<u64>, Record)>> {
        loop {
            let start = self.offset;
            let mut line = Vec::new();
            let most = u64::try_from(MAX_LINE_LEN).unwrap_or(u64::MAX);
            self.offset += count(self.reader.by_ref().take(most).read_until(b'\n', &mut line)?);
            let record = match line.split_last() {
                None => return Ok(None),
                Some((b'\n', [])) => continue,
                Some((b'\n', line)) => {
                    DeadLetter::of_line(line).map_or(Record::Damaged, |it| Record::Letter(Box::new(it)))
                }
                // Nobody finished it; or it is longer than any letter.
                Some(_) => {
                    self.offset += count(self.reader.skip_until(b'\n')?);
                    Record::Damaged
                }
            };
            return Ok(Some((start..self.offset, record)));
        }
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
