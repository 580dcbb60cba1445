#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use super::{LeftMessage, Restore, RestoreEnd, Restored, SaveError, SaveFile, SavedState, Taken, Taking, TakingEnd};
use crate::queue::{MessageBuffer, Queue, QueueSettings};
use crate::scratch::ScratchQueue;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{metadata, read_to_string, write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

type Message = (i64, Vec<u8>);

struct Place {
    directory: TempDir,
    queue: ScratchQueue,
}

impl Place {
    fn with(messages: &[(i64, &[u8])]) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap(), queue: ScratchQueue::new() };
        messages.iter().for_each(|(mtype, body)| place.queue.try_send(*mtype, body).unwrap());
        place
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("saved.jsonl")
    }

    fn create(&self) -> SaveFile {
        SaveFile::create(&self.path(), &self.queue).unwrap()
    }

    fn take(&self, taking: Taking<'_>) -> Taken {
        SaveFile::append(&self.path(), &self.queue).unwrap().take(&self.queue, taking)
    }

    fn restore(&self, with_doubtful: bool) -> Restored {
        let patience = Duration::from_millis(20);
        let how = Restore { patience, with_doubtful, is_interrupted: &|| false };
        SaveFile::open(&self.path()).unwrap().restore(&self.queue, &how).unwrap()
    }

    fn states(&self) -> Vec<SavedState> {
        let mut lines = SaveFile::open(&self.path()).unwrap().lines().unwrap();
        std::iter::from_fn(|| lines.next_line().unwrap()).map(|line| line.message.state).collect()
    }

    /// As a kill leaves it between two marks.
    fn set_state(&self, line: usize, state: SavedState) {
        let file = SaveFile::open(&self.path()).unwrap();
        let mut lines = file.lines().unwrap();
        let line = std::iter::from_fn(|| lines.next_line().unwrap()).find(|it| it.number == line).unwrap();
        file.mark(line.offset, state).unwrap();
    }
}

fn messages_of(queue: &Queue) -> Vec<Message> {
    let mut buffer = MessageBuffer::new();
    let copy = |index| queue.peek(index, &mut buffer).unwrap().then(|| (buffer.mtype(), buffer.body().to_vec()));
    (0..20_000).map_while(copy).collect()
}

fn all_of(messages: &[Message]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    messages.iter().for_each(|(mtype, _)| *counts.entry(*mtype).or_default() += 1);
    counts
}

fn refused(result: Result<SaveFile, SaveError>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "it was opened".to_owned())
}

use SavedState::{Removed, Removing, Restored as Back, Sending, Taken as Gone};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_byte_type_and_order_come_back(
        messages in proptest::collection::vec(
            (1..=i64::MAX, proptest::collection::vec(any::<u8>(), 0..400)), 1..40,
        ),
        small in proptest::collection::vec(1..4_i64, 1..40),
    ) {
        let place = Place::with(&[]);
        let messages: Vec<Message> = messages.into_iter().chain(small.into_iter().map(|mtype| (mtype, vec![]))).collect();
        messages.iter().for_each(|(mtype, body)| place.queue.try_send(*mtype, body).unwrap());
        let taken = place.take(Taking::of_types(all_of(&messages)));
        prop_assert!(matches!(taken.end, TakingEnd::Complete), "{:?}", taken);
        prop_assert_eq!((taken.messages(), place.queue.stat().unwrap().messages), (messages.len(), 0));
        let restored = place.restore(false);
        prop_assert!(matches!(restored.end, RestoreEnd::Complete), "{:?}", restored);
        prop_assert_eq!(messages_of(&place.queue), messages);
    }
}

proptest! {
    #[test]
    fn a_file_that_is_damaged_anywhere_puts_back_only_whole_messages_or_nothing(
        at in 0..1000_usize,
        with in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let place = Place::with(&[(7, b"a"), (8, b"bb"), (9, b"ccc")]);
        let before = messages_of(&place.queue);
        place.take(Taking::of_types([(7, 1), (8, 1), (9, 1)]));
        let mut bytes = std::fs::read(place.path()).unwrap();
        let at = at % bytes.len();
        let end = (at + with.len()).min(bytes.len());
        bytes.splice(at..end, with);
        write(place.path(), bytes).unwrap();
        let how = Restore { patience: Duration::ZERO, with_doubtful: false, is_interrupted: &|| false };
        let restored = SaveFile::open(&place.path()).and_then(|file| file.restore(&place.queue, &how));
        let back = messages_of(&place.queue);
        prop_assert!(restored.is_ok() || back.is_empty(), "{restored:?}");
        prop_assert!(back.iter().filter(|message| !before.contains(message)).count() <= 1, "{back:?}");
    }
}

#[test]
fn only_the_oldest_of_the_wanted_types_go_and_the_file_is_its_owners_alone() {
    let place = Place::with(&[(5, b"a"), (1, b"b"), (5, b"c"), (9, b"d"), (1, b""), (5, b"e")]);
    let taken = place.take(Taking::of_types([(5, 2), (1, 5)]));
    assert_eq!((taken.messages(), taken.by_type[&5].bytes), (4, 2), "{taken:?}");
    assert_eq!(messages_of(&place.queue), [(9, b"d".to_vec()), (5, b"e".to_vec())]);
    assert_eq!(metadata(place.path()).unwrap().mode() & 0o7777, 0o600);
    let text = read_to_string(place.path()).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    let json: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&json[0]["msqid"], &json[2]["body_hex"]), (&place.queue.id().into(), &"62".into()), "{text}");
    assert_eq!(json[4]["state"], "removed", "{text}");
}

#[test]
fn more_messages_than_one_batch_are_taken_and_put_back_in_order() {
    let place = Place::with(&[]);
    let sent: Vec<Message> =
        (0..1000_u16).map(|number| (2 - i64::from(number % 3 == 0), number.to_ne_bytes().to_vec())).collect();
    sent.iter().for_each(|(mtype, body)| place.queue.try_send(*mtype, body).unwrap());
    assert_eq!(place.take(Taking::of_types([(2, usize::MAX)])).messages(), 666);
    assert_eq!(place.queue.stat().unwrap().messages, 334);
    assert_eq!(place.take(Taking::of_types([(1, usize::MAX)])).messages(), 334);
    let restored = place.restore(false);
    assert_eq!((restored.sent.messages, restored.back_before, restored.left.len()), (1000, 0, 0));
    let expected: Vec<Message> =
        [2, 1].iter().flat_map(|it| sent.iter().filter(move |sent| sent.0 == *it)).cloned().collect();
    assert_eq!(messages_of(&place.queue), expected);
    let again = place.restore(true);
    assert_eq!((again.sent.messages, again.back_before), (0, 1000), "what is back is not put back again");
}

#[test]
fn all_of_the_types_that_a_question_names_go_also_behind_many_that_stay() {
    let place = Place::with(&[(9, b"a"), (3, b"b"), (9, b"c"), (4, b"d"), (3, b"e"), (5, b"f")]);
    let up_to_four = |mtype: i64| mtype <= 4;
    let refused = |mtype: i64| mtype != 4;
    let none: [(i64, usize); 0] = [];
    let asked = || Taking { all_of: Some(&up_to_four), ..Taking::of_types(none) };
    let taken = place.take(Taking { may_go: &refused, ..asked() });
    assert!(matches!(taken.end, TakingEnd::Complete), "{taken:?}");
    assert_eq!(taken.by_type.keys().copied().collect::<Vec<_>>(), [3]);
    assert_eq!(place.take(asked()).by_type.keys().copied().collect::<Vec<_>>(), [4]);
    assert_eq!(place.take(Taking { all_of: Some(&|_| true), at_most: 2, ..Taking::of_types([(9, 1)]) }).messages(), 2);
}

#[test]
fn a_look_ends_in_the_midst_of_messages_that_stay_and_is_not_called_complete() {
    let place = Place::with(&[(9, b"a"), (9, b"b"), (9, b"c"), (7, b"d")]);
    let asked = Cell::new(0);
    let is_interrupted = || asked.replace(asked.get() + 1) >= 2;
    let taken = place.take(Taking { is_interrupted: &is_interrupted, ..Taking::of_types([(7, 1)]) });
    assert!(matches!(taken.end, TakingEnd::Interrupted) && taken.messages() == 0, "{taken:?}");
    let taken = place.take(Taking { time: Duration::ZERO, ..Taking::of_types([(7, 1)]) });
    assert!(matches!(taken.end, TakingEnd::TimeLimit) && taken.messages() == 0, "{taken:?}");
}

#[test]
fn a_file_that_is_there_a_link_and_another_queues_file_are_refused() {
    let place = Place::with(&[(7, b"x")]);
    drop(place.create());
    assert!(refused(SaveFile::create(&place.path(), &place.queue)).contains("File exists"));
    let link = place.directory.path().join("link");
    symlink(place.path(), &link).unwrap();
    for refusal in [SaveFile::create(&link, &place.queue), SaveFile::append(&link, &place.queue), SaveFile::open(&link)]
    {
        assert!(!refused(refusal).contains("was opened"));
    }
    let other = Place::with(&[]);
    assert!(refused(SaveFile::append(&place.path(), &other.queue)).contains("its messages are of queue"));
    let held = SaveFile::open(&place.path()).unwrap();
    assert!(refused(SaveFile::open(&place.path())).contains("another msgqctl"));
    drop(held);
    write(&link, "no such thing\n").unwrap();
    assert!(refused(SaveFile::open(&place.path())).contains("line 1: it is no first line"));
}

#[test]
fn a_wrong_line_is_named_and_a_line_cut_short_was_never_taken_out() {
    let place = Place::with(&[(7, b"x"), (7, b"y")]);
    place.take(Taking::of_types([(7, 2)]));
    let whole = read_to_string(place.path()).unwrap();
    write(place.path(), &whole[..whole.len() - 5]).unwrap();
    assert_eq!(place.states(), [Removed]);
    for (from, to, reason) in [
        ("\"79\"", "\"7\"", "two for each byte"),
        ("\"mtype\":7", "\"mtype\":0", "its type 0"),
        ("\"state\":", "\"state\": ", "does not begin"),
    ] {
        let at = whole.rfind(from).unwrap();
        write(place.path(), format!("{}{to}{}", &whole[..at], &whole[at + from.len()..])).unwrap();
        let how = Restore { patience: Duration::ZERO, with_doubtful: false, is_interrupted: &|| false };
        let error = SaveFile::open(&place.path()).unwrap().restore(&place.queue, &how).unwrap_err().to_string();
        assert!(error.contains("line 3: ") && error.contains(reason), "{error}");
        assert_eq!(place.queue.stat().unwrap().messages, 0, "nothing is sent before all lines are read");
    }
}

#[test]
fn what_another_receiver_was_faster_with_is_told_and_what_came_out_instead_is_saved() {
    let place = Place::with(&[(7, b"a"), (7, b"b"), (7, b"c"), (7, b"d")]);
    let queue = *place.queue;
    let steal_one = |_: i64| {
        if queue.stat().unwrap().messages == 4 {
            assert!(queue.try_receive(7, &mut MessageBuffer::new()).unwrap());
        }
        true
    };
    let taken = place.take(Taking { may_go: &steal_one, ..Taking::of_types([(7, 3)]) });
    assert!(matches!(taken.end, TakingEnd::Complete), "{taken:?}");
    assert_eq!((taken.messages(), taken.received_by_others), (2, 1), "{taken:?}");
    assert_eq!((place.states(), messages_of(&place.queue)), (vec![Gone, Removed, Removed], vec![(7, b"d".to_vec())]));
    let place = Place::with(&[(7, b"a"), (7, b"b"), (7, b"c"), (7, b"d"), (7, b"e")]);
    let queue = *place.queue;
    let steal_all = |_: i64| {
        if queue.stat().unwrap().messages == 5 {
            (0..3).for_each(|_| assert!(queue.try_receive(7, &mut MessageBuffer::new()).unwrap()));
        }
        true
    };
    let taken = place.take(Taking { may_go: &steal_all, ..Taking::of_types([(7, 3)]) });
    assert!(matches!(taken.end, TakingEnd::AnotherReceiver), "{taken:?}");
    assert_eq!((taken.messages(), taken.received_by_others), (1, 3), "{taken:?}");
    assert_eq!(place.states(), [Gone, Gone, Gone, Removed]);
    assert_eq!(place.restore(false).sent.messages, 1);
    assert_eq!(messages_of(&place.queue), [(7, b"e".to_vec()), (7, b"d".to_vec())]);
}

#[test]
fn messages_that_others_take_from_the_head_meanwhile_make_it_miss_none() {
    let place = Place::with(&[(9, b"first"), (9, b"second")]);
    (0..400_u16).for_each(|number| place.queue.try_send(7, &number.to_ne_bytes()).unwrap());
    let queue = *place.queue;
    let serve = |_: i64| {
        let _ = queue.try_receive(9, &mut MessageBuffer::new()).unwrap();
        true
    };
    let taken = place.take(Taking { may_go: &serve, ..Taking::of_types([(7, 400)]) });
    assert!(matches!(taken.end, TakingEnd::Complete), "{taken:?}");
    assert_eq!((taken.messages(), messages_of(&place.queue)), (400, vec![]));
}

#[test]
fn what_may_not_go_any_more_stays_and_is_copied_once() {
    let place = Place::with(&[(7, b"a"), (8, b"b"), (7, b"c")]);
    let taken =
        place.take(Taking { may_go: &|mtype| mtype == 8, ..Taking::of_types([(7, usize::MAX), (8, usize::MAX)]) });
    assert!(matches!(taken.end, TakingEnd::Complete), "{taken:?}");
    assert_eq!(place.states(), [SavedState::Saved, Removed, SavedState::Saved]);
    assert_eq!(messages_of(&place.queue), [(7, b"a".to_vec()), (7, b"c".to_vec())]);
}

#[test]
fn a_kill_while_taking_out_doubles_nothing_that_the_queue_still_shows() {
    let place = Place::with(&[(7, b"a"), (7, b"b"), (7, b"b")]);
    place.take(Taking::of_types([(7, 2)]));
    // Killed before the second came out: it is there twice, and one of them is the one behind it.
    place.queue.try_send(7, b"b").unwrap();
    place.set_state(3, Removing);
    let restored = place.restore(false);
    assert_eq!((restored.sent.messages, restored.never_missing), (1, 1), "{restored:?}");
    assert_eq!(place.states(), [Back, SavedState::Saved]);
    // Killed after it came out.
    let place = Place::with(&[(7, b"a"), (7, b"b")]);
    place.take(Taking::of_types([(7, 2)]));
    place.set_state(3, Removing);
    assert_eq!(place.restore(false).sent.messages, 2);
    assert_eq!(place.states(), [Back, Back]);
}

#[test]
fn a_kill_while_putting_back_doubles_nothing_and_what_is_in_doubt_waits_for_consent() {
    let place = Place::with(&[(7, b"a"), (7, b"b"), (7, b"c")]);
    place.take(Taking::of_types([(7, 3)]));
    // Killed behind msgsnd: the queue shows it.
    place.queue.try_send(7, b"a").unwrap();
    place.set_state(2, Sending);
    assert_eq!((place.restore(false).sent.messages, place.queue.stat().unwrap().messages), (2, 3));
    // Killed there, and somebody received it before the next run: after the mark, or its time would show that nobody did.
    place.set_state(4, Sending);
    while place.queue.try_receive(0, &mut MessageBuffer::new()).unwrap() {}
    let left = LeftMessage { line: 4, mtype: 7, len: 1, is_doubtful: true };
    assert_eq!(place.restore(false).left, [left]);
    let with_it = place.restore(true);
    assert_eq!((with_it.sent.messages, messages_of(&place.queue)), (1, vec![(7, b"c".to_vec())]));
}

#[test]
fn a_message_that_was_saved_and_put_back_before_counts_once_where_the_file_is_appended_to() {
    let place = Place::with(&[(7, b"a"), (7, b"a"), (8, b"b")]);
    place.take(Taking::of_types([(7, 2)]));
    let _ = place.restore(false);
    // Of the two equal ones, the one that stays is still told by its earlier line.
    place.take(Taking::of_types([(7, 1), (8, 1)]));
    assert_eq!(place.states(), [Back, Back, Removed, Removed]);
    // As a kill leaves it that comes behind msgsnd(2).
    place.queue.try_send(7, b"a").unwrap();
    place.set_state(5, Sending);
    let restored = place.restore(false);
    assert_eq!((restored.sent.messages, restored.back_before), (1, 3), "{restored:?}");
    assert_eq!(messages_of(&place.queue), [(7, b"a".to_vec()), (7, b"a".to_vec()), (8, b"b".to_vec())]);
    // As a kill leaves it that comes before the first message is taken out.
    place.set_state(4, SavedState::Saved);
    place.take(Taking::of_types([(8, 1)]));
    place.queue.try_send(8, b"b").unwrap();
    place.set_state(6, Sending);
    assert_eq!(place.restore(false).sent.messages, 0);
    assert_eq!(messages_of(&place.queue).len(), 3);
    assert_eq!(place.states(), [Back, Back, SavedState::Saved, Back, Back]);
}

#[test]
fn what_finds_no_room_in_time_stays_in_the_file_and_the_next_run_puts_it_back() {
    let place = Place::with(&[(7, &[1; 6000]), (8, &[2; 6000])]);
    place.queue.set(&QueueSettings { max_bytes: Some(16_384), ..QueueSettings::default() }).unwrap();
    place.take(Taking::of_types([(7, 1), (8, 1)]));
    place.queue.try_send(9, &[3; 8000]).unwrap();
    let restored = place.restore(false);
    assert!(matches!(restored.end, RestoreEnd::NoRoom), "{restored:?}");
    assert_eq!(restored.left, [LeftMessage { line: 3, mtype: 8, len: 6000, is_doubtful: false }]);
    assert_eq!(place.states(), [Back, Removed]);
    assert!(place.queue.try_receive(9, &mut MessageBuffer::new()).unwrap());
    assert_eq!(place.restore(false).sent.messages, 1);
}

#[test]
fn a_queue_that_is_removed_is_saved_as_a_whole() {
    let place = Place::with(&[(7, b"a"), (1 << 40, b""), (1, b"c")]);
    let sent = messages_of(&place.queue);
    let saved = place.create().save_and_remove_queue(&place.queue).unwrap();
    assert_eq!((saved.messages, saved.bytes), (3, 2));
    assert!(place.queue.stat().unwrap_err().is_gone());
    assert_eq!(place.states(), [Removed; 3]);
    let (other, how) =
        (ScratchQueue::new(), Restore { patience: Duration::ZERO, with_doubtful: false, is_interrupted: &|| false });
    let file = SaveFile::open(&place.path()).unwrap();
    assert_eq!(file.restore(&other, &how).unwrap().sent.messages, 3);
    assert_eq!(messages_of(&other), sent);
}
