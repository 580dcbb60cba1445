//! What is said once: its level, its text, and the fields that the journal has beside the text.

use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Level, Record};

/// Owned, so that a thread of its own can write it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) level: Level,
    pub(super) text: String,
    /// As the journal names them.
    pub(super) fields: Vec<(String, String)>,
}

/// The journal cuts a line of standard error here as well.
const LONGEST_TEXT: usize = 48 * 1024;
const LONGEST_FIELD: usize = 256;

impl Entry {
    /// The fields are those of the record; a plain log has none.
    pub(super) fn of(record: &Record<'_>) -> Self {
        let mut text = record.args().to_string();
        cut(&mut text, LONGEST_TEXT);
        let mut fields = Fields::default();
        // Collecting never fails.
        let _ = record.key_values().visit(&mut fields);
        Self { level: record.level(), text, fields: fields.0 }
    }

    /// How much of the memory for what waits it takes, in bytes.
    pub(super) fn len(&self) -> usize {
        let fields = self.fields.iter().map(|(name, value)| name.len() + value.len());
        self.text.len() + fields.sum::<usize>()
    }
}

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if let Some(field) = field(key.as_str(), &value) {
            self.0.push(field);
        }
        Ok(())
    }
}

/// A value that is not there is no field. Fields of msgqd's own have its name before them, as the journal asks of
/// programs.
fn field(key: &str, value: &Value<'_>) -> Option<(String, String)> {
    if key == "message_id" {
        return value.to_u128().map(|id| ("MESSAGE_ID".to_owned(), format!("{id:032x}")));
    }
    let mut text = Text::default();
    let _ = value.visit(&mut text);
    let mut text = text.0?;
    cut(&mut text, LONGEST_FIELD);
    Some((format!("MSGQD_{}", key.to_ascii_uppercase()), text))
}

#[derive(Default)]
struct Text(Option<String>);

impl<'v> VisitValue<'v> for Text {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = Some(value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push_str(" ...");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use log::kv::ToValue;

    #[test]
    fn an_id_is_written_in_hexadecimal_and_what_is_not_there_is_no_field() {
        let id = 0x0123_u128;
        let (name, value) = field("message_id", &id.to_value()).unwrap();
        assert_eq!((name.as_str(), value.as_str()), ("MESSAGE_ID", "00000000000000000000000000000123"));
        assert_eq!(field("message_id", &None::<u128>.to_value()), None);
        assert_eq!(field("client_pid", &None::<i64>.to_value()), None);
        let pid = field("client_pid", &Some(7_i64).to_value()).unwrap();
        assert_eq!(pid, ("MSGQD_CLIENT_PID".to_owned(), "7".to_owned()));
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let long = "\u{e4}".repeat(LONGEST_FIELD);
        let (_, value) = field("reason", &long.as_str().to_value()).unwrap();
        assert_eq!(value, format!("{} ...", "\u{e4}".repeat(LONGEST_FIELD / 2)));
    }
}
