//! What the machine tells everybody without asking a server: `/proc`, and the names of users and groups.
//! Every room may call it. It never opens a queue and never reads a daemon's table.

pub(crate) mod names;
pub(crate) mod permission;
pub(crate) mod procfs;
