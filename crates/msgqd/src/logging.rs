//! Where log records go, and what they look like: plain on a terminal or in a file, with fields and priorities in the
//! journal.

mod entry;
mod line_queue;
mod output;

use crate::alerts;
use entry::Entry;
use line_queue::LineQueue;
use log::{Level, LevelFilter, Record};
use msgq_core::words::counted;
use output::{COMMON_FIELDS, JOURNAL_KNOWS_US_SINCE, Output, StandardError};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

type Listener = Box<dyn Fn(&str) + Send>;

static ERRORS: Mutex<Option<Listener>> = Mutex::new(None);
static LINES: OnceLock<LineQueue> = OnceLock::new();

/// Starts logging to standard error.
///
/// Where that is the journal's, entries go to the socket of the journal with their fields; where the socket fails they are
/// lines with a priority. There are no timestamps in either form: the journal has its own, and a terminal needs none.
///
/// A thread writes the entries, so whoever logs does not wait for whoever reads them. To be followed by [`flush`] at the end.
///
/// # Errors
/// When logging was started before.
pub fn init(level: Level) -> Result<(), log::SetLoggerError> {
    let started = StandardError::open().and_then(|out| LineQueue::start(out, note_of_loss));
    let mut logger = env_logger::Builder::new();
    // What it is given goes another way, with its fields.
    logger.filter_level(LevelFilter::Trace).target(env_logger::Target::Pipe(Box::new(std::io::sink())));
    match started {
        Ok(lines) => {
            let lines = LINES.get_or_init(|| lines);
            logger.format(|_, record| {
                tell(record);
                lines.put(Entry::of(record));
                Ok(())
            });
        }
        Err(_) => {
            let out = Mutex::new(StandardError::shared());
            logger.format(move |_, record| {
                tell(record);
                out.lock().unwrap_or_else(PoisonError::into_inner).write(&Entry::of(record))
            });
        }
    }
    logger.try_init()?;
    set_level(level);
    Ok(())
}

fn note_of_loss(lost: u64) -> Entry {
    let (lines, were) = (counted(lost, "line"), if lost == 1 { "was" } else { "were" });
    let text = format!("{lines} of the log {were} lost before this one: whoever reads it had stopped");
    let id = [("message_id", alerts::LOG_LINES_LOST)];
    Entry::of(&Record::builder().level(Level::Warn).args(format_args!("{text}")).key_values(&id).build())
}

/// Has all entries from now on say which queue they are about, where they do not name another.
pub(crate) fn set_queue_key(key: impl std::fmt::Display) {
    set_common_field("MSGQD_QUEUE_KEY", key.to_string());
}

/// Has all entries from now on name the instance of the daemon.
pub fn set_instance(name: &str) {
    set_common_field("MSGQD_INSTANCE", name.to_owned());
}

fn set_common_field(name: &'static str, value: String) {
    let mut fields = COMMON_FIELDS.lock().unwrap_or_else(PoisonError::into_inner);
    fields.retain(|(known, _)| *known != name);
    fields.push((name, value));
}

/// Waits until the lines so far are written, but not for long: nobody may read them.
///
/// A process that ends with its first entry waits a moment more: the journal asks /proc for the unit of an entry when it reads
/// it, and keeps that of a process it knows. Of one that has ended it knows none, and `systemctl status` would not show why.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.await_written(FLUSH_LIMIT);
    }
    if let Some(since) = JOURNAL_KNOWS_US_SINCE.get() {
        std::thread::sleep(UNIT_LOOKUP_TIME.saturating_sub(since.elapsed()));
    }
}

const FLUSH_LIMIT: Duration = Duration::from_millis(500);
const UNIT_LOOKUP_TIME: Duration = Duration::from_millis(200);

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
