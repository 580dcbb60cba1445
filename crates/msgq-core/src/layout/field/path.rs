//! Paths of fields, as in `at.x` or `item[2].amount`.

use crate::layout::shape::{Field, FieldType};

/// Where the field with this path is, and what it holds; `None` where there is no such field.
pub(super) fn place_of<'s>(fields: &'s [Field], path: &str) -> Option<(usize, &'s FieldType)> {
    let (mut fields, mut start) = (fields, 0);
    let mut words = path.split('.').peekable();
    loop {
        let (name, bounds) = split_bounds(words.next()?);
        let (offset, field_type) = named(fields, name, start)?;
        let (offset, field_type) = element(offset, field_type, bounds)?;
        match field_type {
            field_type if words.peek().is_none() => return Some((offset, field_type)),
            FieldType::Aggregate(inner) => (fields, start) = (&inner.fields, offset),
            _ => return None,
        }
    }
}

fn split_bounds(word: &str) -> (&str, &str) {
    word.split_at(word.find('[').unwrap_or(word.len()))
}

/// The element of an array, and of that if it is one: `bounds` is empty, or as in `[2][0]`.
fn element<'s>(offset: usize, field_type: &'s FieldType, bounds: &str) -> Option<(usize, &'s FieldType)> {
    let (mut offset, mut field_type, mut rest) = (offset, field_type, bounds);
    while !rest.is_empty() {
        let (word, behind) = rest.strip_prefix('[')?.split_once(']')?;
        let FieldType::Array { element, count } = field_type else { return None };
        let index: usize = word.parse().ok().filter(|index| index < count)?;
        // Each element has one name: neither `[01]` nor `[+1]`.
        if index.to_string() != word {
            return None;
        }
        (offset, field_type, rest) = (offset + index * element.len_bytes(), element, behind);
    }
    Some((offset, field_type))
}

/// Also in structs and unions without a name.
pub(in crate::layout) fn named<'s>(fields: &'s [Field], name: &str, start: usize) -> Option<(usize, &'s FieldType)> {
    fields.iter().find_map(|field| match (&field.name, &field.field_type) {
        (Some(own), field_type) => (own == name).then_some((start + field.offset, field_type)),
        (None, FieldType::Aggregate(inner)) => named(&inner.fields, name, start + field.offset),
        (None, _) => None,
    })
}
