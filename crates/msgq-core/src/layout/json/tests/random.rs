//! Any bytes under any declaration come back from their JSON.

use super::*;
use crate::layout::shape::Field;

const TYPES: &[&str] = &[
    "char",
    "signed char",
    "uint8_t",
    "short",
    "unsigned short",
    "int",
    "uint32_t",
    "long",
    "unsigned long",
    "int64_t",
    "uint64_t",
    "float",
    "double",
    "bool",
    "pid_t",
    "enum e",
    "struct p",
    "union w",
];
const PRELUDE: &str =
    "enum e { A, B }; struct p { char c; double d; char t[3]; }; union w { float f; int64_t l; char t[5]; };";

/// A list of members; `$` in front of each name, so that all can be named differently.
fn members() -> impl Strategy<Value = String> {
    let bounds = || {
        prop_oneof![3 => Just(String::new()), 2 => vec(1..5, 1..3).prop_map(|bounds| {
            bounds.iter().map(|bound: &i32| format!("[{bound}]")).collect()
        })]
    };
    let text = (1..12).prop_map(|len| format!("char ${}[{len}];", ""));
    let simple = (select(TYPES), bounds()).prop_map(|(base, bounds)| format!("{base} ${bounds};"));
    let member = prop_oneof![4 => simple, 2 => text].boxed();
    let nested = member.prop_recursive(3, 12, 4, move |inner| {
        let head = select(["struct", "union"].as_slice());
        let packed = select(["", " __attribute__((packed))"].as_slice());
        let name = prop_oneof![1 => Just(String::new()), 3 => bounds().prop_map(|bounds| format!(" ${bounds}"))];
        (head, vec(inner, 1..4), packed, name)
            .prop_map(|(head, members, packed, name)| format!("{head} {{ {} }}{packed}{name};", members.concat()))
    });
    vec(nested, 1..6).prop_map(|members| members.concat())
}

fn shape_of(members: &str, is_open: bool) -> (Shape, Shape) {
    let mut numbered = String::new();
    for (number, piece) in members.split('$').enumerate() {
        numbered.push_str(&if number == 0 { piece.to_owned() } else { format!("f{number}{piece}") });
    }
    let open = if is_open { "char open[];" } else { "" };
    let text = format!("{PRELUDE} struct {{ long mtype; {numbered} {open} }}");
    let declaration = Declaration::parse(&text, &BTreeMap::new()).unwrap_or_else(|error| panic!("{text}\n{error}"));
    (declaration.lp64, declaration.ilp32)
}

/// True for each byte that is no padding.
fn used_bytes(fields: &[Field], start: usize, is_used: &mut [bool]) {
    for field in fields {
        mark(&field.field_type, start + field.offset, is_used);
    }
}

fn mark(field_type: &FieldType, offset: usize, is_used: &mut [bool]) {
    match field_type {
        FieldType::Aggregate(inner) => used_bytes(&inner.fields, offset, is_used),
        FieldType::Array { element, count } => {
            (0..*count).for_each(|index| mark(element, offset + index * element.len_bytes(), is_used));
        }
        FieldType::Scalar(scalar) => is_used[offset..offset + scalar.len].fill(true),
        FieldType::OpenText => is_used[offset..].fill(true),
    }
}

/// Without an end. Zeros are as likely as all else together, and texts need them; some bytes are those of numbers that are
/// none.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let special = select([0xff, 0x7f, 0x80, b'\\'].as_slice());
    vec(prop_oneof![4 => Just(0), 4 => special, 3 => any::<u8>()], 61)
}

fn body_of_len(bytes: &[u8], len: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(len).collect()
}

proptest! {
    #[test]
    fn any_body_comes_back_from_its_json_and_padding_stays_what_it_was(
        members in members(), is_open: bool, more in 0..20_usize, bytes in bytes(),
    ) {
        let (lp64, ilp32) = shape_of(&members, is_open);
        for shape in [lp64, ilp32] {
            let len = shape.body_len().max(shape.used_len()) + if is_open { more } else { 0 };
            let body = body_of_len(&bytes, len);
            let mut is_used = vec![false; len];
            used_bytes(&shape.fields, 0, &mut is_used);
            let object = object(&json_of(&shape, &body));
            for padding in [0, 0x55] {
                let mut copy = vec![padding; len];
                shape.write_json(&object, &mut copy).unwrap();
                let expected: Vec<u8> =
                    body.iter().zip(&is_used).map(|(byte, is_used)| if *is_used { *byte } else { padding }).collect();
                prop_assert_eq!(&copy, &expected, "{} {:?}", members, object);
            }
            let anew = shape.body_from_json(&object).unwrap();
            prop_assert_eq!(json_of(&shape, &anew), json_of(&shape, &body));
        }
    }

    #[test]
    fn a_cut_body_has_nothing_that_the_whole_one_has_not(members in members(), len in 0..300_usize, bytes in bytes()) {
        let (shape, _) = shape_of(&members, true);
        let mut body = body_of_len(&bytes, len);
        let cut = object(&json_of(&shape, &body));
        body.resize(len + shape.used_len(), 0);
        let whole = object(&json_of(&shape, &body));
        prop_assert!(cut.keys().all(|name| whole.contains_key(name)), "{cut:?}\n{whole:?}");
    }

    #[test]
    fn every_float_comes_back(single: u32, double: u64) {
        let shape = shape("double d; float f; int i;");
        let body = [&double.to_ne_bytes()[..], &single.to_ne_bytes(), &single.to_ne_bytes()].concat();
        prop_assert_eq!(shape.body_from_json(&object(&json_of(&shape, &body))).unwrap(), body);
    }
}
