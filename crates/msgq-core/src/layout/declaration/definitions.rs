//! Structs, unions and enums with a body, and the declarators behind a type.

use super::cursor::{Cursor, shown};
use super::error::DeclarationError;
use super::expression::constant_expression;
use super::placement::{MAX_STRUCT_LEN, Member, is_open, place_members};
use super::token::{Token, TokenKind};
use super::types::{INT, named_type, skip_qualifiers};
use crate::layout::shape::{FieldType, Scalar, ScalarKind};
use std::sync::Arc;

/// A type, with a body where one stands here.
pub(super) struct TypeSpecifier {
    pub(super) field_type: FieldType,
    /// True for a struct or union whose body stands here.
    pub(super) has_body: bool,
    pub(super) has_tag: bool,
}

pub(super) fn type_specifier(cursor: &mut Cursor<'_>) -> Result<TypeSpecifier, DeclarationError> {
    skip_qualifiers(cursor);
    let keyword = cursor.peek();
    let behind = cursor.peek_behind(1);
    let has_tag = behind.kind == TokenKind::Word && behind.text != "__attribute__";
    let opens = has_tag && cursor.peek_behind(2).text == "{" || matches!(behind.text, "{" | "__attribute__");
    if !matches!(keyword.text, "struct" | "union" | "enum") || !opens {
        return Ok(TypeSpecifier { field_type: named_type(cursor)?, has_body: false, has_tag: false });
    }
    let has_body = keyword.text != "enum";
    let (field_type, has_tag) = if has_body { aggregate(cursor)? } else { enumeration(cursor)? };
    skip_qualifiers(cursor);
    Ok(TypeSpecifier { field_type, has_body, has_tag })
}

fn optional_tag<'t>(cursor: &mut Cursor<'t>) -> Result<Option<Token<'t>>, DeclarationError> {
    (cursor.peek().kind == TokenKind::Word).then(|| cursor.expect_name("the tag")).transpose()
}

fn aggregate(cursor: &mut Cursor<'_>) -> Result<(FieldType, bool), DeclarationError> {
    let keyword = cursor.advance();
    let mut packed = packed_attributes(cursor)?;
    let tag = optional_tag(cursor)?;
    let brace = cursor.expect("{", &format!("behind `{}`", tag.unwrap_or(keyword).text))?;
    cursor.enter(brace)?;
    let mut members = Vec::new();
    while cursor.peek().text != "}" {
        if cursor.peek().kind == TokenKind::End {
            return Err(cursor.error(brace, "this brace is not closed", "add `}` behind the last field"));
        }
        member_line(cursor, &mut members)?;
    }
    cursor.leave();
    cursor.advance();
    packed |= packed_attributes(cursor)?;
    if members.is_empty() {
        return Err(cursor.error(brace, &format!("this {} has no fields", keyword.text), ""));
    }
    let is_union = keyword.text == "union";
    if let Some(open) = members.iter().find(|member| is_union && is_open(&member.field_type)) {
        return Err(cursor.error(open.place, "a text in a union needs a length", ""));
    }
    let field_type = FieldType::Aggregate(Arc::new(place_members(cursor, is_union, packed, members)?));
    if let Some(tag) = tag
        && cursor.tags.insert((keyword.text, tag.text), field_type.clone()).is_some()
    {
        return Err(cursor.error(tag, &format!("`{} {}` is declared twice", keyword.text, tag.text), ""));
    }
    Ok((field_type, tag.is_some()))
}

fn member_line<'t>(cursor: &mut Cursor<'t>, members: &mut Vec<Member<'t>>) -> Result<(), DeclarationError> {
    let first = cursor.peek();
    let specifier = type_specifier(cursor)?;
    if cursor.eat(";") {
        if specifier.has_body && !specifier.has_tag {
            refuse_open(cursor, first, &specifier.field_type)?;
            members.push(Member { place: first, name: None, field_type: specifier.field_type, packed: false });
            return Ok(());
        }
        if first.text == "enum" {
            return Ok(());
        }
        return Err(cursor.error(first, "this declares no field", "give the field a name, or leave out the tag"));
    }
    loop {
        let (name, field_type) = declarator(cursor, &specifier.field_type)?;
        let packed = packed_attributes(cursor)?;
        members.push(Member { place: name, name: Some(name.text), field_type, packed });
        if !cursor.eat(",") {
            cursor.expect(";", &format!("behind `{}`", name.text))?;
            return Ok(());
        }
    }
}

fn refuse_open(cursor: &Cursor<'_>, place: Token<'_>, field_type: &FieldType) -> Result<(), DeclarationError> {
    if !is_open(field_type) {
        return Ok(());
    }
    let help = "`char x[]` can only be the last field of the message itself";
    Err(cursor.error(place, "this struct ends with a text of open length, so it cannot be a field", help))
}

/// A name and its bounds.
pub(super) fn declarator<'t>(
    cursor: &mut Cursor<'t>,
    base: &FieldType,
) -> Result<(Token<'t>, FieldType), DeclarationError> {
    let start = cursor.peek();
    match start.text {
        "*" => {
            let help = "an address means nothing to another process: send what it points to";
            return Err(cursor.error(start, "a pointer cannot be sent", help));
        }
        "(" => return Err(cursor.error(start, "a function or a pointer cannot be sent", "leave this field out")),
        ":" => return Err(bit_field(cursor, start)),
        _ => {}
    }
    let name = cursor.expect_name("the name of a field")?;
    let mut bounds = Vec::new();
    while cursor.peek().text == "[" {
        bounds.push(bound(cursor)?);
    }
    if cursor.peek().text == ":" {
        return Err(bit_field(cursor, cursor.peek()));
    }
    if matches!(bounds[..], [(_, 0)]) && *base == FieldType::Scalar(CHAR) {
        return Ok((name, FieldType::OpenText));
    }
    refuse_open(cursor, name, base)?;
    let mut field_type = base.clone();
    for (place, count) in bounds.into_iter().rev() {
        field_type = array_of(cursor, place, field_type, count)?;
    }
    Ok((name, field_type))
}

const CHAR: Scalar = Scalar { kind: ScalarKind::Char, len: 1 };

fn bit_field(cursor: &Cursor<'_>, place: Token<'_>) -> DeclarationError {
    let help = "declare the integer that holds the bits, and take them out of it in the handler";
    cursor.error(place, "bit fields are not served", help)
}

fn bound<'t>(cursor: &mut Cursor<'t>) -> Result<(Token<'t>, i64), DeclarationError> {
    let place = cursor.advance();
    let count = if cursor.peek().text == "]" { 0 } else { constant_expression(cursor)? };
    cursor.expect("]", "behind the bound")?;
    Ok((place, count))
}

fn array_of(
    cursor: &Cursor<'_>,
    place: Token<'_>,
    element: FieldType,
    count: i64,
) -> Result<FieldType, DeclarationError> {
    let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) else {
        let help = "only a `char` array at the end can be left open: say how many elements there are";
        return Err(cursor.error(place, &format!("an array of {count} elements is not served"), help));
    };
    if element.len_bytes().checked_mul(count).is_none_or(|len| len > MAX_STRUCT_LEN) {
        let message = format!("this array has more than {MAX_STRUCT_LEN} bytes");
        return Err(cursor.error(place, &message, "no queue holds such a message: make it smaller"));
    }
    if element.depth() + 1 >= super::cursor::MAX_DEPTH {
        return Err(cursor.error(place, "too many arrays stand in each other", ""));
    }
    Ok(FieldType::Array { element: Arc::new(element), count })
}

fn enumeration(cursor: &mut Cursor<'_>) -> Result<(FieldType, bool), DeclarationError> {
    cursor.advance();
    if cursor.peek().text == "__attribute__" {
        return Err(cursor.error(
            cursor.peek(),
            "an enum with an attribute is not served",
            "leave the attribute out, or use an intN_t",
        ));
    }
    let tag = optional_tag(cursor)?;
    cursor.expect("{", "behind `enum`")?;
    let mut next = 0;
    while cursor.peek().text != "}" {
        let name = cursor.expect_name("the name of a constant")?;
        let value = if cursor.eat("=") { constant_expression(cursor)? } else { next };
        if i32::try_from(value).is_err() {
            return Err(cursor.error(name, &format!("`{}` is {value}, which is no int", name.text), ""));
        }
        if cursor.constants.insert(name.text.to_owned(), value).is_some() {
            return Err(cursor.error(name, &format!("`{}` has two values", name.text), "leave one of them out"));
        }
        next = value + 1;
        if !cursor.eat(",") && cursor.peek().text != "}" {
            return Err(cursor.error(
                cursor.peek(),
                &format!("`,` or `}}` is missing; here stands {}", shown(cursor.peek())),
                "",
            ));
        }
    }
    cursor.advance();
    Ok((FieldType::Scalar(INT), tag.is_some()))
}

/// Reads attributes; true when one of them is `packed`, which is the only one that is served.
pub(super) fn packed_attributes(cursor: &mut Cursor<'_>) -> Result<bool, DeclarationError> {
    let mut packed = false;
    while cursor.eat("__attribute__") {
        cursor.expect("(", "behind __attribute__")?;
        cursor.expect("(", "behind __attribute__")?;
        let name = cursor.advance();
        if !matches!(name.text, "packed" | "__packed__") {
            let message = format!("of attributes only `packed` is served; here stands {}", shown(name));
            return Err(cursor.error(name, &message, "leave it out, if it does not change where fields stand"));
        }
        cursor.expect(")", "behind the attribute")?;
        cursor.expect(")", "behind the attribute")?;
        packed = true;
    }
    Ok(packed)
}
