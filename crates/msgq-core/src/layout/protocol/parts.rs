//! Answers longer than one message: which types their parts have, and how much of a text goes into one.

/// A full part whose text has no length of its own has a body of so many bytes: `kernel.msgmax` as it is by default, so that a
/// client can know it.
pub const OPEN_PART_LEN: usize = 8192;

/// The types of parts, where each client has a queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartTypes {
    /// Of parts, but for the last one where `last` has a type for that.
    pub data: i64,
    /// Of an empty message behind the parts.
    pub end: Option<i64>,
    /// Of the last part.
    pub last: Option<i64>,
    /// Of an answer that is an error, which is one message.
    pub error: i64,
}

impl PartTypes {
    /// The type of message number `part`, from 0, out of so many, the end included.
    #[must_use]
    pub fn of_part(self, part: u32, messages: u32) -> i64 {
        let closing = if part + 1 >= messages { self.end.or(self.last) } else { None };
        closing.unwrap_or(self.data)
    }
}

/// Where the text stands in an answer, and how much of it a part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextRoom {
    /// Where it begins in a body, in bytes.
    pub offset: usize,
    /// Bytes of text in a full part.
    pub len: usize,
    /// Bytes of a body behind its text; `None`: a body is as long as the struct, whatever the text.
    pub behind: Option<usize>,
    /// The shortest body where that follows its text.
    pub least_len: usize,
}
