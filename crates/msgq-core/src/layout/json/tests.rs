use super::*;
use crate::layout::declaration::Declaration;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use std::collections::BTreeMap;

mod random;

const FIELDS: &str = "int op; uint64_t big; float f; double d; bool b; char name[8]; short grid[2][2];
    struct { char c; char lines[2][3]; struct { int n; double amount; } item[2]; } at; union { int i; char t[6]; } u;
    struct { unsigned char flag; }; char rest[];";

fn shape(fields: &str) -> Shape {
    Declaration::parse(&format!("struct {{ long mtype; {fields} }}"), &BTreeMap::new()).unwrap().lp64
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

fn json_of(shape: &Shape, body: &[u8]) -> String {
    serde_json::to_string(&shape.body_as_json(body)).unwrap()
}

fn body_of(fields: &str, text: &str) -> Result<Vec<u8>, String> {
    shape(fields).body_from_json(&object(text)).map_err(|error| error.to_string())
}

/// Bits of a float field as JSON and back.
#[track_caller]
fn stands_for(fields: &str, body: &[u8], json: &str) {
    let shape = shape(fields);
    assert_eq!(json_of(&shape, body), json);
    assert_eq!(shape.body_from_json(&object(json)).unwrap(), body, "{json}");
}

#[test]
fn an_object_has_the_fields_in_their_order_and_becomes_the_same_body() {
    let json = r#"{"op":-3,"big":18446744073709551615,"f":0.1,"d":"-Infinity","b":true,"name":"a\\\\\\xffé",
        "grid":[[1,2],[3,-4]],"at":{"c":65,"lines":["abc",""],"item":[{"n":1,"amount":0.5},{"n":2,"amount":-0.0}]},
        "u":{"i":25185,"t":"ab"},"flag":255,"rest":"to the end"}"#;
    let body = body_of(FIELDS, json).unwrap();
    assert_eq!(json_of(&shape(FIELDS), &body), json.replace("\n        ", ""));
}

#[test]
fn names_that_are_unknown_and_values_that_do_not_fit_are_errors_that_name_the_field() {
    for (json, message) in [
        (r#"{"opp":1}"#, "there is no field `opp`"),
        (r#"{"$bytes":{},"opp":1}"#, "there is no field `opp`"),
        (r#"{"at":{"x":1}}"#, "there is no field `at.x`"),
        (r#"{"at":{"$bytes":{}}}"#, "there is no field `at.$bytes`"),
        (r#"{"op":2147483648}"#, "the field `op` cannot hold 2147483648: it holds -2147483648 to 2147483647"),
        (
            r#"{"big":18446744073709551616}"#,
            "the field `big` cannot hold 18446744073709551616: it holds 0 to 18446744073709551615",
        ),
        (r#"{"big":1.23456789012345678e18}"#, "the field `big` takes an integer"),
        (r#"{"op":1.5}"#, "the field `op` takes an integer"),
        (r#"{"op":"1"}"#, "the field `op` takes an integer"),
        (r#"{"op":null}"#, "the field `op` takes an integer"),
        (r#"{"b":"yes"}"#, "the field `b` takes true or false"),
        (r#"{"b":256}"#, "the field `b` cannot hold 256: it holds 0 to 255"),
        (r#"{"f":1e39}"#, "the field `f` cannot hold 1000000000000000000000000000000000000000: a float ends at 3.4e38"),
        (r#"{"f":"NaN(0x7f800000)"}"#, "the field `f` takes a number"),
        (r#"{"f":"NaN(0x7ff0000000000001)"}"#, "the field `f` takes a number"),
        (r#"{"d":"nan"}"#, "the field `d` takes a number"),
        (r#"{"at":{"item":[{},{"amount":true}]}}"#, "the field `at.item[1].amount` takes a number"),
        (
            r#"{"at":{"item":[{},{"n":1e10}]}}"#,
            "the field `at.item[1].n` cannot hold 10000000000: it holds -2147483648 to 2147483647",
        ),
        (r#"{"at":{"item":[{},{"m":1}]}}"#, "there is no field `at.item[1].m`"),
        (r#"{"grid":[[1,2],[3,70000]]}"#, "the field `grid[1][1]` cannot hold 70000: it holds -32768 to 32767"),
        (r#"{"grid":[1]}"#, "the field `grid` takes 2 elements"),
        (r#"{"at":3}"#, "the field `at` takes fields of its own"),
        (r#"{"name":["a"]}"#, "the field `name` takes a text"),
        (r#"{"name":"123456789"}"#, "the field `name` cannot hold a text of 9 bytes: it has room for 8"),
        (r#"{"name":"a\u0000b"}"#, "the field `name` cannot hold a text of 3 bytes: a NUL would end it"),
        (r#"{"name":"a\\n"}"#, r"the field `name` takes a text, in which a backslash is written \\ and a byte \xNN"),
        (r#"{"at":{"lines":["abcd",""]}}"#, "the field `at.lines[0]` cannot hold a text of 4 bytes: it has room for 3"),
        (
            r#"{"u":{"i":1,"t":"b"}}"#,
            "the field `u.t` and another one of its union give the same bytes different values: leave one of them out",
        ),
        (r#"{"$bytes":3}"#, "the field `$bytes` takes an object with texts by their paths"),
        (r#"{"$bytes":{"x":""}}"#, "there is no field `$bytes.x`"),
        (r#"{"$bytes":{"op":""}}"#, "the field `$bytes.op` takes nothing, since the field is no text"),
        (
            r#"{"$bytes":{"name":"\\x"}}"#,
            r"the field `$bytes.name` takes a text, in which a backslash is written \\ and a byte \xNN",
        ),
        (r#"{"$bytes":{"name":"12345678\\x00"}}"#, "the field `$bytes.name` cannot hold 9 bytes: it has room for 8"),
    ] {
        assert_eq!(body_of(FIELDS, json), Err(message.to_owned()), "{json}");
    }
}

#[test]
fn an_object_that_is_refused_has_changed_nothing_and_others_change_only_what_they_name() {
    let shape = shape("int a; char c; double d;");
    let mut body = vec![7; 24];
    assert!(shape.write_json(&object(r#"{"a":1,"d":"x"}"#), &mut body).is_err());
    assert_eq!(body, [7; 24]);
    shape.write_json(&object(r#"{"c":1}"#), &mut body).unwrap();
    assert_eq!(body, [[7; 4].as_slice(), &[1], &[7; 19]].concat());
    assert_eq!(
        shape.write_json(&object(r#"{"a":1}"#), &mut [0; 3]).unwrap_err(),
        FieldError::BehindEnd("a".to_owned())
    );
}

#[test]
fn what_stands_behind_a_text_is_kept_until_the_text_is_changed() {
    let (fields, body) = ("char t[8]; struct { char l[2][4]; } at;", b"ab\0old\xff\0abcdx\0y\0");
    let json = r#"{"t":"ab","at":{"l":["abcd","x"]},"$bytes":{"t":"ab\\x00old\\xff","at.l[1]":"x\\x00y"}}"#;
    stands_for(fields, body, json);
    let bytes_alone = r#"{"$bytes":{"t":"ab\\x00old\\xff","at.l[0]":"abcd","at.l[1]":"x\\x00y"}}"#;
    assert_eq!(body_of(fields, bytes_alone).unwrap(), body);
    let changed = json.replace(r#""t":"ab","#, r#""t":"new","#);
    assert_eq!(body_of(fields, &changed).unwrap(), b"new\0\0\0\0\0abcdx\0y\0");
    let other_room = r#"{"t":"abcd","$bytes":{"t":"a\\x00c\\x00defghijkl"}}"#;
    assert_eq!(body_of("char t[8];", other_room).unwrap(), b"abcd\0\0\0\0");
}

#[test]
fn a_text_of_open_length_makes_the_body_as_long_as_it_is_with_its_nul() {
    let fields = "int op; char c; char text[];";
    for (json, len) in [
        ("{}", 8),
        (r#"{"text":""}"#, 8),
        (r#"{"text":"ab"}"#, 8),
        (r#"{"text":"abc"}"#, 9),
        (r#"{"text":"ab","$bytes":{"text":"ab\\x00more"}}"#, 12),
        (r#"{"text":"no","$bytes":{"text":"ab\\x00more"}}"#, 8),
        (r#"{"$bytes":{"text":"ab\\x00more"}}"#, 12),
    ] {
        assert_eq!(body_of(fields, json).unwrap().len(), len, "{json}");
    }
    assert_eq!(json_of(&shape(fields), b"\0\0\0\0\0abc"), r#"{"op":0,"c":0,"text":"abc"}"#);
}

#[test]
fn of_a_body_that_ends_early_there_is_what_it_has() {
    let shape = shape("int a; struct { int n; char t[4]; } s[3]; int z; char end[4];");
    let body = [1, 0, 0, 0, 2, 0, 0, 0, b'a', b'b', 0, 0, 3, 0];
    for (len, json) in [
        (14, r#"{"a":1,"s":[{"n":2,"t":"ab"},{}]}"#),
        (12, r#"{"a":1,"s":[{"n":2,"t":"ab"},{}]}"#),
        (9, r#"{"a":1,"s":[{"n":2,"t":"a"}]}"#),
        (3, "{}"),
        (0, "{}"),
    ] {
        assert_eq!(json_of(&shape, &body[..len]), json, "{len}");
    }
}

#[test]
fn floats_are_told_to_the_last_bit() {
    for (bits, json) in [
        (0x3dcc_cccd_u32, "0.1"),
        (0x15ae_43fd, "7.038530691851209e-26"),
        (0x8000_0000, "-0.0"),
        (1, "1e-45"),
        (0x7f7f_ffff, "3.4028235e+38"),
        (0x7f80_0000, r#""Infinity""#),
        (0xff80_0000, r#""-Infinity""#),
        (0x7fc0_0000, r#""NaN""#),
        (0xffc0_0000, r#""-NaN""#),
        (0x7f80_0001, r#""NaN(0x7f800001)""#),
        (0xffff_ffff, r#""NaN(0xffffffff)""#),
    ] {
        stands_for("float f;", &[bits.to_ne_bytes(), [0; 4]].concat(), &format!("{{\"f\":{json}}}"));
    }
    for (bits, json) in [
        (0x3fb9_9999_9999_999a_u64, "0.1"),
        (0x7ff8_0000_0000_0000, r#""NaN""#),
        (0xfff8_0000_0000_0000, r#""-NaN""#),
        (0x7ff0_0000_0000_0001, r#""NaN(0x7ff0000000000001)""#),
        (0xfff0_0000_0000_0000, r#""-Infinity""#),
    ] {
        stands_for("double f;", &bits.to_ne_bytes(), &format!("{{\"f\":{json}}}"));
    }
}

#[test]
fn whole_floats_are_integers_and_a_bool_may_be_neither_true_nor_false() {
    stands_for(
        "bool b[3]; char c; signed char s; unsigned char u; short x;",
        &[0, 1, 7, 200, 200, 200, 9, 0],
        r#"{"b":[false,true,7],"c":-56,"s":-56,"u":200,"x":9}"#,
    );
    assert_eq!(body_of("int n[2];", r#"{"n":[3.0,-1e3]}"#).unwrap(), [3_i32, -1000].map(i32::to_ne_bytes).concat());
}

#[test]
fn the_members_of_a_union_are_all_there_and_one_is_enough() {
    let fields = "union { int i; char t[4]; struct { short low, high; } s; }; int end;";
    let json = r#"{"i":25185,"t":"ab","s":{"low":25185,"high":0},"end":1}"#;
    stands_for(fields, &[b'a', b'b', 0, 0, 1, 0, 0, 0], json);
    for part in [r#"{"i":25185,"end":1}"#, r#"{"t":"ab","end":1}"#, r#"{"s":{"low":25185},"end":1}"#] {
        assert_eq!(body_of(fields, part).unwrap(), [b'a', b'b', 0, 0, 1, 0, 0, 0], "{part}");
    }
    let changed = json.replace("\"high\":0", "\"high\":1");
    assert!(body_of(fields, &changed).unwrap_err().starts_with("the field `s.high` and another one of its union"));
}
