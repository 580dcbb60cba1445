#![no_main]

mod bodies;

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

// Any bytes are a body; what its JSON says is the same after the way back, and so are the bytes that it sets.
fuzz_target!(|bytes: &[u8]| {
    let Some((shape, rest)) = bodies::shape_and_rest(bytes) else { return };
    let _ = serde_json::to_string(&shape.body_as_json(rest));
    let mut body = rest.to_vec();
    body.resize(rest.len().max(shape.body_len()), 0);
    let text = serde_json::to_string(&shape.body_as_json(&body)).unwrap();
    let object: Map<String, Value> = serde_json::from_str(&text).unwrap();
    let [zeros, ones] = [0, 0xff].map(|padding| {
        let mut copy = vec![padding; body.len()];
        shape.write_json(&object, &mut copy).unwrap();
        assert_eq!(serde_json::to_string(&shape.body_as_json(&copy)).unwrap(), text);
        copy
    });
    for ((byte, zero), one) in body.iter().zip(zeros).zip(ones) {
        assert!(*byte == zero && zero == one || zero == 0 && one == 0xff);
    }
});
