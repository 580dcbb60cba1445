#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use super::*;
use msgq_core::layout::protocol::PartTypes;
use msgq_core::layout::{BODY_LEN_LP64, encode_request};
use msgq_core::table::{Geometry, LONG_SLOTS, LONGEST_ANSWER};

const ROOM: usize = 255;

struct Bench {
    protocol: Protocol,
    table: Table,
}

impl Bench {
    fn new(part_types: Option<PartTypes>) -> Self {
        let geometry = Geometry { long_slots: LONG_SLOTS, ..Geometry::plain(1, 4, 8192, 4) };
        Self { protocol: Protocol::default().with_part_types(part_types), table: Table::anonymous(geometry).unwrap() }
    }

    /// All messages of an answer, as type and text, status first.
    fn messages(&self, reply: &Reply) -> Vec<(i64, i32, Vec<u8>)> {
        let maker = PartsMaker { protocol: &self.protocol, table: &self.table, counters: self.table.counters() };
        let client = ClientNumber::new(4242).unwrap();
        let body = encode_request(4242, b"long");
        let request = self.protocol.read_request(1, &body).unwrap();
        let mut template = self.table.response_room();
        let (len, mut series) = maker.first_message(&mut template, client, &request, reply);
        let mut messages = vec![self.read(&template[..len])];
        while series.is_some() {
            series = series.next();
            if series.part() >= self.table.messages_of(series, self.protocol.part_types()) {
                self.table.free_long(series);
                break;
            }
            let mut message = template.clone();
            let len = self.table.make_part(series, self.protocol.part_types(), &mut message, len);
            messages.push(self.read(&message[..len]));
        }
        messages
    }

    fn read(&self, message: &[u8]) -> (i64, i32, Vec<u8>) {
        let mtype = i64::from_ne_bytes(message[..8].try_into().unwrap());
        match self.protocol.read_response(&message[8..]) {
            Some(response) => {
                assert_eq!(message.len(), 8 + BODY_LEN_LP64);
                (mtype, response.status.unwrap(), response.text.to_vec())
            }
            None => (mtype, 0, Vec::new()),
        }
    }
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| b'a' + u8::try_from(at * 7 % 26).unwrap()).collect()
}

fn reply(len: usize) -> Reply {
    let mut reply = Reply::new();
    reply.push(&text(len));
    reply
}

/// How long the texts of the parts are.
fn lens(messages: &[(i64, i32, Vec<u8>)]) -> Vec<usize> {
    messages.iter().map(|(_, _, text)| text.len()).collect()
}

#[test]
fn each_part_but_the_last_is_full_and_the_last_one_is_not() {
    let bench = Bench::new(None);
    assert_eq!(lens(&bench.messages(&reply(0))), [0]);
    assert_eq!(lens(&bench.messages(&reply(ROOM - 1))), [ROOM - 1]);
    assert_eq!(lens(&bench.messages(&reply(ROOM))), [ROOM, 0]);
    assert_eq!(lens(&bench.messages(&reply(ROOM + 1))), [ROOM, 1]);
    assert_eq!(lens(&bench.messages(&reply(2 * ROOM))), [ROOM, ROOM, 0]);
    for len in [ROOM, 2 * ROOM + 1, LONGEST_ANSWER] {
        let messages = bench.messages(&reply(len));
        assert!(messages.iter().all(|(mtype, status, _)| (*mtype, *status) == (4242, 0)));
        assert_eq!(messages.iter().flat_map(|(_, _, text)| text.clone()).collect::<Vec<u8>>(), text(len));
        assert_eq!(messages.len(), len / ROOM + 1);
    }
    assert_eq!(bench.table.long_slots_taken(), 0);
}

#[test]
fn a_character_is_cut_in_two_rather_than_a_part_left_not_full() {
    let bench = Bench::new(None);
    let mut answer = Reply::new();
    answer.push("é".repeat(ROOM).as_bytes());
    let messages = bench.messages(&answer);
    assert_eq!(lens(&messages), [ROOM, ROOM, 0]);
    assert_eq!(
        messages.iter().flat_map(|(_, _, text)| text.clone()).collect::<Vec<u8>>(),
        "é".repeat(ROOM).into_bytes()
    );
}

#[test]
fn an_error_is_one_message_that_is_not_full() {
    let bench = Bench::new(None);
    let messages = bench.messages(&Reply::error(&"x".repeat(1000)));
    assert_eq!((messages[0].1, lens(&messages)), (-1, vec![ROOM - 1]));
    let messages = bench.messages(&Reply::error(&"é".repeat(1000)));
    assert_eq!(lens(&messages), [ROOM - 1], "254 bytes are 127 characters");
}

#[test]
fn parts_have_types_and_an_empty_message_of_type_end_follows() {
    let bench = Bench::new(Some(PartTypes { data: 2, end: Some(3), last: None, error: 1 }));
    let types = |len| -> Vec<(i64, usize)> {
        bench.messages(&reply(len)).iter().map(|(mtype, _, text)| (*mtype, text.len())).collect()
    };
    assert_eq!(types(0), [(2, 0), (3, 0)]);
    assert_eq!(types(10), [(2, 10), (3, 0)]);
    assert_eq!(types(ROOM), [(2, ROOM), (3, 0)]);
    assert_eq!(types(ROOM + 1), [(2, ROOM), (2, 1), (3, 0)]);
    let failed = bench.messages(&Reply::error("no"));
    assert_eq!(failed, [(1, -1, b"no".to_vec())]);
}

#[test]
fn parts_have_types_and_the_last_one_has_its_own() {
    let bench = Bench::new(Some(PartTypes { data: 2, end: None, last: Some(3), error: 1 }));
    let types = |len| -> Vec<(i64, usize)> {
        bench.messages(&reply(len)).iter().map(|(mtype, _, text)| (*mtype, text.len())).collect()
    };
    assert_eq!(types(0), [(3, 0)]);
    assert_eq!(types(ROOM), [(3, ROOM)]);
    assert_eq!(types(2 * ROOM + 1), [(2, ROOM), (2, ROOM), (3, 1)]);
    assert_eq!(bench.messages(&Reply::error("no"))[0].0, 1);
}

#[test]
fn where_no_long_slot_is_free_the_client_gets_an_error_that_says_so() {
    let bench = Bench::new(None);
    let maker = PartsMaker { protocol: &bench.protocol, table: &bench.table, counters: bench.table.counters() };
    let client = ClientNumber::new(4242).unwrap();
    let mut message = bench.table.response_room();
    let body = encode_request(4242, b"long");
    let request = bench.protocol.read_request(1, &body).unwrap();
    for _ in 0..LONG_SLOTS {
        assert!(maker.first_message(&mut message, client, &request, &reply(1000)).1.is_some());
    }
    let (len, series) = maker.first_message(&mut message, client, &request, &reply(1000));
    let (_, status, text) = bench.read(&message[..len]);
    assert!(!series.is_some() && status == -1 && text.starts_with(b"too many long answers"), "{text:?}");
    assert_eq!(bench.table.counted().in_parts_refused, 1);
}
