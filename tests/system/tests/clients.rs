//! Clients that are not ours: C for 64 and 32 bits, Perl, Python, PHP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{
    Daemon, DaemonBuilder, Language, PlainServer, Process, STRANGER, ScratchKey, as_user, examples_dir, is_root,
    load_client, rust_example, test_client,
};
use std::process::Command;

const CLIENTS: usize = 20;
const REQUESTS: usize = 1000;

fn twenty_clients_of_mixed_languages_are_answered_by(daemon: &Daemon) {
    let languages = Language::available();
    let start = |index: usize| {
        let name = format!("client-{index}");
        Process::start(&mut load_client(languages[index % languages.len()], daemon.key(), REQUESTS, &name))
    };
    let clients: Vec<_> = (0..CLIENTS).map(start).collect();
    for client in clients {
        assert_eq!(client.finish().succeeded().stdout, format!("ok {REQUESTS}\n"));
    }
    assert_eq!(daemon.queue().stat().unwrap().messages, 0, "an answer too many");
}

#[test]
fn twenty_clients_of_mixed_languages_get_every_answer_from_one_worker() {
    twenty_clients_of_mixed_languages_are_answered_by(&DaemonBuilder::new().workers(1).start());
}

#[test]
fn twenty_clients_of_mixed_languages_get_every_answer_from_four_workers() {
    twenty_clients_of_mixed_languages_are_answered_by(&DaemonBuilder::new().workers(4).start());
}

/// The documentation's clients, by the name of their file, each with the command that runs it.
fn examples() -> Vec<(&'static str, Command)> {
    let script = |program: &str, file: &str| {
        let mut command = Command::new(program);
        command.arg(examples_dir().join(file));
        command
    };
    vec![
        ("client.c", Command::new(test_client("example"))),
        ("client.pl", script("perl", "client.pl")),
        ("client.py", script("/usr/bin/python3", "client.py")),
        ("client.php", script("php", "client.php")),
    ]
}

#[test]
fn every_example_of_the_documentation_prints_its_answer() {
    let daemon = Daemon::start();
    for (name, mut command) in examples() {
        let finished = Process::run(command.args(["-k", daemon.key().to_string().as_str(), "hëllo wörld"])).succeeded();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("Processed: hëllo wörld\n", ""), "{name}");
    }
}

#[test]
fn a_rust_program_is_a_client_by_msgq_core() {
    let daemon = Daemon::start();
    let ask = rust_example("ask");
    let key = daemon.key().to_string();
    let finished = Process::run(Command::new(&ask).args([key.as_str(), "hëllo"])).succeeded();
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("Processed: hëllo\n", ""));
    daemon.stop();
    let gone = Process::run(Command::new(&ask).args([key.as_str(), "hello"]));
    assert!(gone.code() == 2 && gone.stderr.contains("there is no queue with this key"), "{gone:?}");
}

#[test]
fn every_example_is_a_client_of_the_plain_server_too() {
    let server = PlainServer::start();
    for (name, mut command) in examples() {
        let finished = Process::run(command.args(["-k", server.key().to_string().as_str(), "hello"])).succeeded();
        assert_eq!(finished.stdout, "Processed: hello\n", "{name}");
    }
}

#[test]
fn every_example_sends_the_longest_text_and_refuses_a_longer_one() {
    let daemon = Daemon::start();
    let key = daemon.key().to_string();
    for (name, mut command) in examples() {
        let finished = Process::run(command.args(["-k", &key, &"x".repeat(256)])).succeeded();
        assert_eq!(finished.stdout, format!("Processed: {}\n", "x".repeat(244)), "{name}");
    }
    for (name, mut command) in examples() {
        let finished = Process::run(command.args(["-k", &key, &"x".repeat(257)]));
        assert_eq!(finished.code(), 2, "{name}");
        assert!(finished.stderr.contains("257") && finished.stderr.contains("256"), "{name}: {}", finished.stderr);
    }
}

#[test]
fn every_example_says_when_there_is_no_queue() {
    let unused = ScratchKey::new();
    for (name, mut command) in examples() {
        let finished = Process::run(command.args(["-k", unused.key().to_string().as_str(), "hello"]));
        assert_eq!((finished.code(), finished.stdout.as_str()), (2, ""), "{name}");
        assert!(finished.stderr.to_lowercase().contains("no such queue"), "{name}: {}", finished.stderr);
        assert!(finished.stderr.contains(&unused.key().to_string()), "{name}: {}", finished.stderr);
    }
}

#[test]
fn every_example_says_when_permission_is_missing() {
    if !is_root() {
        return eprintln!("not shown: only root can run a client as another user");
    }
    let daemon = DaemonBuilder::new().set("queue", "mode = \"0600\"").start();
    for (name, command) in examples() {
        let program = which(command.get_program());
        let mut stranger = as_user(STRANGER, &reachable(&daemon, &program));
        stranger.args(command.get_args().map(|script| daemon.builder().copy_for_everyone(script.as_ref())));
        let finished = Process::run(stranger.args(["-k", daemon.key().to_string().as_str(), "hello"]));
        assert_eq!(finished.code(), 2, "{name}: {finished:?}");
        assert!(finished.stderr.contains("permission denied"), "{name}: {}", finished.stderr);
    }
}

fn which(program: &std::ffi::OsStr) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|it| it.is_file()).unwrap()
}

/// The program where a stranger can run it: interpreters are installed for everybody, compiled clients are copied.
fn reachable(daemon: &Daemon, program: &std::path::Path) -> std::path::PathBuf {
    if program == test_client("example") { daemon.builder().copy_for_everyone(program) } else { program.into() }
}

#[test]
fn every_example_says_when_the_server_goes_away() {
    for (name, mut command) in examples() {
        let daemon = Daemon::start();
        let queue = daemon.queue();
        // Nobody serves the request, so that the client is surely waiting when the queue goes.
        let builder = daemon.crash();
        let client = Process::start(command.args(["-k", builder.key().to_string().as_str(), "hello"]));
        msgqd_system_tests::wait_until("the client has asked", || queue.stat().unwrap().messages == 1);
        queue.remove().unwrap();
        let finished = client.finish();
        assert_eq!(finished.code(), 2, "{name}");
        assert!(finished.stderr.contains("the server was stopped"), "{name}: {}", finished.stderr);
    }
}
