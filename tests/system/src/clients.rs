use crate::messages::Messages;
use crate::process::Process;
use crate::programs::{sources_dir, test_client, test_client_32_bit};
use crate::second_queue::tell_second_key;
use msgq_core::queue::{Queue, QueueKey};
use std::process::Command;

/// What a load client is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C, compiled for 64 bits.
    C,
    /// C, compiled for 32 bits.
    C32,
    /// Perl, with its built-in msgsnd and msgrcv.
    Perl,
    /// Debian's Python with the package python3-sysv-ipc.
    Python,
    /// PHP with the extension sysvmsg.
    Php,
}

impl Language {
    /// All that run on this machine. C for 32 bits needs gcc-multilib; the others are required.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut languages = vec![Self::C, Self::Perl, Self::Python, Self::Php];
        if test_client_32_bit().is_some() {
            languages.push(Self::C32);
        } else {
            eprintln!("no 32-bit clients: `cc -m32` does not make programs that run here (Debian: gcc-multilib)");
        }
        languages
    }
}

/// The interpreter of a script in this language; `None` for C.
#[must_use]
pub fn interpreter(language: Language) -> Option<(&'static str, &'static str)> {
    match language {
        Language::C | Language::C32 => None,
        Language::Perl => Some(("perl", "pl")),
        // A Python that somebody put first in PATH knows nothing of Debian's packages.
        Language::Python => Some(("/usr/bin/python3", "py")),
        Language::Php => Some(("php", "php")),
    }
}

/// A client that sends `count` numbered requests one after the other and checks every answer.
#[must_use]
pub fn load_client(language: Language, key: QueueKey, count: usize, name: &str) -> Command {
    let mut command = match (interpreter(language), language) {
        (Some((program, extension)), _) => {
            let mut command = Command::new(program);
            command.arg(sources_dir().join("client").with_extension(extension));
            command
        }
        (None, Language::C32) => Command::new(test_client_32_bit().expect("Language::available knows it")),
        (None, _) => Command::new(test_client("client")),
    };
    command.args([key.to_string(), count.to_string(), name.to_string()]);
    tell_second_key(&mut command, key);
    command
}

/// `clients` well-behaved clients at once with `count` requests each; it gives up after `stall_ms` milliseconds without
/// any answer.
#[must_use]
pub fn crowd(key: QueueKey, clients: usize, count: usize, stall_ms: usize) -> Command {
    let mut command = Command::new(test_client("crowd"));
    command.arg(key.to_string()).args([clients, count, stall_ms].map(|number| number.to_string()));
    tell_second_key(&mut command, key);
    command
}

/// A client that does what no client should; the source lists the modes.
#[must_use]
pub fn hostile(key: QueueKey, arguments: &[&str]) -> Command {
    Messages::Plain.client("hostile", key, arguments)
}

/// A client with a chosen PID.
#[must_use]
pub fn with_pid(key: QueueKey, arguments: &[&str]) -> Command {
    Messages::Plain.client("with_pid", key, arguments)
}

/// Sends `text` in the name of this process, waits for the answer and returns its status and text.
#[must_use]
#[track_caller]
pub fn ask(queue: &Queue, text: &[u8]) -> (i32, Vec<u8>) {
    Messages::Plain.ask(queue, text)
}

/// The test fails unless a process of its own gets the right answer to a plain request.
#[track_caller]
pub fn good_request_is_answered(key: QueueKey) {
    let finished = Process::run(&mut load_client(Language::C, key, 3, "good"));
    assert_eq!((finished.code(), finished.stdout.as_str()), (0, "ok 3\n"), "{finished:?}");
}
