//! Settings of systemd and logind as their files say them: a main file, and drop-ins that go before it.
//!
//! systemd.unit(5) and logind.conf(5): drop-ins of all directories are sorted by their names, of two with one name that
//! of the earlier directory counts, and of several assignments the last one does.

use crate::output::shown_path;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where units lie, the most important first.
const UNIT_DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Where logind.conf and its drop-ins lie, the most important first.
const LOGIND_DIRECTORIES: [&str; 5] =
    ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];

/// The value of a setting and the file that gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSetting {
    pub(crate) value: String,
    pub(crate) file: PathBuf,
}

impl FileSetting {
    /// As systemd.syntax(7) says it; `None` for what is no truth value.
    pub(crate) fn is_true(&self) -> Option<bool> {
        match self.value.to_ascii_lowercase().as_str() {
            "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
            "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
            _ => None,
        }
    }
}

/// The files of a unit in the order in which they count; none when it is not installed.
pub(crate) fn files_of_unit(name: &str) -> Vec<PathBuf> {
    let directories = UNIT_DIRECTORIES.map(Path::new);
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
    let template = name.split_once('@').map(|(template, _)| format!("{template}@.{kind}"));
    let of_template = || template.as_deref().and_then(|template| main_file(&directories, template));
    let Some(main) = main_file(&directories, name).or_else(of_template) else { return Vec::new() };
    let of_template = template.map(|template| format!("{template}.d"));
    let drop_ins: Vec<_> = [format!("{kind}.d")].into_iter().chain(of_template).chain([format!("{name}.d")]).collect();
    std::iter::once(main).chain(drop_ins_of(&directories, &drop_ins)).collect()
}

/// The files of logind in the order in which they count.
pub(crate) fn files_of_logind() -> Vec<PathBuf> {
    let directories = LOGIND_DIRECTORIES.map(Path::new);
    let main = main_file(&directories, "logind.conf");
    main.into_iter().chain(drop_ins_of(&directories, &["logind.conf.d".to_owned()])).collect()
}

fn main_file(directories: &[&Path], name: &str) -> Option<PathBuf> {
    directories.iter().map(|directory| directory.join(name)).find(|path| path.exists())
}

fn drop_ins_of(directories: &[&Path], subdirectories: &[String]) -> Vec<PathBuf> {
    let mut by_name: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    let places = directories.iter().flat_map(|directory| subdirectories.iter().map(|sub| directory.join(sub)));
    for entry in places.filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "conf") {
            by_name.entry(entry.file_name()).or_insert_with(|| entry.path());
        }
    }
    by_name.into_values().collect()
}

/// The assignment that counts; an empty one takes back those before it. The error is a sentence.
pub(crate) fn effective_setting(files: &[PathBuf], section: &str, name: &str) -> Result<Option<FileSetting>, String> {
    let mut setting = None;
    for file in files {
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            read => read.map_err(|error| format!("cannot read {}: {error}", shown_path(file)))?,
        };
        for value in assignments(&text, section, name) {
            setting = (!value.is_empty()).then(|| FileSetting { value: value.to_owned(), file: file.clone() });
        }
    }
    Ok(setting)
}

fn assignments<'a>(text: &'a str, section: &str, name: &str) -> Vec<&'a str> {
    let mut current = "";
    let mut values = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(heading) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            current = heading;
        } else if let Some((assigned, value)) = line.split_once('=').filter(|_| current == section)
            && assigned.trim() == name
        {
            values.push(value.trim());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_file_counts_and_an_empty_value_takes_back() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let first = file("a", "[Login]\n#RemoveIPC=no\n RemoveIPC = yes\n[Other]\nRemoveIPC=no\n");
        let second = file("b", "[Login]\nRemoveIPC=off\n");
        let third = file("c", "[Login]\nRemoveIPC=\n");
        let value = |files: &[PathBuf]| effective_setting(files, "Login", "RemoveIPC").unwrap();
        let found = value(std::slice::from_ref(&first)).unwrap();
        assert_eq!((found.is_true(), &found.file), (Some(true), &first));
        assert_eq!(value(&[first.clone(), second.clone()]).unwrap().is_true(), Some(false));
        assert_eq!(value(&[first, second, third]), None);
        assert!(effective_setting(&[directory.path().to_owned()], "Login", "RemoveIPC").is_err());
    }

    #[test]
    fn of_two_drop_ins_with_one_name_that_of_the_more_important_directory_counts() {
        let directory = tempfile::tempdir().unwrap();
        let (etc, lib) = (directory.path().join("etc"), directory.path().join("lib"));
        for (place, name) in [(&etc, "b.conf"), (&lib, "b.conf"), (&lib, "a.conf"), (&lib, "c.txt")] {
            std::fs::create_dir_all(place.join("x.d")).unwrap();
            std::fs::write(place.join("x.d").join(name), "").unwrap();
        }
        let found = drop_ins_of(&[&etc, &lib], &["x.d".to_owned()]);
        assert_eq!(found, [lib.join("x.d/a.conf"), etc.join("x.d/b.conf")]);
    }
}
