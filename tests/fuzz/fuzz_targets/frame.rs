#![no_main]

use libfuzzer_sys::fuzz_target;
use msgq_core::layout::{self, Response};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = layout::decode_request(bytes) {
        assert!(request.text.len() <= layout::TEXT_LEN);
        assert!(!request.text.contains(&0));
        let response = Response::new(0, request.text, request.response_len);
        assert!(layout::is_response_len(response.as_bytes().len()));
        let view = layout::decode_response(response.as_bytes()).map(|view| view.text);
        assert!(view.is_some_and(|text| request.text.starts_with(text)));
    }
    let _ = layout::decode_response(bytes);
    let _ = msgq_core::escape::escape(bytes);
});
