//! Where the engine keeps what it holds for clients, and what an earlier daemon left there.

use super::settings::EngineSettings;
use msgq_core::config::OnCrash;
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
    /// What is done with requests in it.
    pub on_crash: OnCrash,
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
        Ok(Self { table, left: None, on_crash: OnCrash::Retry, publish: Box::new(|| Ok(())), called_off })
    }
}
