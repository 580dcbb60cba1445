//! Where the members of a struct or union stand: the rules of the System V ABIs.

use super::cursor::{Cursor, MAX_DEPTH};
use super::error::DeclarationError;
use super::token::Token;
use crate::layout::shape::{Aggregate, Field, FieldType};
use std::collections::HashSet;

/// The longest struct, in bytes: more than any queue of today holds.
pub(super) const MAX_STRUCT_LEN: usize = 16 << 20;
/// Only unions of unions can hold more of them than a struct has bytes: twice as many with each level, in bytes that stay few.
const MAX_VALUES: usize = MAX_STRUCT_LEN;

/// A field as it was declared, with the word that an error points to.
pub(super) struct Member<'t> {
    pub(super) place: Token<'t>,
    pub(super) name: Option<&'t str>,
    pub(super) field_type: FieldType,
    pub(super) packed: bool,
}

/// Gives each member its place.
pub(super) fn place_members(
    cursor: &Cursor<'_>,
    is_union: bool,
    packed: bool,
    members: Vec<Member<'_>>,
) -> Result<Aggregate, DeclarationError> {
    let mut placed = Aggregate { is_union, fields: Vec::new(), len: 0, alignment: 1, depth: 0, value_count: 0 };
    let mut names = HashSet::new();
    for member in members {
        take_names(cursor, &mut names, member.name, &member)?;
        if holds_open_text(&placed) {
            let help = "only the last field of a struct can have an open length";
            return Err(cursor.error(member.place, "this field stands behind a text of open length", help));
        }
        let alignment = if packed || member.packed { 1 } else { member.field_type.alignment(cursor.abi) };
        let offset = if is_union { 0 } else { placed.len.next_multiple_of(alignment) };
        let end = offset.saturating_add(member.field_type.len_bytes());
        placed.len = placed.len.max(end);
        placed.alignment = placed.alignment.max(alignment);
        placed.depth = placed.depth.max(member.field_type.depth());
        placed.value_count = placed.value_count.saturating_add(member.field_type.value_count());
        check_limits(cursor, &placed, member.place)?;
        placed.fields.push(Field { name: member.name.map(str::to_owned), offset, field_type: member.field_type });
    }
    placed.depth += 1;
    placed.len = placed.len.next_multiple_of(placed.alignment);
    Ok(placed)
}

fn check_limits(cursor: &Cursor<'_>, placed: &Aggregate, place: Token<'_>) -> Result<(), DeclarationError> {
    if placed.len > MAX_STRUCT_LEN {
        let message = format!("with this field the struct has more than {MAX_STRUCT_LEN} bytes");
        return Err(cursor.error(place, &message, "no queue holds such a message: make the array smaller"));
    }
    if placed.value_count > MAX_VALUES {
        let message = format!("with this field the struct has more than {MAX_VALUES} numbers and texts");
        return Err(cursor.error(place, &message, "leave out members of unions that nobody needs"));
    }
    if placed.depth >= MAX_DEPTH {
        return Err(cursor.error(place, &format!("more than {MAX_DEPTH} structs and arrays stand in each other"), ""));
    }
    Ok(())
}

fn holds_open_text(aggregate: &Aggregate) -> bool {
    aggregate.fields.last().is_some_and(|field| field.field_type == FieldType::OpenText)
}

/// True for a struct that ends with a text of open length, which can stand in nothing else.
pub(super) fn is_open(field_type: &FieldType) -> bool {
    match field_type {
        FieldType::Aggregate(aggregate) => holds_open_text(aggregate),
        FieldType::OpenText => true,
        FieldType::Scalar(_) | FieldType::Array { .. } => false,
    }
}

fn take_names(
    cursor: &Cursor<'_>,
    names: &mut HashSet<String>,
    name: Option<&str>,
    member: &Member<'_>,
) -> Result<(), DeclarationError> {
    let mut taken = Vec::new();
    match name {
        Some(name) => taken.push(name.to_owned()),
        None => collect_names(&member.field_type, &mut taken),
    }
    match taken.into_iter().find(|name| !names.insert(name.clone())) {
        None => Ok(()),
        Some(twice) => Err(cursor.error(member.place, &format!("two fields are named `{twice}`"), "")),
    }
}

fn collect_names(field_type: &FieldType, names: &mut Vec<String>) {
    let FieldType::Aggregate(aggregate) = field_type else { return };
    for field in &aggregate.fields {
        match &field.name {
            Some(name) => names.push(name.clone()),
            None => collect_names(&field.field_type, names),
        }
    }
}
