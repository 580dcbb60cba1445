//! What docs/protocols.md says is what happens: its stories are run, and its errors are made.
//!
//! `MSGQD_WRITE_SNAPSHOTS=1` writes the outputs and the errors into the page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::declaration::Declaration;
use msgqd_system_tests::{Process, ScratchKey, examples_dir, msgqd, wait_until};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

fn page_path() -> PathBuf {
    examples_dir().parent().unwrap().join("protocols.md")
}

/// Fails unless the page is what it says of itself.
#[track_caller]
fn is_what_happens(section: &str, found: &str) {
    if section == found {
        return;
    }
    if std::env::var_os("MSGQD_WRITE_SNAPSHOTS").is_some() {
        let page = std::fs::read_to_string(page_path()).unwrap();
        std::fs::write(page_path(), page.replacen(section, found, 1)).unwrap();
        return;
    }
    let first = section.lines().zip(found.lines()).find(|(says, happens)| says != happens);
    panic!("MSGQD_WRITE_SNAPSHOTS=1 renews the page; it says, and happens: {first:#?}\n{found}");
}

/// From the heading that begins so to the next one of this rank.
fn section(page: &str, heading: &str) -> String {
    let start = page.find(&format!("\n## {heading}")).unwrap() + 1;
    let end = page[start..].find("\n## ").map_or(page.len(), |end| start + end + 1);
    page[start..end].to_owned()
}

#[test]
fn the_first_story_happens_as_it_is_told() {
    is_run("First story");
}

#[test]
fn the_second_story_happens_as_it_is_told() {
    is_run("Second story");
}

#[test]
fn the_third_story_happens_as_it_is_told() {
    is_run("Third story");
}

#[test]
fn the_fourth_story_happens_as_it_is_told() {
    is_run("Fourth story");
}

fn is_run(heading: &str) {
    let page = std::fs::read_to_string(page_path()).unwrap();
    let section = section(&page, heading);
    let mut stage = Stage::new(&section);
    let mut happened = String::new();
    let mut text = String::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(happened, "{line}");
        let Some(language) = line.strip_prefix("```") else {
            let _ = writeln!(text, "{line}");
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if language == "console" {
            for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                let _ = write!(happened, "$ {command}\n{}", stage.run(command));
            }
        } else {
            stage.write(&text, &block);
            block.iter().for_each(|line| happened.extend([line, "\n"]));
        }
        happened.push_str("```\n");
        text.clear();
    }
    is_what_happens(&section, &happened);
}

/// A directory in which a story's commands are run, on a key of its own in the place of the story's.
struct Stage {
    directory: TempDir,
    key: ScratchKey,
    key_in_story: String,
    daemon: Option<Process>,
    waiting: Vec<Process>,
}

impl Stage {
    fn new(section: &str) -> Self {
        let key = section.split("key = ").nth(1).unwrap().lines().next().unwrap();
        Self {
            directory: tempfile::tempdir().unwrap(),
            key: ScratchKey::new(),
            key_in_story: key.to_owned(),
            daemon: None,
            waiting: Vec::new(),
        }
    }

    fn with_key(&self, text: &str) -> String {
        text.replace(&self.key_in_story, &self.key.key().to_string())
    }

    /// Writes the file that was named last.
    fn write(&self, text: &str, block: &[&str]) {
        let is_file = |word: &&str| [".h", ".c", ".toml", ".py", ".pl", ".sh"].iter().any(|end| word.ends_with(end));
        let name = text.split('`').skip(1).step_by(2).filter(is_file).last().expect("the text names the file");
        let content = self.with_key(&(block.join("\n") + "\n"));
        std::fs::write(self.directory.path().join(name), content).unwrap();
    }

    fn shell(&self, command: &str) -> Command {
        let programs = msgqd().parent().unwrap().to_path_buf();
        let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(env!("PATH")))).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1; {}", self.with_key(command))]);
        shell.current_dir(self.directory.path()).env("PATH", path).env("RUNTIME_DIRECTORY", self.directory.path());
        shell.env("STATE_DIRECTORY", self.directory.path());
        shell
    }

    /// Runs one command and returns its output; the log of a daemon is not shown.
    fn run(&mut self, command: &str) -> String {
        let Some(background) = command.strip_suffix(" &") else {
            return match &mut self.daemon {
                Some(daemon) if command.contains("kill -KILL $!") => {
                    daemon.signal(nix::sys::signal::Signal::SIGKILL);
                    wait_until("it is gone", || !daemon.is_running());
                    String::new()
                }
                _ => Process::run(&mut self.shell(command)).stdout,
            };
        };
        let mut process = Process::start(&mut self.shell(&format!("exec {background}")));
        if !background.starts_with("msgqd ") {
            self.waiting.push(process);
            return String::new();
        }
        process.wait_for_stdout("serving queue");
        self.daemon = Some(process);
        self.waiting.drain(..).map(|process| process.finish().stdout).collect()
    }
}

#[test]
fn each_error_in_the_page_is_that_of_its_example() {
    let page = std::fs::read_to_string(page_path()).unwrap();
    let section = section(&page, "Every error");
    let mut in_a_field = true;
    let mut found = String::new();
    for line in section.lines() {
        in_a_field &= !line.contains("whole declaration");
        match line.strip_prefix("| `").and_then(|row| row.split_once("` |")) {
            Some((example, _)) => found.push_str(&row(example, in_a_field)),
            None => found.extend([line, "\n"]),
        }
    }
    is_what_happens(&section, &found);
}

fn row(example: &str, in_a_field: bool) -> String {
    let whole = if in_a_field { format!("struct {{ long mtype; {example} }}") } else { example.to_owned() };
    let Err(error) = Declaration::parse(&whole, &BTreeMap::new()) else { panic!("{whole} is right") };
    let help = error.help().map_or_else(String::new, |help| format!(" {help}"));
    format!("| `{example}` | {} |{help} |\n", error.message())
}

#[test]
fn each_error_in_the_code_is_in_the_page() {
    let page = std::fs::read_to_string(page_path()).unwrap().replace('`', "");
    let sources = examples_dir().ancestors().nth(2).unwrap().join("crates/msgq-core/src/layout");
    let files = std::fs::read_dir(sources.join("declaration")).unwrap().map(|entry| entry.unwrap().path());
    let read = |file| std::fs::read_to_string(file).unwrap();
    // In error.rs only their form is.
    let is_source = |file: &PathBuf| !file.ends_with("tests.rs") && !file.ends_with("error.rs");
    let sources = files.chain([sources.join("declaration.rs")]).filter(is_source).map(read);
    let sentences: Vec<String> = sources.flat_map(|source| sentences_of(&source)).collect();
    assert!(sentences.len() > 70, "only these were found: {sentences:#?}");
    let is_missing = |sentence: &&String| pieces(sentence).iter().any(|piece| !page.contains(piece));
    let missing: Vec<&String> = sentences.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "not in the page: {missing:#?}");
}

/// The literals of several words, with continued lines put together.
fn sentences_of(source: &str) -> Vec<String> {
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let literals = code.join("\n");
    let literals = literals.split('"').skip(1).step_by(2);
    let joined = literals.map(|literal| {
        let mut lines = literal.split("\\\n");
        let first = lines.next().unwrap_or_default().to_owned();
        lines.fold(first, |text, line| text + line.trim_start())
    });
    joined.filter(|literal| literal.contains(' ')).collect()
}

/// What stands around the values in a format, without marks of code.
fn pieces(sentence: &str) -> Vec<String> {
    let plain = sentence.replace('`', "").replace("{{", "\u{1}").replace("}}", "\u{2}");
    let outside = plain.split('{').map(|piece| piece.rsplit('}').next().unwrap_or_default());
    let pieces = outside.map(|piece| piece.replace('\u{1}', "{").replace('\u{2}', "}").trim().to_owned());
    pieces.filter(|piece| piece.contains(' ')).collect()
}
