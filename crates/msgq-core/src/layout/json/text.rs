//! Texts of C as strings from which the bytes can be told, and back.

use std::fmt::Write as _;

/// The member with the bytes behind texts. No field is named so, since C has no `$` in names.
pub const BYTES_BEHIND_TEXTS: &str = "$bytes";

/// A backslash is doubled, and a byte that is no UTF-8, or a NUL, is `\xNN`.
pub(super) fn text_to_string(text: &[u8]) -> String {
    let mut string = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => string.push_str("\\\\"),
                '\0' => string.push_str("\\x00"),
                _ => string.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(string, "\\x{byte:02x}");
        }
    }
    string
}

/// `None` where a backslash begins neither `\\` nor `\xNN`.
pub(super) fn string_to_text(string: &str) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(string.len());
    let mut rest = string;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.extend_from_slice(before.as_bytes());
        rest = if let Some(behind) = behind.strip_prefix('\\') {
            text.push(b'\\');
            behind
        } else {
            let (digits, behind) = behind.strip_prefix('x')?.split_at_checked(2)?;
            text.push(hexadecimal(digits).and_then(|byte| u8::try_from(byte).ok())?);
            behind
        };
    }
    text.extend_from_slice(rest.as_bytes());
    Some(text)
}

/// Digits only: no sign, which Rust's own reading takes.
pub(super) fn hexadecimal(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_tells_the_bytes_of_the_text() {
        for (text, string) in [
            (b"a\\b".as_slice(), r"a\\b"),
            (b"\xffa\xc3", r"\xffa\xc3"),
            ("é\n\"\u{202e}".as_bytes(), "é\n\"\u{202e}"),
            (b"a\0b", r"a\x00b"),
            (b"\\xff", r"\\xff"),
            (b"", ""),
        ] {
            assert_eq!(text_to_string(text), string);
            assert_eq!(string_to_text(string).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_backslash_that_begins_nothing_is_refused() {
        for string in [r"\", r"a\n", r"\x", r"\xf", r"\x+f", r"\xfg", r"\\\", r"\xé"] {
            assert_eq!(string_to_text(string), None, "{string}");
        }
        assert_eq!(string_to_text(r"\x4A\x4a").as_deref(), Some(b"JJ".as_slice()));
    }
}
