//! Languages in which there are programs.

use clap::ValueEnum;
use serde::Serialize;

/// In which languages there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// For any compiler of C99 on a POSIX system
    C,
    /// With nothing but what comes with perl
    Perl,
    /// With nothing but what comes with Python 3
    Python,
    /// PHP 8 with its extension sysvmsg
    Php,
}
