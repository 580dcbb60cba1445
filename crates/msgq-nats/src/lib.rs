//! The gateway between System V message queues and NATS.
//!
//! Two directions, as many routes as wanted. `out`: the gateway is the handler of a local msgqd (`kind = "unix"`), and each
//! request becomes a request on a subject of NATS. `in`: the gateway subscribes, and each request that comes is put into a
//! local queue, whose server's answer is the reply. One-way messages go through a stream of JetStream instead.

pub mod check_routes;
pub mod cli;
pub mod config;
pub mod connection;
pub mod framing;
pub mod gateway;
pub mod inward;
pub mod logging;
pub mod metrics;
pub mod out;
pub mod service_manager;
pub mod stop;
pub mod subject;
pub mod throttle;
mod unix_socket;
pub mod wire;
