//! The msgqd daemon as a library: the engine, the handlers, and the service around them.
#![forbid(unsafe_code)]

pub mod cli;
pub mod engine;
pub mod handler;
pub mod logging;
pub mod ratelimit;
pub mod server;
pub mod service;

pub use server::Server;
