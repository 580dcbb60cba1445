//! The file of a queue's dead letters: opened with care, locked, and appended to.

use super::letter::DeadLetter;
use super::reading::{Letters, Lines, Record};
use crate::trusted_file::{TrustedUsers, open_trusted, sync_directory_of};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions, symlink_metadata};
use std::io::{self, ErrorKind, Write};
use std::ops::Deref;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The longest file, in bytes. When it is full, letters are refused until somebody has looked at it.
pub const MAX_FILE_LEN: u64 = 64 << 20;
/// How long an append waits for the lock.
const APPEND_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_POLL_PAUSE: Duration = Duration::from_micros(100);

/// The dead letters of one queue, in one file, which need not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    path: PathBuf,
    users: TrustedUsers,
    max_file_len: u64,
}

impl DeadLetters {
    /// The letters in this file, which is believed if it belongs to root or the user of this process.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), users: TrustedUsers::own(), max_file_len: MAX_FILE_LEN }
    }

    /// Believes a file of these users.
    #[must_use]
    pub fn of_users(self, users: TrustedUsers) -> Self {
        Self { users, ..self }
    }

    /// With another bound on the length of the file than [`MAX_FILE_LEN`].
    #[must_use]
    pub fn with_max_file_len(self, max_file_len: u64) -> Self {
        Self { max_file_len, ..self }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a letter. When this returns, it is on the disk.
    ///
    /// # Errors
    /// Each names the file, and then there is no such letter in it: [`ErrorKind::StorageFull`] when the file is as long
    /// as it may be or the disk is full, [`ErrorKind::TimedOut`] when another process has it locked for two seconds,
    /// [`ErrorKind::InvalidInput`] for a letter that can be in no file.
    pub fn append(&self, letter: &DeadLetter) -> io::Result<()> {
        self.append_to_locked(letter, |_| Ok(false)).map(drop)
    }

    /// As [`DeadLetters::append`], unless there is a letter with this id: false then. Reads the whole file, so it is for
    /// whoever does not know whether it wrote the letter already.
    ///
    /// # Errors
    /// As [`DeadLetters::append`].
    pub fn append_once(&self, letter: &DeadLetter) -> io::Result<bool> {
        self.append_to_locked(letter, |file| has_letter(file, &letter.id))
    }

    /// The letters that are there now, the oldest first; none where there is no file.
    ///
    /// # Errors
    /// When there is something that cannot be read, or is not to be believed.
    pub fn list(&self) -> io::Result<Letters> {
        let read = || match self.open(OpenOptions::new().read(true)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Letters::none()),
            opened => Letters::of_file(&opened?, |file| try_lock(file, FlockOperation::NonBlockingLockShared)),
        };
        read().map_err(|error| self.named(&error))
    }

    fn append_to_locked(
        &self,
        letter: &DeadLetter,
        is_there: impl FnOnce(&File) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let append = || {
            let line = letter.to_line()?;
            let file = self.locked(|| self.open_for_appending(), APPEND_PATIENCE)?;
            if is_there(&file)? {
                return Ok(false);
            }
            self.append_line(&file, &line).map(|()| true)
        };
        append().map_err(|error| self.named(&error))
    }

    fn append_line(&self, mut file: &File, line: &[u8]) -> io::Result<()> {
        let old_len = file.metadata()?.len();
        if old_len == 0 {
            // It may be new, and a file without a name is lost.
            sync_directory_of(&self.path)?;
        }
        let mut bytes = Vec::with_capacity(line.len() + 1);
        if ends_in_mid_line(file, old_len)? {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line);
        let new_len = old_len.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if new_len > self.max_file_len {
            return Err(io::Error::new(ErrorKind::StorageFull, self.full_message(old_len)));
        }
        let written = file.write_all(&bytes).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a line is skipped by readers, but a whole one that may be on the disk would be one too many.
            let _ = file.set_len(old_len).and_then(|()| file.sync_data());
        }
        written
    }

    fn full_message(&self, len: u64) -> String {
        format!(
            "it has {len} bytes, of the {} that it may have, and no room for another letter; `msgqctl dead list` shows \
             what is in it, `msgqctl dead retry` and `msgqctl dead drop` make room",
            self.max_file_len
        )
    }

    fn open(&self, options: &mut OpenOptions) -> io::Result<File> {
        open_trusted(&self.path, options, self.users, u64::MAX)
    }

    fn open_for_appending(&self) -> io::Result<File> {
        match self.open(OpenOptions::new().read(true).append(true)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.open(OpenOptions::new().read(true).append(true).create_new(true).mode(0o600))
            }
            opened => opened,
        }
    }

    /// The file that the path names, locked for as long as the value lives.
    pub(super) fn locked(&self, open: impl Fn() -> io::Result<File>, patience: Duration) -> io::Result<LockedFile> {
        let end = Instant::now() + patience;
        loop {
            match open() {
                // Somebody made it in the meantime.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => {
                    let file = opened?;
                    if wait_for_lock(&file, end)? {
                        let locked = LockedFile(file);
                        if is_named(&self.path, &locked)? {
                            return Ok(locked);
                        }
                    }
                }
            }
            if Instant::now() >= end {
                let message = format!("another process has had it locked for {} s", patience.as_secs());
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
        }
    }

    pub(super) fn open_for_rewriting(&self) -> io::Result<File> {
        self.open(OpenOptions::new().read(true))
    }

    /// What failed, and with which file.
    pub(super) fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
    }
}

/// A locked file. To close it would not do: a command that this process is just starting has it open too, until it runs.
pub(super) struct LockedFile(File);

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// False when somebody else has had it until then. Looks often: whoever writes one letter after the other is without the
/// lock for some microseconds only.
fn wait_for_lock(file: &File, end: Instant) -> io::Result<bool> {
    while !try_lock(file, FlockOperation::NonBlockingLockExclusive)? {
        if Instant::now() >= end {
            return Ok(false);
        }
        std::thread::sleep(LOCK_POLL_PAUSE);
    }
    Ok(true)
}

/// False when somebody else has it.
fn try_lock(file: &File, operation: FlockOperation) -> io::Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// False when the path names another file by now, or none.
fn is_named(path: &Path, file: &File) -> io::Result<bool> {
    let own = file.metadata()?;
    match symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// True behind a line that its writer did not finish.
fn ends_in_mid_line(file: &File, len: u64) -> io::Result<bool> {
    let Some(last) = len.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

fn has_letter(file: &File, id: &str) -> io::Result<bool> {
    let mut lines = Lines::of_file(file.try_clone()?)?;
    while let Some((_, record)) = lines.next_line()? {
        if matches!(record, Record::Letter(letter) if letter.id == id) {
            return Ok(true);
        }
    }
    Ok(false)
}
