//! Where in a body each role stands, for one ABI.

use super::route::{ReplyAddress, ReplyToRole};
use crate::escape::escape;
use crate::layout::field::{FieldPlace, FieldValue};
use crate::layout::shape::{FieldType, Scalar, ScalarKind, Shape};
use crate::layout::{cut, until_nul};

/// A text in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextPlace {
    pub(super) offset: usize,
    /// In bytes; `None`: up to the end of the body.
    pub(super) len: Option<usize>,
}

/// A number in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberPlace {
    offset: usize,
    scalar: Scalar,
}

/// Where the address of the client's own queue stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressPlace {
    place: NumberPlace,
    is_key: bool,
}

impl AddressPlace {
    pub(super) fn find(role: &ReplyToRole, request: &Shape) -> Result<Self, String> {
        Ok(Self { place: NumberPlace::find(request, &role.field)?, is_key: role.is_key })
    }

    /// `None` where the body ends before it does, and for what no queue can have.
    pub(super) fn read(&self, body: &[u8]) -> Option<ReplyAddress> {
        let number = self.place.read(body)?;
        if self.is_key {
            // A key is an int in C, and is as often kept in a long.
            let key = i32::try_from(number).map(i32::cast_unsigned).or_else(|_| u32::try_from(number)).ok()?;
            return (key != 0).then_some(ReplyAddress::Key(key));
        }
        i32::try_from(number).ok().filter(|msqid| *msqid >= 0).map(ReplyAddress::Msqid)
    }

    pub(super) fn write(&self, body: &mut [u8], address: ReplyAddress) {
        match address {
            ReplyAddress::Msqid(msqid) => self.place.write(body, msqid),
            ReplyAddress::Key(key) => self.place.write(body, key.cast_signed()),
        }
    }
}

/// Where the client's number stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClientPlace {
    Number(NumberPlace),
    /// Written in a text, in the word with this number, from 0.
    Decimal {
        text: TextPlace,
        word: usize,
    },
    /// It is the type of the request.
    Mtype,
    /// Nothing is known of it but the address of its queue.
    Address(AddressPlace),
}

impl TextPlace {
    pub(super) fn find(shape: &Shape, field: &str) -> Result<Self, String> {
        let place = shape.find_field(field).map_err(|error| error.to_string())?;
        if !place.field_type.is_text() {
            return Err(format!("the field `{}` is no text: only an array of char is", escape(field.as_bytes())));
        }
        let len = match place.field_type {
            FieldType::OpenText => None,
            field_type => Some(field_type.len_bytes()),
        };
        Ok(Self { offset: place.offset, len })
    }

    /// Up to its first NUL, its own end, or the body's.
    pub(super) fn read<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        let end = self.len.map_or(body.len(), |len| (self.offset + len).min(body.len()));
        until_nul(body.get(self.offset.min(end)..end).unwrap_or_default())
    }

    /// Where its text ends in a body, its NUL included; a text that fills its field has none.
    pub(super) fn end(&self, body: &[u8]) -> usize {
        let behind_nul = self.offset + self.read(body).len() + 1;
        self.len.map_or(behind_nul, |len| behind_nul.min(self.offset + len))
    }

    /// The most bytes of text, without the NUL behind it.
    pub(super) fn room(&self, body_limit: usize) -> usize {
        self.len.unwrap_or_else(|| body_limit.saturating_sub(self.offset)).saturating_sub(1)
    }

    /// Writes as much as there is room for, and zeros behind it. Returns where the text ends, its NUL included.
    pub(super) fn write(&self, body: &mut [u8], text: &[u8]) -> usize {
        let text = cut(until_nul(text), self.room(body.len()));
        let end = self.len.map_or(body.len(), |len| self.offset + len);
        if let Some((field, behind)) =
            body.get_mut(self.offset..end).and_then(|field| field.split_at_mut_checked(text.len()))
        {
            field.copy_from_slice(text);
            behind.fill(0);
        }
        self.offset + text.len() + 1
    }
}

impl NumberPlace {
    pub(super) fn find(shape: &Shape, field: &str) -> Result<Self, String> {
        let FieldPlace { offset, field_type, .. } = shape.find_field(field).map_err(|error| error.to_string())?;
        match field_type {
            FieldType::Scalar(scalar) if !matches!(scalar.kind, ScalarKind::Float | ScalarKind::Bool) => {
                Ok(Self { offset, scalar: *scalar })
            }
            _ => Err(format!("the field `{}` is no whole number", escape(field.as_bytes()))),
        }
    }

    /// `None` where the body ends before it does; what is beyond the numbers of any client counts as one of those.
    pub(super) fn read(&self, body: &[u8]) -> Option<i64> {
        // What nearly all are, read several times for each request.
        if self.scalar.len == 4 {
            let bytes = *body.get(self.offset..)?.first_chunk()?;
            let is_unsigned = self.scalar.kind == ScalarKind::Unsigned;
            return Some(if is_unsigned { u32::from_ne_bytes(bytes).into() } else { i32::from_ne_bytes(bytes).into() });
        }
        let field_type = FieldType::Scalar(self.scalar);
        let place = FieldPlace { name: String::new(), offset: self.offset, field_type: &field_type };
        match place.read(body) {
            Ok(FieldValue::Integer(number)) => Some(i64::try_from(number).unwrap_or(i64::MAX)),
            _ => None,
        }
    }

    /// Writes the number, or the nearest one that the field can hold.
    pub(super) fn write(&self, body: &mut [u8], number: impl Into<i128>) {
        let bits = u32::try_from(self.scalar.len * 8).unwrap_or(64);
        let (least, most) = match self.scalar.kind {
            ScalarKind::Unsigned => (0, (1_i128 << bits) - 1),
            _ => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        };
        let bytes = number.into().clamp(least, most).to_le_bytes();
        let mut bytes = bytes.get(..self.scalar.len).unwrap_or_default().to_vec();
        if cfg!(target_endian = "big") {
            bytes.reverse();
        }
        if let Some(field) = body.get_mut(self.offset..self.offset + self.scalar.len) {
            field.copy_from_slice(&bytes);
        }
    }
}

impl ClientPlace {
    pub(super) fn write(&self, body: &mut Vec<u8>, client: i64) {
        match self {
            Self::Number(place) => place.write(body, client),
            Self::Decimal { text, word } => {
                let number = client.to_string();
                let before = text.read(body).to_vec();
                let mut words: Vec<&[u8]> =
                    before.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
                words.insert((*word).min(words.len()), number.as_bytes());
                let words = words.join(&b' ');
                if text.len.is_none() {
                    body.resize(body.len().max(text.offset + words.len() + 1), 0);
                }
                text.write(body, &words);
            }
            Self::Mtype | Self::Address(_) => {}
        }
    }

    pub(super) fn read(&self, mtype: i64, body: &[u8]) -> Option<i64> {
        match self {
            Self::Mtype => Some(mtype),
            Self::Address(place) => place.read(body).map(ReplyAddress::client_number),
            Self::Number(place) => place.read(body),
            Self::Decimal { text, word } => {
                let mut words = text.read(body).split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                std::str::from_utf8(words.nth(*word)?).ok()?.parse().ok()
            }
        }
    }
}
