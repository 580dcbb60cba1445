//! Where log records go, and what they look like: plain on a terminal or in a file, with priorities under journald.

mod line_queue;

use line_queue::LineQueue;
use log::{Level, LevelFilter, Record};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

type Listener = Box<dyn Fn(&str) + Send>;

static ERRORS: Mutex<Option<Listener>> = Mutex::new(None);
static LINES: OnceLock<LineQueue> = OnceLock::new();

/// Starts logging to standard error.
///
/// Under journald every line of every record starts with its priority as in sd-daemon(3), since the journal takes each
/// line as a message of its own. There are no timestamps in either form: the journal has its own, and a terminal needs
/// none.
///
/// A thread writes the lines, so whoever logs does not wait for whoever reads them. To be followed by [`flush`] at the end.
///
/// # Errors
/// When logging was started before.
pub fn init(level: Level) -> Result<(), log::SetLoggerError> {
    let to_journal = is_journal();
    env_logger::Builder::new()
        .filter_level(LevelFilter::Trace)
        .target(target(to_journal))
        .format(move |out, record| {
            tell(record);
            write_record(out, record, to_journal)
        })
        .try_init()?;
    set_level(level);
    Ok(())
}

/// The lines' queue, or where that cannot be had standard error itself.
fn target(to_journal: bool) -> env_logger::Target {
    let note = move |lost| {
        let text = format!("{lost} lines of the log were lost before this one: whoever reads it had stopped");
        let mut line = Vec::new();
        let _ = write_record(
            &mut line,
            &Record::builder().level(Level::Warn).args(format_args!("{text}")).build(),
            to_journal,
        );
        line
    };
    let started = io::stderr().as_fd().try_clone_to_owned().and_then(|out| LineQueue::start(Patient(out.into()), note));
    match started {
        Ok(lines) => env_logger::Target::Pipe(Box::new(LINES.get_or_init(|| lines).clone())),
        Err(_) => env_logger::Target::Stderr,
    }
}

/// Standard error, also where whoever started this process has set it to O_NONBLOCK.
struct Patient(File);

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

/// Waits until the lines so far are written, but not for long: nobody may read them.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.await_written(FLUSH_LIMIT);
    }
}

const FLUSH_LIMIT: Duration = Duration::from_millis(500);

/// How many lines were lost since nobody read them.
pub(crate) fn lost_lines() -> u64 {
    LINES.get().map_or(0, LineQueue::lost)
}

/// From now on `listener` is told the text of every error that is logged; it must not log.
pub(crate) fn on_error(listener: impl Fn(&str) + Send + 'static) {
    *ERRORS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(listener));
}

fn tell(record: &Record<'_>) {
    if record.level() == Level::Error
        && let Some(listener) = ERRORS.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
    {
        listener(&record.args().to_string());
    }
}

/// Changes the level; may be called at any time.
pub(crate) fn set_level(level: Level) {
    log::set_max_level(level.to_level_filter());
}

/// True when standard error is the journal's socket (`$JOURNAL_STREAM` in systemd.exec(5)).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(metadata) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", metadata.dev(), metadata.ino())
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

fn write_record(out: &mut impl Write, record: &Record<'_>, to_journal: bool) -> io::Result<()> {
    if to_journal { for_journal(out, record) } else { plain(out, record) }
}

fn for_journal(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let text = record.args().to_string();
    text.lines().try_for_each(|line| writeln!(out, "<{}>{line}", priority(record.level())))
}

fn plain(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    match record.level() {
        Level::Info => writeln!(out, "msgqd: {}", record.args()),
        level => writeln!(out, "msgqd: {}: {}", level.as_str().to_lowercase(), record.args()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: fn(&mut Vec<u8>, &Record<'_>) -> io::Result<()>, level: Level, text: &str) -> String {
        let mut out = Vec::new();
        format(&mut out, &Record::builder().level(level).args(format_args!("{text}")).build()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn under_journald_every_line_of_a_record_has_its_priority() {
        assert_eq!(written(for_journal, Level::Error, "one\ntwo"), "<3>one\n<3>two\n");
        assert_eq!(written(for_journal, Level::Warn, "one"), "<4>one\n");
        assert_eq!(written(for_journal, Level::Info, "one"), "<6>one\n");
        assert_eq!(written(for_journal, Level::Debug, "one"), "<7>one\n");
    }

    #[test]
    fn on_a_terminal_only_what_is_not_routine_names_its_level() {
        assert_eq!(written(plain, Level::Info, "serving"), "msgqd: serving\n");
        assert_eq!(written(plain, Level::Error, "broken"), "msgqd: error: broken\n");
    }
}
