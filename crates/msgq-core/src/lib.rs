//! What `msgqd` and `msgqctl` share: queues, the v1 frame, client identity, configuration.

pub mod client;
pub mod config;
pub mod drain_note;
pub mod escape;
pub mod instance;
pub mod layout;
pub mod limits;
mod memory;
pub mod orphan;
pub mod pid_flags;
pub mod process;
pub mod queue;
mod sysv;
pub mod table;
pub mod time;
