//! The shape of a struct in memory: which field stands where, for one way to compile it.

use std::sync::Arc;

/// How a program was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abi {
    /// 64 bits: `long` and pointers have 8 bytes.
    Lp64,
    /// 32 bits as on i386: `long` has 4 bytes, and nothing in a struct is aligned to more than 4.
    Ilp32,
}

impl Abi {
    /// That of the running program.
    pub const NATIVE: Self = if cfg!(target_pointer_width = "64") { Self::Lp64 } else { Self::Ilp32 };

    /// Length of a `long`, and so of a message's type, in bytes.
    #[must_use]
    pub const fn long_len(self) -> usize {
        match self {
            Self::Lp64 => 8,
            Self::Ilp32 => 4,
        }
    }
}

/// What the bytes of a number mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// `char`: a number where it stands alone, text in an array.
    Char,
    /// An integer that can be negative.
    Signed,
    /// An integer that cannot.
    Unsigned,
    /// `float` or `double`.
    Float,
    /// `bool`.
    Bool,
}

/// A number in the machine's byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar {
    /// What its bytes mean.
    pub kind: ScalarKind,
    /// 1, 2, 4 or 8 bytes.
    pub len: usize,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// A number.
    Scalar(Scalar),
    /// Equal elements, at least one; of `char`, a text.
    Array {
        /// What each element is.
        element: Arc<FieldType>,
        /// How many there are.
        count: usize,
    },
    /// A struct or a union.
    Aggregate(Arc<Aggregate>),
    /// `char x[]`: text up to the end of the message.
    OpenText,
}

impl FieldType {
    /// Length in bytes; 0 for text of open length.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.len,
            Self::Array { element, count } => element.len_bytes().saturating_mul(*count),
            Self::Aggregate(aggregate) => aggregate.len,
            Self::OpenText => 0,
        }
    }

    /// The alignment in a struct that is not packed, in bytes.
    #[must_use]
    pub fn alignment(&self, abi: Abi) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.len.min(abi.long_len()),
            Self::Array { element, .. } => element.alignment(abi),
            Self::Aggregate(aggregate) => aggregate.alignment,
            Self::OpenText => 1,
        }
    }

    /// How many structs, unions and arrays stand in each other at most.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::Array { element, .. } => element.depth() + 1,
            Self::Aggregate(aggregate) => aggregate.depth,
            Self::Scalar(_) | Self::OpenText => 0,
        }
    }

    /// How many numbers and texts it holds. Those of a union stand in the same bytes, so it can be more than it has bytes.
    #[must_use]
    pub fn value_count(&self) -> usize {
        match self {
            Self::Array { element, count } if !self.is_text() => element.value_count().saturating_mul(*count),
            Self::Aggregate(aggregate) => aggregate.value_count,
            Self::Scalar(_) | Self::Array { .. } | Self::OpenText => 1,
        }
    }

    /// True for an array of `char`, of fixed or open length.
    #[must_use]
    pub fn is_text(&self) -> bool {
        match self {
            Self::Array { element, .. } => matches!(**element, Self::Scalar(Scalar { kind: ScalarKind::Char, .. })),
            Self::OpenText => true,
            Self::Scalar(_) | Self::Aggregate(_) => false,
        }
    }
}

/// One field of a struct or union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `None` for a struct or union without a name, whose fields count as those of what is around it.
    pub name: Option<String>,
    /// Where it starts, in bytes from the start of what is around it; in a [`Shape`], from the start of the body.
    pub offset: usize,
    /// What it holds.
    pub field_type: FieldType,
}

/// A struct or union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// All fields start at the same place.
    pub is_union: bool,
    /// In the order of the declaration.
    pub fields: Vec<Field>,
    /// `sizeof`, in bytes.
    pub len: usize,
    /// Alignment in bytes.
    pub alignment: usize,
    /// How many structs, unions and arrays stand in each other at most, this one included.
    pub depth: usize,
    /// How many numbers and texts it holds, those of all members of a union among them.
    pub value_count: usize,
}

/// A message's struct for one ABI. The kernel counts the body from behind the type, and so do all offsets here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// For which ABI.
    pub abi: Abi,
    /// The fields behind the type.
    pub fields: Vec<Field>,
    /// `sizeof` of the whole struct, type included, in bytes.
    pub whole_len: usize,
}

impl Shape {
    /// `sizeof` of the struct less that of its type: what a program passes as the length, in bytes.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.whole_len.saturating_sub(self.abi.long_len())
    }

    /// Where the last field ends, in bytes: the body without padding behind it.
    #[must_use]
    pub fn used_len(&self) -> usize {
        self.fields.iter().map(|field| field.offset + field.field_type.len_bytes()).max().unwrap_or(0)
    }
}
