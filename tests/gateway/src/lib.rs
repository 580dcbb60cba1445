//! Harness of the gateway's black-box tests: hosts in IPC namespaces of their own, each with msgqd and msgq-nats, and servers
//! of NATS between them.
//!
//! Every test runs in a network of its own, so ports are fixed and nobody else is disturbed. What a test started is killed by
//! its PID when the test ends, also when it fails. Nothing here asserts a time but the clients' own deadline.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "the harness runs in tests only, where a panic is the report"
)]

mod asking;
mod certificates;
mod gateway;
mod handled;
mod host;
mod limits;
mod namespaces;
mod nats;
mod network;
mod site;

pub use asking::{Askers, Heard};
pub use certificates::Certificates;
pub use gateway::{Gateway, GatewayConfig, check, msgq_nats, plain_nats};
pub use handled::Handled;
pub use host::{Host, Side};
pub use limits::{CLIENT_LIMIT_S, PATIENCE, seconds};
pub use namespaces::{Namespace, in_namespaces, nats_server};
pub use nats::{NatsServer, NatsServers, http};
pub use network::Cable;
pub use site::{CLIENTS, Site};

/// Prints a line that the report of a passing test shows too.
#[macro_export]
macro_rules! report {
    ($($arguments:tt)*) => {
        eprintln!("{}", format_args!($($arguments)*))
    };
}
