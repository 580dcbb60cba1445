//! The msgqd daemon.
#![forbid(unsafe_code)]

fn main() {}
