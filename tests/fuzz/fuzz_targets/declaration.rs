#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;
use msgq_core::layout::fit::LengthRule;
use msgq_core::layout::shape::{Field, Shape};
use words::{parse, text_of};

// Once as text, and once as words of C inside of a struct.
fuzz_target!(|bytes: &[u8]| {
    check(&String::from_utf8_lossy(bytes));
    check(&format!("struct p {{ char c; int i; }}; struct {{ long mtype; {} }}", text_of(bytes)));
});

fn check(text: &str) {
    match parse(text) {
        Ok(declaration) => {
            check_shape(&declaration.lp64);
            check_shape(&declaration.ilp32);
            let len = declaration.lp64.body_len();
            assert!(declaration.abi_of_body(len, LengthRule::Exact).is_some());
        }
        Err(error) => {
            assert!(error.line() <= text.split('\n').count() && error.column() >= 1);
            assert!(!error.to_string().contains('\u{1b}'));
        }
    }
}

fn check_shape(shape: &Shape) {
    assert!(shape.used_len() <= shape.body_len());
    for Field { offset, field_type, name } in &shape.fields {
        assert!(offset + field_type.len_bytes() <= shape.body_len());
        let found = name.as_deref().map(|name| shape.find_field(name).map(|place| place.offset));
        assert!(found.is_none_or(|found| found == Ok(*offset)));
    }
}
