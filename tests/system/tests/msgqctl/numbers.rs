//! On a queue whose clients are numbers: nothing is said of processes.

use super::*;

const CLIENT: i64 = 0x1234_5678_9abc;

/// A daemon that has answered, its settings, and an answer that rests, for a number above all PIDs and for that of a process.
fn with_resting_answers() -> (Daemon, i64) {
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let daemon = builder
        .set("queue", &key)
        .set("protocol", "request = 'struct { long mtype; int64_t id; char text[32]; }'")
        .set("protocol", "client = 'id'")
        .set("protocol", "client_is = 'number'")
        .start();
    let (queue, own) = (daemon.queue(), i64::from(std::process::id()));
    for client in [CLIENT, own, dead_pid().into()] {
        queue.send(1, &request(client)).unwrap();
        wait_until("its answer rests", || queue.has_message(client).unwrap());
    }
    (daemon, own)
}

fn request(client: i64) -> Vec<u8> {
    let mut body = client.to_ne_bytes().to_vec();
    body.extend(b"hello");
    body.resize(40, 0);
    body
}

fn with_config(daemon: &Daemon, arguments: &[&str]) -> Finished {
    let builder = daemon.builder();
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
    Process::run(command.arg("--config").arg(builder.write_config()).args(arguments))
}

#[track_caller]
fn json_of(daemon: &Daemon, arguments: &[&str]) -> Value {
    let finished = with_config(daemon, &[&["--json"], arguments].concat()).succeeded();
    serde_json::from_str(&finished.stdout).unwrap()
}

/// Nothing in it calls a client a process, alive or dead.
#[track_caller]
fn says_nothing_of_processes(finished: &Finished) {
    let said = format!("{}{}", finished.stdout, finished.stderr).replace("without a process", "");
    for word in ["alive", "dead", "zombie", "PID", "no process", "restart them"] {
        assert!(!said.contains(word), "{word}: {finished:?}");
    }
}

#[test]
fn every_command_calls_a_number_a_number() {
    let (daemon, own) = with_resting_answers();
    let stat = json_of(&daemon, &["stat"]);
    assert_eq!(stat["server"]["inside"]["clients_are"], "number");
    for row in stat["waiting"]["clients"].as_array().unwrap().iter().chain(stat["clients"].as_array().unwrap()) {
        assert_eq!(
            (&row["pid"], &row["program"], &row["state"]),
            (&Value::Null, &Value::Null, &"number".into()),
            "{row}"
        );
        assert_eq!(row["client"], row["mtype"]);
    }
    let stat = with_config(&daemon, &["stat"]).succeeded();
    let words = stat.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("nobody knows who asked or who lives"), "{stat:?}");
    assert!(words.contains(&format!("{CLIENT} number 1 0 0")), "{stat:?}");
    assert!(!stat.stdout.contains("purge"), "{stat:?}");

    for client in [CLIENT, own] {
        let name = client.to_string();
        let peek = json_of(&daemon, &["peek", "--pid", &name]);
        let row = &peek["messages"][0];
        assert_eq!((&row["client"], &row["pid"], &row["state"]), (&client.into(), &Value::Null, &"number".into()));
        assert_eq!((&row["kind"], &row["program"]), (&"response".into(), &Value::Null));
        says_nothing_of_processes(&with_config(&daemon, &["peek", "--pid", &name]).succeeded());
        let explain = json_of(&daemon, &["explain", &name]);
        assert_eq!((&explain["client"], &explain["pid"]), (&client.into(), &Value::Null));
        assert_eq!((&explain["identity"], &explain["state"]), (&"without_process".into(), &"number".into()));
        let explain = with_config(&daemon, &["explain", &name]).succeeded();
        assert!(explain.stdout.contains("response_ttl_s"), "{explain:?}");
        says_nothing_of_processes(&explain);
    }
    let peek = with_config(&daemon, &["peek"]).succeeded();
    assert!(peek.stdout.contains(" client ") && peek.stdout.contains(&format!(" {CLIENT} ")), "{peek:?}");
    daemon.stop();
}

#[test]
fn requests_of_numbers_are_shown_and_removed_as_those_of_numbers() {
    let (mut daemon, _) = with_resting_answers();
    daemon.freeze();
    daemon.queue().send(1, &request(CLIENT)).unwrap();
    let peek = with_config(&daemon, &["peek", "--type", "1"]).succeeded();
    assert!(peek.stdout.contains("request") && peek.stdout.contains(&CLIENT.to_string()), "{peek:?}");
    says_nothing_of_processes(&peek);
    let purge = with_config(&daemon, &["purge", "--requests", "--dry-run"]).succeeded();
    assert!(purge.stdout.contains(&format!("{CLIENT}: 1 request")), "{purge:?}");
    says_nothing_of_processes(&purge);
    daemon.thaw();
    daemon.stop();
}

#[test]
fn purge_removes_no_answer_of_a_number_unless_it_is_named_and_forced() {
    let (daemon, own) = with_resting_answers();
    let (queue, name) = (daemon.queue(), CLIENT.to_string());
    for arguments in [&["purge"][..], &["purge", "--pid"], &["purge", "--all-orphans"]] {
        let purge = with_config(&daemon, arguments).succeeded();
        assert!(purge.stdout.contains("nothing: clients are numbers"), "{purge:?}");
    }
    let refused = with_config(&daemon, &["purge", "--pid", &name]);
    assert_eq!(refused.code(), OTHER, "{refused:?}");
    assert!(refused.stderr.contains(&format!("client {CLIENT} is a number without a process")), "{refused:?}");
    says_nothing_of_processes(&Finished { stdout: String::new(), ..refused });
    assert_eq!(queue.stat().unwrap().messages, 3);
    let _ = with_config(&daemon, &["purge", "--pid", &name, "--force"]).succeeded();
    assert!(!queue.has_message(CLIENT).unwrap() && queue.has_message(own).unwrap());
    daemon.stop();
}

#[test]
fn doctor_says_once_what_is_not_known_of_numbers() {
    let (daemon, _) = with_resting_answers();
    let doctor = with_config(&daemon, &["doctor"]);
    let words = doctor.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words.matches("nobody knows who asked or who lives").count(), 1, "{doctor:?}");
    let json: Value = serde_json::from_str(&with_config(&daemon, &["--json", "doctor"]).stdout).unwrap();
    let check = json["checks"].as_array().unwrap().iter().find(|check| check["check"] == "clients").unwrap();
    assert_eq!(check["state"], "not_applicable", "{check}");
    daemon.stop();
}

#[test]
fn a_configuration_with_numbers_is_accepted() {
    let builder = DaemonBuilder::new().set("protocol", "client_is = 'number'");
    let mut command = Command::new(msgqd_system_tests::msgqd());
    command.arg("--check-config").arg("--config").arg(builder.write_config());
    let checked = Process::run(&mut command).succeeded();
    assert!(checked.stdout.ends_with(": ok\n"), "{checked:?}");
}
