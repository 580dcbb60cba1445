//! Subjects with parts from the request. Pure.

use std::fmt::Write;

/// A subject with parts that each request fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Host,
    Type,
    Client,
    Field(String),
}

/// What a subject is made of.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a, F: Fn(&str) -> String> {
    /// The name of the host.
    pub host: &'a str,
    /// The type of the request.
    pub mtype: i64,
    /// The number of its client.
    pub client: i64,
    /// A field of the request as text; empty where the body ends before it.
    pub field: F,
}

const LONGEST: usize = 255;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').ok_or_else(|| format!("in {text:?} a {{ has no }}"))?;
            parts.extend(literal(before));
            parts.push(Part::named(name)?);
            rest = behind;
        }
        parts.extend(literal(rest));
        let template = Self { parts };
        let example = template.render(&Values { host: "h", mtype: 1, client: 1, field: |_| "f".to_owned() });
        check_literal(&example, text)?;
        Ok(template)
    }

    /// The fields that it has parts of.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The subject of a request.
    pub fn render<F: Fn(&str) -> String>(&self, values: &Values<'_, F>) -> String {
        let mut subject = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => subject.push_str(text),
                Part::Host => push_safe(&mut subject, values.host.as_bytes()),
                // A String takes everything.
                Part::Type => _ = write!(subject, "{}", values.mtype),
                Part::Client => _ = write!(subject, "{}", values.client),
                Part::Field(name) => push_safe(&mut subject, (values.field)(name).as_bytes()),
            }
        }
        subject
    }

    /// All subjects that it can make on this host, as a filter: words with a part of the request become `*`.
    #[must_use]
    pub fn filter(&self, host: &str) -> String {
        let mut pattern = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => pattern.push_str(text),
                Part::Host => push_safe(&mut pattern, host.as_bytes()),
                Part::Type | Part::Client | Part::Field(_) => pattern.push('*'),
            }
        }
        let word = |word: &str| if word.contains('*') { "*".to_owned() } else { word.to_owned() };
        pattern.split('.').map(word).collect::<Vec<_>>().join(".")
    }

    /// As [`Template::filter`], for all hosts: what a stream that hosts share takes.
    #[must_use]
    pub fn filter_of_all_hosts(&self) -> String {
        let is_host = |part: &Part| matches!(part, Part::Host);
        let parts = self.parts.iter().map(|part| if is_host(part) { Part::Client } else { part.clone() });
        Self { parts: parts.collect() }.filter("")
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "host" => Ok(Self::Host),
            "type" => Ok(Self::Type),
            "client" => Ok(Self::Client),
            _ => match name.strip_prefix("field:") {
                Some(field) if !field.is_empty() => Ok(Self::Field(field.to_owned())),
                _ => Err(format!(
                    "there is no part {{{name}}}: parts are {{host}}, {{type}}, {{client}} and {{field:NAME}}"
                )),
            },
        }
    }
}

fn literal(text: &str) -> Option<Part> {
    (!text.is_empty()).then(|| Part::Literal(text.to_owned()))
}

/// Bytes that could end a word, or be a wildcard, become `_`; so does a value without any.
fn push_safe(subject: &mut String, value: &[u8]) {
    if value.is_empty() {
        subject.push('_');
    }
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    subject.extend(value.iter().map(|byte| if is_safe(*byte) { char::from(*byte) } else { '_' }));
}

fn check_literal(subject: &str, shown: &str) -> Result<(), String> {
    if subject.split('.').any(|word| word == "*" || word == ">") {
        return Err(format!("{shown:?} has a wildcard, and a request goes to one subject"));
    }
    check_words(subject, shown)
}

/// Whether a subscription can be made for this subject, which may have wildcards.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_filter(subject: &str) -> Result<(), String> {
    let count = subject.split('.').count();
    if subject.split('.').take(count - 1).any(|word| word == ">") {
        return Err(format!("in {subject:?} there is something behind >, which stands for all that comes"));
    }
    check_words(subject, subject)
}

fn check_words(subject: &str, shown: &str) -> Result<(), String> {
    if subject.len() > LONGEST {
        return Err(format!("{shown:?} is longer than {LONGEST} bytes"));
    }
    let is_bad = |char: char| char.is_whitespace() || char.is_control();
    if subject.split('.').any(|word| word.is_empty() || word.contains(is_bad)) {
        return Err(format!("{shown:?} is no subject: between its dots stand words without spaces"));
    }
    if subject.starts_with('$') || subject.starts_with("_INBOX.") {
        return Err(format!("{shown:?} is a subject of NATS itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str, op: &str) -> String {
        let values = Values { host: "a.b c", mtype: 7, client: 4711, field: |_| op.to_owned() };
        Template::parse(template).unwrap().render(&values)
    }

    #[test]
    fn parts_of_the_request_stand_in_the_subject_and_end_no_word() {
        assert_eq!(rendered("orders.{host}.{type}", ""), "orders.a_b_c.7");
        assert_eq!(rendered("a.{field:op}-x.{client}", "new>order"), "a.new_order-x.4711");
        assert_eq!(rendered("a.{field:op}", ""), "a._");
        assert_eq!(rendered("a.{field:op}", "*"), "a._");
        assert_eq!(rendered("plain", ""), "plain");
    }

    #[test]
    fn a_filter_has_a_wildcard_for_each_word_that_requests_fill_in() {
        let template = Template::parse("o.{host}.x{type}.{client}.{field:op}.end").unwrap();
        assert_eq!(template.filter("a b"), "o.a_b.*.*.*.end");
        assert_eq!(template.filter_of_all_hosts(), "o.*.*.*.*.end");
        assert_eq!(template.fields().collect::<Vec<_>>(), ["op"]);
    }

    #[test]
    fn what_is_no_subject_is_refused_with_the_reason() {
        for (text, words) in [
            ("", "no subject"),
            ("a..b", "no subject"),
            (".a", "no subject"),
            ("a b", "no subject"),
            ("a.*", "wildcard"),
            ("a.>", "wildcard"),
            ("a.{host", "no }"),
            ("a.{hots}", "no part {hots}"),
            ("a.{field:}", "no part {field:}"),
            ("$SYS.a", "NATS itself"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(words), "{text:?} gave {error}");
        }
    }

    #[test]
    fn a_subscription_may_have_wildcards_and_nothing_behind_the_last() {
        for subject in ["a", "a.*.b", "a.>", ">"] {
            assert_eq!(check_filter(subject), Ok(()), "{subject}");
        }
        for subject in ["", "a.>.b", "a. b", "a."] {
            assert!(check_filter(subject).is_err(), "{subject}");
        }
    }
}
