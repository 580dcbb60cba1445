//! The fields of a declared message by name, as JSON and as text.

use msgq_core::escape::escape;
use msgq_core::layout::shape::{Field, FieldType, Shape};
use serde::Serialize;
use serde_json::Value;

/// All fields that a body has.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct NamedFields {
    json: Value,
    #[serde(skip)]
    text: String,
}

impl NamedFields {
    pub(crate) fn of_body(shape: &Shape, body: &[u8]) -> Self {
        // Through text, where a `float` has as few digits as it needs.
        let written = serde_json::to_string(&shape.body_as_json(body)).unwrap_or_default();
        let json: Value = serde_json::from_str(&written).unwrap_or_default();
        let mut names = Vec::new();
        collect_names(&shape.fields, &mut names);
        let shown = names.iter().filter_map(|name| json.get(name).map(|value| format!("{name}={value}")));
        // JSON leaves characters as they are that a terminal would act upon.
        let text = escape(shown.collect::<Vec<_>>().join(" ").as_bytes());
        Self { json, text }
    }

    /// As in `op=3 name="bolt"`, safe for terminals.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// In the order of the declaration; the members of a struct or union without a name are among those around it.
fn collect_names<'a>(fields: &'a [Field], names: &mut Vec<&'a str>) {
    for field in fields {
        match (&field.name, &field.field_type) {
            (Some(name), _) => names.push(name),
            (None, FieldType::Aggregate(inner)) => collect_names(&inner.fields, names),
            (None, _) => {}
        }
    }
}
