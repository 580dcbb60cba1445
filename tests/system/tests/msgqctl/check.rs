//! `stat --check` as a monitoring plugin: one line, and its exit code.

use super::*;
use msgqd_system_tests::{Language, load_client};
use nix::sys::signal::Signal;
use std::time::Duration;

const WARNING: i32 = 1;
const CRITICAL: i32 = 2;
const UNKNOWN: i32 = 3;

/// What every condition is worth, as the page of `msgqctl stat` says it.
const LEVELS: [(&str, i32); 12] = [
    ("serving", OK),
    ("busy", WARNING),
    ("degraded", WARNING),
    ("closed", WARNING),
    ("starting", WARNING),
    ("stopping", WARNING),
    ("hangs", CRITICAL),
    ("down", CRITICAL),
    ("stopped", CRITICAL),
    ("deadlocked", CRITICAL),
    ("not_served", UNKNOWN),
    ("unknown", UNKNOWN),
];

fn word(code: i32) -> &'static str {
    ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::try_from(code).unwrap()]
}

/// What this condition is worth.
pub(crate) fn level(condition: &str) -> i32 {
    LEVELS.iter().find(|(known, _)| *known == condition).unwrap_or_else(|| panic!("{condition} has no level")).1
}

/// True when the plugin says this sentence with this condition's level.
pub(crate) fn agrees(place: impl Place, condition: &str, sentence: &str) -> bool {
    let finished = run(place, &["stat", "--check"]);
    let begins = format!("MSGQD {} - ", word(level(condition)));
    finished.code() == level(condition)
        && finished.stdout.starts_with(&begins)
        && finished.stdout.contains(sentence)
        && finished.stdout.lines().count() == 1
}

#[track_caller]
fn says(place: impl Place, arguments: &[&str], code: i32, words: &[&str]) -> String {
    let finished = run(place, &[&["stat"], arguments].concat());
    assert_eq!(finished.code(), code, "{arguments:?}: {finished:?}");
    let line = finished.stdout.clone();
    assert!(line.starts_with(&format!("MSGQD {} - ", word(code))) && line.lines().count() == 1, "{finished:?}");
    for word in words {
        assert!(line.contains(word), "{word}: {line}");
    }
    line
}

/// The values behind the bar, by their names.
fn values(line: &str) -> Vec<(String, String)> {
    let (_, data) = line.trim_end().split_once(" | ").unwrap();
    let pairs = data.split(' ').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_daemon_that_serves_is_ok_with_values_that_monitoring_understands() {
    let daemon = Daemon::start();
    let _ = Process::run(&mut load_client(Language::C, daemon.key(), 3, "x")).succeeded();
    // This process lives and does not read them.
    let (queue, own_pid) = (daemon.queue(), std::process::id().into());
    put(&queue, own_pid, 2);
    let line = says(daemon.builder(), &["--check"], OK, &["MSGQD OK - serving | "]);
    let values = values(&line);
    let value = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(value("messages"), Some("2;;;0;16384"), "{line}");
    assert_eq!(value("bytes"), Some("528B;;;0;16384"), "{line}");
    assert_eq!(value("outbox"), Some("0;;;0;4096"), "{line}");
    assert_eq!(value("answered"), Some("3c"), "{line}");
    assert!(value("silence").unwrap().ends_with("s;;;0"), "{line}");
    let mut buffer = MessageBuffer::new();
    assert!((0..2).all(|_| queue.try_receive(own_pid, &mut buffer).unwrap()));
    daemon.stop();
}

#[test]
fn a_daemon_that_hangs_is_critical_and_so_it_is_in_json() {
    let mut daemon = Daemon::start();
    daemon.freeze();
    wait_until("its silence is seen", || stat_json(daemon.builder())["condition"] == "hangs");
    says(daemon.builder(), &["--check"], CRITICAL, &["hangs: PID"]);
    says(daemon.builder(), &["--check=critical"], CRITICAL, &["hangs: PID"]);
    let finished = run(daemon.builder(), &["stat", "--check", "--json"]);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((finished.code(), &report["check"]), (CRITICAL, &Value::from("critical")), "{report}");
    daemon.thaw();
    daemon.stop();
}

#[test]
fn a_closed_door_is_a_warning_which_only_the_lower_level_reports() {
    let daemon = Daemon::start();
    let _ = run(daemon.builder(), &["drain", "--reason", "a | b"]).succeeded();
    wait_until("the door is closed", || stat_json(daemon.builder())["condition"] == "closed");
    for arguments in [["--check"], ["--check=warning"]] {
        let line = says(daemon.builder(), &arguments, WARNING, &["closed for new requests", "resume"]);
        assert_eq!(line.matches('|').count(), 1, "{line}");
    }
    says(daemon.builder(), &["--check=critical"], OK, &["closed for new requests"]);
    daemon.stop();
}

#[test]
fn a_daemon_that_ended_and_kept_its_queue_is_critical_and_so_is_no_queue() {
    let mut daemon = DaemonBuilder::new().set("service", "on_stop = \"keep\"").start();
    let (builder, queue) = (daemon.builder().clone(), daemon.queue());
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    says(&builder, &["--check"], CRITICAL, &["stopped: PID", "systemctl start msgqd"]);
    queue.remove().unwrap();
    says(&builder, &["--check"], CRITICAL, &["no queue", "start its server"]);
}

#[test]
fn a_queue_that_msgqd_does_not_serve_is_unknown_unless_the_configuration_says_that_it_should() {
    let (key, _queue) = idle_queue();
    says(key.key(), &["--check"], UNKNOWN, &["not served by msgqd"]);
    says(key.key(), &["--check=critical"], UNKNOWN, &["not served by msgqd"]);
    let config = DaemonBuilder::new().set("queue", &format!("key = {}", key.key().raw()));
    let file = config.write_config();
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    let finished = Process::run(command.arg("--config").arg(file).args(["stat", "--check"]));
    assert_eq!(finished.code(), CRITICAL, "{finished:?}");
}

#[test]
fn what_keeps_the_plugin_from_looking_is_unknown() {
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { mode: Some(0o600), ..QueueSettings::default() }).unwrap();
    if is_root() {
        let mut command = as_user(STRANGER, &msgqd_system_tests::msgqctl());
        let finished = Process::run(command.args(["--key", &key.key().to_string(), "stat", "--check"]));
        assert_eq!(finished.code(), UNKNOWN, "{finished:?}");
        assert!(finished.stdout.starts_with("MSGQD UNKNOWN - "), "{finished:?}");
    }
    says(key.key(), &["--check", "-i", "no-such-instance"], UNKNOWN, &["no-such-instance"]);
    let finished = run(key.key(), &["stat", "--check=never"]);
    assert_eq!(finished.code(), UNKNOWN, "{finished:?}");
    assert!(finished.stdout.starts_with("MSGQD UNKNOWN - ") && finished.stderr.contains("--check"), "{finished:?}");
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    let finished = Process::run(command.args(["--config", "/nowhere/at-all.toml", "stat", "--check"]));
    assert_eq!(finished.code(), UNKNOWN, "{finished:?}");
    assert!(finished.stdout.contains("/nowhere/at-all.toml"), "{finished:?}");
}

#[test]
fn a_deadlock_is_critical() {
    let server = PlainServer::with_work(Duration::from_millis(500));
    let (key, queue) = (server.key(), Queue::open(server.key()).unwrap());
    let _client = Process::start(&mut load_client(Language::C, key, 1, "x"));
    wait_until("the server has the request", || queue.stat().unwrap().last_receive_pid != 0);
    put(&queue, 100, 62);
    wait_until("the plugin says it", || agrees(key, "deadlocked", "deadlocked: PID "));
}

#[test]
fn the_page_of_stat_tells_what_each_condition_is_worth() {
    let help = run(ScratchKey::new().key(), &["stat", "--help"]).succeeded().stdout;
    let lines: Vec<&str> = help.lines().map(str::trim).collect();
    for (code, level) in (0..).zip(["OK", "WARNING", "CRITICAL", "UNKNOWN"]) {
        let at = lines.iter().position(|line| line.starts_with(&format!("{code}  {level}"))).expect(level);
        let next = (at + 1..lines.len()).find(|at| lines[*at].starts_with(|first: char| first.is_ascii_digit()));
        let told = lines[at..next.unwrap_or(lines.len())].join(" ");
        for (condition, worth) in LEVELS {
            let is_told = told.split([' ', ',', ':', ';', '.']).any(|word| word == condition);
            assert_eq!(is_told, worth == code, "{condition}: {told}");
        }
    }
}
