//! A body as a JSON object, both ways: all of its fields by name, and back.
//!
//! - Integers are numbers, exact at 64 bits too; a `char` that stands alone is one. `bool` is `true` or `false`, and a
//!   number where its byte is neither 0 nor 1. An integer may also be written as in `3.0`.
//! - `float` and `double` are the shortest numbers that are read back as the same bits. For what JSON has no number
//!   for, there are the strings `"Infinity"`, `"-Infinity"`, `"NaN"`, `"-NaN"`, and `"NaN(0x7ff0000000000001)"` for any
//!   other bits that are no number.
//! - A `char` array is a string up to its first NUL. In strings, a backslash is written `\\` and a byte that is no UTF-8
//!   is written `\xff`, as it stands in the string: JSON doubles each of these backslashes once more.
//! - What stands behind the NUL of a text is not in its string. Where it is not all zeros, the object's last member,
//!   `$bytes`, has by the text's path all bytes of the field up to the last that is not 0. Going back these are written if
//!   the text itself is missing or still the same. A text that was changed has zeros behind it, as has one without `$bytes`.
//! - Structs are objects, arrays are arrays. The fields of a struct or union without a name are among those around it.
//! - Of a union all members are there. Going back some may be left out; bytes that two of them set must be the same.
//!   Whoever changes one leaves out the others.
//! - Padding is not there. Going back it stays what it was; in a new body it is 0.
//!
//! Of a body that ends early, numbers behind its end are left out, texts are cut and arrays have fewer elements. What
//! stands behind the struct is not there.

mod float;
mod reading;
mod text;
mod writing;

pub use reading::BodyJson;
pub use text::BYTES_BEHIND_TEXTS;

use super::field::FieldError;
use super::fit::last_field;
use super::shape::{FieldType, Shape};
use super::until_nul;
use serde_json::{Map, Value};
use text::string_to_text;
use writing::Writer;

impl Shape {
    /// The fields of a body, for any serializer of JSON.
    #[must_use]
    pub fn body_as_json<'a>(&'a self, body: &'a [u8]) -> BodyJson<'a> {
        BodyJson::new(self, body)
    }

    /// Writes the fields that the object has into a body, and leaves all others as they are.
    ///
    /// # Errors
    /// [`FieldError`] for a name that is unknown, or a value that does not fit, with the field's path; then nothing was
    /// written.
    pub fn write_json(&self, object: &Map<String, Value>, body: &mut [u8]) -> Result<(), FieldError> {
        let mut writer = Writer::new(self, body);
        writer.write_fields(object)?;
        body.copy_from_slice(writer.body());
        Ok(())
    }

    /// A new body with the fields that the object has; all else is 0. A text of open length is as long as the object's
    /// with its NUL, but the body never shorter than the struct.
    ///
    /// # Errors
    /// As [`Shape::write_json`].
    pub fn body_from_json(&self, object: &Map<String, Value>) -> Result<Vec<u8>, FieldError> {
        let mut body = vec![0; self.body_len().max(self.used_len()).max(self.len_with_open_text(object))];
        self.write_json(object, &mut body)?;
        Ok(body)
    }

    /// 0 where the struct or the object has no text of open length.
    fn len_with_open_text(&self, object: &Map<String, Value>) -> usize {
        let Some((start, FieldType::OpenText)) = last_field(&self.fields, 0) else { return 0 };
        let name = self.fields.last().and_then(|field| field.name.as_deref()).unwrap_or_default();
        let text_at = |value: Option<&Value>| value.and_then(Value::as_str).and_then(string_to_text);
        let text = text_at(object.get(name));
        let bytes =
            object.get(BYTES_BEHIND_TEXTS).and_then(Value::as_object).and_then(|bytes| text_at(bytes.get(name)));
        let bytes = bytes.filter(|bytes| text.as_ref().is_none_or(|text| until_nul(bytes) == text));
        let len = text.map(|text| text.len() + 1).max(bytes.map(|bytes| bytes.len()));
        len.map_or(0, |len| start + len)
    }
}

#[cfg(test)]
mod tests;
