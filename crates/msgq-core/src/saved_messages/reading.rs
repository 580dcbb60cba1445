//! Going through the lines of a file; what is wrong is told with the number of its line.

use super::error::SaveError;
use super::line::{MAX_LINE_LEN, SavedFrom, SavedMessage};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// A message, and where its line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedLine {
    /// The number of its line, from 1; the first line of the file is no message.
    pub number: usize,
    /// Where in the file it begins.
    pub(super) offset: u64,
    /// The message.
    pub message: SavedMessage,
}

/// The messages of a file, in the order in which they were in the queue.
#[derive(Debug)]
pub struct SavedLines {
    reader: BufReader<File>,
    path: PathBuf,
    offset: u64,
    number: usize,
}

impl SavedLines {
    pub(super) fn of_file(mut file: File, path: PathBuf) -> io::Result<Self> {
        file.rewind()?;
        let mut lines = Self { reader: BufReader::new(file), path, offset: 0, number: 0 };
        // It was read when the file was opened.
        lines.read_line()?;
        Ok(lines)
    }

    /// The next message; `None` behind the last one that was written to its end.
    ///
    /// # Errors
    /// [`SaveError::Line`] for what is no message.
    pub fn next_line(&mut self) -> Result<Option<SavedLine>, SaveError> {
        let offset = self.offset;
        let line = self.read_line().map_err(|error| SaveError::of_file(&self.path, error))?;
        let failed = |reason| SaveError::Line { path: self.path.clone(), line: self.number, reason };
        match line.split_last() {
            Some((b'\n', line)) => {
                let message = SavedMessage::of_line(line).map_err(failed)?;
                Ok(Some(SavedLine { number: self.number, offset, message }))
            }
            Some(_) if line.len() >= MAX_LINE_LEN => Err(failed(format!("it has more than {MAX_LINE_LEN} bytes"))),
            // Its writer was killed before it could take the message out of the queue.
            _ => {
                self.offset = offset;
                Ok(None)
            }
        }
    }

    /// Behind the last line that was read.
    pub(super) fn end_of_whole_lines(&self) -> u64 {
        self.offset
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let line = line_of(&mut self.reader)?;
        self.offset = self.offset.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        self.number += 1;
        Ok(line)
    }
}

fn line_of(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX_LINE_LEN).unwrap_or(u64::MAX);
    reader.take(most).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Of which queue the messages are.
pub(super) fn read_first_line(file: &File, path: &Path) -> Result<SavedFrom, SaveError> {
    let line = file.try_clone().and_then(|mut file| {
        file.rewind()?;
        line_of(&mut BufReader::new(file))
    });
    let line = line.map_err(|error| SaveError::of_file(path, error))?;
    SavedFrom::of_line(&line).map_err(|reason| SaveError::Line { path: path.to_owned(), line: 1, reason })
}
