//! A field as it is listed in each language.

use super::fields::{ClientField, FieldKind};
use super::language::Language;
use msgq_core::layout::shape::{Scalar, ScalarKind};

/// The lines of a table of these fields; `message` is the tag of their struct in C.
pub(super) fn table_rows(language: Language, message: &str, fields: &[ClientField]) -> String {
    let row = |field: &ClientField| match language {
        Language::C => row_of_c(message, field),
        Language::Perl => row_of_perl(field),
        Language::Python => row_of_python(field),
        Language::Php => row_of_php(field),
    };
    fields.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// The compiler works out place and length.
fn row_of_c(message: &str, field: &ClientField) -> String {
    let path = &field.path;
    let kind = match field.kind {
        FieldKind::Number(Scalar { kind: ScalarKind::Char | ScalarKind::Signed, .. }) => "SIGNED",
        FieldKind::Number(Scalar { kind: ScalarKind::Unsigned | ScalarKind::Bool, .. }) => "UNSIGNED",
        FieldKind::Number(Scalar { kind: ScalarKind::Float, .. }) => "REAL",
        FieldKind::Text(Some(_)) => "TEXT",
        FieldKind::Text(None) => return format!("    OPEN_TEXT({message}, {path}),"),
    };
    let row = if field.elements.is_some() { "ARRAY" } else { "FIELD" };
    format!("    {row}({message}, {path}, {kind}),")
}

fn row_of_perl(field: &ClientField) -> String {
    let elements = field.elements.map(|count| format!(", {count}")).unwrap_or_default();
    format!("    ['{}', '{}', {}{elements}],", field.path, format_of_pack(field.kind), field.offset)
}

fn row_of_php(field: &ClientField) -> String {
    let elements = field.elements.map_or_else(|| "null".to_owned(), |count| count.to_string());
    format!("    ['{}', '{}', {}, {elements}],", field.path, format_of_pack(field.kind), field.offset)
}

fn row_of_python(field: &ClientField) -> String {
    let elements = field.elements.map_or_else(|| "None".to_owned(), |count| count.to_string());
    let format = match field.kind {
        FieldKind::Text(None) => "s".to_owned(),
        FieldKind::Text(Some(len)) => format!("{len}s"),
        FieldKind::Number(scalar) => letter_of(scalar, ["b", "h", "i", "q"]),
    };
    format!("    (\"{}\", \"{format}\", {}, {elements}),", field.path, field.offset)
}

/// Perl and PHP have the same letters.
fn format_of_pack(kind: FieldKind) -> String {
    match kind {
        FieldKind::Text(None) => "a*".to_owned(),
        FieldKind::Text(Some(len)) => format!("a{len}"),
        FieldKind::Number(scalar) => letter_of(scalar, ["c", "s", "l", "q"]),
    }
}

/// `signed` are the letters of signed integers of 1, 2, 4 and 8 bytes; those of unsigned ones are the same in capitals.
fn letter_of(scalar: Scalar, signed: [&str; 4]) -> String {
    let [one, two, four, eight] = signed;
    let letter = match scalar.len {
        1 => one,
        2 => two,
        4 => four,
        _ => eight,
    };
    match scalar.kind {
        ScalarKind::Float => if scalar.len == 4 { "f" } else { "d" }.to_owned(),
        ScalarKind::Unsigned | ScalarKind::Bool => letter.to_uppercase(),
        ScalarKind::Char | ScalarKind::Signed => letter.to_owned(),
    }
}
