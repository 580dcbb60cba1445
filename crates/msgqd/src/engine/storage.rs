//! Where the engine keeps what it holds for clients, and what an earlier daemon left there.

use super::settings::EngineSettings;
use msgq_core::config::OnCrash;
use msgq_core::table::Table;
use std::io;

/// Where the engine keeps what it holds for clients.
pub struct Storage {
    /// An empty table of the geometry that the settings ask for.
    pub table: Table,
    /// The table of an earlier daemon that is known to be dead.
    pub left: Option<Table>,
    /// What is done with requests in it.
    pub on_crash: OnCrash,
    /// Puts the new table into the place of the earlier one.
    pub publish: Box<dyn FnOnce() -> io::Result<()>>,
}

impl Storage {
    /// A table in private memory, and nothing left of an earlier daemon.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn anonymous(settings: &EngineSettings) -> io::Result<Self> {
        let table = Table::anonymous(settings.geometry())?;
        Ok(Self { table, left: None, on_crash: OnCrash::Retry, publish: Box::new(|| Ok(())) })
    }
}
