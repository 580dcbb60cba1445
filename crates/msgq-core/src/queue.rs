//! One System V message queue: create or open, send, receive, look without taking, change, remove.
//!
//! A [`Queue`] is a number and may be copied; it closes nothing when dropped, as the kernel keeps the queue until
//! somebody removes it. Every error names the call, the queue and the errno in words.

mod browse;
mod buffer;
mod error;
mod framed;
mod handle;
mod key;
mod listed;
mod refused_call;
mod role;
mod stat;

pub use browse::{Browse, BrowseEnd, BrowseLimits};
pub use buffer::MessageBuffer;
pub use error::{QueueError, find_refused_call};
pub use framed::{MTYPE_LEN, frame_into, framed, split_framed};
pub use handle::Queue;
pub use key::{ParseKeyError, QueueKey, QueueName, low_8_bits};
pub use listed::{ListedQueue, find_listed_queue, listed_queues, stat_of_every_queue};
pub use refused_call::CallRefusal;
pub use role::QueueRole;
pub use stat::{QueueSettings, QueueStat};

#[cfg(test)]
mod tests;
