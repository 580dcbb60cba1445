//! The fields of a struct, one below the other, with those of structs inside of it.

use super::roles::Roles;
use msgq_core::layout::shape::{Field, FieldType, Scalar, ScalarKind, Shape};
use serde::Serialize;

/// A field of one struct as one kind of programs sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FieldRow {
    /// Its path; in arrays of structs, that of the first element.
    pub(super) name: String,
    /// From the start of the struct, in bytes.
    pub(super) offset: usize,
    /// In bytes; 0 for text of open length.
    pub(super) size: usize,
    /// A number, a text or fields of its own, and behind it the bounds of an array.
    pub(super) holds: String,
    /// What the configured protocol makes of it; empty where nothing.
    pub(super) role: String,
}

/// All fields behind the message's type, each in front of those inside of it.
pub(super) fn field_rows(shape: &Shape, roles: &Roles) -> Vec<FieldRow> {
    let mut rows = Vec::new();
    push_rows(&shape.fields, shape.abi.long_len(), "", &mut rows);
    for row in &mut rows {
        row.role = roles.of_field(&row.name);
    }
    rows
}

fn push_rows(fields: &[Field], start: usize, path: &str, rows: &mut Vec<FieldRow>) {
    for Field { name, offset, field_type } in fields {
        let offset = start + offset;
        let Some(name) = name else {
            push_inner(field_type, offset, path, rows);
            continue;
        };
        let name = format!("{path}{name}");
        rows.push(FieldRow {
            name: name.clone(),
            offset,
            size: field_type.len_bytes(),
            holds: words_for(field_type),
            role: String::new(),
        });
        let (element, bounds) = element_of(field_type);
        push_inner(element, offset, &format!("{name}{}.", "[0]".repeat(bounds.len())), rows);
    }
}

fn push_inner(field_type: &FieldType, offset: usize, path: &str, rows: &mut Vec<FieldRow>) {
    if let FieldType::Aggregate(inner) = field_type {
        push_rows(&inner.fields, offset, path, rows);
    }
}

/// What an array is of, and how many of them; a text is no array.
fn element_of(field_type: &FieldType) -> (&FieldType, Vec<usize>) {
    let (mut element, mut bounds) = (field_type, Vec::new());
    while let FieldType::Array { element: inner, count } = element {
        if element.is_text() {
            break;
        }
        bounds.push(*count);
        element = inner;
    }
    (element, bounds)
}

fn words_for(field_type: &FieldType) -> String {
    let (element, bounds) = element_of(field_type);
    let word = match element {
        FieldType::Scalar(Scalar { kind, len }) => match kind {
            ScalarKind::Char => "char".to_owned(),
            ScalarKind::Signed => format!("int{}", len * 8),
            ScalarKind::Unsigned => format!("uint{}", len * 8),
            ScalarKind::Float => if *len == 4 { "float" } else { "double" }.to_owned(),
            ScalarKind::Bool => "bool".to_owned(),
        },
        FieldType::Aggregate(inner) if inner.is_union => "union".to_owned(),
        FieldType::Aggregate(_) => "struct".to_owned(),
        FieldType::Array { .. } | FieldType::OpenText => "text".to_owned(),
    };
    word + &bounds.iter().map(|count| format!("[{count}]")).collect::<String>()
}
