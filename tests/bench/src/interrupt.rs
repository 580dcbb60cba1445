//! Ctrl-C and SIGTERM: what was started must be ended, so they only set a flag that every wait looks at.

use crate::failure::{Failure, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Installs the handlers. A second signal ends the process at once; its children end with it.
///
/// # Errors
/// That of the system.
pub fn install() -> std::io::Result<()> {
    let flag = Arc::clone(FLAG.get_or_init(Arc::default));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(())
}

/// # Errors
/// `Interrupted` when a signal came.
pub fn check() -> Result<()> {
    let came = FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed));
    if came { Err(Failure::Interrupted) } else { Ok(()) }
}
