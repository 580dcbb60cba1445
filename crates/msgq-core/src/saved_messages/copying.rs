//! Looking at one message and leaving it in the queue.

use super::error::SaveError;
use super::line::MAX_BODY_LEN;
use crate::queue::{MessageBuffer, Queue};
use nix::errno::Errno;

/// Copies the message at this place; false past the end.
pub(super) fn copy_message(queue: &Queue, index: usize, buffer: &mut MessageBuffer) -> Result<bool, SaveError> {
    let copied = match queue.peek(index, buffer) {
        Err(error) if error.errno() == Errno::E2BIG => {
            buffer.make_room(queue.widest_possible_body()?);
            queue.peek(index, buffer)
        }
        copied => copied,
    };
    match copied {
        Err(error) if error.errno() == Errno::EINVAL && !error.is_gone() => {
            Err(SaveError::Hidden(format!("message {index} of the queue (0 is the oldest) is")))
        }
        Ok(true) if buffer.body().len() > MAX_BODY_LEN => {
            let message = format!(
                "message {index} of the queue (0 is the oldest) has {} bytes; at most {MAX_BODY_LEN} are saved",
                buffer.body().len()
            );
            Err(SaveError::TooLong(message))
        }
        copied => Ok(copied?),
    }
}
