#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod places;
mod taking_out;

use super::{DeadLetter, DeadLetters, Fate, MAX_BODY_LEN, Record, letter_id, path, readable_text};
use crate::queue::QueueKey;
use proptest::prelude::*;
use std::collections::HashSet;
use std::fs::{OpenOptions, metadata, read_to_string};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use tempfile::TempDir;

fn letter(request: u64) -> DeadLetter {
    DeadLetter {
        id: letter_id(1_764_165_600_123, request),
        at_s: 1_764_165_600,
        queue_key: QueueKey::DEFAULT,
        msqid: 7,
        mtype: 1,
        body: b"\0\xffhello\n".to_vec(),
        text: Some(readable_text(b"hello\n")),
        client: Some(4711),
        request,
        attempts: 3,
        reason: "exit status 1".to_owned(),
    }
}

fn scratch() -> (TempDir, DeadLetters) {
    let directory = tempfile::tempdir().unwrap();
    let letters = DeadLetters::at(path(directory.path(), QueueKey::DEFAULT));
    (directory, letters)
}

fn requests(letters: &DeadLetters) -> Vec<u64> {
    letters.list().unwrap().map(|letter| letter.unwrap().request).collect()
}

fn damaged(letters: &DeadLetters) -> usize {
    let mut all = letters.list().unwrap();
    all.by_ref().for_each(|letter| drop(letter.unwrap()));
    all.damaged()
}

fn ids(numbers: impl IntoIterator<Item = u64>) -> HashSet<String> {
    numbers.into_iter().map(|request| letter(request).id).collect()
}

fn append_bytes(letters: &DeadLetters, bytes: &[u8]) {
    OpenOptions::new().append(true).open(letters.path()).unwrap().write_all(bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bytes_type_and_reason_come_back(
        body in proptest::collection::vec(any::<u8>(), 0..3000),
        (mtype, msqid, client) in any::<(i64, i32, Option<i64>)>(),
        reason in ".{0,200}",
    ) {
        let (_directory, letters) = scratch();
        let text = Some(readable_text(&body)).filter(|text| text.len() <= 2000);
        let one = DeadLetter { body, mtype, msqid, client, reason, text, ..letter(1) };
        letters.append(&one).unwrap();
        letters.append(&letter(2)).unwrap();
        let all: Vec<_> = letters.list().unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(all, [one, letter(2)]);
    }

    #[test]
    fn a_file_cut_anywhere_loses_only_the_letter_that_was_cut(cut in 1_u64..600) {
        let (_directory, letters) = scratch();
        (1..=2).for_each(|request| letters.append(&letter(request)).unwrap());
        let len = metadata(letters.path()).unwrap().len();
        let first = len / 2;
        let cut = cut.min(len);
        OpenOptions::new().write(true).open(letters.path()).unwrap().set_len(len - cut).unwrap();
        letters.append(&letter(3)).unwrap();
        let left = requests(&letters);
        // Without its newline alone a letter is whole.
        let expected: &[u64] = match cut {
            1 => &[1, 2, 3],
            _ if cut <= first => &[1, 3],
            _ if cut == first + 1 => &[1, 3],
            _ => &[3],
        };
        prop_assert_eq!(&left, expected);
        prop_assert!(damaged(&letters) <= 1);
    }
}

#[test]
fn the_file_is_its_owners_alone_and_has_a_line_of_json_for_each_letter() {
    let (_directory, letters) = scratch();
    assert_eq!(requests(&letters), [0; 0]);
    (1..=3).for_each(|request| letters.append(&letter(request)).unwrap());
    assert_eq!(metadata(letters.path()).unwrap().mode() & 0o7777, 0o600);
    let text = read_to_string(letters.path()).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert_eq!(first["id"], "1764165600123-1");
    assert_eq!(first["queue_key"], "0x12345678");
    assert_eq!(first["body_hex"], "00ff68656c6c6f0a");
    assert_eq!(first["text"], "hello\\n");
}

#[test]
fn a_line_that_was_torn_or_is_no_letter_is_counted_and_costs_no_other() {
    let (_directory, letters) = scratch();
    letters.append(&letter(1)).unwrap();
    append_bytes(&letters, b"{\"id\":\"torn");
    assert_eq!((requests(&letters), damaged(&letters)), (vec![1], 1));
    letters.append(&letter(2)).unwrap();
    for garbage in [&b"\n\n"[..], b"\xff\0\n", b"[]\n", b"{\"id\":\"x y\"}\n", &vec![b'x'; 3 * MAX_BODY_LEN], b"\n"] {
        append_bytes(&letters, garbage);
    }
    let odd = read_to_string(letters.path()).unwrap_or_default();
    assert_eq!(odd, "", "it is no UTF-8");
    letters.append(&letter(3)).unwrap();
    assert_eq!((requests(&letters), damaged(&letters)), (vec![1, 2, 3], 5));
    let rewritten = letters.remove(&ids([2])).unwrap();
    assert_eq!((rewritten.removed, rewritten.kept), (1, 2));
    assert_eq!((requests(&letters), damaged(&letters)), (vec![1, 3], 5), "what is damaged is not removed unasked");
    let only_letters = |record: &Record| if *record == Record::Damaged { Fate::Remove } else { Fate::Keep };
    assert_eq!(letters.rewrite(only_letters).unwrap().removed, 5);
    assert_eq!((requests(&letters), damaged(&letters)), (vec![1, 3], 0));
}

#[test]
fn a_letter_is_written_once_where_that_is_asked_for() {
    let (_directory, letters) = scratch();
    assert!(letters.append_once(&letter(1)).unwrap());
    assert!(!letters.append_once(&letter(1)).unwrap());
    assert!(letters.append_once(&letter(2)).unwrap());
    assert_eq!(requests(&letters), [1, 2]);
}

#[test]
fn a_full_file_refuses_letters_and_says_what_makes_room() {
    let (_directory, letters) = scratch();
    letters.append(&letter(1)).unwrap();
    let len = metadata(letters.path()).unwrap().len();
    let letters = letters.with_max_file_len(2 * len);
    letters.append(&letter(2)).unwrap();
    let error = letters.append(&letter(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(error.to_string().contains("msgqctl dead drop"), "{error}");
    assert!(error.to_string().starts_with(&letters.path().display().to_string()), "{error}");
    assert_eq!(requests(&letters), [1, 2]);
    letters.remove(&ids([1])).unwrap();
    letters.append(&letter(3)).unwrap();
    assert_eq!(requests(&letters), [2, 3]);
}

#[test]
fn what_no_file_can_hold_is_refused_and_what_is_long_is_cut() {
    let (_directory, letters) = scratch();
    for id in ["", "-x", "a b", "a/b", "\u{e9}", &"x".repeat(65)] {
        let error = letters.append(&DeadLetter { id: id.to_owned(), ..letter(1) }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{id:?}");
    }
    let error = letters.append(&DeadLetter { body: vec![0; MAX_BODY_LEN + 1], ..letter(1) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let hostile = "\u{1}".repeat(100_000);
    let text = Some(readable_text(&vec![b'\x01'; 100_000]));
    let longest = DeadLetter { body: vec![0xff; MAX_BODY_LEN], text, reason: hostile, ..letter(1) };
    letters.append(&longest).unwrap();
    let read = letters.list().unwrap().next().unwrap().unwrap();
    assert_eq!(read.body, longest.body);
    assert!(read.reason.len() < 2100 && read.reason.ends_with("..."));
    assert!(read.text.unwrap().ends_with("..."));
}
