use super::*;
use crate::layout::declaration::Declaration;
use std::collections::BTreeMap;

fn shape() -> Shape {
    let text = "struct { long mtype; signed char s; uint64_t u; float f; double d; bool b; char name[4];
        struct { short x, y; } at; union { int whole; char part; }; struct { int n[2]; char t[2][3]; } item[3];
        char rest[]; }";
    Declaration::parse(text, &BTreeMap::new()).unwrap().lp64
}

#[test]
fn what_was_written_to_a_field_is_read_back() {
    let shape = shape();
    let mut body = vec![0xff; 140];
    for (path, value) in [
        ("s", FieldValue::Integer(-128)),
        ("u", FieldValue::Integer(u64::MAX.into())),
        ("f", FieldValue::Float(0.5)),
        ("d", FieldValue::Float(-1e300)),
        ("b", FieldValue::Integer(1)),
        ("name", FieldValue::Text(b"four")),
        ("at.y", FieldValue::Integer(-2)),
        ("whole", FieldValue::Integer(77)),
        ("item[2].n[1]", FieldValue::Integer(-5)),
        ("item[0].t[1]", FieldValue::Text(b"abc")),
        ("rest", FieldValue::Text(b"to the end")),
    ] {
        let place = shape.find_field(path).unwrap();
        place.write(&mut body, value).unwrap();
        assert_eq!(place.read(&body), Ok(value), "{path}");
    }
    assert_eq!(shape.find_field("part").unwrap().read(&body), Ok(FieldValue::Integer(77)));
}

#[test]
fn what_a_field_cannot_hold_is_an_error_with_its_name_and_changes_nothing() {
    let shape = shape();
    let mut body = vec![7; 140];
    for (path, value, message) in [
        ("s", FieldValue::Integer(128), "the field `s` cannot hold 128: it holds -128 to 127"),
        ("u", FieldValue::Integer(-1), "the field `u` cannot hold -1: it holds 0 to 18446744073709551615"),
        ("f", FieldValue::Float(1e39), "a float ends at 3.4e38"),
        ("name", FieldValue::Text(b"fiver"), "the field `name` cannot hold a text of 5 bytes: it has room for 4"),
        ("name", FieldValue::Text(b"\0"), "the field `name` cannot hold a text of 1 byte: a NUL would end it"),
        ("name", FieldValue::Text(b"a\0"), "the field `name` cannot hold a text of 2 bytes: a NUL would end it"),
        ("name", FieldValue::Integer(1), "the field `name` takes a text"),
        ("at.x", FieldValue::Text(b""), "the field `at.x` takes an integer"),
    ] {
        let error = shape.find_field(path).unwrap().write(&mut body, value).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
    }
    assert!(body.iter().all(|byte| *byte == 7));
    for unknown in [
        "",
        "nme",
        "at.z",
        "s.x",
        "at.",
        "name.0",
        "item[3]",
        "item[02]",
        "item[+1]",
        "item[-1]",
        "item[1",
        "item]",
        "item[1]x",
        "item[1].n[2]",
        "item.n",
        "at[0]",
        "rest[0]",
        "[0]",
    ] {
        assert_eq!(shape.find_field(unknown), Err(FieldError::Unknown(unknown.to_owned())));
    }
}

#[test]
fn a_body_that_ends_early_has_its_texts_cut_and_its_numbers_missing() {
    let shape = shape();
    let u = shape.find_field("u").unwrap();
    assert_eq!(u.read(&[0; 15]), Err(FieldError::BehindEnd("u".to_owned())));
    assert_eq!(shape.find_field("name").unwrap().read(&[b'a'; 35]), Ok(FieldValue::Text(b"aa")));
    assert_eq!(shape.find_field("rest").unwrap().read(&[]), Ok(FieldValue::Text(b"")));
}
