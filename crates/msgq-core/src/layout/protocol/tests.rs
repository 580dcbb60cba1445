use super::*;
use crate::layout::{encode_request, likely_cause};

#[test]
fn the_plain_protocol_is_what_it_was() {
    let plain = Protocol::default();
    let body = encode_request(4321, b"hello");
    let request = plain.read_request(1, &body).unwrap();
    assert_eq!((request.claimed_client, request.text), (4321, &b"hello"[..]));
    let mut room = [7; 264];
    for len in [4, 259, 260, 264] {
        let body = body.get(..len).unwrap();
        let request = plain.read_request(1, body).unwrap();
        let answer = Answer { status: 3, text: b"world", ..Answer::default() };
        let written = plain.write_response(&request, &answer, &mut room);
        assert_eq!(&room[..written], Response::new(3, b"world", len).as_bytes());
    }
    assert_eq!(plain.digest(), 0);
    assert_eq!(
        (plain.response_mtype(77), plain.client_of_response(77), plain.client_of_response(1)),
        (77, Some(77), None)
    );
}

#[test]
fn an_echoed_pid_takes_the_place_of_the_status() {
    let protocol = Protocol::echo_pid();
    let body = encode_request(4321, b"x");
    let mut room = [0; 264];
    let request = protocol.read_request(1, &body).unwrap();
    let answer = Answer { status: -1, text: b"no", ..Answer::default() };
    assert_eq!(protocol.write_response(&request, &answer, &mut room), 264);
    assert_eq!(room[..7], [&4321_i32.to_ne_bytes()[..], b"no\0"].concat());
    assert_ne!(protocol.digest(), 0);
}

#[test]
fn protocols_of_processes_and_of_numbers_are_told_apart() {
    let numbers = |protocol: Protocol| {
        protocol.with_types(RequestTypes::default(), ResponseType::default(), ClientKind::Number).unwrap()
    };
    for protocol in [Protocol::default(), Protocol::echo_pid()] {
        assert_ne!(protocol.digest(), numbers(protocol.clone()).digest());
    }
}

#[test]
fn a_number_is_a_client_if_its_answers_have_a_type_that_is_no_request_and_that_its_program_can_ask_for() {
    let types = RequestTypes::new(&[1..=1, 900..=900]).unwrap();
    let protocol = |base| {
        Protocol::default().with_types(types.clone(), ResponseType::Client { base }, ClientKind::Number).unwrap()
    };
    let (above, below) = (protocol(1000), protocol(0));
    assert!(above.may_answer(1) && below.may_answer(901) && !below.may_answer(900) && !below.may_answer(1));
    assert_eq!((above.client_of_response(1001), above.client_of_response(1000)), (Some(1), None));
    assert_eq!(below.client_of_response(i64::MAX), Some(i64::MAX));
    let form = |abi| Some(ResponseForm { abi, request_len: 0 });
    assert!(below.can_be_read(i64::MAX, None) && !above.can_be_read(i64::MAX, None));
    assert!(below.can_be_read(1 << 31, form(Abi::Lp64)) && !below.can_be_read(1 << 31, form(Abi::Ilp32)));
    let most: i64 = i32::MAX.into();
    assert!(below.can_be_read(most, form(Abi::Ilp32)) && !above.can_be_read(most, form(Abi::Ilp32)));
}

#[test]
fn what_php_serializes_is_recognised() {
    assert!(likely_cause(b"s:32:\"abc").is_some_and(|cause| cause.contains("`s:32:`")));
    assert!(likely_cause(b"i:5;").is_some());
    assert_eq!(likely_cause(b"hello"), None);
    assert_eq!(likely_cause(b"s:"), None);
    assert_eq!(likely_cause(b"s:32"), None);
}
