use std::io;

/// What msgqd said that the protocol does not allow; follows "msgqd" in a sentence.
#[derive(Debug, thiserror::Error)]
pub enum FramingError {
    /// It ended within a frame.
    #[error("closed the connection within a request")]
    ClosedWithin,
    /// A line without an end.
    #[error("wrote a header line of more than {limit} bytes: \"{said}...\"")]
    LongHeader {
        /// How many there may be.
        limit: usize,
        /// Its beginning, escaped.
        said: String,
    },
    /// Another program, or another version.
    #[error("said \"{0}\" instead of \"msgqd-handler 1\" or \"msgqd-handler 2\"")]
    NoHello(String),
    /// Not a request.
    #[error("wrote \"{0}\" instead of a header of a request")]
    BadHeader(String),
    /// More than there can be.
    #[error("announced a request of {len} bytes, and the limit is {limit}")]
    HugeRequest {
        /// What it announced.
        len: u64,
        /// What there can be.
        limit: u64,
    },
    /// More than one request at a time.
    #[error("wrote more before it had the answer")]
    Unasked,
    /// The connection failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}
