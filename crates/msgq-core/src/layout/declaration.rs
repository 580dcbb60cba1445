//! Declarations of C, read into the shape of a message. Pure, and bounded in time and memory whatever the text is.

mod cursor;
mod definitions;
mod error;
mod expression;
mod placement;
mod token;
mod types;

pub use error::DeclarationError;

use super::shape::{Abi, Aggregate, Field, FieldType, Scalar, ScalarKind, Shape};
use cursor::{Cursor, shown};
use definitions::{declarator, packed_attributes, type_specifier};
use std::collections::BTreeMap;
use token::{Token, TokenKind};

/// The longest declaration, in bytes.
pub const MAX_DECLARATION_LEN: usize = 64 << 10;

/// The struct of a message, for both kinds of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// As a 64-bit program sees it.
    pub lp64: Shape,
    /// As a 32-bit program sees it.
    pub ilp32: Shape,
}

impl Declaration {
    /// Reads a declaration: a struct whose first field is the message's type, `long mtype`, behind any other structs,
    /// unions, enums and typedefs that it needs. `constants` are names that stand in the bounds of arrays.
    ///
    /// # Errors
    /// [`DeclarationError`] with the place of whatever is no C, or cannot be sent.
    pub fn parse(text: &str, constants: &BTreeMap<String, i64>) -> Result<Self, DeclarationError> {
        let shape = |abi| message_shape(text, constants, abi);
        Ok(Self { lp64: shape(Abi::Lp64)?, ilp32: shape(Abi::Ilp32)? })
    }

    /// The shape for this ABI.
    #[must_use]
    pub fn shape(&self, abi: Abi) -> &Shape {
        match abi {
            Abi::Lp64 => &self.lp64,
            Abi::Ilp32 => &self.ilp32,
        }
    }
}

fn message_shape(text: &str, constants: &BTreeMap<String, i64>, abi: Abi) -> Result<Shape, DeclarationError> {
    if text.len() > MAX_DECLARATION_LEN {
        let message = format!("the declaration has more than {MAX_DECLARATION_LEN} bytes");
        return Err(DeclarationError::at(text, 0..0, &message, "leave out what does not belong to the message"));
    }
    let mut cursor = Cursor::new(text, constants, abi)?;
    let mut last = None;
    while cursor.peek().kind != TokenKind::End {
        let place = cursor.peek();
        if let Some(found) = top_level(&mut cursor)? {
            last = Some((place, found));
        }
    }
    match last {
        Some((place, FieldType::Aggregate(aggregate))) if !aggregate.is_union => body_of(&cursor, place, &aggregate),
        _ => {
            let help = "write it as in `struct { long mtype; pid_t pid; char text[256]; }`";
            Err(cursor.error(cursor.peek(), "there is no struct for the message", help))
        }
    }
}

/// One declaration; what it gives if that is a struct or union.
fn top_level(cursor: &mut Cursor<'_>) -> Result<Option<FieldType>, DeclarationError> {
    let is_typedef = cursor.eat("typedef");
    let specifier = type_specifier(cursor)?;
    let mut found = specifier.has_body.then(|| specifier.field_type.clone());
    if matches!(cursor.peek().text, ";") || cursor.peek().kind == TokenKind::End {
        cursor.advance();
        return Ok(found);
    }
    loop {
        let (name, named) = declarator(cursor, &specifier.field_type)?;
        let attribute = cursor.peek();
        if packed_attributes(cursor)? {
            let help = "put it between `}` and the name";
            return Err(cursor.error(attribute, "compilers ignore `packed` here", help));
        }
        if is_typedef {
            found = found.or_else(|| matches!(named, FieldType::Aggregate(_)).then(|| named.clone()));
            cursor.typedefs.insert(name.text, named);
        }
        if !cursor.eat(",") {
            break;
        }
    }
    if cursor.peek().kind != TokenKind::End && !cursor.eat(";") {
        let token = cursor.peek();
        return Err(cursor.error(token, &format!("`;` is missing; here stands {}", shown(token)), ""));
    }
    Ok(found)
}

/// Takes the type off, from behind which the kernel counts.
fn body_of(cursor: &Cursor<'_>, place: Token<'_>, aggregate: &Aggregate) -> Result<Shape, DeclarationError> {
    let long_len = cursor.abi.long_len();
    let is_type = |field: &Field| {
        matches!(field.field_type, FieldType::Scalar(Scalar { kind: ScalarKind::Signed | ScalarKind::Unsigned, len })
            if len == long_len)
    };
    let Some((first, rest)) = aggregate.fields.split_first().filter(|(first, _)| is_type(first)) else {
        let help = "the kernel reads it there: begin with `long mtype;`";
        return Err(cursor.error(place, "the first field of this struct is no `long` for the message's type", help));
    };
    let behind_type = |field: &Field| Field { offset: field.offset.saturating_sub(long_len), ..field.clone() };
    debug_assert_eq!(first.offset, 0);
    Ok(Shape { abi: cursor.abi, fields: rest.iter().map(behind_type).collect(), whole_len: aggregate.len })
}

#[cfg(test)]
mod tests;
