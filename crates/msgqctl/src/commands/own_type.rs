//! Whether a request of this process can be asked without harm: its answer has the process's own number as its type.

use crate::daemon::foreign_queue;
use crate::failure::{Failure, Status};
use crate::messages::browse_messages;
use crate::target::Target;
use msgq_core::layout::protocol::ReplyRoute;

/// A client removes what rests with its own number as the type before it asks, as answers to a dead predecessor. On a queue
/// that is not known to be msgqd's that may be somebody's work, so the request is refused. Where nobody can look (no
/// MSG_COPY, a flood) it is not.
pub(super) fn refuse_to_take_messages_of_others(target: &Target) -> Result<(), Failure> {
    let stat = target.identity()?;
    if let Some(seen) = target.known.contradiction(&stat) {
        return Err(Failure::new(
            Status::Other,
            format!("{seen}, so nothing was sent: its server would not understand it"),
        ));
    }
    let answers = match target.protocol().route() {
        ReplyRoute::Shared => target.queue,
        ReplyRoute::Separate => target.reply_queue()?.unwrap_or(target.queue),
        ReplyRoute::Private | ReplyRoute::Nowhere => return Ok(()),
    };
    let own = target.protocol().response_mtype(std::process::id().into());
    let Some(seen) = foreign_queue(&stat) else { return Ok(()) };
    let mut is_taken = false;
    let _ = browse_messages(&answers, |_, message| is_taken |= message.mtype() == own);
    if !is_taken {
        return Ok(());
    }
    let which = if answers == target.queue { "it" } else { "the queue of its answers" };
    let message = format!(
        "{seen}, and a message of type {own} rests in {which}, which is what answers to this process have: the request would \
         take it for one, so nothing was sent; try again, since the next run has another number"
    );
    Err(Failure::new(Status::Other, message))
}
