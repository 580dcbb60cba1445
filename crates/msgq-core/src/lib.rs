//! System V message queues for a protocol of requests and responses, as `msgqd`, its clients and `msgqctl` share it.
//!
//! A server receives requests of type 1 from one queue and puts each response into the same queue, addressed by its type:
//! the PID, or thread id, of the client that asked. The crate has no threads of its own and no policy.
//!
//! - To ask a server: [`client`], a call with a deadline.
//! - To handle a queue: [`queue`] has all calls, and [`queue::Browse`] looks without taking; [`layout`] reads and makes
//!   bodies; [`limits`] are the kernel's.
//! - To know who a client is: [`process`], and [`pid_flags`] to note something for each.
//! - To see who waits on queues, and which server is deadlocked: [`waiters`].
//! - To clean up: [`orphan`] finds and removes what nobody will ever read.
//! - To look after a `msgqd`: [`instance`] finds its files, [`table`] is the table of all that it holds for clients,
//!   [`drain_note`] is the note that keeps new requests out, [`dead_letters`] is what its handler did not take,
//!   [`config`] are its settings.
//! - To take messages out and put them back: [`saved_messages`].
//! - [`escape`] makes the text of clients safe to show, [`time`] reads the clocks, [`words`] puts numbers into
//!   sentences.
//!
//! Asking, with a second of patience:
//!
//! ```no_run
//! use msgq_core::client::Client;
//! use msgq_core::queue::{Queue, QueueKey};
//! use std::time::Duration;
//!
//! let client = Client::new(Queue::open(QueueKey::DEFAULT)?);
//! let answer = client.call(b"hello", Duration::from_secs(1))?;
//! println!("{}: {}", answer.status, String::from_utf8_lossy(&answer.text));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Serving, in its simplest form. What it lacks is `msgqd`: here clients that do not read fill the queue and stop the
//! server.
//!
//! ```no_run
//! use msgq_core::layout::{REQUEST_MTYPE, Response, decode_request};
//! use msgq_core::process::ClientNumber;
//! use msgq_core::queue::{MessageBuffer, Queue, QueueKey};
//!
//! let queue = Queue::create(QueueKey::DEFAULT, 0o660)?;
//! let mut buffer = MessageBuffer::new();
//! loop {
//!     queue.receive(REQUEST_MTYPE, &mut buffer)?;
//!     let Ok(request) = decode_request(buffer.body()) else { continue };
//!     let Some(client) = ClientNumber::new(request.claimed_pid) else { continue };
//!     let response = Response::new(0, request.text, request.response_len);
//!     queue.send(client.get(), response.as_bytes())?;
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), msgq_core::queue::QueueError>(())
//! ```
//!
//! Errors of a queue name the call, the queue and the errno in words. The only `unsafe` code is in two private
//! rooms, the system calls and the shared memory.

mod caret;
pub mod client;
pub mod config;
pub mod dead_letters;
pub mod drain_note;
pub mod escape;
pub mod instance;
pub mod layout;
pub mod limits;
mod memory;
mod message_fields;
pub mod orphan;
pub mod pid_flags;
pub mod pid_namespace;
pub mod proc_text;
pub mod process;
pub mod queue;
pub mod queue_call;
pub mod saved_messages;
pub mod serving;
mod sysv;
pub mod table;
pub mod time;
pub mod trusted_file;
pub mod waiters;
pub mod words;

// Test support is shared with other crates, to which this one is `msgq_core`.
#[cfg(test)]
extern crate self as msgq_core;
#[cfg(test)]
#[path = "../tests/support/scratch.rs"]
mod scratch;

pub use memory::say_on_lost_memory;
