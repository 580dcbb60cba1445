//! What `--version` says of the build, and the script that finds it out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::Process;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The script, compiled.
fn script() -> PathBuf {
    static COMPILED: OnceLock<TempDir> = OnceLock::new();
    let directory = COMPILED.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/msgqctl/build.rs");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(rustc);
        command.args(["--edition", "2024", "-o"]).arg(directory.path().join("script")).arg(source);
        let _ = Process::run(&mut command).succeeded();
        directory
    });
    directory.path().join("script")
}

/// Runs it for the crate in `directory`; its answer for `name`.
fn says_of(directory: &Path, profile: &str, source_date: Option<&str>, name: &str) -> String {
    let mut command = Command::new(script());
    command.env("CARGO_MANIFEST_DIR", directory).env("PROFILE", profile).env("TARGET", "m68k-unknown-linux-gnu");
    command.env_remove("SOURCE_DATE_EPOCH").env_remove("GIT_DIR");
    if let Some(date) = source_date {
        command.env("SOURCE_DATE_EPOCH", date);
    }
    let output = Process::run(&mut command).succeeded().stdout;
    let begin = format!("cargo::rustc-env={name}=");
    output.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("{output}")).to_owned()
}

fn commit(directory: &Path) -> String {
    says_of(directory, "release", None, "MSGQ_COMMIT")
}

/// A repository that has a crate in `place`, with one commit.
fn repository(place: &str) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join(place);
    std::fs::create_dir_all(directory.join("src")).unwrap();
    std::fs::write(directory.join("src/main.rs"), "fn main() {}\n").unwrap();
    std::fs::write(directory.join("README"), "").unwrap();
    git(root.path(), &["init", "--quiet"]);
    git(root.path(), &["add", "."]);
    git(root.path(), &["commit", "--quiet", "--message", "first"]);
    (root, directory)
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "user.name=Test", "-c", "user.email=test@example.org"]).args(arguments);
    command.env("GIT_COMMITTER_DATE", "2020-02-29T23:30:00-0500").env_remove("GIT_DIR");
    Process::run(&mut command).succeeded().stdout.trim().to_owned()
}

#[test]
fn a_tree_in_git_tells_its_commit_and_the_day_of_it_in_utc_and_whether_its_sources_were_changed() {
    let (root, directory) = repository("crates/msgqctl");
    let name = git(root.path(), &["rev-parse", "HEAD"])[..12].to_owned();
    assert_eq!(commit(&directory), format!("{name} of 2020-03-01"));
    let built_later = says_of(&directory, "release", Some("1795409145"), "MSGQ_COMMIT");
    assert_eq!(built_later, commit(&directory), "the same commit gives the same text");
    std::fs::write(directory.join("README"), "what is not built is no change\n").unwrap();
    assert_eq!(commit(&directory), format!("{name} of 2020-03-01"));
    std::fs::write(directory.join("src/main.rs"), "fn main() { }\n").unwrap();
    assert_eq!(commit(&directory), format!("{name} of 2020-03-01, changed since"));
}

#[test]
fn a_crate_as_packaged_tells_the_commit_that_was_noted_whatever_repository_is_above_it() {
    let (_root, directory) = repository("vendor/msgqctl");
    assert_eq!(commit(&directory), "unknown", "that of another project's repository is none");
    let note = |dirty: &str| {
        format!("{{\n  \"git\": {{\n    \"sha1\": \"{COMMIT}\"{dirty}\n  }},\n  \"path_in_vcs\": \"x\"\n}}")
    };
    std::fs::write(directory.join(".cargo_vcs_info.json"), note("")).unwrap();
    assert_eq!(commit(&directory), "0123456789ab");
    std::fs::write(directory.join(".cargo_vcs_info.json"), note(",\n    \"dirty\": true")).unwrap();
    assert_eq!(commit(&directory), "0123456789ab, changed since");
}

#[test]
fn without_git_and_without_a_note_nothing_is_made_up() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(commit(directory.path()), "unknown");
    let of_day = says_of(directory.path(), "release", Some("0"), "MSGQ_COMMIT");
    assert_eq!(of_day, "unknown, sources of 1970-01-01");
    assert_eq!(says_of(directory.path(), "debug", None, "MSGQ_COMMIT"), "not recorded in debug builds");
    assert_eq!(says_of(directory.path(), "release", None, "MSGQ_BUILD"), "release for m68k-unknown-linux-gnu");
}

#[test]
fn where_the_note_has_no_day_it_is_the_one_that_whoever_builds_gives() {
    let directory = tempfile::tempdir().unwrap();
    let note = format!("{{\"git\":{{\"sha1\":\"{COMMIT}\"}}}}");
    std::fs::write(directory.path().join(".cargo_vcs_info.json"), note).unwrap();
    for seconds in ["951782400", "1709164800", "1795409145", "0"] {
        let date = Command::new("date").args(["-u", "+%F", "-d", &format!("@{seconds}")]).output().unwrap();
        let day = String::from_utf8(date.stdout).unwrap().trim().to_owned();
        assert_eq!(
            says_of(directory.path(), "release", Some(seconds), "MSGQ_COMMIT"),
            format!("0123456789ab of {day}")
        );
    }
}

#[test]
fn a_program_says_its_version_in_a_word_and_its_build_in_three_lines() {
    for (name, program) in [("msgqd", msgqd_system_tests::msgqd()), ("msgqctl", msgqd_system_tests::msgqctl())] {
        let output = |option: &str| Process::run(Command::new(&program).arg(option)).succeeded().stdout;
        let short = format!("{name} {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(output("-V"), short);
        let long = output("--version");
        let lines: Vec<&str> = long.lines().collect();
        assert!(long.starts_with(&short) && lines.len() == 3, "{long}");
        assert!(lines[1].starts_with("commit: ") && lines[2].starts_with("build: "), "{long}");
        assert!(lines[2].contains(" for ") && lines[2].contains("linux"), "{long}");
    }
}
