//! Where the engine keeps what it holds for clients, and what an earlier daemon left there.

use super::one_way::WriteDeadLetter;
use super::settings::EngineSettings;
use msgq_core::config::OnCrash;
use msgq_core::queue::QueueRole;
use msgq_core::table::Table;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where the engine keeps what it holds for clients.
pub struct Storage {
    /// An empty table of the geometry that the settings ask for.
    pub table: Table,
    /// The table of an earlier daemon that is known to be dead.
    pub left: Option<Table>,
    /// The queues of which nothing tells that a msgqd served them, or where its daemon left messages alone: see
    /// `super::foreign_messages`.
    pub may_hold_foreign_messages: Vec<QueueRole>,
    /// What is done with requests in it.
    pub on_crash: OnCrash,
    /// Keeps one-way requests that were given up; `None` where there are none.
    pub write_dead_letter: Option<WriteDeadLetter>,
    /// Puts the new table into the place of the earlier one.
    pub publish: Box<dyn FnOnce() -> io::Result<()> + Send>,
    /// True once the start is not wanted any more: what the earlier daemon left is to stay as it is, for the next one. The
    /// handler is called off after that.
    pub called_off: Arc<AtomicBool>,
}

impl Storage {
    /// A table in private memory, and nothing left of an earlier daemon.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn anonymous(settings: &EngineSettings) -> io::Result<Self> {
        let table = Table::anonymous(settings.geometry())?;
        let called_off = Arc::new(AtomicBool::new(false));
        Ok(Self {
            table,
            left: None,
            may_hold_foreign_messages: Vec::new(),
            on_crash: OnCrash::Retry,
            write_dead_letter: None,
            publish: Box::new(|| Ok(())),
            called_off,
        })
    }
}
