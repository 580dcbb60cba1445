//! Where log records go: to the journal where standard error is its own, else to standard error as lines.

use log::{Level, LevelFilter, SetLoggerError};
use std::io::Write;
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// Starts logging.
///
/// # Errors
/// When logging was started before.
pub fn init(level: Level) -> Result<(), SetLoggerError> {
    let journal = if connected_to_journal() { JournalLog::new().ok() } else { None };
    match journal {
        Some(journal) => journal.with_syslog_identifier("msgq-nats".to_owned()).install()?,
        None => lines().try_init()?,
    }
    log::set_max_level(level.to_level_filter());
    Ok(())
}

/// No time stands in them: the journal has its own, and a terminal needs none.
fn lines() -> env_logger::Builder {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(LevelFilter::Off).filter_module("msgq_nats", LevelFilter::Trace);
    builder.format(|out, record| match record.level() {
        Level::Info => writeln!(out, "msgq-nats: {}", record.args()),
        level => writeln!(out, "msgq-nats: {}: {}", level.as_str().to_lowercase(), record.args()),
    });
    builder
}
