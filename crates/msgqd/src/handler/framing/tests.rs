use super::answer::{ProgramAnswer, fields};
use super::*;
use crate::handler::Outcome;
use crate::handler::payload::Payload;
use msgq_core::config::{Overlong, Pass};
use msgq_core::layout::protocol::Protocol;
use msgq_core::process::ClientNumber;
use proptest::prelude::*;
use std::time::Instant;

fn decode(asked: u64, bytes: &[u8]) -> Result<Option<ProgramAnswer>, Nonsense> {
    AnswerDecoder::new(asked, Payload::default()).feed(bytes)
}

fn hello(bytes: &[u8]) -> Result<Option<()>, Nonsense> {
    HelloDecoder::default().feed(bytes)
}

#[test]
fn a_request_is_a_header_and_then_its_text_as_it_is() {
    let encoded = |spoken, id, client, left, text| {
        let client = ClientNumber::new(client).unwrap();
        encode_request(spoken, &HandlerRequest::plain(client, id, text, Instant::now()), left)
    };
    let (first, second) = (HandlerProtocol::Version1, HandlerProtocol::Version2);
    assert_eq!(encoded(first, 7, 42, 2500, b"a\nb"), b"request 7 42 2500 3\na\nb");
    assert_eq!(encoded(first, u64::MAX, i32::MAX, 1, b""), b"request 18446744073709551615 2147483647 1 0\n");
    assert_eq!(encoded(second, 7, 42, 2500, b"a\0b"), b"request 7 42 2500 1 3\na\0b");
}

#[test]
fn the_daemons_own_hello_is_right() {
    assert_eq!(hello(HandlerProtocol::Version1.hello()), Ok(Some(())));
}

#[test]
fn another_version_is_told_from_no_hello_at_all() {
    assert_eq!(hello(b"msgqd-handler 2\n"), Err(Nonsense::OtherVersion { said: 2, expected: 1 }));
    assert_eq!(
        Nonsense::OtherVersion { said: 2, expected: 1 }.to_string(),
        "speaks version 2 of the handler protocol, and this daemon version 1"
    );
    for line in ["", "hello", "msgqd-handler", "msgqd-handler 1 ", "msgqd-handler 01", "msgqd-handler 1\r"] {
        let said = msgq_core::escape::escape(line.as_bytes());
        assert_eq!(hello(format!("{line}\n").as_bytes()), Err(Nonsense::NoHello { said, expected: 1 }), "for {line:?}");
    }
}

#[test]
fn bytes_right_after_the_hello_were_not_asked_for() {
    assert_eq!(hello(b"msgqd-handler 1\nanswer 1 0 0\n"), Err(Nonsense::Unasked("answer 1 0 0\\n".into())));
}

#[test]
fn a_header_without_an_end_is_refused_as_soon_as_it_is_too_long() {
    let mut decoder = AnswerDecoder::new(1, Payload::default());
    for _ in 0..HEADER_LIMIT - 1 {
        assert_eq!(decoder.feed(b"x"), Ok(None));
    }
    assert_eq!(decoder.feed(b"x"), Err(Nonsense::LongHeader("x".repeat(HEADER_LIMIT - 1))));
}

#[test]
fn the_longest_right_header_is_within_the_limit() {
    let header = format!("answer {} {} {TEXT_LIMIT}\n", u64::MAX, i32::MIN);
    assert!(header.len() <= HEADER_LIMIT, "{}", header.len());
    assert_eq!(decode(u64::MAX, header.as_bytes()), Ok(None));
}

#[test]
fn headers_that_are_only_nearly_right_are_refused() {
    for header in [
        "",
        "answer",
        "answer 1",
        "answer 1 0",
        "answer 1 0 0 0",
        "answer  1 0 0",
        " answer 1 0 0",
        "answer 1 0 0 ",
        "answer 1 0 0\r",
        "ANSWER 1 0 0",
        "request 1 0 0",
        "answer 01 0 0",
        "answer +1 0 0",
        "answer -1 0 0",
        "answer 1 -0 0",
        "answer 1 --1 0",
        "answer 1 2147483648 0",
        "answer 1 -2147483649 0",
        "answer 1 0 00",
        "answer 1 0 0x0",
        "answer 1 0 -1",
        "answer 1 0 99999999999999999999",
        "answer 1 0 \u{661}",
    ] {
        let answer = decode(1, format!("{header}\n").as_bytes());
        assert!(matches!(answer, Err(Nonsense::BadHeader(_))), "{header:?} gave {answer:?}");
    }
}

#[test]
fn the_answer_to_another_request_is_refused_before_its_text_comes() {
    assert_eq!(decode(7, b"answer 6 0 100\n"), Err(Nonsense::WrongId { answered: 6, asked: 7 }));
}

#[test]
fn a_text_of_a_mebibyte_is_read_to_its_end_and_one_byte_more_is_refused() {
    let mut decoder = AnswerDecoder::new(1, Payload::default());
    assert_eq!(decoder.feed(b"answer 1 0 1048576\n"), Ok(None));
    for _ in 0..255 {
        assert_eq!(decoder.feed(&[b'x'; 4096]), Ok(None));
    }
    let answer = decoder.feed(&[b'x'; 4096]).unwrap().unwrap();
    assert_eq!(answer.text.len(), 255, "no more is kept than can be used");
    let reply = answer.into_reply(Payload::default());
    assert_eq!((reply.status(), reply.outcome()), (-1, Outcome::Broken));
    assert_eq!(reply.text(), b"the handler's answer has 1048576 bytes; a client's has room for 255");
    assert_eq!(decode(1, b"answer 1 0 1048577\n"), Err(Nonsense::HugeText(1_048_577)));
}

#[test]
fn a_text_that_is_too_long_is_cut_or_goes_out_in_parts_where_that_is_asked_for() {
    let text = "é".repeat(200);
    let frame = format!("answer 1 0 {}\n{text}", text.len());
    let reply_of = |overlong| {
        let payload = Payload::of(Pass::Text, overlong, &Protocol::default());
        AnswerDecoder::new(1, payload).feed(frame.as_bytes()).unwrap().unwrap().into_reply(payload)
    };
    assert_eq!(reply_of(Overlong::Error).outcome(), Outcome::Broken);
    // The engine cuts where the protocol's room ends, and sees by the bytes behind it that a character goes on there.
    assert_eq!(reply_of(Overlong::Truncate).text(), &text.as_bytes()[..255 + 4]);
    assert_eq!(reply_of(Overlong::Parts).text(), text.as_bytes());
}

#[test]
fn a_text_with_a_nul_becomes_an_error_that_says_so() {
    let reply = decode(1, b"answer 1 0 3\na\0b").unwrap().unwrap().into_reply(Payload::default());
    assert_eq!((reply.status(), reply.outcome()), (-1, Outcome::Broken));
    assert_eq!(reply.text(), b"the handler's answer contains a NUL byte, which no client's answer can carry");
}

#[test]
fn status_minus_one_counts_as_failed_and_other_numbers_are_the_programs_own() {
    for (status, outcome) in [(0, Outcome::Done), (-1, Outcome::Failed), (5, Outcome::Done), (-7, Outcome::Done)] {
        let frame = format!("answer 1 {status} 2\nok");
        let reply = decode(1, frame.as_bytes()).unwrap().unwrap().into_reply(Payload::default());
        assert_eq!((reply.status(), reply.outcome(), reply.text()), (status, outcome, &b"ok"[..]));
    }
}

#[test]
fn one_byte_too_many_is_noticed() {
    assert_eq!(decode(1, b"answer 1 0 2\nokk"), Err(Nonsense::TrailingBytes));
    assert_eq!(decode(1, b"answer 1 0 0\nanswer 1 0 0\n"), Err(Nonsense::TrailingBytes));
}

proptest! {
    #[test]
    fn an_answer_is_the_same_however_it_is_cut_into_pieces(
        id: u64,
        status: i32,
        text in proptest::collection::vec(1_u8.., 0..=255),
        cuts in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let mut frame = format!("answer {id} {status} {}\n", text.len()).into_bytes();
        frame.extend_from_slice(&text);
        let mut decoder = AnswerDecoder::new(id, Payload::default());
        let mut rest = frame.as_slice();
        let mut sizes = cuts.iter().cycle();
        let answer = loop {
            prop_assert!(!rest.is_empty(), "no answer at the end of the frame");
            let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            rest = after;
            if let Some(answer) = decoder.feed(piece).unwrap() {
                break answer;
            }
        };
        prop_assert!(rest.is_empty(), "an answer before the end of the frame");
        let reply = answer.into_reply(Payload::default());
        prop_assert_eq!(reply.status(), status);
        prop_assert_eq!(reply.text(), text.as_slice());
    }

    #[test]
    fn no_bytes_make_the_decoders_fail_otherwise_than_with_an_error(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..10),
        begins_right: bool,
    ) {
        let mut decoder = AnswerDecoder::new(1, Payload::default());
        let mut hello = HelloDecoder::default();
        if begins_right {
            prop_assert_eq!(decoder.feed(b"answer 1 0 "), Ok(None));
            prop_assert_eq!(hello.feed(b"msgqd-handler "), Ok(None));
        }
        let _ = pieces.iter().map(|piece| decoder.feed(piece)).find(|taken| !matches!(taken, Ok(None)));
        let _ = pieces.iter().map(|piece| hello.feed(piece)).find(|taken| !matches!(taken, Ok(None)));
    }

    #[test]
    fn what_is_accepted_as_a_header_is_written_in_the_only_way_there_is(
        header in "answer [-+0-9]{1,4} [-+0-9]{1,4} [0-9]{1,3}",
    ) {
        if let Some((id, status, len)) = fields(header.as_bytes()) {
            prop_assert_eq!(format!("answer {id} {status} {len}"), header);
        }
    }
}
