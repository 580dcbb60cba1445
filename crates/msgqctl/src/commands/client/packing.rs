//! Which `packed` a declaration must have had, from where its fields stand.
//!
//! A field that is not where its type would be aligned was packed, and so was one whose type is aligned more strictly than
//! the struct around it. Any other may be declared without: it stands at the same place, and aligns the struct no more.

use msgq_core::layout::declaration::Declaration;
use msgq_core::layout::shape::{Abi, Aggregate, Field, Shape};

/// Where `__attribute__((packed))` stands.
pub(super) enum Packing {
    /// Behind the struct.
    Whole,
    /// Behind each of these fields.
    Fields(Vec<bool>),
}

/// Of a struct or union inside of a message.
pub(super) fn packing_inside(lp64: &Aggregate, ilp32: &Aggregate) -> Packing {
    let limits = (lp64.alignment, ilp32.alignment);
    let packed: Vec<bool> = misplaced(&lp64.fields, 0, Abi::Lp64, lp64.is_union)
        .into_iter()
        .zip(misplaced(&ilp32.fields, 0, Abi::Ilp32, ilp32.is_union))
        .zip(lp64.fields.iter().zip(&ilp32.fields))
        .map(|((one, other), (lp64, ilp32))| {
            let alignments = (lp64.field_type.alignment(Abi::Lp64), ilp32.field_type.alignment(Abi::Ilp32));
            one || other || alignments.0 > limits.0 || alignments.1 > limits.1
        })
        .collect();
    let is_whole =
        packed.iter().zip(&lp64.fields).all(|(packed, field)| *packed || field.field_type.alignment(Abi::Lp64) == 1);
    if is_whole && packed.contains(&true) { Packing::Whole } else { Packing::Fields(packed) }
}

/// Of a message, whose alignment only its length tells. `None` where it cannot be written so: then its type is packed, and an
/// unnamed struct in it.
pub(super) fn packing_of_message(declaration: &Declaration) -> Option<Packing> {
    let (lp64, ilp32) = (&declaration.lp64, &declaration.ilp32);
    let of_shape = |shape: &Shape| misplaced(&shape.fields, shape.abi.long_len(), shape.abi, false);
    let packed: Vec<bool> = of_shape(lp64).into_iter().zip(of_shape(ilp32)).map(|(one, other)| one || other).collect();
    if has_layout(lp64, &packed, false) && has_layout(ilp32, &packed, false) && can_be_written(lp64, &packed) {
        return Some(Packing::Fields(packed));
    }
    let all = vec![true; packed.len()];
    (has_layout(lp64, &all, true) && has_layout(ilp32, &all, true)).then_some(Packing::Whole)
}

/// Which fields are not where their types would be aligned.
fn misplaced(fields: &[Field], start: usize, abi: Abi, is_union: bool) -> Vec<bool> {
    let mut end = start;
    let is_misplaced = |field: &Field| {
        let natural = if is_union { 0 } else { end.next_multiple_of(field.field_type.alignment(abi)) };
        let offset = start + field.offset;
        end = offset + field.field_type.len_bytes();
        offset != natural
    };
    fields.iter().map(is_misplaced).collect()
}

/// Whether the fields stand where they do, and the struct is as long, with these fields packed.
fn has_layout(shape: &Shape, packed: &[bool], is_type_packed: bool) -> bool {
    let long_len = shape.abi.long_len();
    let (mut end, mut most) = (long_len, if is_type_packed { 1 } else { long_len });
    for (field, packed) in shape.fields.iter().zip(packed) {
        let alignment = if *packed { 1 } else { field.field_type.alignment(shape.abi) };
        most = most.max(alignment);
        if end.next_multiple_of(alignment) != long_len + field.offset {
            return false;
        }
        end = long_len + field.offset + field.field_type.len_bytes();
    }
    end.next_multiple_of(most) == shape.whole_len
}

/// Behind an unnamed struct the attribute would be that of its type.
fn can_be_written(shape: &Shape, packed: &[bool]) -> bool {
    shape.fields.iter().zip(packed).all(|(field, packed)| !packed || field.name.is_some())
}
