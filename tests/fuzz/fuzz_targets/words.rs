//! Declarations out of bytes: a byte is a word of C, so that many of them come near to a struct.

use msgq_core::layout::declaration::{Declaration, DeclarationError};
use std::collections::BTreeMap;

const WORDS: &[&str] = &[
    "int a;",
    "char b;",
    "char t[5];",
    "double d;",
    "float f;",
    "bool o;",
    "long l;",
    "uint64_t u;",
    "short s[3];",
    "char m[2][4];",
    "struct {",
    "union {",
    "}",
    "};",
    "} x;",
    "} y[2];",
    "} __attribute__((packed));",
    "struct p q;",
    "union w v;",
    "char open[];",
    "int",
    "char",
    "unsigned",
    "long",
    "short",
    "float",
    "double",
    "struct",
    "union",
    "enum",
    "typedef",
    "const",
    "__attribute__((packed))",
    "sizeof",
    "pid_t",
    "p",
    "w",
    "z",
    "c",
    "e",
    "N",
    "{",
    "[",
    "]",
    "(",
    ")",
    ";",
    ",",
    "*",
    ":",
    "=",
    "+",
    "-",
    "/",
    "<<",
    "~",
    "0",
    "1",
    "7",
    "0x10",
    "99999999999999999999",
    "//",
    "/*",
    "*/",
];

/// What the bytes say in C.
pub fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| WORDS[usize::from(*byte) % WORDS.len()]).collect::<Vec<_>>().join(" ")
}

pub fn parse(text: &str) -> Result<Declaration, DeclarationError> {
    Declaration::parse(text, &BTreeMap::from([("N".to_owned(), 4)]))
}
