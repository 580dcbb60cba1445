//! Every queue of this IPC namespace: who used it last, who waits on it, who serves it, and a verdict.
//!
//! What is known of a queue decides what is said of it: nothing here calls a type a client, and what is to be removed is
//! judged by who lives, never by what its messages look like.

mod configurations;
mod facts;
mod finding;
mod instance_row;
mod last_use;
mod look;
mod names;
mod row;
mod server;
mod stale;
mod verdict;
mod waiting;

pub(crate) use facts::QueueFacts;
pub(crate) use finding::QueueVerdict;
pub(crate) use instance_row::{InstanceRow, InstanceState};
pub(crate) use last_use::{LastUse, UserState};
pub(crate) use look::Overview;
pub(crate) use row::QueueRow;
pub(crate) use server::QueueServerState;
pub(crate) use stale::StaleWaiter;
pub(crate) use waiting::{UnseenWaiters, WaiterRow, waiting_on};
