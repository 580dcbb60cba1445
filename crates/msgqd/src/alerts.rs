//! Events that an operator alerts on, each with the MESSAGE_ID of its entries in the journal (systemd.journal-fields(7)).
//!
//! An id never changes and is never given to another event: rules of operators name it. What each event means and what to
//! do about it stands in docs/operations.md, from which the journal's catalog is made.

macro_rules! alerts {
    ($($(#[doc = $doc:literal])+ $constant:ident = $id:literal, $name:literal;)+) => {
        $($(#[doc = $doc])+ pub const $constant: u128 = $id;)+

        /// Each event by its name in the documentation, with its id.
        pub const ALL: &[(&str, u128)] = &[$(($name, $constant),)+];
    };
}

alerts! {
    /// The server is ready.
    SERVING = 0xad6cf6c0a8554b1093a6c213c31a7bd1, "serving";
    /// The server, or what its unit does beside it, could not do its work and ends.
    START_FAILED = 0xa42f086cde9b45ffa6d249e53e3b2523, "start-failed";
    /// The server has ended in order.
    STOPPED = 0x43ffba02c8714642afd63796d65f9d03, "stopped";
    /// The service manager has given up on the server, and the queue was removed or stays.
    GIVEN_UP = 0x0fe13afaaca744f2a8c42a300832063b, "given-up";
    /// A part of the server panicked, and the process ends.
    PANICKED = 0xaecd73a1f74a48e68f8d52bd65f57ce2, "panicked";
    /// A queue that was there at the start is served now.
    QUEUE_TAKEN_OVER = 0x4b326961adda461da1db149298b5a774, "queue-taken-over";
    /// Somebody removed the queue under the running server.
    QUEUE_LOST = 0xf8d1b68e1d1a4410922f4525e7bb11b2, "queue-lost";
    /// The queue that was lost is there again.
    QUEUE_MADE_ANEW = 0xdc761f1e8ef44fa39f2d395ad1ef40d3, "queue-made-anew";
    /// The queue that was lost cannot be made anew, and nobody is served.
    QUEUE_NOT_MADE = 0x573f43732c2040e4a79407c29c83d2a3, "queue-not-made";
    /// Somebody changed mode or size of the queue, which was undone.
    QUEUE_CHANGED = 0x156a5b4577ae45c6b3c2fdb2614b3246, "queue-changed";
    /// Messages that may be another program's rest in the queue.
    FOREIGN_MESSAGES = 0xa6c6d3c79b4849fb83727922eaad37b4, "foreign-messages";
    /// An earlier server was killed or crashed.
    CRASH_FOUND = 0xc7456e3acfc24f489c75516033aca662, "crash-found";
    /// What an earlier server had in hand is finished, or waits to be sent.
    RECOVERED = 0x6672a766c7e9470aa49901f5118582ed, "recovered";
    /// What an earlier server had in hand is lost, since its table cannot be used.
    TABLE_UNUSABLE = 0xc6ba0d4c3e654a9890c3e28257367161, "table-unusable";
    /// A kill of the server would lose what is in hand.
    TABLE_UNSAFE = 0xf3ae68781fa841a3b5da815f3297341d, "table-unsafe";
    /// A request that was in hand at several crashes is not tried again.
    REQUEST_GIVEN_UP = 0x9375c31644514cc5aa11d8c5d8df3554, "request-given-up";
    /// Requests or answers stand still, and the watchdog is not fed.
    STALLED = 0x425310676dd44ed1bea0bf44b5d6adc2, "stalled";
    /// Requests and answers go on after a stall.
    STALL_OVER = 0x2502484960444b68911a01f588f66168, "stall-over";
    /// What answers the requests is down.
    HANDLER_DOWN = 0xb3dd3d3a9e864314acfa500a6eb701e8, "handler-down";
    /// What answers the requests is back.
    HANDLER_UP = 0xfc95626fc4d14a89a41dff93ed8d0938, "handler-up";
    /// A worker program or a connection of the handler was replaced.
    HANDLER_REPLACED = 0x3b70a409ca13422d957cb67d6afc43c3, "handler-replaced";
    /// A handler that is part of the program panicked.
    HANDLER_PANICKED = 0x1e77db58a5e14722a9cbfc1b32f626b6, "handler-panicked";
    /// An answer was dropped since the outbox is full.
    ANSWER_SHED = 0x4d3a2f5c0d124bb7953565988aa8f78d, "answer-shed";
    /// Answers were dropped that nobody read in time.
    ANSWER_EXPIRED = 0xa2f5d1958c6f4aa29ee2c29e00360df6, "answer-expired";
    /// The kernel does not take an answer.
    ANSWER_REFUSED = 0xf8f7f94eff0148a2b8e70173896dab1e, "answer-refused";
    /// A request was dropped or refused, since it is none that can be answered.
    REQUEST_REFUSED = 0xdb496c29c8b44defb74a79e0d15442ee, "request-refused";
    /// A client died and left answers unread.
    CLIENT_DIED = 0x0a942064d53e48a687ab1c08572c4c64, "client-died";
    /// A message that no handler took is a dead letter now.
    DEAD_LETTER = 0xa1aa36bea6ce4c43941386f71c01b73e, "dead-letter";
    /// A dead letter cannot be written.
    DEAD_LETTER_FAILED = 0xf1749981f61d4bed8310b89f6ca83c1a, "dead-letter-failed";
    /// An operator closed the queue for new requests.
    DOOR_CLOSED = 0xec562c4f22c64e63b43d467c7667d238, "door-closed";
    /// The queue is open for new requests again.
    DOOR_OPENED = 0xe5da71f550b54681949b655001f13ad8, "door-opened";
    /// The configuration was read again and is in effect.
    RELOADED = 0x62176b905d4a4668ae5c7dc9056eff28, "reloaded";
    /// A reload was refused and nothing was changed.
    RELOAD_REFUSED = 0xf5e1038c22d741e585cca412396cf8dd, "reload-refused";
    /// Descriptors or tasks may run out.
    LIMITS_TOO_SMALL = 0x9da1afecd5a241639d95f446cee7c298, "limits-too-small";
    /// Lines of the log were lost, since nobody read them.
    LOG_LINES_LOST = 0x18747bf3e829461e9f9c49e4678489da, "log-lines-lost";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_events_share_a_name_or_an_id() {
        let names: BTreeSet<_> = ALL.iter().map(|(name, _)| name).collect();
        let ids: BTreeSet<_> = ALL.iter().map(|(_, id)| id).collect();
        assert_eq!((names.len(), ids.len()), (ALL.len(), ALL.len()));
    }
}
