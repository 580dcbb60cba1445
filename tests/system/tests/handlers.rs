//! The operator's own logic behind the queue, as clients see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{
    Daemon, DaemonBuilder, Finished, LIMIT, Language, PATIENCE_MS, Process, ask, crowd, eventually, load_client,
    test_client, wait_until,
};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Answers as echo does, so that the same clients can check it.
const ECHO: &str = r#"command = ["/bin/sed", "s/^/Processed: /"]"#;
/// The same after a while.
const SLOW_ECHO: &str = r#"command = ["/bin/sh", "-c", "sleep 0.05; exec sed 's/^/Processed: /'"]"#;

/// Longer than any test: on a busy machine a command takes its time.
const PATIENT: &str = "timeout_ms = 170000";

fn exec(command: &str, concurrency: usize) -> DaemonBuilder {
    DaemonBuilder::new()
        .set("handler", "kind = \"exec\"")
        .set("handler", PATIENT)
        .set("handler", command)
        .set("handler", &format!("max_concurrency = {concurrency}"))
}

/// Children of a process, also those that have ended and were not waited for.
fn children(pid: i32) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.map(|list| list.split_whitespace().count()).sum()
}

fn descriptors(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn totals(mut clients: Process) -> Finished {
    clients.signal(Signal::SIGTERM);
    let totals = clients.finish().succeeded();
    assert!(totals.stdout.contains("wrong 0 lost 0 extra 0"), "{}{}", totals.stdout, totals.stderr);
    totals
}

fn counting_clients(daemon: &Daemon, clients: usize) -> Process {
    let mut command = Command::new(test_client("chaos"));
    Process::start(command.args([&daemon.key().to_string(), &clients.to_string(), "170"]))
}

#[test]
fn clients_in_every_language_get_right_answers_from_a_command() {
    let daemon = exec(ECHO, 4).start();
    let before = descriptors(daemon.pid());
    let languages: Vec<Language> = Language::available().into_iter().cycle().take(20).collect();
    let clients = languages.iter().enumerate().map(|(number, language)| {
        Process::start(&mut load_client(*language, daemon.key(), 20, &format!("client{number}")))
    });
    for client in clients.collect::<Vec<_>>() {
        let finished = client.finish().succeeded();
        assert!(finished.stdout.starts_with("ok 20"), "{finished:?}");
    }
    assert_eq!(children(daemon.pid()), 0);
    // Clients that are watched have a descriptor each until their death was noticed.
    wait_until("no descriptor is left", || descriptors(daemon.pid()) <= before);
    daemon.stop();
}

#[test]
fn hundreds_of_clients_wait_for_a_slow_command_and_all_are_answered() {
    let daemon = exec(SLOW_ECHO, 4).set("queue", "max_bytes = 16384").start();
    let finished = Process::run(&mut crowd(daemon.key(), 500, 1, PATIENCE_MS)).succeeded();
    assert!(finished.stdout.contains("500"), "{finished:?}");
    daemon.stop();
}

#[test]
fn killed_in_the_middle_of_slow_commands_the_server_answers_everybody_after_its_return() {
    let mut daemon = exec(SLOW_ECHO, 4).start();
    let clients = counting_clients(&daemon, 40);
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(300));
        daemon = daemon.crash().start();
    }
    totals(clients);
    daemon.stop();
}

#[test]
fn a_command_that_fails_is_told_to_the_client_and_the_next_request_works() {
    let script = r#"command = ["/bin/sh", "-c", "read -r t; case $t in bad) echo broken pump >&2; exit 3;; *) echo fine;; esac"]"#;
    let daemon = exec(script, 1).start();
    let queue = daemon.queue();
    assert_eq!(ask(&queue, b"bad\n"), (-1, b"broken pump".to_vec()));
    assert_eq!(ask(&queue, b"good\n"), (0, b"fine".to_vec()));
    assert!(daemon.log().contains("broken pump"), "{}", daemon.log());
    daemon.stop();
}

fn write_handler(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, format!("[handler]\n{text}\n")).unwrap();
    std::fs::rename(&new, path).unwrap();
}

/// What a reload is refused with where the one before has not come to its end after some seconds, as on a busy machine.
const TRY_AGAIN: &str = "try again when they are done";

/// Asks for it until it is done, as its refusal says.
fn reload(daemon: &mut Daemon, count: usize) {
    let logged = |daemon: &Daemon, text| daemon.log().matches(text).count();
    let is_done = |daemon: &Daemon| logged(daemon, "reloaded the configuration") >= count;
    while !is_done(daemon) {
        let refused = logged(daemon, TRY_AGAIN);
        daemon.signal(Signal::SIGHUP);
        let is_answered = eventually(LIMIT, || is_done(daemon) || logged(daemon, TRY_AGAIN) > refused);
        let last_lines = || daemon.log().lines().rev().take(20).map(str::to_owned).collect::<Vec<_>>();
        assert!(is_answered, "reload {count} is not logged: {:?}", last_lines());
    }
}

#[test]
fn a_thousand_reloads_under_load_lose_no_request() {
    let mut daemon = DaemonBuilder::new().set("handler", "kind = \"echo\"").start();
    let path = daemon.builder().directory().join("test.toml");
    let clients = counting_clients(&daemon, 20);
    for number in 1..=1000 {
        match number % 3 {
            0 => write_handler(&path, "kind = \"echo\""),
            1 => write_handler(&path, &format!("kind = \"exec\"\n{ECHO}\n{PATIENT}\nmax_concurrency = 3")),
            _ => write_handler(&path, &format!("kind = \"exec\"\n{ECHO}\n{PATIENT}\nmax_concurrency = 2")),
        }
        reload(&mut daemon, number);
    }
    let totals = totals(clients);
    println!("{}", totals.stdout);
    let log = daemon.log();
    assert!(log.lines().filter(|line| line.contains("refused")).all(|line| line.contains(TRY_AGAIN)), "{log}");
    assert_eq!(children(daemon.pid()), 0);
    daemon.stop();
}

#[test]
fn a_reload_with_an_error_or_with_what_cannot_change_is_refused_with_the_reason() {
    let mut daemon = DaemonBuilder::new().set("handler", "kind = \"echo\"").start();
    let path = daemon.builder().directory().join("test.toml");
    for (text, reason) in [
        ("kind = \"exec\"", "this handler needs a command"),
        ("kind = \"echo\"\n[service]\noutbox_capacity = 64", "outbox_capacity cannot change"),
        ("kind = \"echo\"\n[service]\nworkers = 200", "200 workers do not fit"),
        ("kind = \"echo\"\n[queue]\ngroup = \"no-such-group\"", "there is no group"),
    ] {
        write_handler(&path, text);
        daemon.signal(Signal::SIGHUP);
        daemon.wait_for_log(reason);
        assert_eq!(ask(&daemon.queue(), b"still here"), (0, b"Processed: still here".to_vec()));
    }
    daemon.stop();
}

#[test]
fn a_reload_changes_the_queue_and_the_log_level() {
    let mut daemon = DaemonBuilder::new().set("handler", "kind = \"echo\"").start();
    let path = daemon.builder().directory().join("test.toml");
    write_handler(&path, "kind = \"echo\"\n[queue]\nmode = \"0600\"\nmax_bytes = 8000\n[log]\nlevel = \"warn\"");
    daemon.signal(Signal::SIGHUP);
    wait_until("the queue is as configured", || daemon.queue().stat().is_ok_and(|stat| stat.max_bytes == 8000));
    assert_eq!(daemon.queue().stat().unwrap().mode, 0o600);
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.finish().succeeded();
    assert!(!finished.stderr.contains("stopped:"), "{}", finished.stderr);
}

#[test]
fn sigterm_ends_within_the_drain_timeout_while_every_command_hangs_and_none_is_left() {
    let command = r#"command = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]"#;
    let mut daemon = exec(command, 3).drain_timeout_ms(300).set("handler", "kill_grace_ms = 200").start();
    let clients: Vec<Process> =
        (0..6).map(|_| Process::start(&mut load_client(Language::C, daemon.key(), 1, "x"))).collect();
    wait_until("every command runs", || children(daemon.pid()) == 3);
    let running: Vec<String> = ps_of(daemon.pid());
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.finish();
    assert_eq!(finished.code(), 0, "{finished:?}");
    for pid in running {
        wait_until("the command is gone", || !Path::new("/proc").join(&pid).exists());
    }
    for client in clients {
        assert_ne!(client.finish().code(), 0);
    }
}

fn ps_of(parent: i32) -> Vec<String> {
    let output = Command::new("pgrep").args(["--parent", &parent.to_string()]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn sigterm_ends_within_the_drain_timeout_while_every_worker_hangs_and_none_is_left() {
    let script = r"printf 'msgqd-handler 1\n'; trap '' TERM; while :; do sleep 1; done";
    let mut daemon = DaemonBuilder::new()
        .drain_timeout_ms(300)
        .set("handler", "kind = \"worker\"")
        .set("handler", &format!("command = [\"/bin/sh\", \"-c\", {script:?}]"))
        .set("handler", "max_concurrency = 2\nkill_grace_ms = 200")
        .start();
    let clients: Vec<Process> =
        (0..4).map(|_| Process::start(&mut load_client(Language::C, daemon.key(), 1, "x"))).collect();
    wait_until("every worker runs", || children(daemon.pid()) == 2);
    wait_until("requests are with them", || daemon.queue().stat().unwrap().messages == 2);
    let running = ps_of(daemon.pid());
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.finish();
    assert_eq!(finished.code(), 0, "{finished:?}");
    for pid in running {
        wait_until("the worker is gone", || !Path::new("/proc").join(&pid).exists());
    }
    for client in clients {
        assert_ne!(client.finish().code(), 0);
    }
}

#[test]
fn killed_in_the_middle_of_requests_to_workers_the_server_answers_everybody_after_its_return() {
    let command = format!("command = [{:?}]", test_client("worker"));
    let builder = DaemonBuilder::new().set("handler", "kind = \"worker\"").set("handler", &command);
    let builder = builder.set("handler", PATIENT);
    let mut daemon = builder.start();
    let clients = counting_clients(&daemon, 40);
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(100));
        daemon = daemon.crash().start();
    }
    totals(clients);
    daemon.stop();
}

#[test]
fn a_service_behind_a_socket_is_restarted_under_load_and_its_clients_hear_of_it_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let service = || {
        let mut command = Command::new(test_client("worker"));
        let mut service = Process::start(command.arg(&socket));
        service.wait_for_stdout("listening");
        service
    };
    let mut running = service();
    let daemon = DaemonBuilder::new()
        .set("handler", "kind = \"unix\"")
        .set("handler", &format!("socket = {socket:?}"))
        .set("handler", "idempotent = true")
        .start();
    assert_eq!(ask(&daemon.queue(), b"before").0, 0);
    running.signal(Signal::SIGKILL);
    let _ = running.finish();
    wait_until("clients get an error at once", || ask(&daemon.queue(), b"meanwhile").0 == -1);
    let _running = service();
    wait_until("the service is back", || ask(&daemon.queue(), b"after") == (0, b"Processed: after".to_vec()));
    daemon.stop();
}

#[test]
fn a_rust_program_brings_its_own_handler() {
    let shout = msgqd_system_tests::rust_example("shout");
    let mut daemon = DaemonBuilder::new().program(shout).without_key_argument().without_config_argument();
    daemon = daemon.clone().arg(daemon.key().to_string());
    let mut daemon = daemon.start();
    assert_eq!(ask(&daemon.queue(), b"hello"), (0, b"HELLO".to_vec()));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("nothing differs from before");
    daemon.stop();
}
