//! A request and an answer with what a protocol makes of them, and what a handler says to a request.

use crate::layout::field::FieldValue;
use crate::layout::shape::Abi;

/// A request as it was received, with what the protocol makes of it. Nothing in it is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestView<'a> {
    /// Its type.
    pub mtype: i64,
    /// Who the sender says it is; any number.
    pub claimed_client: i64,
    /// Its text, without a NUL; empty where the protocol has none.
    pub text: &'a [u8],
    /// The whole body.
    pub body: &'a [u8],
    /// For which kind of program the answer is made.
    pub form: ResponseForm,
}

/// For which kind of program an answer is made, as the length of its request told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseForm {
    pub(super) abi: Abi,
    pub(super) request_len: usize,
}

/// An answer as it rests in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadResponse<'a> {
    /// `None` where the protocol has no field for it.
    pub status: Option<i32>,
    /// Without a NUL; empty where the protocol has none.
    pub text: &'a [u8],
}

/// What a handler says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Answer<'a> {
    /// 0: done. Where the protocol has no field for it, it is not told.
    pub status: i32,
    /// For the field that has that role; what does not fit is cut, never in the middle of a UTF-8 character.
    pub text: &'a [u8],
    /// The whole body, instead of all else.
    pub body: Option<&'a [u8]>,
    /// Fields by name, over what is copied from the request.
    pub fields: &'a [(String, OwnedFieldValue)],
}

/// What a handler puts into a field.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedFieldValue {
    /// For integers, single `char`s and `bool`.
    Integer(i128),
    /// For `float` and `double`.
    Float(f64),
    /// For arrays of `char`.
    Text(Vec<u8>),
}

impl OwnedFieldValue {
    /// The same, borrowed.
    #[must_use]
    pub fn as_value(&self) -> FieldValue<'_> {
        match self {
            Self::Integer(number) => FieldValue::Integer(*number),
            Self::Float(number) => FieldValue::Float(*number),
            Self::Text(text) => FieldValue::Text(text),
        }
    }
}

impl From<i32> for OwnedFieldValue {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for OwnedFieldValue {
    fn from(number: i64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<f64> for OwnedFieldValue {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&str> for OwnedFieldValue {
    fn from(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }
}

impl RequestView<'_> {
    /// In the place of a body that fits nothing, for the client that it names: the answer is the shortest there is, which
    /// fits into most programs' room.
    #[must_use]
    pub fn unreadable(mtype: i64, claimed_client: i64) -> Self {
        Self { mtype, claimed_client, text: &[], body: &[], form: ResponseForm { abi: Abi::Ilp32, request_len: 0 } }
    }
}
