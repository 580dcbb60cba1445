//! The msgqd daemon as a library.
#![forbid(unsafe_code)]

pub mod cli;
pub mod logging;
