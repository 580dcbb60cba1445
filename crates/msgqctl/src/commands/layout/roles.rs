//! What the configured protocol makes of each field.

use msgq_core::layout::protocol::{ClientRole, Protocol, ProtocolPlan, ResponseType};

/// The roles of the fields of one struct.
#[derive(Debug, Clone, Default)]
pub(super) struct Roles {
    /// Of the message's type.
    pub(super) of_type: String,
    /// Paths of fields, each with its role.
    named: Vec<(String, String)>,
    /// Top-level fields of the answer that are copied from the request where they have no other role.
    copied: Vec<String>,
}

impl Roles {
    pub(super) fn of_request(protocol: &Protocol, plan: &ProtocolPlan) -> Self {
        let client = match &plan.client {
            Some(ClientRole::Decimal { word, .. }) => format!("client (word {word})"),
            _ => "client".to_owned(),
        };
        let mut named: Vec<_> = plan.client_field().map(|field| (field.to_owned(), client)).into_iter().collect();
        named.extend(plan.reply_to.iter().map(|role| {
            let address = if role.is_key { "key of the client's queue" } else { "msqid of the client's queue" };
            (role.field.clone(), address.to_owned())
        }));
        named.extend(plan.request_text_field().map(|text| (text.to_owned(), "request_text".to_owned())));
        let types = protocol.request_types();
        let ranges = types.ranges().iter().map(|range| match (range.start(), range.end()) {
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}..={end}"),
        });
        let ranges = ranges.collect::<Vec<_>>().join(", ");
        let of_type = if types.is_any() {
            "any type".to_owned()
        } else if types.only().is_some() {
            format!("type {ranges}")
        } else {
            format!("types {ranges}")
        };
        let of_type = if plan.client == Some(ClientRole::Mtype) { format!("{of_type}: client") } else { of_type };
        Self { of_type, named, copied: Vec::new() }
    }

    pub(super) fn of_response(protocol: &Protocol, plan: &ProtocolPlan) -> Self {
        let of_type = match protocol.response_type() {
            ResponseType::Client { base: 0 } => "client".to_owned(),
            ResponseType::Client { base } => format!("{base} + client"),
            ResponseType::Fixed(mtype) => format!("type {mtype}"),
            ResponseType::Request => "type of the request".to_owned(),
        };
        let mut named: Vec<_> = plan.set.iter().map(|(field, _)| (field.clone(), "set".to_owned())).collect();
        named.extend(plan.status.iter().map(|field| (field.clone(), "status".to_owned())));
        named.extend(plan.response_text_field().map(|text| (text.to_owned(), "response_text".to_owned())));
        let names = plan.response.lp64.fields.iter().filter_map(|field| field.name.clone());
        Self { of_type, named, copied: names.filter(|name| plan.is_copied(name)).collect() }
    }

    /// Of the field with this path, in arrays of structs that of the first element; empty where it has none.
    pub(super) fn of_field(&self, path: &str) -> String {
        let words = self.named.iter().filter_map(|(field, role)| {
            if field == path {
                return Some(role.clone());
            }
            (row_of(field) == path).then(|| format!("{role} ({field})"))
        });
        let words: Vec<String> = words.collect();
        if words.is_empty() && self.copied.iter().any(|name| name == path) {
            return "copied".to_owned();
        }
        words.join(", ")
    }
}

/// The path of the row in which an element of an array is shown.
fn row_of(path: &str) -> String {
    let mut words = path.split('.').peekable();
    let mut row = String::new();
    while let Some(word) = words.next() {
        let (name, bounds) = word.split_at(word.find('[').unwrap_or(word.len()));
        row.push_str(name);
        if words.peek().is_some() {
            row.push_str(&"[0]".repeat(bounds.matches('[').count()));
            row.push('.');
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::row_of;

    #[test]
    fn an_element_of_an_array_is_shown_in_the_row_of_the_array() {
        for (path, row) in
            [("pid", "pid"), ("ids[2]", "ids"), ("a.b[3].c[1][2]", "a.b[0].c"), ("a[1][2].b", "a[0][0].b")]
        {
            assert_eq!(row_of(path), row);
        }
    }
}
