//! The notices that the licences of other people's crates ask for.

use crate::components::{Component, name_and_version};
use cargo_metadata::camino::Utf8Path;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const HEAD: &str = "
What is shipped is linked with the crates below. Where a crate offers a choice of
licences that has the MIT licence in it, msgqd uses it under that one.

The Rust standard library is linked as well. It is copyright The Rust Project
contributors, under the MIT licence or the Apache License, Version 2.0, at your
choice; https://www.rust-lang.org/policies/licenses.
";

const APACHE: &str = include_str!("../../../LICENSE-APACHE");

/// The text of `third-party-notices`: each licence text once, below the crates that it belongs to.
///
/// # Errors
/// When a crate has no licence text, or when it cannot be read.
pub fn text(programs: &[&str], components: &[Component]) -> io::Result<String> {
    let mut crates_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for component in components.iter().filter(|component| component.is_linked && !component.is_ours()) {
        let (name, version) = name_and_version(&component.package);
        let line = format!("{name} {version} ({})", component.license());
        for text in license_texts(component)? {
            crates_of.entry(text.trim().to_owned()).or_default().push(line.clone());
        }
    }
    let mut texts: Vec<_> = crates_of.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    let title = format!("Third-party software in {}", programs.join(" and "));
    let mut notices = format!("{title}\n{}\n{HEAD}", "=".repeat(title.len()));
    for (license, crates) in texts {
        let rule = "-".repeat(79);
        let _ = write!(notices, "\n{rule}\n{}\n{rule}\n\n{license}\n", crates.join("\n"));
    }
    Ok(notices)
}

/// The licence that is chosen, and what has to be said whatever is chosen.
fn license_texts(component: &Component) -> io::Result<Vec<String>> {
    let files = license_files(component)?;
    if !files.is_empty() {
        return files.iter().map(fs::read_to_string).collect();
    }
    // Its text is the same for whoever uses it; of other licences the text names whose the crate is.
    if component.license() == "Apache-2.0" {
        return Ok(vec![APACHE.to_owned()]);
    }
    Err(io::Error::other(format!("the crate {} has no licence text", component.package.name)))
}

fn license_files(component: &Component) -> io::Result<Vec<PathBuf>> {
    let directory = component.package.manifest_path.parent().map_or(Path::new("."), Utf8Path::as_std_path);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        files.push(entry?.path());
    }
    files.sort();
    let (mit, others): (Vec<_>, Vec<_>) =
        files.into_iter().filter(|file| is_legal(file)).partition(|file| ends_in_mit(file));
    Ok(if mit.is_empty() {
        others
    } else {
        mit.into_iter().chain(others.into_iter().filter(|file| is_needed_beside_mit(file))).collect()
    })
}

fn upper_case_name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default()
}

fn is_legal(file: &Path) -> bool {
    let name = upper_case_name(file);
    ["LICEN", "COPY", "NOTICE", "UNLICEN"].iter().any(|start| name.starts_with(start))
}

fn ends_in_mit(file: &Path) -> bool {
    upper_case_name(file).ends_with("-MIT")
}

/// What is not one of several licences to choose from.
fn is_needed_beside_mit(file: &Path) -> bool {
    let name = upper_case_name(file);
    name.starts_with("NOTICE") || name.starts_with("COPYRIGHT") || name.contains("UNICODE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_licences_the_mit_text_is_taken_and_notices_are_kept() {
        assert!(is_legal(Path::new("/x/LICENSE-MIT")) && ends_in_mit(Path::new("/x/LICENSE-MIT")));
        assert!(is_legal(Path::new("/x/COPYING")) && !is_needed_beside_mit(Path::new("/x/COPYING")));
        assert!(is_needed_beside_mit(Path::new("/x/NOTICES.md")));
        assert!(is_needed_beside_mit(Path::new("/x/LICENSE-UNICODE")));
        assert!(!is_legal(Path::new("/x/README.md")));
    }
}
