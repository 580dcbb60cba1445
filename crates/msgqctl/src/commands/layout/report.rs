//! The result of `layout`: its JSON and its text.

use super::roles::Roles;
use super::rows::{FieldRow, field_rows};
use crate::output::{Colour, StyledText, Text, pad, widest, width};
use msgq_core::layout::declaration::Declaration;
use msgq_core::layout::shape::{Abi, Shape};
use serde::Serialize;

/// Result of `layout`.
#[derive(Debug, Serialize)]
pub(super) struct LayoutReport {
    pub(super) request: StructReport,
    /// `null` where answers have the struct of requests, and no field has a role.
    pub(super) response: Option<StructReport>,
}

/// One struct, for both kinds of programs.
#[derive(Debug, Serialize)]
pub(super) struct StructReport {
    lp64: AbiReport,
    ilp32: AbiReport,
    #[serde(skip)]
    role_of_type: String,
}

#[derive(Debug, Serialize)]
struct AbiReport {
    /// Of the whole struct, in bytes.
    sizeof: usize,
    /// Without the message's type, which is what msgsnd takes and msgrcv returns.
    body_len: usize,
    fields: Vec<FieldRow>,
}

impl AbiReport {
    fn new(shape: &Shape, roles: &Roles) -> Self {
        Self { sizeof: shape.whole_len, body_len: shape.body_len(), fields: field_rows(shape, roles) }
    }
}

/// Columns of the numbers of one kind of programs.
const NUMBER: usize = 9;
const GAP: usize = 2;
const HOLDS: (usize, usize) = (5, 22);
/// A longer role makes its line longer, and leaves the room for names as it is.
const ROLE: usize = 14;

impl StructReport {
    pub(super) fn new(declaration: &Declaration, roles: &Roles) -> Self {
        let of_abi = |shape| AbiReport::new(shape, roles);
        let role_of_type = roles.of_type.clone();
        Self { lp64: of_abi(&declaration.lp64), ilp32: of_abi(&declaration.ilp32), role_of_type }
    }

    fn write(&self, heading: &str, text: &mut StyledText) {
        for (heading, bits, abi) in [(heading, "64", &self.lp64), ("", "32", &self.ilp32)] {
            let AbiReport { sizeof, body_len, .. } = abi;
            text.field(heading, &format!("sizeof is {sizeof} in {bits}-bit programs, {body_len} without the type"));
        }
        if let Some(doubt) = self.doubt() {
            text.coloured_field(Colour::Yellow, "warning", &doubt);
        }
        text.line("");
        self.write_table(text);
    }

    /// Nothing but its length tells from what kind of program a body comes.
    fn doubt(&self) -> Option<String> {
        let (one, other) = match Abi::NATIVE {
            Abi::Lp64 => ("64", "32"),
            Abi::Ilp32 => ("32", "64"),
        };
        let behind_type = |abi: &AbiReport, type_len: usize| {
            abi.fields.iter().map(|row| (row.offset - type_len, row.size)).collect::<Vec<_>>()
        };
        let is_other = behind_type(&self.lp64, Abi::Lp64.long_len()) != behind_type(&self.ilp32, Abi::Ilp32.long_len());
        (self.lp64.body_len == self.ilp32.body_len && is_other).then(|| {
            format!(
                "without the type it has the same length in both and fields in different places, so a message does not tell \
                 which it is of: all are taken for those of {one}-bit programs, and {other}-bit ones are not understood"
            )
        })
    }

    fn write_table(&self, text: &mut StyledText) {
        let held: Vec<String> = self.lp64.fields.iter().zip(&self.ilp32.fields).map(held_by_both).collect();
        let holds_width = widest(held.iter().map(String::as_str), HOLDS.0, HOLDS.1);
        let roles = self.lp64.fields.iter().map(|row| row.role.as_str()).chain([self.role_of_type.as_str()]);
        let role_width = widest(roles, 0, ROLE);
        let room_for_role = if role_width == 0 { 0 } else { GAP + role_width };
        let room_for_name =
            width().saturating_sub(GAP + holds_width + 4 * NUMBER + room_for_role).max(TYPE_ROW.0.len());
        let names = self.lp64.fields.iter().map(|row| row.name.as_str());
        let name_width = widest(names, TYPE_ROW.0.len(), room_for_name);
        let line = |name: &str, holds: &str, numbers: [&str; 4], role: &str| {
            let numbers: String = numbers.iter().map(|number| format!("{number:>NUMBER$}")).collect();
            let line =
                format!("{}{:GAP$}{}{numbers}{:GAP$}{role}", pad(name, name_width), "", pad(holds, holds_width), "");
            line.trim_end().to_owned()
        };
        text.line(line("", "", ["", "64-bit", "", "32-bit"], ""));
        let heading = if role_width == 0 { "" } else { "role" };
        text.line(line("field", "holds", ["offset", "size", "offset", "size"], heading));
        text.line(line(TYPE_ROW.0, TYPE_ROW.1, ["0", "8", "0", "4"], &self.role_of_type));
        for ((lp64, ilp32), holds) in self.lp64.fields.iter().zip(&self.ilp32.fields).zip(&held) {
            let numbers = [lp64.offset, lp64.size, ilp32.offset, ilp32.size].map(|number| number.to_string());
            text.line(line(&lp64.name, holds, numbers.each_ref().map(String::as_str), &lp64.role));
        }
    }
}

/// The message's type, whatever its name is.
const TYPE_ROW: (&str, &str) = ("(type)", "long");

/// What a field holds, and behind a stroke what it holds for 32 bits where that is something else, as of `long`.
fn held_by_both((lp64, ilp32): (&FieldRow, &FieldRow)) -> String {
    if lp64.holds == ilp32.holds { lp64.holds.clone() } else { format!("{}/{}", lp64.holds, ilp32.holds) }
}

impl Text for LayoutReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        self.request.write("request", &mut text);
        text.line("");
        match &self.response {
            Some(response) => response.write("response", &mut text),
            None => text.field("response", "as the request"),
        }
        text
    }
}
