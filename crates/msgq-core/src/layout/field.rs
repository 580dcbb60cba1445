//! Numbers and texts in a body, read and written with their limits checked.

use super::shape::{FieldType, Scalar, ScalarKind, Shape};
use super::until_nul;
use crate::escape::escape;
use crate::words::counted;
use path::place_of;

mod path;

pub(super) use path::named;

/// What stands in a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldValue<'a> {
    /// Of an integer, a single `char`, or `bool`.
    Integer(i128),
    /// Of `float` and `double`.
    Float(f64),
    /// Up to its first NUL.
    Text(&'a [u8]),
}

/// Why a field cannot be read or written. Each names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The message has no such field.
    #[error("there is no field `{}`", escape(.0.as_bytes()))]
    Unknown(String),
    /// The body ends before the field does.
    #[error("the body is too short to hold the field `{}`", escape(.0.as_bytes()))]
    BehindEnd(String),
    /// The value is of another kind.
    #[error("the field `{}` takes {takes}", escape(.field.as_bytes()))]
    WrongKind {
        /// Its name.
        field: String,
        /// What it takes.
        takes: String,
    },
    /// The value is of the right kind, and the field cannot hold it.
    #[error("the field `{}` cannot hold {value}: {limit}", escape(.field.as_bytes()))]
    OutOfRange {
        /// Its name.
        field: String,
        /// What it cannot hold.
        value: String,
        /// What it can.
        limit: String,
    },
    /// No answer is as long as this whole body.
    #[error("it has {len} bytes, and an answer to this client has {allowed}")]
    BodyLength {
        /// Its length.
        len: usize,
        /// Which it may have.
        allowed: String,
    },
    /// Two members of a union were given that do not go together.
    #[error("the field `{}` and another one of its union give the same bytes different values: leave one of them out", escape(.0.as_bytes()))]
    Contradiction(String),
}

/// Where a field stands in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPlace<'s> {
    /// Its name, as an error shows it.
    pub name: String,
    /// In bytes from the start of the body.
    pub offset: usize,
    /// What it holds.
    pub field_type: &'s FieldType,
}

impl Shape {
    /// Finds a field by its path, as in `op`, `at.x` or `item[2].amount`.
    ///
    /// # Errors
    /// [`FieldError::Unknown`].
    pub fn find_field(&self, path: &str) -> Result<FieldPlace<'_>, FieldError> {
        let (offset, field_type) = place_of(&self.fields, path).ok_or_else(|| FieldError::Unknown(path.to_owned()))?;
        Ok(FieldPlace { name: path.to_owned(), offset, field_type })
    }
}

impl FieldPlace<'_> {
    /// Reads the field. A text may be cut by the end of the body.
    ///
    /// # Errors
    /// [`FieldError`] where the body ends before the number does, or the field is neither number nor text.
    pub fn read<'b>(&self, body: &'b [u8]) -> Result<FieldValue<'b>, FieldError> {
        let end = self.end(body.len());
        if self.field_type.is_text() {
            let field = body.get(self.offset.min(body.len())..end.min(body.len())).unwrap_or_default();
            return Ok(FieldValue::Text(until_nul(field)));
        }
        let FieldType::Scalar(scalar) = self.field_type else { return Err(self.wrong_kind()) };
        let bytes = body.get(self.offset..end).ok_or_else(|| FieldError::BehindEnd(self.name.clone()))?;
        Ok(read_scalar(*scalar, bytes))
    }

    /// Writes the field; behind a text, its other bytes become 0.
    ///
    /// # Errors
    /// [`FieldError`]; then nothing was written.
    pub fn write(&self, body: &mut [u8], value: FieldValue<'_>) -> Result<(), FieldError> {
        let behind_end = || FieldError::BehindEnd(self.name.clone());
        let end = self.end(body.len());
        let field = body.get_mut(self.offset..end).ok_or_else(behind_end)?;
        match (self.field_type, value) {
            (text, FieldValue::Text(value)) if text.is_text() => {
                self.check_text(value, field.len())?;
                let (start, rest) = field.split_at_mut(value.len());
                start.copy_from_slice(value);
                rest.fill(0);
                Ok(())
            }
            (FieldType::Scalar(Scalar { kind: ScalarKind::Float, .. }), FieldValue::Float(value)) => {
                self.write_float(field, value)
            }
            (FieldType::Scalar(scalar), FieldValue::Integer(value)) if scalar.kind != ScalarKind::Float => {
                self.write_integer(*scalar, field, value)
            }
            _ => Err(self.wrong_kind()),
        }
    }

    /// Behind its last byte, in a body of this length.
    pub(super) fn end(&self, body_len: usize) -> usize {
        match self.field_type {
            FieldType::OpenText => body_len,
            other => self.offset.saturating_add(other.len_bytes()),
        }
    }

    fn check_text(&self, text: &[u8], room: usize) -> Result<(), FieldError> {
        if text.len() <= room && !text.contains(&0) {
            return Ok(());
        }
        let value = format!("a text of {}", counted(text.len(), "byte"));
        let limit = if text.len() > room { format!("it has room for {room}") } else { "a NUL would end it".to_owned() };
        Err(FieldError::OutOfRange { field: self.name.clone(), value, limit })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a float's precision is what the field has")]
    fn write_float(&self, field: &mut [u8], value: f64) -> Result<(), FieldError> {
        if field.len() == 8 {
            field.copy_from_slice(&value.to_ne_bytes());
            return Ok(());
        }
        let narrow = value as f32;
        if narrow.is_infinite() && value.is_finite() {
            return Err(self.out_of_range(&value.to_string(), "a float ends at 3.4e38"));
        }
        field.copy_from_slice(&narrow.to_ne_bytes());
        Ok(())
    }

    fn write_integer(&self, scalar: Scalar, field: &mut [u8], value: i128) -> Result<(), FieldError> {
        let (least, most) = limits(scalar);
        if !(least..=most).contains(&value) {
            return Err(self.out_of_range(&value.to_string(), &format!("it holds {least} to {most}")));
        }
        let bytes = value.to_le_bytes();
        field.copy_from_slice(bytes.get(..field.len()).unwrap_or(&bytes));
        if cfg!(target_endian = "big") {
            field.reverse();
        }
        Ok(())
    }

    fn out_of_range(&self, value: &str, limit: &str) -> FieldError {
        FieldError::OutOfRange { field: self.name.clone(), value: value.to_owned(), limit: limit.to_owned() }
    }

    /// The error for a value that is not what the field takes.
    #[must_use]
    pub fn wrong_kind(&self) -> FieldError {
        let takes = match self.field_type {
            text if text.is_text() => "a text".to_owned(),
            FieldType::Scalar(Scalar { kind: ScalarKind::Float, .. }) => "a number".to_owned(),
            FieldType::Scalar(Scalar { kind: ScalarKind::Bool, .. }) => "true or false".to_owned(),
            FieldType::Scalar(_) => "an integer".to_owned(),
            FieldType::Array { count, .. } => counted(*count, "element"),
            FieldType::Aggregate(_) | FieldType::OpenText => "fields of its own".to_owned(),
        };
        FieldError::WrongKind { field: self.name.clone(), takes }
    }
}

/// C's `char` is signed on x86, and it is a compiler's choice elsewhere: -128 to 255 may be written.
fn limits(scalar: Scalar) -> (i128, i128) {
    let bits = scalar.len * 8;
    match scalar.kind {
        ScalarKind::Char => (-128, 255),
        ScalarKind::Signed | ScalarKind::Float => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        ScalarKind::Unsigned | ScalarKind::Bool => (0, (1 << bits) - 1),
    }
}

fn read_scalar(scalar: Scalar, bytes: &[u8]) -> FieldValue<'static> {
    let mut wide = [0; 16];
    for (to, from) in wide.iter_mut().zip(bytes) {
        *to = *from;
    }
    if cfg!(target_endian = "big") {
        wide.get_mut(..bytes.len()).unwrap_or_default().reverse();
    }
    let value = i128::from_le_bytes(wide);
    match (scalar.kind, scalar.len) {
        (ScalarKind::Float, 4) => FieldValue::Float(f64::from(f32::from_bits(u32::try_from(value).unwrap_or(0)))),
        (ScalarKind::Float, _) => FieldValue::Float(f64::from_bits(u64::try_from(value).unwrap_or(0))),
        (ScalarKind::Unsigned | ScalarKind::Bool, _) => FieldValue::Integer(value),
        (ScalarKind::Signed | ScalarKind::Char, len) => {
            let most = (1_i128 << (len * 8 - 1)) - 1;
            FieldValue::Integer(if value > most { value - (1_i128 << (len * 8)) } else { value })
        }
    }
}

#[cfg(test)]
mod tests;
