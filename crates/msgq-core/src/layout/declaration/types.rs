//! Types that are named: C's own, those of its headers, and what was declared before.

use super::cursor::{Cursor, shown};
use super::error::DeclarationError;
use super::token::{ELEMENTARY, QUALIFIERS, Token, TokenKind, is_reserved};
use crate::layout::shape::{Abi, FieldType, Scalar, ScalarKind};

pub(super) fn skip_qualifiers(cursor: &mut Cursor<'_>) {
    while QUALIFIERS.contains(&cursor.peek().text) {
        cursor.advance();
    }
}

/// True where a type begins, as behind `sizeof(`.
pub(super) fn type_begins(cursor: &Cursor<'_>) -> bool {
    let word = cursor.peek().text;
    is_reserved(word) || cursor.typedefs.contains_key(word) || scalar_of_header(word, cursor.abi).is_some()
}

/// A type without a body of its own: words of C, a name, or a tag that was declared before.
pub(super) fn named_type(cursor: &mut Cursor<'_>) -> Result<FieldType, DeclarationError> {
    skip_qualifiers(cursor);
    let first = cursor.peek();
    if matches!(first.text, "struct" | "union" | "enum") {
        return tagged_type(cursor);
    }
    if first.kind == TokenKind::Word && !is_reserved(first.text) {
        cursor.advance();
        skip_qualifiers(cursor);
        let declared = cursor.typedefs.get(first.text).cloned();
        let known = declared.or_else(|| scalar_of_header(first.text, cursor.abi).map(FieldType::Scalar));
        return known.ok_or_else(|| unknown_type(cursor, first));
    }
    let mut words = Vec::new();
    while ELEMENTARY.contains(&cursor.peek().text) {
        words.push(cursor.advance().text);
        skip_qualifiers(cursor);
    }
    let last = cursor.peek_behind(0);
    if words.is_empty() {
        return Err(no_type(cursor, first));
    }
    words.sort_unstable();
    elementary(&words, cursor.abi).map(FieldType::Scalar).ok_or_else(|| {
        let span = first.start..last.start.max(first.span().end);
        let (message, help) = if words == ["double", "long"] {
            (
                "a long double is not served",
                "its bytes hold no number that JSON or another machine could read: use double",
            )
        } else {
            ("these words are no type of C together", "")
        };
        cursor.error_at(span, message, help)
    })
}

fn tagged_type(cursor: &mut Cursor<'_>) -> Result<FieldType, DeclarationError> {
    let keyword = cursor.advance();
    let tag = cursor.expect_name(&format!("the tag behind `{}`", keyword.text))?;
    skip_qualifiers(cursor);
    if keyword.text == "enum" {
        return Ok(FieldType::Scalar(INT));
    }
    cursor.tags.get(&(keyword.text, tag.text)).cloned().ok_or_else(|| {
        let message = format!("`{} {}` was not declared before", keyword.text, tag.text);
        cursor.error(tag, &message, "put its declaration, with the fields, in front of this one")
    })
}

fn unknown_type(cursor: &Cursor<'_>, name: Token<'_>) -> DeclarationError {
    let help =
        format!("declare it in front, as in `typedef int {};`, or write the type of C that it stands for", name.text);
    cursor.error(name, &format!("the type `{}` is not known", name.text), &help)
}

fn no_type(cursor: &Cursor<'_>, token: Token<'_>) -> DeclarationError {
    match token.text {
        "void" => cursor.error(token, "`void` has no bytes", "an address means nothing to another process"),
        "static" | "extern" | "register" | "inline" | "_Atomic" | "_Complex" | "restrict" => {
            cursor.error(token, &format!("`{}` has no place in a message", token.text), "leave it out")
        }
        _ => cursor.error(token, &format!("a type is missing; here stands {}", shown(token)), ""),
    }
}

/// A C `int`, and so an enum.
pub(super) const INT: Scalar = Scalar { kind: ScalarKind::Signed, len: 4 };

/// `words` in the order of the alphabet.
fn elementary(words: &[&str], abi: Abi) -> Option<Scalar> {
    let unsigned = words.contains(&"unsigned");
    let kind = if unsigned { ScalarKind::Unsigned } else { ScalarKind::Signed };
    let rest: Vec<&str> = words.iter().copied().filter(|word| !matches!(*word, "signed" | "unsigned")).collect();
    if words.len() - rest.len() > 1 {
        return None;
    }
    let signed_or_not = words.len() > rest.len();
    Some(match rest[..] {
        ["char"] if !signed_or_not => Scalar { kind: ScalarKind::Char, len: 1 },
        ["char"] => Scalar { kind, len: 1 },
        ["short"] | ["int", "short"] => Scalar { kind, len: 2 },
        ["int"] => Scalar { kind, len: 4 },
        [] if signed_or_not => Scalar { kind, len: 4 },
        ["long"] | ["int", "long"] => Scalar { kind, len: abi.long_len() },
        ["long", "long"] | ["int", "long", "long"] => Scalar { kind, len: 8 },
        ["float"] if !signed_or_not => Scalar { kind: ScalarKind::Float, len: 4 },
        ["double"] if !signed_or_not => Scalar { kind: ScalarKind::Float, len: 8 },
        ["bool" | "_Bool"] if !signed_or_not => Scalar { kind: ScalarKind::Bool, len: 1 },
        _ => return None,
    })
}

/// The types of stdint.h, stddef.h, sys/types.h and linux/types.h that are numbers.
fn scalar_of_header(name: &str, abi: Abi) -> Option<Scalar> {
    use ScalarKind::{Signed, Unsigned};
    let long = abi.long_len();
    let (kind, len) = match name {
        "int8_t" | "int_least8_t" | "int_fast8_t" | "__s8" => (Signed, 1),
        "uint8_t" | "uint_least8_t" | "uint_fast8_t" | "u_int8_t" | "__u8" | "u_char" => (Unsigned, 1),
        "int16_t" | "int_least16_t" | "__s16" => (Signed, 2),
        "uint16_t" | "uint_least16_t" | "u_int16_t" | "__u16" | "u_short" | "ushort" => (Unsigned, 2),
        "int32_t" | "int_least32_t" | "__s32" | "pid_t" | "key_t" | "wchar_t" => (Signed, 4),
        "uint32_t" | "uint_least32_t" | "u_int32_t" | "__u32" | "u_int" | "uint" | "uid_t" | "gid_t" | "mode_t" => {
            (Unsigned, 4)
        }
        "int64_t" | "int_least64_t" | "int_fast64_t" | "intmax_t" | "__s64" => (Signed, 8),
        "uint64_t" | "uint_least64_t" | "uint_fast64_t" | "uintmax_t" | "u_int64_t" | "__u64" => (Unsigned, 8),
        "int_fast16_t" | "int_fast32_t" | "intptr_t" | "ptrdiff_t" | "ssize_t" | "time_t" | "off_t" | "clock_t"
        | "suseconds_t" => (Signed, long),
        "uint_fast16_t" | "uint_fast32_t" | "uintptr_t" | "size_t" | "u_long" | "ulong" => (Unsigned, long),
        _ => return None,
    };
    Some(Scalar { kind, len })
}
