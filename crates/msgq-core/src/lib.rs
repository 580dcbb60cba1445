//! What `msgqd` and `msgqctl` share: queues, the v1 frame, client identity, configuration.

pub mod client;
pub mod config;
pub mod door;
pub mod escape;
pub mod frame;
pub mod identity;
pub mod inflight;
pub mod instance;
pub mod limits;
mod memory;
pub mod orphan;
pub mod pid_flags;
pub mod queue;
mod sysv;
pub mod time;

// Test support is shared with other crates, to which this one is `msgq_core`.
#[cfg(test)]
extern crate self as msgq_core;
#[cfg(test)]
#[path = "../tests/support/scratch.rs"]
mod scratch;
