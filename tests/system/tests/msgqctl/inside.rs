//! The daemon's inside, as `stat` shows it without asking the daemon.

use super::*;
use msgqd_system_tests::{DaemonBuilder, Language, load_client};
use nix::sys::signal::Signal;

/// `stat` of a daemon with a runtime directory of its own.
fn stat(builder: &DaemonBuilder, arguments: &[&str]) -> Finished {
    let mut command = msgqctl(builder.key(), arguments);
    Process::run(command.env("RUNTIME_DIRECTORY", builder.runtime_directory())).succeeded()
}

fn stat_json(builder: &DaemonBuilder) -> Value {
    serde_json::from_str(&stat(builder, &["--json", "stat"]).stdout).unwrap()
}

fn serve(key: QueueKey, count: usize) {
    let _ = Process::run(&mut load_client(Language::C, key, count, "x")).succeeded();
}

#[test]
fn what_the_daemon_counted_is_what_clients_got() {
    let daemon = Daemon::start();
    serve(daemon.key(), 123);
    let report = stat_json(daemon.builder());
    let inside = &report["server"]["inside"];
    assert_eq!((&inside["phase"], &inside["served"]), (&Value::from("serving"), &Value::from(123)), "{report}");
    assert_eq!(inside["counters"]["received"], 123);
    assert_eq!(inside["latency"]["count"], 123);
    assert_eq!((&inside["pid"], &inside["handler"]), (&Value::from(daemon.pid()), &Value::from("echo")));
    assert_eq!((&report["verdict"], &report["server"]["unknown"]), (&Value::from("serving"), &Value::Null));
    let text = stat(daemon.builder(), &["stat"]).stdout;
    assert!(text.starts_with("verdict       serving\n") && text.contains("served        123 answers"), "{text}");
    daemon.stop();
}

#[test]
fn a_daemon_that_hangs_is_told_from_one_that_serves_and_shows_what_it_did() {
    let mut daemon = Daemon::start();
    serve(daemon.key(), 7);
    daemon.freeze();
    let builder = daemon.builder().clone();
    wait_until("its silence is noticed", || stat_json(&builder)["server"]["inside"]["phase"] == "hangs");
    let report = stat_json(&builder);
    assert_eq!(report["server"]["inside"]["served"], 7);
    assert!(report["verdict"].as_str().unwrap().starts_with("hangs: PID"), "{report}");
    daemon.thaw();
    wait_until("it lives again", || stat_json(&builder)["server"]["inside"]["phase"] == "serving");
    daemon.stop();
}

#[test]
fn a_daemon_that_died_still_tells_what_it_had_in_hand() {
    let mut daemon = Daemon::start();
    serve(daemon.key(), 5);
    // An answer that its client does not read stays in the outbox while the queue is full.
    let mut enemy = Process::start(&mut msgqd_system_tests::hostile(daemon.key(), &["never_read", "200"]));
    let builder = daemon.builder().clone();
    let holds = |report: &Value| {
        let rows = report["server"]["inside"]["outbox"]["clients"].as_array().unwrap();
        rows.iter().any(|row| row["client"] == enemy.pid() && row["state"] == "alive")
    };
    wait_until("answers wait for the client that does not read", || holds(&stat_json(&builder)));
    daemon.signal(Signal::SIGKILL);
    wait_until("its death is noticed", || stat_json(&builder)["server"]["inside"]["phase"] == "died");
    let report = stat_json(&builder);
    assert!(holds(&report), "{report}");
    assert!(report["verdict"].as_str().unwrap().starts_with("down: PID"), "{report}");
    assert_eq!(report["server"]["inside"]["uptime_s"], Value::Null);
    enemy.signal(Signal::SIGKILL);
}

#[test]
fn a_table_that_cannot_be_read_is_explained_and_the_rest_is_shown() {
    let daemon = Daemon::start();
    let entries = std::fs::read_dir(daemon.builder().runtime_directory()).unwrap();
    let table =
        entries.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|it| it == "table"));
    let table = table.unwrap();
    let good = std::fs::read(&table).unwrap();
    let random: Vec<u8> = (0..good.len()).map(|at| (at * 7919 >> 3).to_ne_bytes()[0]).collect();
    for (bytes, reason) in [(&good[..3000], "not a table"), (&good[..9000], "9000 bytes"), (&random[..], "not a table")]
    {
        // Beside the daemon's own, which must not be hurt.
        let copy = daemon.builder().directory().join(table.file_name().unwrap());
        std::fs::write(&copy, bytes).unwrap();
        let lock = table.with_extension("lock");
        std::fs::write(daemon.builder().directory().join(lock.file_name().unwrap()), "1\n").unwrap();
        let mut command = msgqctl(daemon.key(), &["--json", "stat"]);
        let finished = Process::run(command.env("RUNTIME_DIRECTORY", daemon.builder().directory())).succeeded();
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        let unknown = report["server"]["unknown"].as_str().unwrap_or_default();
        assert!(unknown.contains(reason), "{report}");
        assert_eq!(report["queue"]["msqid"], daemon.queue().id());
    }
    daemon.stop();
}
