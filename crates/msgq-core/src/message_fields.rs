//! How the parts of a message stand in a line of JSON: its bytes as hexadecimal digits, its text for people, the key of its queue.

use crate::escape::escape;

/// The longest text that is kept, in bytes; the body has all of it.
const MAX_TEXT_LEN: usize = 2000;

/// The text of a message as people read it: escaped, and cut where it is long.
pub(crate) fn readable_text(text: &[u8]) -> String {
    let start = text.get(..MAX_TEXT_LEN).unwrap_or(text);
    cut_text(escape(start))
}

/// At most as long as a text may be, with three dots where something is missing.
pub(crate) fn cut_text(mut text: String) -> String {
    if text.len() > MAX_TEXT_LEN {
        let end = (0..=MAX_TEXT_LEN).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push_str("...");
    }
    text
}

pub(crate) mod key_as_text {
    use crate::queue::QueueKey;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(key: &QueueKey, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(key)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<QueueKey, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// As [`key_as_text`], and null for a queue without a key.
pub(crate) mod optional_key_as_text {
    use crate::queue::QueueKey;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(key: &Option<QueueKey>, serializer: S) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => serializer.collect_str(key),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<QueueKey>, D::Error> {
        let key = Option::<String>::deserialize(deserializer)?;
        key.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

pub(crate) mod bytes_as_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().map_or('0', char::from);
        let digits: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&digits)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
            return Err(D::Error::custom("an odd number of hexadecimal digits"));
        };
        let byte = |[high, low]: &[u8; 2]| Some(half(*high)? << 4 | half(*low)?);
        pairs.iter().map(byte).collect::<Option<_>>().ok_or_else(|| D::Error::custom("no hexadecimal digits"))
    }

    fn half(digit: u8) -> Option<u8> {
        char::from(digit).to_digit(16).and_then(|half| u8::try_from(half).ok())
    }
}
