use std::io;
use std::path::Path;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Someone pressed Ctrl-C, or sent SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// This variant cannot run here; the others can.
    #[error("{0}")]
    NotRun(String),
    /// A system call or a file.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, on what.
        what: String,
        /// The reason.
        source: io::Error,
    },
}

impl Failure {
    /// What was tried on `path`, for `map_err`.
    pub fn on(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{what} {}", path.display());
        |source| Self::Io { what, source }
    }
}

/// The result of what can fail with a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;
