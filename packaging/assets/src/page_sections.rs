//! The sections of every page, as they were when somebody last looked, and what man says of the pages.

use super::write_all;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Words of places that another page has in a package.
const OF_LINKS: [&str; 2] = ["md", "man"];

const WRITE: &str = "MSGQD_WRITE_SNAPSHOTS";

/// All pages, written into a directory of the test's own.
fn pages() -> (tempfile::TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("assets");
    write_all(&output, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/man")).unwrap();
    let of_packages = ["man", "gateway/man"].map(|pages| fs::read_dir(output.join(pages)).unwrap());
    let mut pages: Vec<PathBuf> = of_packages.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    (directory, pages)
}

fn name(page: &Path) -> String {
    page.file_name().unwrap().to_str().unwrap().to_owned()
}

fn headings(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings = text.lines().filter_map(|line| line.strip_prefix(".SH "));
    headings.map(|heading| heading.trim_matches('"').replace("\\-", "-")).collect()
}

#[test]
fn each_page_has_the_sections_that_it_had() {
    let (_directory, pages) = pages();
    let shown: String = pages.iter().map(|page| format!("{}: {}\n", name(page), headings(page).join(" | "))).collect();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("sections.txt");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&recorded, &shown).unwrap();
    }
    let expected = fs::read_to_string(&recorded).unwrap_or_default();
    assert_eq!(shown, expected, "differs from {}; if it is right now: {WRITE}=1", recorded.display());
}

#[test]
fn each_page_of_a_command_has_examples_and_says_how_it_exits_and_every_page_leads_on() {
    let (_directory, pages) = pages();
    for page in &pages {
        let (name, headings) = (name(page), headings(page));
        let has = |heading: &str| headings.iter().any(|it| it == heading);
        assert!(has("NAME") && has("SEE ALSO") && has("DESCRIPTION"), "{name}: {headings:?}");
        if name.ends_with(".1") || name.ends_with(".8") {
            assert!(has("EXAMPLES") && has("EXIT STATUS") && has("OPTIONS"), "{name}: {headings:?}");
        }
        assert_eq!(headings.last().unwrap(), "SEE ALSO", "{name}");
    }
}

/// What man prints of a page, and what it complains about.
fn rendered(page: &Path, width: &str) -> Option<(String, String)> {
    let mut command = Command::new("man");
    command.args(["--warnings", "--local-file"]).arg(page).stdin(Stdio::null());
    command.env("LC_ALL", "C.UTF-8").env("MANWIDTH", width).env("MAN_KEEP_FORMATTING", "").env("MANPAGER", "cat");
    let output = command.output().ok()?;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some((text(output.stdout), text(output.stderr)))
}

#[test]
fn man_shows_every_page_without_a_warning() {
    let (_directory, pages) = pages();
    for page in &pages {
        let Some((text, warnings)) = rendered(page, "80") else {
            return eprintln!("not run: there is no man (Debian: man-db)");
        };
        assert!(warnings.is_empty() && text.contains("SEE ALSO"), "{}: {warnings}", name(page));
    }
}

#[test]
fn the_page_on_handlers_has_every_word_and_every_line_of_code_of_its_source() {
    let (_directory, pages) = pages();
    let page = pages.iter().find(|page| name(page) == "msgqd-handler.7").unwrap();
    let Some((text, _)) = rendered(page, "1000") else {
        return eprintln!("not run: there is no man (Debian: man-db)");
    };
    let words = |text: &str| -> Vec<String> {
        text.split(|character: char| !character.is_alphanumeric())
            .map(str::to_lowercase)
            .filter(|it| !it.is_empty())
            .collect()
    };
    let shown = words(&text);
    let source = super::HANDLER_PROTOCOL.split_once('\n').unwrap().1;
    // The language of code, and the heading of what a table tells of, are seen by other means.
    let lines: Vec<&str> = source.lines().collect();
    let is_heading = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
    let is_read = |(at, line): &(usize, &&str)| !line.starts_with("```") && !is_heading(*at);
    let read: Vec<&str> = lines.iter().enumerate().filter(is_read).map(|(_, line)| *line).collect();
    for word in words(&read.join("\n")).iter().filter(|word| !OF_LINKS.contains(&word.as_str()) && word.len() < 40) {
        assert!(shown.contains(word), "{word} is missing");
    }
    let mut is_code = false;
    for line in source.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code && !line.is_empty() {
            assert!(text.contains(line.trim_end()), "{line} is missing");
        }
    }
}
