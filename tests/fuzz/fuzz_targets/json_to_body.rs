#![no_main]

mod bodies;

use libfuzzer_sys::fuzz_target;
use msgq_core::layout::shape::Shape;
use serde_json::{Map, Value};

// Any object becomes a body or an error; a body's own object, with a piece of the input put into it, too.
fuzz_target!(|bytes: &[u8]| {
    let Some((shape, rest)) = bodies::shape_and_rest(bytes) else { return };
    if let Ok(Value::Object(object)) = serde_json::from_slice(rest) {
        check(&shape, &object);
    }
    let (Some((at, rest)), body) = (rest.split_first(), vec![0; shape.body_len()]) else { return };
    let Ok(mut object) = serde_json::to_value(shape.body_as_json(&body)) else { return };
    let piece = serde_json::from_slice(rest).unwrap_or_else(|_| String::from_utf8_lossy(rest).into());
    if let Some(place) = leaf(&mut object, usize::from(*at)) {
        *place = piece;
    }
    if let Some(object) = object.as_object() {
        check(&shape, object);
    }
});

/// The field that is reached by as many steps.
fn leaf(value: &mut Value, steps: usize) -> Option<&mut Value> {
    let count = match &*value {
        Value::Object(object) => object.len(),
        Value::Array(values) => values.len(),
        _ => 0,
    };
    match value {
        _ if count == 0 => Some(value),
        Value::Object(object) => leaf(object.values_mut().nth(steps % count)?, steps / count),
        Value::Array(values) => leaf(values.get_mut(steps % count)?, steps / count),
        _ => None,
    }
}

fn check(shape: &Shape, object: &Map<String, Value>) {
    match shape.body_from_json(object) {
        Ok(body) => {
            let again = serde_json::to_value(shape.body_as_json(&body)).unwrap();
            assert_eq!(shape.body_from_json(again.as_object().unwrap()).as_ref(), Ok(&body));
        }
        Err(error) => assert!(!error.to_string().contains('\u{1b}')),
    }
}
