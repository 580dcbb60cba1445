use crate::host::{Host, Side};
use crate::limits::CLIENT_LIMIT_S;
use msgqd_system_tests::{Process, compile_program, sources_dir};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longer than any form of the tests takes: a client that hangs ends by itself.
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// What tells a client that its request was not run, or that nobody knows.
const KNOWN: [&str; 3] = ["-1 not run: ", "-1 outcome unknown: ", "the request was not run"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The client of `clients/ask.c`, compiled.
fn ask() -> &'static Path {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let program = std::env::current_exe().unwrap().with_file_name(format!("ask-{}", std::process::id()));
        let include = format!("-I{}", sources_dir().display());
        compile_program(&sources().join("ask.c"), &program, &[&include, "-Wno-format-truncation"]).unwrap();
        program
    })
}

/// The client number `number`, in one language after the other.
fn client(number: usize) -> Command {
    let script = |interpreter: &str, extension| {
        let mut command = Command::new(interpreter);
        command.arg(sources().join("ask").with_extension(extension));
        command
    };
    match number % 4 {
        0 => Command::new(ask()),
        1 => script("perl", "pl"),
        // A Python that somebody put first in PATH knows nothing of Debian's packages.
        2 => script("/usr/bin/python3", "py"),
        _ => script("php", "php"),
    }
}

/// What clients were told.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// Right answers.
    pub right: u64,
    /// Errors, "STATUS TEXT".
    pub errors: Vec<String>,
}

impl Heard {
    /// How often each kind of error, with `N` for numbers.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for error in &self.errors {
            *kinds.entry(without_numbers(error)).or_default() += 1;
        }
        kinds
    }

    /// Puts both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.right += other.right;
        self.errors.extend(other.errors);
        self
    }
}

fn without_numbers(text: &str) -> String {
    let mut words = String::new();
    for character in text.chars() {
        let character = if character.is_ascii_digit() { 'N' } else { character };
        if !(character == 'N' && words.ends_with('N')) {
            words.push(character);
        }
    }
    words
}

/// Clients of a host in several languages, each asking one thing after the other.
#[derive(Debug)]
pub struct Askers {
    host: String,
    all: Vec<Process>,
    stop_file: PathBuf,
}

impl Askers {
    /// Starts `clients` of them with at most `count` requests each.
    #[must_use]
    #[track_caller]
    pub fn start(host: &Host, clients: usize, count: usize) -> Self {
        let stop_file = host.directory().join("stop");
        let _ = std::fs::remove_file(&stop_file);
        let start = |number: usize| {
            let mut command = client(number);
            command.arg(host.key(Side::Front).to_string()).arg(count.to_string());
            command.arg(format!("{}{number}", host.name())).arg(&stop_file).arg(CLIENT_LIMIT_S.to_string());
            Process::start(&mut host.enter(&command))
        };
        Self { host: host.name().to_owned(), all: (0..clients).map(start).collect(), stop_file }
    }

    /// The errors that they were told so far.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let lines = |client: &Process| client.stdout().lines().map(ToOwned::to_owned).collect::<Vec<_>>();
        self.all.iter().flat_map(lines).filter(|line| !line.starts_with("right ")).collect()
    }

    /// The test fails if one has ended by itself: in vain, with a wrong answer, or because it hung.
    #[track_caller]
    pub fn are_at_work(&mut self) {
        for client in &mut self.all {
            assert!(client.is_running(), "a client of host {} has ended: {client:?}", self.host);
        }
    }

    /// Tells them to come to their end, and waits for it.
    #[must_use]
    #[track_caller]
    pub fn stop(self) -> Heard {
        std::fs::write(&self.stop_file, "").unwrap();
        self.finish()
    }

    /// Waits for their end. The test fails if one hung, was told something wrong, or an error that says nothing.
    #[must_use]
    #[track_caller]
    pub fn finish(self) -> Heard {
        let mut heard = Heard::default();
        let begin = Instant::now();
        for mut client in self.all {
            while client.is_running() && begin.elapsed() < LONGEST {
                std::thread::sleep(Duration::from_millis(5));
            }
            let finished = client.finish();
            assert!(
                finished.status.signal() != Some(Signal::SIGALRM as i32),
                "a client of host {} waited longer than {CLIENT_LIMIT_S} s: {finished:?}",
                self.host
            );
            assert_eq!(finished.status.code(), Some(0), "a client of host {}: {finished:?}", self.host);
            for line in finished.stdout.lines() {
                match line.strip_prefix("right ") {
                    Some(right) => heard.right += right.parse::<u64>().unwrap(),
                    None => heard.errors.push(line.to_owned()),
                }
            }
        }
        for error in &heard.errors {
            assert!(KNOWN.iter().any(|known| error.contains(known)), "this tells nothing: {error}");
        }
        heard
    }

    /// Kills them.
    pub fn kill(self) {
        drop(self.all);
    }
}
