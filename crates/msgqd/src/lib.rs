//! A server for programs that talk through one System V message queue, as a library: a Rust program brings its own
//! handler, and gets everything else that the daemon `msgqd` does.
//!
//! A client sends its request with mtype 1 and its PID in the body, and reads the answer with mtype = that PID. The
//! server receives each request into a table on a memory file system, has a [`Handler`](handler::Handler) answer it,
//! and sends the answer without ever waiting for a client: what does not fit into the queue waits in the table. So it
//! serves on beside clients that never read, and a server that was killed finishes at its next start what it had in hand.
//!
//! ```no_run
//! use msgqd::Server;
//! use msgqd::handler::{Handler, HandlerRequest, Reply};
//!
//! /// Answers in capitals.
//! struct Shout;
//!
//! impl Handler for Shout {
//!     fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
//!         let mut reply = Reply::new();
//!         reply.push(&request.text.to_ascii_uppercase());
//!         reply
//!     }
//!
//!     fn concurrency(&self) -> usize {
//!         1
//!     }
//!
//!     fn name(&self) -> &'static str {
//!         "shout"
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     msgqd::logging::init(log::Level::Info)?;
//!     Server::builder().key("0x12345678".parse()?).handler(Shout).run()?;
//!     Ok(())
//! }
//! ```
//!
//! [`Server::run`] returns after SIGTERM or SIGINT, when what was queued is answered. All other settings are those of
//! the configuration file, as [`msgq_core::config::Config`]; its handlers run a command for each request, keep a pool
//! of programs, or ask a service behind a Unix socket ([`handler::build_handler`]).
//!
//! What is here: [`Server`], which every program uses; [`handler`], what stands behind the queue; [`logging`], where
//! the log goes; [`alerts`], the ids of its events; [`service`], why a server cannot start, and what is done when it failed
//! for good. [`engine`] works
//! without signals, files and a service manager, and is public for tests; [`cli`] is the command line of the daemon.
#![forbid(unsafe_code)]

pub mod alerts;
pub mod cli;
pub mod engine;
pub mod handler;
pub mod logging;
mod own_threads;
mod panics;
mod ratelimit;
mod server;
pub mod service;

pub use server::Server;
