//! A message as the kernel takes and gives it: the type in native byte order, then the body.

pub use crate::sysv::MTYPE_LEN;

/// Puts type and body together.
#[must_use]
pub fn framed(mtype: i64, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(MTYPE_LEN + body.len());
    message.extend_from_slice(&mtype.to_ne_bytes());
    message.extend_from_slice(body);
    message
}

/// Puts type and body together in `room` and returns them; nothing when the room is too small. Allocates nothing.
#[must_use]
pub fn frame_into<'a>(room: &'a mut [u8], mtype: i64, body: &[u8]) -> &'a [u8] {
    let Some(message) = room.get_mut(..MTYPE_LEN + body.len()) else { return &[] };
    let (first, rest) = message.split_at_mut(MTYPE_LEN);
    first.copy_from_slice(&mtype.to_ne_bytes());
    rest.copy_from_slice(body);
    message
}

/// Type and body of a message; `None` when it is too short to have a type.
#[must_use]
pub fn split_framed(message: &[u8]) -> Option<(i64, &[u8])> {
    let (mtype, body) = message.split_first_chunk()?;
    Some((i64::from_ne_bytes(*mtype), body))
}
