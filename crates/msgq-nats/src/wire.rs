//! What requests and replies are on the wire: headers, and bodies as raw bytes or JSON. Pure.

mod budget;
mod headers;
mod payload;
mod reply;

pub use budget::budget;
pub use headers::{RequestHead, wire_len};
pub use payload::{Codec, PayloadError};
pub use reply::{Failure, Reply};

#[cfg(test)]
mod tests;
