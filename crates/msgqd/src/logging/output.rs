//! Where entries end: in the journal with their fields, or as lines on standard error.

use super::entry::Entry;
use log::{Level, Record};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;
use systemd_journal_logger::JournalLog;

/// What takes entries, one after the other.
pub(super) trait Output {
    /// # Errors
    /// When the entry is lost.
    fn write(&mut self, entry: &Entry) -> io::Result<()>;
}

/// Fields that every entry in the journal has.
pub(super) static COMMON_FIELDS: Mutex<Vec<(&'static str, String)>> = Mutex::new(Vec::new());

/// When this process sent its first entry to the journal.
pub(super) static JOURNAL_KNOWS_US_SINCE: OnceLock<Instant> = OnceLock::new();

/// Standard error, and what it is connected to.
pub(super) struct StandardError<W> {
    lines: W,
    kind: Kind,
}

enum Kind {
    Plain,
    /// Lines with their priority, for a journal that has no socket for entries.
    JournalLines,
    /// The journal, with its socket as soon as that is there.
    Journal(Option<JournalLog>),
}

impl StandardError<Patient> {
    /// # Errors
    /// When this process has no descriptor left.
    pub(super) fn open() -> io::Result<Self> {
        let lines = Patient::of(io::stderr().as_fd().try_clone_to_owned()?);
        Ok(Self { lines, kind: Kind::of_standard_error() })
    }
}

impl StandardError<io::Stderr> {
    /// Where no descriptor is to be had.
    pub(super) fn shared() -> Self {
        Self { lines: io::stderr(), kind: Kind::of_standard_error() }
    }
}

impl Kind {
    /// The journal's is named by `$JOURNAL_STREAM`, see systemd.exec(5).
    fn of_standard_error() -> Self {
        let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return Self::Plain };
        match std::fs::metadata("/proc/self/fd/2") {
            Ok(place) if stream != format!("{}:{}", place.dev(), place.ino()) => Self::Plain,
            Ok(place) if place.file_type().is_socket() => Self::Journal(None),
            Ok(_) => Self::JournalLines,
            Err(_) => Self::Plain,
        }
    }
}

impl<W: Write> Output for StandardError<W> {
    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain => plain(&mut self.lines, entry),
            Kind::JournalLines => with_priorities(&mut self.lines, entry),
            // Where its socket fails the journal still takes lines, as from any program.
            Kind::Journal(journal) => send(journal, entry).or_else(|_| with_priorities(&mut self.lines, entry)),
        }
    }
}

fn send(journal: &mut Option<JournalLog>, entry: &Entry) -> io::Result<()> {
    let journal = match journal {
        Some(journal) => journal,
        None => journal.insert(JournalLog::new()?),
    };
    let common = COMMON_FIELDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let is_own = |name: &str| entry.fields.iter().any(|(own, _)| own == name);
    let mut fields: Vec<(&str, &str)> =
        entry.fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    fields.extend(common.iter().filter(|(name, _)| !is_own(name)).map(|(name, text)| (*name, text.as_str())));
    let level = level_with_priority(entry.level);
    journal.journal_send(
        &Record::builder()
            .level(level)
            .target("msgqd")
            .args(format_args!("{}", entry.text))
            .key_values(&fields)
            .build(),
    )?;
    JOURNAL_KNOWS_US_SINCE.get_or_init(Instant::now);
    Ok(())
}

/// The crate gives what is `Info` to `log` the priority of a notice (5), and what is `Debug` that of information (6).
fn level_with_priority(level: Level) -> Level {
    match level {
        Level::Error | Level::Warn => level,
        Level::Info => Level::Debug,
        Level::Debug | Level::Trace => Level::Trace,
    }
}

/// Priorities of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Every line starts with its priority as in sd-daemon(3), since the journal takes each as a message of its own.
fn with_priorities(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let priority = priority(entry.level);
    let lines: String = entry.text.lines().map(|line| format!("<{priority}>{line}\n")).collect();
    out.write_all(lines.as_bytes())
}

fn plain(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let line = match entry.level {
        Level::Info => format!("msgqd: {}\n", entry.text),
        level => format!("msgqd: {}: {}\n", level.as_str().to_lowercase(), entry.text),
    };
    out.write_all(line.as_bytes())
}

/// Standard error, also where whoever started this process has set it to O_NONBLOCK.
pub(super) struct Patient(File);

impl Patient {
    fn of(descriptor: OwnedFd) -> Self {
        Self(descriptor.into())
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None);
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    fn written(format: fn(&mut Vec<u8>, &Entry) -> io::Result<()>, level: Level, text: &str) -> String {
        let mut out = Vec::new();
        format(&mut out, &Entry { level, text: text.to_owned(), fields: Vec::new() }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn under_journald_every_line_of_an_entry_has_its_priority() {
        assert_eq!(written(with_priorities, Level::Error, "one\ntwo"), "<3>one\n<3>two\n");
        assert_eq!(written(with_priorities, Level::Warn, "one"), "<4>one\n");
        assert_eq!(written(with_priorities, Level::Info, "one"), "<6>one\n");
        assert_eq!(written(with_priorities, Level::Debug, "one"), "<7>one\n");
    }

    #[test]
    fn on_a_terminal_only_what_is_not_routine_names_its_level() {
        assert_eq!(written(plain, Level::Info, "serving"), "msgqd: serving\n");
        assert_eq!(written(plain, Level::Error, "broken"), "msgqd: error: broken\n");
    }
}
