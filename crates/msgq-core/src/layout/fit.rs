//! Which shape a body has, told by its length alone, since a message carries nothing else about its sender.

use super::declaration::Declaration;
use super::shape::{Abi, Field, FieldType, Shape};

/// Which lengths of a body are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthRule {
    /// What programs really send: the struct with and without padding behind it, cut anywhere in its last field where that
    /// is text, and `sizeof` of the whole struct, type included.
    Lenient,
    /// The struct's length, and nothing else. Text of open length may have any.
    Exact,
}

/// How a length can come about; what comes first is more likely.
#[derive(Clone, Copy)]
enum LengthOrigin {
    Struct,
    Unpadded,
    WholeStruct,
    CutText,
}

const OTHER_ABI: Abi = if matches!(Abi::NATIVE, Abi::Lp64) { Abi::Ilp32 } else { Abi::Lp64 };

impl Declaration {
    /// For which ABI a body of this length was made; where it could be both, the machine's own. `None` for a length that
    /// the rule refuses.
    #[must_use]
    pub fn abi_of_body(&self, len: usize, rule: LengthRule) -> Option<Abi> {
        // The likeliest first, whatever the rule.
        if len == self.shape(Abi::NATIVE).body_len() {
            return Some(Abi::NATIVE);
        }
        let origin = self.origin_of_body(len, rule)?;
        Some(if self.shape(Abi::NATIVE).can_have(len, origin) { Abi::NATIVE } else { OTHER_ABI })
    }

    /// True for a length that does not tell for which ABI the body was made.
    pub(super) fn fits_both_abis(&self, len: usize, rule: LengthRule) -> bool {
        self.origin_of_body(len, rule)
            .is_some_and(|origin| self.lp64.can_have(len, origin) && self.ilp32.can_have(len, origin))
    }

    fn origin_of_body(&self, len: usize, rule: LengthRule) -> Option<LengthOrigin> {
        let origins = match rule {
            LengthRule::Exact => &[LengthOrigin::Struct][..],
            LengthRule::Lenient => {
                &[LengthOrigin::Struct, LengthOrigin::Unpadded, LengthOrigin::WholeStruct, LengthOrigin::CutText]
            }
        };
        let is_possible = |origin| self.lp64.can_have(len, origin) || self.ilp32.can_have(len, origin);
        origins.iter().copied().find(|origin| is_possible(*origin))
    }
}

impl Shape {
    /// True when text of open length ends the body.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(last_field(&self.fields, 0), Some((_, FieldType::OpenText)))
    }

    fn can_have(&self, len: usize, origin: LengthOrigin) -> bool {
        let last = last_field(&self.fields, 0);
        match (origin, last) {
            (LengthOrigin::Struct, Some((start, FieldType::OpenText))) => len >= start,
            (LengthOrigin::Struct, _) => len == self.body_len(),
            (LengthOrigin::Unpadded, _) => len == self.used_len(),
            (LengthOrigin::WholeStruct, _) => len == self.whole_len,
            (LengthOrigin::CutText, Some((start, text))) if text.is_text() => (start..=self.used_len()).contains(&len),
            (LengthOrigin::CutText, _) => false,
        }
    }
}

/// The field behind all others, and its place; within a struct if that is the last one, but not within a union.
pub(super) fn last_field(fields: &[Field], start: usize) -> Option<(usize, &FieldType)> {
    let field = fields.last()?;
    match &field.field_type {
        FieldType::Aggregate(inner) if !inner.is_union => last_field(&inner.fields, start + field.offset),
        other => Some((start + field.offset, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn abis(text: &str, rule: LengthRule) -> Vec<(usize, Abi)> {
        let declaration = Declaration::parse(text, &BTreeMap::new()).unwrap();
        (0..600).filter_map(|len| declaration.abi_of_body(len, rule).map(|abi| (len, abi))).collect()
    }

    #[test]
    fn the_length_of_a_body_tells_the_abi() {
        let plain = "struct { long mtype; long id; int pid; }";
        assert_eq!(abis(plain, LengthRule::Exact), [(8, Abi::Ilp32), (16, Abi::Lp64)]);
        assert_eq!(
            abis(plain, LengthRule::Lenient),
            [(8, Abi::Ilp32), (12, Abi::Lp64), (16, Abi::Lp64), (24, Abi::Lp64)]
        );
        let same = "struct { long mtype; int pid; int op; }";
        assert_eq!(abis(same, LengthRule::Exact), [(8, Abi::NATIVE)]);
        let fits_both =
            |text, len| Declaration::parse(text, &BTreeMap::new()).unwrap().fits_both_abis(len, LengthRule::Lenient);
        assert_eq!([8, 12, 16].map(|len| fits_both(same, len)), [true, false, false]);
        assert_eq!([8, 12, 16].map(|len| fits_both(plain, len)), [false; 3]);
    }

    #[test]
    fn text_at_the_end_may_be_cut_and_open_text_has_any_length() {
        let text = "struct { long mtype; int pid; char text[6]; }";
        let lenient: Vec<usize> = abis(text, LengthRule::Lenient).iter().map(|(len, _)| *len).collect();
        assert_eq!(lenient, [4, 5, 6, 7, 8, 9, 10, 12, 16, 24]);
        let open = abis("struct { long mtype; long id; char text[]; }", LengthRule::Exact);
        assert_eq!(open.first(), Some(&(4, Abi::Ilp32)));
        assert!(open.iter().filter(|(len, _)| *len >= 8).all(|(_, abi)| *abi == Abi::NATIVE));
    }
}
