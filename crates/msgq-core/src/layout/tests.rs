use super::*;
use proptest::prelude::*;

fn request(pid: i32, text: &[u8], len: usize) -> Vec<u8> {
    let mut body = pid.to_ne_bytes().to_vec();
    body.extend_from_slice(text);
    body.resize(len, b'#');
    body
}

#[test]
fn a_64_bit_request_is_answered_with_264_bytes_and_all_others_with_260() {
    for (len, expected) in [(4, 260), (5, 260), (259, 260), (260, 260), (261, 260), (263, 260), (264, 264)] {
        assert_eq!(decode_request(&request(7, b"", len)).unwrap().response_len, expected, "length {len}");
    }
}

#[test]
fn text_ends_at_the_first_nul() {
    assert_eq!(decode_request(&request(7, b"hello\0garbage", 264)).unwrap().text, b"hello");
}

#[test]
fn text_without_a_nul_ends_at_byte_256_and_padding_never_shows() {
    let body = request(7, &[b'x'; 256], 264);
    assert_eq!(decode_request(&body).unwrap().text, [b'x'; 256]);
}

#[test]
fn a_body_of_four_bytes_is_an_empty_request() {
    assert_eq!(
        decode_request(&77_i32.to_ne_bytes()),
        Ok(Request { claimed_pid: 77, text: b"", response_len: BODY_LEN_ILP32 })
    );
}

#[test]
fn bodies_that_cannot_name_a_sender_are_too_short() {
    for len in 0..4 {
        assert_eq!(decode_request(&vec![1; len]), Err(Malformed::TooShort { len }));
    }
}

#[test]
fn a_body_of_265_bytes_is_too_long_but_names_its_sender() {
    assert_eq!(decode_request(&request(9, b"", 265)), Err(Malformed::TooLong { len: 265, claimed_pid: 9 }));
}

#[test]
fn a_response_is_cut_to_255_bytes_and_ends_in_a_nul() {
    let response = Response::new(0, &[b'a'; 300], 264);
    assert_eq!(response.as_bytes().len(), 264);
    assert_eq!(decode_response(response.as_bytes()).unwrap().text, [b'a'; 255]);
    assert_eq!(response.as_bytes()[259..], [0; 5]);
}

#[test]
fn a_response_is_never_cut_within_a_character() {
    for (character, ascii) in [("é", 254), ("€", 253), ("€", 254), ("😀", 252), ("😀", 253), ("😀", 254)] {
        let text = format!("{}{character}", "a".repeat(ascii));
        let response = Response::new(0, text.as_bytes(), 260);
        assert_eq!(decode_response(response.as_bytes()).unwrap().text, "a".repeat(ascii).as_bytes(), "{character}");
    }
}

#[test]
fn a_character_that_just_fits_is_kept() {
    for (character, ascii) in [("é", 253), ("€", 252), ("😀", 251)] {
        let text = format!("{}{character}tail", "a".repeat(ascii));
        let response = Response::new(0, text.as_bytes(), 260);
        assert_eq!(decode_response(response.as_bytes()).unwrap().text.len(), 255, "{character}");
    }
}

#[test]
fn bytes_that_are_no_utf8_are_cut_at_the_limit() {
    let response = Response::new(0, &[0x80; 300], 260);
    assert_eq!(decode_response(response.as_bytes()).unwrap().text, [0x80; 255]);
}

proptest! {
    #[test]
    fn any_bytes_decode_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode_response(&body);
        if let Ok(request) = decode_request(&body) {
            prop_assert!(request.text.len() <= TEXT_LEN);
            prop_assert!(!request.text.contains(&0));
            prop_assert!(is_response_len(request.response_len));
        }
    }

    #[test]
    fn a_response_carries_its_text_and_nothing_else(status: i32, text in proptest::collection::vec(any::<u8>(), 0..600)) {
        let response = Response::new(status, &text, 264);
        let view = decode_response(response.as_bytes()).unwrap();
        prop_assert_eq!(view.status, status);
        prop_assert!(text.starts_with(view.text));
        prop_assert!(response.as_bytes()[4 + view.text.len()..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn valid_text_stays_valid_when_it_is_cut(text in "\\PC{0,300}") {
        let response = Response::new(0, text.as_bytes(), 260);
        let view = decode_response(response.as_bytes()).unwrap();
        prop_assert!(std::str::from_utf8(view.text).is_ok());
        prop_assert!(view.text.len() + 4 > text.len().min(MAX_RESPONSE_TEXT_LEN));
    }

    #[test]
    fn a_request_survives_the_way_through_the_frame(pid: i32, text in "[^\\x00]{0,60}") {
        let body = encode_request(pid, text.as_bytes());
        let request = decode_request(&body).unwrap();
        prop_assert_eq!((request.claimed_pid, request.text), (pid, text.as_bytes()));
    }
}
