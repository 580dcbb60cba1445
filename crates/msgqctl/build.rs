//! Tells the program which commit it was made from, for `--version`; one script for both programs.
//!
//! The same commit gives the same text wherever and whenever it is built. A crate from a registry knows its commit from the file
//! that `cargo package` put in; a source tree without Git knows none. Debug builds do not tell: they are of a tree that is being
//! worked on, and each commit would build them anew.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is made of, beside its own `Cargo.toml`.
const SOURCES: [&str; 4] = ["src", "../msgq-core/src", "../../Cargo.toml", "../../Cargo.lock"];
const SHORT_LEN: usize = 12;

/// A commit, and the day of it where that is known.
struct Commit {
    name: String,
    is_changed: bool,
    day: Option<String>,
}

fn main() {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| "unknown".to_owned());
    let (profile, directory) = (variable("PROFILE"), PathBuf::from(variable("CARGO_MANIFEST_DIR")));
    println!("cargo::rerun-if-changed=build.rs\ncargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let commit = match profile.as_str() {
        "debug" => "not recorded in debug builds".to_owned(),
        _ => in_words(commit_of_crate(&directory).or_else(|| commit_of_tree(&directory))),
    };
    println!("cargo::rustc-env=MSGQ_COMMIT={commit}");
    println!("cargo::rustc-env=MSGQ_BUILD={profile} for {}", variable("TARGET"));
}

fn in_words(commit: Option<Commit>) -> String {
    let Some(Commit { name, is_changed, day }) = commit else {
        return source_day().map_or_else(|| "unknown".to_owned(), |day| format!("unknown, sources of {day}"));
    };
    let short: String = name.chars().take(SHORT_LEN).collect();
    let changed = if is_changed { ", changed since" } else { "" };
    let day = day.or_else(source_day).map_or_else(String::new, |day| format!(" of {day}"));
    format!("{short}{day}{changed}")
}

/// What `cargo package` noted.
fn commit_of_crate(directory: &Path) -> Option<Commit> {
    let note = fs::read_to_string(directory.join(".cargo_vcs_info.json")).ok()?;
    let name = note.split("\"sha1\"").nth(1)?.split('"').nth(1)?.to_owned();
    let is_changed =
        note.split("\"dirty\"").nth(1).is_some_and(|rest| rest.trim_start_matches([':', ' ']).starts_with("true"));
    Some(Commit { name, is_changed, day: None })
}

/// What Git says, where the tree is this project's: another project's repository above it tells nothing.
fn commit_of_tree(directory: &Path) -> Option<Commit> {
    let place = git(directory, &["rev-parse", "--show-prefix"])?;
    let folder = directory.file_name()?.to_str()?;
    if place != format!("crates/{folder}/") {
        return None;
    }
    watch_head(directory);
    let shown = git(directory, &["show", "--no-patch", "--date=format-local:%Y-%m-%d", "--format=%H %cd", "HEAD"])?;
    let (name, day) = shown.split_once(' ')?;
    let status = ["status", "--porcelain", "--untracked-files=no", "--", "Cargo.toml"];
    let is_changed = !git(directory, &[&status[..], &SOURCES[..]].concat())?.is_empty();
    Some(Commit { name: name.to_owned(), is_changed, day: Some(day.to_owned()) })
}

/// Another commit, or a change, asks for another text. A path that is not there would ask for it each time.
fn watch_head(directory: &Path) {
    let branch = git(directory, &["symbolic-ref", "--quiet", "HEAD"]);
    let heads = ["HEAD", "packed-refs"].into_iter().map(str::to_owned).chain(branch);
    let heads = heads.filter_map(|name| git(directory, &["rev-parse", "--path-format=absolute", "--git-path", &name]));
    let sources = SOURCES.into_iter().map(|source| directory.join(source));
    for path in heads.map(PathBuf::from).chain(sources).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").args(arguments).current_dir(directory).env("TZ", "UTC0").env_remove("GIT_DIR");
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}

/// The day that whoever builds gives the sources (reproducible-builds.org), where nothing else tells one.
fn source_day() -> Option<String> {
    let seconds: i64 = env::var("SOURCE_DATE_EPOCH").ok()?.parse().ok()?;
    // Counted from 1 March of year 0, so that the leap day is the last day of a year; 719468 days before 1970.
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}
