//! The file: made with care, locked while somebody works with it, and written.

use super::earlier::EarlierLines;
use super::error::SaveError;
use super::line::{SavedFrom, SavedMessage, SavedState};
use super::reading::{SavedLines, read_first_line};
use crate::queue::Queue;
use crate::trusted_file::{TrustedUsers, open_trusted, sync_directory_of};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file of saved messages, locked for as long as this value lives.
#[derive(Debug)]
pub struct SaveFile {
    file: File,
    path: PathBuf,
    from: SavedFrom,
    /// Where the next line begins.
    end: u64,
    earlier: EarlierLines,
}

impl SaveFile {
    /// A new file, for its owner alone. What has the name already is neither written nor followed.
    ///
    /// # Errors
    /// [`SaveError::File`] where there is something of that name, or nothing can be made or written.
    pub fn create(path: &Path, queue: &Queue) -> Result<Self, SaveError> {
        let from = SavedFrom::of_queue(queue)?;
        let create = || {
            let options = &mut OpenOptions::new();
            let options = options.read(true).write(true).create_new(true).mode(0o600);
            let file = open_trusted(path, options, TrustedUsers::own(), u64::MAX)?;
            lock(&file)?;
            sync_directory_of(path)?;
            Ok(file)
        };
        let file = create().map_err(|error| SaveError::of_file(path, error))?;
        let mut created = Self { file, path: path.to_owned(), from, end: 0, earlier: EarlierLines::default() };
        created.write_first_line().inspect_err(|_| {
            // It was made here, and has nothing in it.
            let _ = std::fs::remove_file(path);
        })?;
        Ok(created)
    }

    fn write_first_line(&mut self) -> Result<(), SaveError> {
        let line = self.from.to_line().map_err(io::Error::from);
        line.and_then(|line| self.write_durably(&line)).map_err(|error| SaveError::of_file(&self.path, error))
    }

    /// The file as it is, to write behind what it has; a new one where there is none.
    ///
    /// # Errors
    /// As [`SaveFile::open`]; [`SaveError::OtherQueue`] where it has messages of another queue.
    pub fn append(path: &Path, queue: &Queue) -> Result<Self, SaveError> {
        match Self::open(path) {
            Err(SaveError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => Self::create(path, queue),
            Err(SaveError::Empty { .. }) => {
                let file = open_existing(path).map_err(|error| SaveError::of_file(path, error))?;
                let (from, earlier) = (SavedFrom::of_queue(queue)?, EarlierLines::default());
                let mut begun = Self { file, path: path.to_owned(), from, end: 0, earlier };
                begun.write_first_line().map(|()| begun)
            }
            opened => {
                let mut opened = opened?;
                opened.check_queue(&SavedFrom::of_queue(queue)?)?;
                opened.note_earlier_lines()?;
                opened.file.set_len(opened.end).map_err(|error| SaveError::of_file(path, error))?;
                Ok(opened)
            }
        }
    }

    /// A file that was saved before, if it belongs to root or this user and nobody else may write it.
    ///
    /// # Errors
    /// [`SaveError::File`] where it cannot be opened or another process works with it, [`SaveError::Line`] where its first line
    /// is another file's.
    pub fn open(path: &Path) -> Result<Self, SaveError> {
        let open = || {
            let file = open_existing(path)?;
            let end = file.metadata()?.len();
            Ok((file, end))
        };
        let (file, end) = open().map_err(|error| SaveError::of_file(path, error))?;
        if end == 0 {
            return Err(SaveError::Empty { path: path.to_owned() });
        }
        let from = read_first_line(&file, path)?;
        Ok(Self { file, path: path.to_owned(), from, end, earlier: EarlierLines::default() })
    }

    /// The queue that its messages are of.
    #[must_use]
    pub fn saved_from(&self) -> &SavedFrom {
        &self.from
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a queue that its messages are not of.
    ///
    /// # Errors
    /// [`SaveError::OtherQueue`].
    pub fn check_queue(&self, queue: &SavedFrom) -> Result<(), SaveError> {
        if self.from.is_of(queue) {
            return Ok(());
        }
        Err(SaveError::OtherQueue { path: self.path.clone(), of: self.from.name(), queue: queue.name() })
    }

    /// All lines of messages, from the first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn lines(&self) -> Result<SavedLines, SaveError> {
        let file = self.file.try_clone();
        file.and_then(|file| SavedLines::of_file(file, self.path.clone()))
            .map_err(|error| SaveError::of_file(&self.path, error))
    }

    /// What a writer left unfinished was never taken out of a queue, so the next line begins there.
    fn note_earlier_lines(&mut self) -> Result<(), SaveError> {
        let (mut earlier, mut lines) = (Vec::new(), self.lines()?);
        while let Some(line) = lines.next_line()? {
            earlier.push(line);
        }
        self.end = lines.end_of_whole_lines();
        self.earlier = EarlierLines::of(earlier);
        Ok(())
    }

    /// Writes these messages behind all others and returns where each line begins. When it returns they are on the disk; where
    /// it fails the file is as it was.
    pub(super) fn add(&mut self, messages: &mut [SavedMessage]) -> io::Result<Vec<u64>> {
        let (mut bytes, mut offsets) = (Vec::new(), Vec::with_capacity(messages.len()));
        for message in messages {
            message.instead_of = self.earlier.take(message);
            offsets.push(self.end.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
            bytes.extend_from_slice(&message.to_line()?);
        }
        self.write_durably(&bytes)?;
        Ok(offsets)
    }

    fn write_durably(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(bytes, self.end).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.end = self.end.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Err(_) => {
                let _ = self.file.set_len(self.end);
            }
        }
        written
    }

    /// Notes where the message of this line is now.
    pub(super) fn mark(&self, line: u64, state: SavedState) -> Result<(), SaveError> {
        let written = self.file.write_all_at(&state.field(), SavedState::offset_in_line(line));
        written.map_err(|error| SaveError::of_file(&self.path, error))
    }

    pub(super) fn sync(&self) -> Result<(), SaveError> {
        self.file.sync_data().map_err(|error| SaveError::of_file(&self.path, error))
    }

    /// When it was last written, in seconds since 1970.
    pub(super) fn written_at_s(&self) -> i64 {
        std::os::unix::fs::MetadataExt::mtime(&match self.file.metadata() {
            Ok(metadata) => metadata,
            Err(_) => return 0,
        })
    }
}

fn open_existing(path: &Path) -> io::Result<File> {
    let file = open_trusted(path, OpenOptions::new().read(true).write(true), TrustedUsers::own(), u64::MAX)?;
    lock(&file)?;
    Ok(file)
}

/// The lock ends with the process, so nobody waits for it.
fn lock(file: &File) -> io::Result<()> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(io::Error::other("another msgqctl works with it")),
        Err(error) => Err(error.into()),
    }
}
