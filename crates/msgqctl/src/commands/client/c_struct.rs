//! A struct written in C again, from where its fields stand for both ABIs.

use super::packing::{Packing, packing_inside, packing_of_message};
use msgq_core::layout::declaration::Declaration;
use msgq_core::layout::shape::{Field, FieldType, Scalar, ScalarKind};
use std::cmp::Ordering;

const PACKED: &str = " __attribute__((packed))";

/// The struct of a message with this tag. Structs inside of it have no tags, so those of two messages cannot clash.
///
/// # Errors
/// That it cannot be written.
pub(super) fn struct_of_message(tag: &str, declaration: &Declaration) -> Result<String, String> {
    let (lp64, ilp32) = (&declaration.lp64.fields, &declaration.ilp32.fields);
    let packing = packing_of_message(declaration)
        .ok_or_else(|| format!("the struct of a {tag} is packed in part, in a way that is not told in C again"))?;
    let (fields, behind) = fields_of_both(lp64, ilp32, &packing, "    ");
    Ok(format!("struct {tag} {{\n    long {};\n{fields}}}{behind};", name_of_type(lp64)))
}

/// The type's name is not known any more, and must be none of a field's.
fn name_of_type(fields: &[Field]) -> String {
    let is_taken = |name: &str| fields.iter().any(|field| is_or_has(field, name));
    let mut name = "mtype".to_owned();
    while is_taken(&name) {
        name.push('_');
    }
    name
}

fn is_or_has(field: &Field, name: &str) -> bool {
    match (&field.name, &field.field_type) {
        (Some(own), _) => own == name,
        (None, FieldType::Aggregate(inner)) => inner.fields.iter().any(|field| is_or_has(field, name)),
        (None, _) => false,
    }
}

/// The fields, and what stands behind the `}`.
fn fields_of_both(lp64: &[Field], ilp32: &[Field], packing: &Packing, indent: &str) -> (String, &'static str) {
    let is_packed = |index: usize| match packing {
        Packing::Whole => false,
        Packing::Fields(packed) => packed.get(index).is_some_and(|packed| *packed),
    };
    let fields = lp64.iter().zip(ilp32).enumerate();
    let lines = fields.map(|(index, (lp64, ilp32))| {
        let behind = if is_packed(index) { PACKED } else { "" };
        format!("{indent}{}{behind};\n", field_of_both(lp64, ilp32, indent))
    });
    (lines.collect(), if matches!(packing, Packing::Whole) { PACKED } else { "" })
}

fn field_of_both(lp64: &Field, ilp32: &Field, indent: &str) -> String {
    let (mut of_lp64, mut of_ilp32) = (&lp64.field_type, &ilp32.field_type);
    let mut bounds = String::new();
    while let (FieldType::Array { element, count }, FieldType::Array { element: other, count: of_other }) =
        (of_lp64, of_ilp32)
    {
        bounds.push_str(&bound_of_both(*count, *of_other));
        (of_lp64, of_ilp32) = (element, other);
    }
    let name = lp64.name.as_deref().map(|name| format!(" {name}{bounds}")).unwrap_or_default();
    match (of_lp64, of_ilp32) {
        (FieldType::Aggregate(lp64), FieldType::Aggregate(ilp32)) => {
            let word = if lp64.is_union { "union" } else { "struct" };
            let packing = packing_inside(lp64, ilp32);
            let (inner, behind) = fields_of_both(&lp64.fields, &ilp32.fields, &packing, &format!("{indent}    "));
            format!("{word} {{\n{inner}{indent}}}{behind}{name}")
        }
        (FieldType::Scalar(lp64), FieldType::Scalar(ilp32)) => format!("{}{name}", word_for(*lp64, *ilp32)),
        _ => format!("char{name}[]"),
    }
}

/// A bound with `sizeof` in it may differ. `sizeof(long) / 8` is 1 for 64 bits and 0 for 32.
fn bound_of_both(lp64: usize, ilp32: usize) -> String {
    match lp64.cmp(&ilp32) {
        Ordering::Equal => format!("[{lp64}]"),
        Ordering::Greater => format!("[{ilp32} + {} * (sizeof(long) / 8)]", lp64 - ilp32),
        Ordering::Less => format!("[{ilp32} - {} * (sizeof(long) / 8)]", ilp32 - lp64),
    }
}

fn word_for(lp64: Scalar, ilp32: Scalar) -> String {
    let unsigned = if lp64.kind == ScalarKind::Unsigned { "u" } else { "" };
    match lp64.kind {
        ScalarKind::Char => "char".to_owned(),
        ScalarKind::Bool => "_Bool".to_owned(),
        ScalarKind::Float => if lp64.len == 4 { "float" } else { "double" }.to_owned(),
        ScalarKind::Signed | ScalarKind::Unsigned if lp64.len == ilp32.len => {
            format!("{unsigned}int{}_t", lp64.len * 8)
        }
        ScalarKind::Signed => "long".to_owned(),
        ScalarKind::Unsigned => "unsigned long".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn parsed(text: &str) -> Declaration {
        Declaration::parse(text, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn a_printed_struct_is_read_as_what_it_was_printed_from() {
        for fields in [
            "pid_t pid; char text[256];",
            "char c; double d; long l[2][3]; size_t z; time_t at; bool b; unsigned char u; float f;",
            "struct { char c; int64_t i; } one, many[2][3]; union { short s; char t[7]; struct { long l; char c; } in; } u;",
            "struct { char c; union { long l; char t[3]; }; int mtype, mtype_; }; char open[];",
            "char c; struct { int a; } __attribute__((packed)) p; struct { char a; struct { int b; } q; } r;",
            "struct { struct { long l; char c; } in; char d; } __attribute__((packed)) p[2]; short s;",
            "char c; int a __attribute__((packed)); double d; struct { char c; long l __attribute__((packed)); int i; } in;",
            "char t[sizeof(long)], u[16 - sizeof(long)];",
            "union { int64_t i; char c[9]; } __attribute__((packed)) u; struct { char a, b; } chars;",
        ] {
            for packed in ["", PACKED] {
                let declaration = parsed(&format!("struct {{ long type; {fields} }}{packed};"));
                let printed = struct_of_message("request", &declaration).unwrap();
                assert_eq!(parsed(&printed), declaration, "{printed}");
            }
        }
    }
}
