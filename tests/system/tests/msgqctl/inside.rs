//! The daemon's inside, as `stat` shows it without asking the daemon.

use super::*;
use msgqd_system_tests::{Language, PATIENCE_MS, load_client};
use nix::sys::signal::Signal;

/// `stat` of a daemon with a runtime directory of its own.
fn stat(builder: &DaemonBuilder, arguments: &[&str]) -> Finished {
    Process::run(&mut beside(builder, arguments)).succeeded()
}

fn serve(key: QueueKey, count: usize) {
    let _ = Process::run(&mut load_client(Language::C, key, count, "x")).succeeded();
}

#[test]
fn what_the_daemon_counted_is_what_clients_got() {
    let daemon = Daemon::start();
    serve(daemon.key(), 123);
    wait_until("all are counted", || stat_json(daemon.builder())["server"]["inside"]["served"] == 123);
    let report = stat_json(daemon.builder());
    let inside = &report["server"]["inside"];
    assert_eq!((&inside["phase"], &inside["served"]), (&Value::from("serving"), &Value::from(123)), "{report}");
    let counters = &report["server"]["counters"];
    assert_eq!((&counters["received"], &counters["answered"]), (&Value::from(123), &Value::from(123)), "{report}");
    assert_eq!((&counters["shed"], &counters["recovered_ambiguous"]), (&Value::from(0), &Value::from(0)), "{report}");
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
    assert_eq!(report["condition"], "hangs");
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
    let daemon_pid = daemon.pid();
    daemon.signal(Signal::SIGKILL);
    wait_until("its death is noticed", || stat_json(&builder)["server"]["inside"]["phase"] == "died");
    let report = stat_json(&builder);
    assert!(holds(&report), "{report}");
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("down since") && verdict.contains(&daemon_pid.to_string()), "{report}");
    assert_eq!(report["condition"], "down");
    assert_eq!(report["server"]["inside"]["uptime_s"], Value::Null);
    enemy.signal(Signal::SIGKILL);
}

#[test]
fn a_table_that_cannot_be_read_is_explained_and_the_rest_is_shown() {
    // One that lives would be found by its process.
    let left = Daemon::start().crash();
    let table = table_of(&left);
    let good = std::fs::read(&table).unwrap();
    let random: Vec<u8> = (0..good.len()).map(|at| ((at * 7919) >> 3).to_ne_bytes()[0]).collect();
    let mut other_version = good.clone();
    other_version[8] ^= 1;
    for (bytes, reason) in [
        (&good[..3000], "not a table"),
        (&good[..9000], "9000 bytes"),
        (&random[..], "not a table"),
        (&other_version[..], "written by msgqd"),
    ] {
        let copy = left.directory().join(table.file_name().unwrap());
        std::fs::write(&copy, bytes).unwrap();
        let lock = table.with_extension("lock");
        std::fs::write(left.directory().join(lock.file_name().unwrap()), "1\n").unwrap();
        let mut command = msgqctl(left.key(), &["--json", "stat"]);
        let finished = Process::run(command.env("RUNTIME_DIRECTORY", left.directory())).succeeded();
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        let unknown = report["server"]["unknown"].as_str().unwrap_or_default();
        assert!(unknown.contains(reason), "{report}");
        assert_eq!(report["queue"]["msqid"], Queue::open(left.key()).unwrap().id());
    }
}

#[test]
fn under_load_the_numbers_of_a_client_that_just_ended_are_in_the_count() {
    let daemon = Daemon::start();
    let mut load = Process::start(&mut msgqd_system_tests::crowd(daemon.key(), 8, 20_000, PATIENCE_MS));
    let mut before = 0;
    for _ in 0..20 {
        serve(daemon.key(), 10);
        let served = || stat_json(daemon.builder())["server"]["inside"]["served"].as_u64().unwrap();
        wait_until("the answers of a client that ended are counted", || served() >= before + 10);
        before = served();
    }
    load.signal(Signal::SIGKILL);
    daemon.stop();
}

#[test]
fn all_who_were_answered_under_load_are_counted_once() {
    let daemon = Daemon::start();
    let load = Process::start(&mut msgqd_system_tests::crowd(daemon.key(), 100, 50, PATIENCE_MS));
    let text = stat(daemon.builder(), &["stat"]).stdout;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let _ = load.finish().succeeded();
    wait_until("all 5000 are counted", || stat_json(daemon.builder())["server"]["inside"]["served"] == 5000);
    daemon.stop();
}

#[test]
fn who_ends_as_soon_as_it_has_its_answer_is_not_said_to_have_died_before_it_read_it() {
    let daemon = Daemon::start();
    for _ in 0..60 {
        let _ = Process::run(&mut msgqd_system_tests::crowd(daemon.key(), 100, 1, PATIENCE_MS)).succeeded();
    }
    let finished = daemon.stop();
    assert!(!finished.stderr.contains("died before it read"), "{}", finished.stderr);
    assert!(finished.stderr.contains("received=6000 answered="), "{}", finished.stderr);
    assert!(!finished.stderr.contains("client_gone"), "{}", finished.stderr);
}

#[test]
fn a_user_of_the_queues_group_alone_sees_the_queue_and_reads_why_not_the_rest() {
    if !is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let daemon = Daemon::start();
    serve(daemon.key(), 3);
    daemon.queue().set(&QueueSettings { gid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
    let (_directory, program) = surroundings::for_everybody();
    let mut command = as_user(STRANGER, &program);
    command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    let finished = Process::run(command.args(["--json", "--key", &daemon.key().to_string(), "stat"])).succeeded();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&report["condition"], &report["server"]["inside"]), (&Value::from("unknown"), &Value::Null));
    assert_eq!(report["server"]["counters"], Value::Null);
    let reason = report["server"]["unknown"].as_str().unwrap();
    assert!(reason.contains("may not read the table") && reason.contains("group"), "{reason}");
    assert_eq!(report["queue"]["msqid"], daemon.queue().id());
    let mut command = as_user(STRANGER, &program);
    command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    let checked = Process::run(command.args(["--key", &daemon.key().to_string(), "stat", "--check"]));
    assert_eq!(checked.code(), check::level("unknown"), "{checked:?}");
    assert!(checked.stdout.starts_with("MSGQD UNKNOWN - unknown: "), "{checked:?}");
    daemon.stop();
}

#[test]
fn of_another_program_the_kernels_numbers_are_shown_and_none_of_a_daemon() {
    let other = PlainServer::start();
    ends_with(OK, other.key(), &["send", "x"]);
    let report = json(other.key(), &["stat"]);
    assert_eq!((&report["condition"], &report["server"]["inside"]), (&Value::from("not_served"), &Value::Null));
    assert_eq!((&report["server"]["counters"], &report["waiting"]), (&Value::Null, &Value::Null));
    assert!(report["verdict"].as_str().unwrap().starts_with("not served by msgqd"), "{report}");
}

#[test]
fn a_queue_that_clients_do_not_read_from_is_called_degraded_and_the_worst_is_named() {
    let (daemon, queue) = queue_of_still_msgqd();
    let (worst, other) = (Sleeper::start(), Sleeper::start());
    put(&queue, worst.pid().into(), 40);
    put(&queue, other.pid().into(), 15);
    let report = json(daemon.builder(), &["stat"]);
    let verdict = report["verdict"].as_str().unwrap();
    let expected =
        format!("degraded: 55 of 62 places are held by 2 clients that do not read, 40 of them by {}", worst.pid());
    assert!(verdict.contains(&expected), "{verdict}");
    drop((worst, other));
    let verdict = json(daemon.builder(), &["stat"])["verdict"].to_string();
    assert!(verdict.contains("55 of 62 places are held by messages that nobody will read"), "{verdict}");
}

#[test]
fn a_daemon_that_ended_in_order_and_kept_its_queue_is_told_from_one_that_died() {
    let mut daemon = DaemonBuilder::new().set("service", "on_stop = \"keep\"").start();
    serve(daemon.key(), 4);
    let builder = daemon.builder().clone();
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    let report = stat_json(&builder);
    assert_eq!((&report["condition"], &report["server"]["inside"]["served"]), (&"stopped".into(), &4.into()));
    assert!(report["verdict"].as_str().unwrap().contains("kept its queue"), "{report}");
}

#[test]
fn a_handler_that_is_down_is_part_of_the_verdict() {
    let handler = r#"command = ["/nonexistent/program"]"#;
    let daemon = DaemonBuilder::new().set("handler", "kind = \"exec\"").set("handler", handler).start();
    ends_with(SERVER_ERROR, daemon.key(), &["send", "x"]);
    wait_until("it is told", || stat_json(daemon.builder())["condition"] == "degraded");
    let report = stat_json(daemon.builder());
    assert!(report["verdict"].as_str().unwrap().contains("the handler is down"), "{report}");
    assert_eq!(report["server"]["counters"]["handler_unavailable"], 1);
    daemon.stop();
}

#[test]
fn a_handler_that_is_slow_is_part_of_the_verdict() {
    let handler = r#"command = ["/bin/sleep", "20"]"#;
    let exec = DaemonBuilder::new().set("handler", "kind = \"exec\"").set("handler", "max_concurrency = 1");
    let daemon = exec.set("handler", handler).set("service", "drain_timeout_ms = 100").start();
    let clients: Vec<_> = (0..2).map(|_| Process::start(&mut load_client(Language::C, daemon.key(), 1, "x"))).collect();
    wait_until("it is told", || stat_json(daemon.builder())["condition"] == "degraded");
    let report = stat_json(daemon.builder());
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.contains("is in hand for") && verdict.contains("and 1 waits"), "{report}");
    drop(clients);
    daemon.stop();
}

#[test]
fn one_look_tells_the_rates_of_now_and_of_the_last_minute() {
    let daemon = Daemon::start();
    let rate = |name: &str| stat_json(daemon.builder())["server"]["inside"]["rates"][name].as_f64();
    let is_positive = |name: &str| rate(name).is_some_and(|rate| rate > 0.0);
    let mut load = Process::start(&mut msgqctl(daemon.key(), &["bench", "--clients", "1", "--duration", "600"]));
    wait_until("the load is seen", || is_positive("now_per_s") && is_positive("minute_per_s"));
    wait_until("it is in the text", || {
        let text = stat(daemon.builder(), &["stat"]).stdout;
        text.contains(" now, ") && text.contains(" last minute, ") && text.contains(" since start")
    });
    load.signal(Signal::SIGTERM);
    wait_until("its end is seen", || rate("now_per_s") == Some(0.0));
    assert!(is_positive("minute_per_s"));
    daemon.stop();
}

#[test]
fn the_last_error_of_a_daemon_is_shown_and_part_of_the_verdict_once_it_is_down() {
    let mut daemon = DaemonBuilder::new().set("service", "outbox_capacity = 100").start();
    let builder = daemon.builder().clone();
    let _ = builder.clone().set("service", "outbox_capacity = 200").write_config();
    assert_eq!(stat_json(&builder)["server"]["inside"]["last_error"], Value::Null);
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("the reload was refused");
    wait_until("the error is in the table", || !stat_json(&builder)["server"]["inside"]["last_error"].is_null());
    let text = stat(&builder, &["stat"]).stdout;
    assert!(text.contains("\nlast error    ") && text.contains("the reload was refused"), "{text}");
    daemon.signal(Signal::SIGKILL);
    wait_until("its death is noticed", || stat_json(&builder)["condition"] == "down");
    let verdict = stat_json(&builder)["verdict"].to_string();
    assert!(verdict.contains("before: the reload was refused and nothing was changed"), "{verdict}");
}

#[test]
fn one_table_names_the_clients_by_what_is_held_for_them() {
    let mut daemon = Daemon::start();
    let builder = daemon.builder().clone();
    let mut enemy = Process::start(&mut msgqd_system_tests::hostile(daemon.key(), &["never_read", "200"]));
    let pid = enemy.pid();
    let row = || {
        let report = stat_json(&builder);
        let clients = report["clients"].as_array().unwrap().clone();
        clients.into_iter().find(|client| client["pid"] == pid)
    };
    let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
    wait_until("all its answers are held", || row().is_some_and(|row| number(&row, "outbox") > 150));
    daemon.freeze();
    let held = row().unwrap();
    assert_eq!((&held["program"], &held["state"]), (&"hostile".into(), &"alive".into()), "{held}");
    assert_eq!(held["user"]["id"], nix::unistd::geteuid().as_raw(), "{held}");
    assert!(held["oldest_ms"].is_u64() && number(&held, "resting_bytes") == 264 * number(&held, "resting"), "{held}");
    let text = stat(&builder, &["stat"]).stdout;
    let line = text.lines().find(|line| line.trim_start().starts_with(&pid.to_string())).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    let expected = ["resting", "in_hand", "outbox"].map(|name| number(&held, name).to_string());
    assert_eq!((words[2], words[3], &words[4..7]), ("hostile", "alive", &expected.each_ref().map(String::as_str)[..]));
    enemy.signal(Signal::SIGKILL);
    wait_until("its death is seen", || {
        row().is_some_and(|row| matches!(row["state"].as_str(), Some("dead" | "zombie")))
    });
    daemon.thaw();
    wait_until("nothing is held any more", || row().is_none());
    daemon.stop();
}

#[test]
fn all_of_it_fits_on_a_screen_of_80_by_24() {
    let mut daemon = Daemon::start();
    serve(daemon.key(), 20);
    let mut enemy = Process::start(&mut msgqd_system_tests::hostile(daemon.key(), &["never_read", "200"]));
    enemy.wait_for_stdout("sent");
    daemon.freeze();
    let text = stat(daemon.builder(), &["stat"]).stdout;
    assert!(text.lines().count() < 24 && text.lines().all(|line| line.len() <= 80), "{text}");
    daemon.thaw();
}
