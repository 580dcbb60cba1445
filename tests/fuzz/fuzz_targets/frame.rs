#![no_main]

use libfuzzer_sys::fuzz_target;
use msgq_core::frame::{self, Response};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = frame::decode_request(bytes) {
        assert!(request.text.len() <= frame::TEXT_LEN);
        assert!(!request.text.contains(&0));
        let response = Response::new(0, request.text, request.response_len);
        assert!(frame::is_response_len(response.as_bytes().len()));
        let view = frame::decode_response(response.as_bytes()).map(|view| view.text);
        assert!(view.is_some_and(|text| request.text.starts_with(text)));
    }
    let _ = frame::decode_response(bytes);
    let _ = msgq_core::escape::escape(bytes);
});
