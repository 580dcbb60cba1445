//! From bytes to JSON.

use super::float::serialize_float;
use super::text::{BYTES_BEHIND_TEXTS, text_to_string};
use crate::layout::field::{FieldPlace, FieldValue};
use crate::layout::shape::{Field, FieldType, Scalar, ScalarKind, Shape};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// The fields of a body by name, in the order of the declaration.
#[derive(Debug, Clone, Copy)]
pub struct BodyJson<'a> {
    shape: &'a Shape,
    body: &'a [u8],
}

impl<'a> BodyJson<'a> {
    pub(super) fn new(shape: &'a Shape, body: &'a [u8]) -> Self {
        Self { shape, body }
    }
}

impl Serialize for BodyJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_members(&mut map, &self.shape.fields, 0, self.body)?;
        let mut texts = TextsWithMore { body: self.body, path: String::new(), found: Vec::new() };
        texts.collect_from(&self.shape.fields, 0);
        if !texts.found.is_empty() {
            map.serialize_entry(BYTES_BEHIND_TEXTS, &BytesByPath(&texts.found))?;
        }
        map.end()
    }
}

fn serialize_members<M: SerializeMap>(
    map: &mut M,
    fields: &[Field],
    start: usize,
    body: &[u8],
) -> Result<(), M::Error> {
    for field in fields {
        let place = Place { field_type: &field.field_type, offset: start + field.offset, body };
        match (&field.name, place.field_type) {
            (None, FieldType::Aggregate(inner)) => serialize_members(map, &inner.fields, place.offset, body)?,
            (Some(name), _) if place.is_there() => map.serialize_entry(name, &place)?,
            _ => {}
        }
    }
    Ok(())
}

struct Place<'a> {
    field_type: &'a FieldType,
    offset: usize,
    body: &'a [u8],
}

impl Place<'_> {
    /// Texts may be cut, and what holds several values may hold fewer.
    fn is_there(&self) -> bool {
        match self.field_type {
            FieldType::Scalar(scalar) => self.offset + scalar.len <= self.body.len(),
            FieldType::Array { .. } | FieldType::Aggregate(_) | FieldType::OpenText => self.offset <= self.body.len(),
        }
    }

    fn serialize_scalar<S: Serializer>(&self, scalar: Scalar, serializer: S) -> Result<S::Ok, S::Error> {
        if scalar.kind == ScalarKind::Float {
            let field = self.body.get(self.offset..self.offset + scalar.len).unwrap_or_default();
            return serialize_float(field, serializer);
        }
        match (self.value(), scalar.kind) {
            (FieldValue::Integer(value @ (0 | 1)), ScalarKind::Bool) => serializer.serialize_bool(value == 1),
            (FieldValue::Integer(value), _) => match i64::try_from(value) {
                Ok(value) => serializer.serialize_i64(value),
                Err(_) => serializer.serialize_u64(u64::try_from(value).unwrap_or(0)),
            },
            _ => serializer.serialize_unit(),
        }
    }

    /// Only for what is there.
    fn value(&self) -> FieldValue<'_> {
        let place = FieldPlace { name: String::new(), offset: self.offset, field_type: self.field_type };
        place.read(self.body).unwrap_or(FieldValue::Integer(0))
    }
}

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.field_type {
            FieldType::Scalar(scalar) => self.serialize_scalar(*scalar, serializer),
            FieldType::Aggregate(inner) => {
                let mut map = serializer.serialize_map(None)?;
                serialize_members(&mut map, &inner.fields, self.offset, self.body)?;
                map.end()
            }
            FieldType::Array { element, count } if !self.field_type.is_text() => {
                let mut list = serializer.serialize_seq(None)?;
                let len = element.len_bytes();
                let places =
                    (0..*count).map(|index| Place { field_type: element, offset: self.offset + index * len, ..*self });
                for place in places.take_while(Place::is_there) {
                    list.serialize_element(&place)?;
                }
                list.end()
            }
            FieldType::Array { .. } | FieldType::OpenText => match self.value() {
                FieldValue::Text(text) => serializer.serialize_str(&text_to_string(text)),
                _ => serializer.serialize_unit(),
            },
        }
    }
}

/// Finds the texts behind whose NUL something stands.
struct TextsWithMore<'a> {
    body: &'a [u8],
    path: String,
    found: Vec<(String, &'a [u8])>,
}

impl TextsWithMore<'_> {
    fn collect_from(&mut self, fields: &[Field], start: usize) {
        for field in fields {
            let len = self.path.len();
            if let Some(name) = &field.name {
                self.path.push_str(if len == 0 { "" } else { "." });
                self.path.push_str(name);
            }
            self.visit(&field.field_type, start + field.offset);
            self.path.truncate(len);
        }
    }

    fn visit(&mut self, field_type: &FieldType, offset: usize) {
        if offset >= self.body.len() {
            return;
        }
        match field_type {
            text if text.is_text() => self.look_at(text, offset),
            FieldType::Aggregate(inner) => self.collect_from(&inner.fields, offset),
            FieldType::Array { element, count } if !matches!(**element, FieldType::Scalar(_)) => {
                let len = self.path.len();
                let places = (0..*count).map(|index| (index, offset + index * element.len_bytes()));
                for (index, offset) in places.take_while(|(_, offset)| *offset < self.body.len()) {
                    self.path.push_str(&format!("[{index}]"));
                    self.visit(element, offset);
                    self.path.truncate(len);
                }
            }
            _ => {}
        }
    }

    fn look_at(&mut self, text: &FieldType, offset: usize) {
        let end = match text {
            FieldType::OpenText => self.body.len(),
            other => (offset + other.len_bytes()).min(self.body.len()),
        };
        let field = self.body.get(offset..end).unwrap_or_default();
        let used = field.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let bytes = field.get(..used).unwrap_or_default();
        if bytes.contains(&0) {
            self.found.push((self.path.clone(), bytes));
        }
    }
}

struct BytesByPath<'a>(&'a [(String, &'a [u8])]);

impl Serialize for BytesByPath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(path, bytes)| (path, text_to_string(bytes))))
    }
}
