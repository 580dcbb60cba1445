//! Taking letters out of the file.

use super::file::DeadLetters;
use super::reading::{Lines, Record};
use crate::trusted_file::sync_directory_of;
use nix::fcntl::posix_fallocate;
use std::collections::HashSet;
use std::fs::{File, OpenOptions, remove_file, rename};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A person waits, and beside a daemon that writes one letter after the other the lock is seldom free.
const REWRITE_PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays in the file.
    Keep,
    /// It is removed.
    Remove,
}

/// How many lines a file lost, and has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rewritten {
    /// Lines that were removed.
    pub removed: usize,
    /// Letters that are left.
    pub kept: usize,
}

impl DeadLetters {
    /// Removes the letters with these ids.
    ///
    /// # Errors
    /// As [`DeadLetters::rewrite`].
    pub fn remove(&self, ids: &HashSet<String>) -> io::Result<Rewritten> {
        self.rewrite(|record| match record {
            Record::Letter(letter) if ids.contains(&letter.id) => Fate::Remove,
            _ => Fate::Keep,
        })
    }

    /// Asks of each line, the oldest first, what is to become of it, and removes those. Nobody else writes the file
    /// meanwhile, so `judge` may do what must be done once for each letter, but may not wait.
    ///
    /// # Errors
    /// Each names the file, which is as it was: with lines for which `judge` was asked already only where the disk fails,
    /// since room for the rest is reserved before.
    pub fn rewrite(&self, judge: impl FnMut(&Record) -> Fate) -> io::Result<Rewritten> {
        let rewrite = || match self.locked(|| self.open_for_rewriting(), REWRITE_PATIENCE) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Rewritten::default()),
            locked => rewrite_locked(self.path(), &*locked?, judge),
        };
        rewrite().map_err(|error| self.named(&error))
    }
}

fn rewrite_locked(path: &Path, old: &File, judge: impl FnMut(&Record) -> Fate) -> io::Result<Rewritten> {
    let draft = draft_path(path);
    // One that a kill left: nobody else rewrites, since the file is locked.
    match remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let replace = || {
        let new = new_file_like(old, &draft)?;
        let rewritten = copy_what_stays(old, &new, judge)?;
        if rewritten.removed > 0 {
            new.sync_all()?;
            rename(&draft, path)?;
            sync_directory_of(path)?;
        }
        Ok(rewritten)
    };
    let replaced = replace();
    let _ = remove_file(&draft);
    replaced
}

/// In the same directory, so that it can take the place of the file.
fn draft_path(path: &Path) -> PathBuf {
    path.with_extension("jsonl.new")
}

/// Whoever appends to the old file must be able to append to the new one, and it must have room for all that may stay.
fn new_file_like(old: &File, draft: &Path) -> io::Result<File> {
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let (is, was) = (new.metadata()?, old.metadata()?);
    if (is.uid(), is.gid()) != (was.uid(), was.gid()) {
        fchown(&new, Some(was.uid()), Some(was.gid()))?;
    }
    new.set_permissions(was.permissions())?;
    match i64::try_from(was.len()).map_err(io::Error::other)? {
        0 => {}
        len => posix_fallocate(&new, 0, len)?,
    }
    Ok(new)
}

fn copy_what_stays(old: &File, new: &File, mut judge: impl FnMut(&Record) -> Fate) -> io::Result<Rewritten> {
    let mut lines = Lines::of_file(old.try_clone()?)?;
    let mut writer = BufWriter::new(new);
    let mut rewritten = Rewritten::default();
    let mut written = 0;
    while let Some((bytes, record)) = lines.next_line()? {
        match judge(&record) {
            Fate::Remove => rewritten.removed += 1,
            Fate::Keep => {
                written += copy_line(old, bytes, &mut writer)?;
                rewritten.kept += usize::from(record != Record::Damaged);
            }
        }
    }
    writer.flush()?;
    new.set_len(written)?;
    Ok(rewritten)
}

/// Returns how many bytes were written: one more for a line that nobody finished.
fn copy_line(old: &File, bytes: Range<u64>, writer: &mut impl Write) -> io::Result<u64> {
    let mut chunk = [0; 4096];
    let mut offset = bytes.start;
    let mut last = b'\n';
    while offset < bytes.end {
        let wanted = usize::try_from(bytes.end - offset).unwrap_or(chunk.len()).min(chunk.len());
        let chunk = chunk.get_mut(..wanted).unwrap_or_default();
        old.read_exact_at(chunk, offset)?;
        writer.write_all(chunk)?;
        last = chunk.last().copied().unwrap_or(last);
        offset += u64::try_from(wanted).unwrap_or_default();
    }
    let newline = if last == b'\n' { 0 } else { writer.write(b"\n")? };
    Ok(bytes.end - bytes.start + u64::try_from(newline).unwrap_or_default())
}
