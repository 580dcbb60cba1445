//! The admin tool.
#![forbid(unsafe_code)]

fn main() {}
