//! From JSON to bytes.

use super::float::named_float;
use super::text::{BYTES_BEHIND_TEXTS, string_to_text};
use crate::layout::field::{FieldError, FieldPlace, FieldValue, named};
use crate::layout::shape::{Field, FieldType, Scalar, ScalarKind, Shape};
use crate::layout::until_nul;
use crate::words::counted;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// A copy of the body, in which fields are set.
pub(super) struct Writer<'s> {
    shape: &'s Shape,
    body: Vec<u8>,
    /// For each byte whether a field has set it: only those of a union meet.
    is_set: Vec<bool>,
    /// By the path of the text; those that were looked at are taken out.
    bytes_behind_texts: BTreeMap<String, Vec<u8>>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(shape: &'s Shape, body: &[u8]) -> Self {
        let (body, is_set) = (body.to_vec(), vec![false; body.len()]);
        Self { shape, body, is_set, bytes_behind_texts: BTreeMap::new() }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn write_fields(&mut self, object: &Map<String, Value>) -> Result<(), FieldError> {
        let fields = &self.shape.fields;
        if let Some(unknown) = unknown_name(fields, object, BYTES_BEHIND_TEXTS) {
            return Err(FieldError::Unknown(unknown.to_owned()));
        }
        if let Some(bytes) = object.get(BYTES_BEHIND_TEXTS) {
            self.take_bytes(bytes)?;
        }
        self.write_members(fields, "", 0, object)?;
        for (path, bytes) in std::mem::take(&mut self.bytes_behind_texts) {
            self.put_bytes(&self.shape.find_field(&path)?, &bytes)?;
        }
        Ok(())
    }

    fn take_bytes(&mut self, value: &Value) -> Result<(), FieldError> {
        let wrong = |field: String, takes: &str| FieldError::WrongKind { field, takes: takes.to_owned() };
        let Value::Object(object) = value else {
            return Err(wrong(BYTES_BEHIND_TEXTS.to_owned(), "an object with texts by their paths"));
        };
        for (path, value) in object {
            let name = || name_behind_texts(path);
            let place = self.shape.find_field(path).map_err(|_| FieldError::Unknown(name()))?;
            if !place.field_type.is_text() {
                return Err(wrong(name(), "nothing, since the field is no text"));
            }
            let bytes = value.as_str().and_then(string_to_text).ok_or_else(|| wrong(name(), TEXT_OF_JSON))?;
            self.bytes_behind_texts.insert(path.clone(), bytes);
        }
        Ok(())
    }

    /// Those that the object has, in the order of the declaration.
    fn write_members(
        &mut self,
        fields: &[Field],
        path: &str,
        start: usize,
        object: &Map<String, Value>,
    ) -> Result<(), FieldError> {
        for Field { name, offset, field_type } in fields {
            let offset = start + offset;
            match (name, field_type) {
                (None, FieldType::Aggregate(inner)) => self.write_members(&inner.fields, path, offset, object)?,
                (Some(name), _) => {
                    if let Some(value) = object.get(name) {
                        self.write_value(&FieldPlace { name: joined(path, name), offset, field_type }, value)?;
                    }
                }
                (None, _) => {}
            }
        }
        Ok(())
    }

    fn write_value(&mut self, place: &FieldPlace<'_>, value: &Value) -> Result<(), FieldError> {
        match (place.field_type, value) {
            (FieldType::Aggregate(inner), Value::Object(object)) => {
                if let Some(unknown) = unknown_name(&inner.fields, object, "") {
                    return Err(FieldError::Unknown(joined(&place.name, unknown)));
                }
                self.write_members(&inner.fields, &place.name, place.offset, object)
            }
            (text, Value::String(string)) if text.is_text() => self.write_text(place, string),
            (text, _) if text.is_text() => Err(place.wrong_kind()),
            (FieldType::Array { element, count }, Value::Array(values)) if values.len() == *count => {
                let len = element.len_bytes();
                values.iter().enumerate().try_for_each(|(index, value)| {
                    let (name, offset) = (format!("{}[{index}]", place.name), place.offset + index * len);
                    self.write_value(&FieldPlace { name, offset, field_type: element }, value)
                })
            }
            (FieldType::Scalar(scalar), value) => self.write_scalar(place, *scalar, value),
            _ => Err(place.wrong_kind()),
        }
    }

    fn write_text(&mut self, place: &FieldPlace<'_>, string: &str) -> Result<(), FieldError> {
        let wrong = || FieldError::WrongKind { field: place.name.clone(), takes: TEXT_OF_JSON.to_owned() };
        let text = string_to_text(string).ok_or_else(wrong)?;
        match self.bytes_behind_texts.remove(&place.name) {
            Some(bytes) if until_nul(&bytes) == text => self.put_bytes(place, &bytes),
            _ => self.put(place, |body| place.write(body, FieldValue::Text(&text))),
        }
    }

    fn write_scalar(&mut self, place: &FieldPlace<'_>, scalar: Scalar, value: &Value) -> Result<(), FieldError> {
        if let (ScalarKind::Float, Value::String(name)) = (scalar.kind, value) {
            let bytes = named_float(name, scalar.len).ok_or_else(|| place.wrong_kind())?;
            return self.put_bytes(place, &bytes);
        }
        let value = match (scalar.kind, value) {
            (ScalarKind::Float, Value::Number(number)) => number.as_f64().map(FieldValue::Float),
            (ScalarKind::Bool, Value::Bool(value)) => Some(FieldValue::Integer(i128::from(*value))),
            (_, Value::Number(number)) => integer_of(number).map(FieldValue::Integer),
            _ => None,
        };
        let value = value.ok_or_else(|| place.wrong_kind())?;
        self.put(place, |body| place.write(body, value))
    }

    /// Zeros behind them.
    fn put_bytes(&mut self, place: &FieldPlace<'_>, bytes: &[u8]) -> Result<(), FieldError> {
        self.put(place, |field_in_body| {
            let end = place.end(field_in_body.len());
            let field = field_in_body.get_mut(place.offset..end).unwrap_or_default();
            let room = field.len();
            let Some((start, rest)) = field.split_at_mut_checked(bytes.len()) else {
                let value = counted(bytes.len(), "byte");
                let field = name_behind_texts(&place.name);
                return Err(FieldError::OutOfRange { field, value, limit: format!("it has room for {room}") });
            };
            start.copy_from_slice(bytes);
            rest.fill(0);
            Ok(())
        })
    }

    /// Has the field written, and compares with what other fields have set there.
    fn put(
        &mut self,
        place: &FieldPlace<'_>,
        write: impl FnOnce(&mut [u8]) -> Result<(), FieldError>,
    ) -> Result<(), FieldError> {
        let range = place.offset..place.end(self.body.len());
        let before = self.body.get(range.clone()).ok_or_else(|| FieldError::BehindEnd(place.name.clone()))?.to_vec();
        write(&mut self.body)?;
        let after = self.body.get(range.clone()).unwrap_or_default();
        let is_set = self.is_set.get_mut(range).unwrap_or_default();
        for ((is_set, before), after) in is_set.iter_mut().zip(before).zip(after) {
            if *is_set && before != *after {
                return Err(FieldError::Contradiction(place.name.clone()));
            }
            *is_set = true;
        }
        Ok(())
    }
}

const TEXT_OF_JSON: &str = r"a text, in which a backslash is written \\ and a byte \xNN";

fn name_behind_texts(path: &str) -> String {
    joined(BYTES_BEHIND_TEXTS, path)
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Names are searched among the fields only where one of them is unknown: there may be thousands of both.
fn unknown_name<'o>(fields: &[Field], object: &'o Map<String, Value>, reserved: &str) -> Option<&'o str> {
    let others = usize::from(object.contains_key(reserved));
    if known_names(fields, object) + others == object.len() {
        return None;
    }
    let mut names = object.keys().filter(|name| *name != reserved);
    names.find(|name| named(fields, name, 0).is_none()).map(String::as_str)
}

fn known_names(fields: &[Field], object: &Map<String, Value>) -> usize {
    let known = fields.iter().map(|field| match (&field.name, &field.field_type) {
        (Some(name), _) => usize::from(object.contains_key(name)),
        (None, FieldType::Aggregate(inner)) => known_names(&inner.fields, object),
        (None, _) => 0,
    });
    known.sum()
}

/// Programs that have one kind of numbers write `3.0`, and numbers beyond 64 bits come as floats too. Between 2^53 and 2^64
/// a float may be another number than was meant, so it is none.
#[expect(clippy::cast_possible_truncation, reason = "the value is whole, and ends at the limits of 128 bits")]
fn integer_of(number: &Number) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    const BEYOND_ANY_FIELD: f64 = 18_446_744_073_709_551_616.0;
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    whole.or_else(|| {
        let value = number.as_f64().filter(|value| value.fract() == 0.0)?;
        (value.abs() <= EXACT || value.abs() >= BEYOND_ANY_FIELD).then_some(value as i128)
    })
}
