//! The numbers and texts of a struct by their paths, with all elements of arrays of structs.

use msgq_core::layout::shape::{Field, FieldType, Scalar, ScalarKind, Shape};

/// More than anybody would name, and than a program should list.
const MOST_FIELDS: usize = 2000;

/// A number, a text, or an array of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientField {
    pub(super) path: String,
    pub(super) kind: FieldKind,
    /// In bytes from the start of the body.
    pub(super) offset: usize,
    /// `None` where it is no array.
    pub(super) elements: Option<usize>,
}

/// What a field holds, or each element of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    Number(Scalar),
    /// Of so many bytes; `None`: up to the end of the message.
    Text(Option<usize>),
}

impl ClientField {
    /// As an example on a command line.
    pub(super) fn example(&self) -> String {
        let value = match self.kind {
            FieldKind::Number(Scalar { kind: ScalarKind::Float, .. }) => "1.5",
            FieldKind::Number(_) => "1",
            FieldKind::Text(_) => "hello",
        };
        let element = if self.elements.is_some() { "[0]" } else { "" };
        format!("{}{element}={value}", self.path)
    }
}

/// All of them, in the order of the declaration.
///
/// # Errors
/// Why they are not listed.
pub(super) fn fields_of(shape: &Shape) -> Result<Vec<ClientField>, String> {
    let count: usize = shape.fields.iter().map(|field| rows_of(&field.field_type)).fold(0, usize::saturating_add);
    if count > MOST_FIELDS {
        return Err(format!(
            "the struct has {count} fields, counted in each element of its arrays of structs, and a program lists at most {MOST_FIELDS}"
        ));
    }
    let mut fields = Vec::with_capacity(count);
    push_fields(&shape.fields, 0, "", &mut fields);
    Ok(fields)
}

fn rows_of(field_type: &FieldType) -> usize {
    match field_type {
        FieldType::Aggregate(inner) => {
            inner.fields.iter().map(|field| rows_of(&field.field_type)).fold(0, usize::saturating_add)
        }
        FieldType::Array { element, count } if !field_type.is_text() && !is_single(element) => {
            rows_of(element).saturating_mul(*count)
        }
        _ => 1,
    }
}

/// True for what can be the element of an array that is listed as one field.
fn is_single(field_type: &FieldType) -> bool {
    field_type.is_text() || matches!(field_type, FieldType::Scalar(_))
}

fn push_fields(inner: &[Field], start: usize, path: &str, fields: &mut Vec<ClientField>) {
    for Field { name, offset, field_type } in inner {
        match (name, field_type) {
            (Some(name), _) => push_field(field_type, start + offset, &format!("{path}{name}"), fields),
            (None, FieldType::Aggregate(inner)) => push_fields(&inner.fields, start + offset, path, fields),
            (None, _) => {}
        }
    }
}

fn push_field(field_type: &FieldType, offset: usize, path: &str, fields: &mut Vec<ClientField>) {
    let mut push = |kind, elements| fields.push(ClientField { path: path.to_owned(), kind, offset, elements });
    match field_type {
        FieldType::Scalar(scalar) => push(FieldKind::Number(*scalar), None),
        FieldType::OpenText => push(FieldKind::Text(None), None),
        text if text.is_text() => push(FieldKind::Text(Some(text.len_bytes())), None),
        FieldType::Array { element, count } => match &**element {
            FieldType::Scalar(scalar) => push(FieldKind::Number(*scalar), Some(*count)),
            text if text.is_text() => push(FieldKind::Text(Some(text.len_bytes())), Some(*count)),
            inner => {
                for index in 0..*count {
                    push_field(inner, offset + index * inner.len_bytes(), &format!("{path}[{index}]"), fields);
                }
            }
        },
        FieldType::Aggregate(inner) => push_fields(&inner.fields, offset, &format!("{path}."), fields),
    }
}
