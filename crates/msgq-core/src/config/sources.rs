//! The texts of a configuration's files, one behind the other: a place in the whole is a line of one of them.

use super::check::Invalid;
use super::drop_ins::drop_in_files;
use super::error::{ConfigError, Place};
use super::merge::{Joined, Merge};
use super::raw;
use nix::libc;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use toml::{Spanned, Value};

/// Largest configuration that is read, in bytes: of all its files together.
pub const MAX_CONFIG_LEN: u64 = 1 << 20;

/// What the files of a configuration say, in the order in which they are read.
#[derive(Debug)]
pub(super) struct Sources {
    text: String,
    parts: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    name: String,
    range: Range<usize>,
}

/// Settings of all files, and which of them several files have a part in.
#[derive(Debug)]
pub(super) struct Merged<T> {
    pub(super) raw: T,
    joined: Joined,
}

impl Sources {
    pub(super) fn of_text(name: &str, text: &str) -> Self {
        let part = Source { name: name.to_owned(), range: 0..text.len() };
        Self { text: text.to_owned(), parts: vec![part] }
    }

    /// Reads the file and those that come after it.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut sources = Self { text: String::new(), parts: Vec::new() };
        sources.append(path)?;
        for drop_in in drop_in_files(path)? {
            sources.append(&drop_in)?;
        }
        Ok(sources)
    }

    fn append(&mut self, path: &Path) -> Result<(), ConfigError> {
        let start = self.text.len();
        self.text.push_str(&read_text(path)?);
        if u64::try_from(self.text.len()).is_ok_and(|len| len > MAX_CONFIG_LEN) {
            let message =
                "with it the files of this configuration together are longer than 1 MiB, so they hardly are one";
            return Err(ConfigError::unusable(path, message));
        }
        self.parts.push(Source { name: path.display().to_string(), range: start..self.text.len() });
        Ok(())
    }

    /// All texts in one: what the places of settings count from.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What all of them say, the last word on each setting. Places are those of the whole text.
    pub(super) fn merged<T: DeserializeOwned + Default + Merge>(&self) -> Result<Merged<T>, ConfigError> {
        let mut merged = Merged { raw: T::default(), joined: Joined::default() };
        for part in &self.parts {
            let mut raw: T = parse_toml(&part.name, self.text.get(part.range.clone()).unwrap_or_default())?;
            raw.shift(part.range.start);
            merged.raw.merge(raw, &mut merged.joined);
        }
        Ok(merged)
    }

    /// The error of a setting, with the places in other files that have a part in it.
    pub(super) fn error<T>(&self, merged: &Merged<T>, invalid: &Invalid) -> ConfigError {
        let of = self.part_of(&invalid.span);
        let of_tables = merged.joined.others(&invalid.span);
        let beside = invalid.beside.iter().chain(&of_tables).filter(|span| self.part_of(span).range != of.range);
        let beside = beside.map(|span| self.place(span)).collect();
        let place = self.place(&invalid.span);
        ConfigError::of_setting(place, &invalid.message, &invalid.help, beside)
    }

    fn part_of(&self, span: &Range<usize>) -> &Source {
        // The end of an empty file is the start of the next one, which has the setting.
        let holds = |part: &&Source| part.range.contains(&span.start);
        let last = || self.parts.iter().rev().find(|part| part.range.start <= span.start);
        static NONE: Source = Source { name: String::new(), range: 0..0 };
        self.parts.iter().find(holds).or_else(last).unwrap_or(&NONE)
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let part = self.part_of(span);
        let start = part.range.start;
        let text = self.text.get(part.range.clone()).unwrap_or_default();
        Place::find(&part.name, text, span.start.saturating_sub(start)..span.end.saturating_sub(start))
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |error: std::io::Error| ConfigError::unreadable(path, &error);
    let mut bytes = Vec::new();
    // Nothing that may be in its place holds the reader up.
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.file_type().is_fifo() {
        return Err(ConfigError::unusable(path, "it is a pipe, and there may never be anything in it; write a file"));
    }
    file.take(MAX_CONFIG_LEN + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_CONFIG_LEN) {
        return Err(ConfigError::unusable(path, "it is longer than 1 MiB, so it is hardly a configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ConfigError::unusable(path, &format!("it is not UTF-8 text (first bad byte at offset {at})"))
    })
}

fn parse_toml<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    let sections: BTreeMap<String, Spanned<Value>> = read_toml(name, text)?;
    let is_wrong = |(section, value): &(&String, &Spanned<Value>)| {
        raw::SECTIONS.contains(&section.as_str()) && !value.get_ref().is_table()
    };
    if let Some((section, value)) = sections.iter().find(is_wrong) {
        let help = format!("write [{section}] on a line of its own, once, and its settings below");
        return Err(ConfigError::at(name, text, value.span(), &format!("{section} is a section"), Some(&help)));
    }
    read_toml(name, text)
}

fn read_toml<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let (message, help) = raw::explain(error.message(), text.get(span.clone()).unwrap_or_default().trim());
        ConfigError::at(name, text, span, &message, help.as_deref())
    })
}
