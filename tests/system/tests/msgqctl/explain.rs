//! The story of one client, in each of the ways that it can go.

use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::{Language, hostile, load_client, with_pid};
use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fn explain_at(builder: &DaemonBuilder, pid: i32) -> Value {
    let finished = Process::run(&mut beside(builder, &["--json", "explain", &pid.to_string()])).succeeded();
    serde_json::from_str(&finished.stdout).unwrap()
}

fn explain(place: impl Place, pid: i32) -> Value {
    json(place, &["explain", &pid.to_string()])
}

#[track_caller]
fn says(report: &Value, words: &[&str]) {
    let verdict = report["verdict"].as_str().unwrap();
    assert!(words.iter().all(|word| verdict.contains(word)), "{words:?} in {report}");
}

#[test]
fn of_a_dead_client_and_of_a_zombie_it_is_said_who_removes_what_rests_for_them() {
    let (builder, queue) = queue_of_dead_msgqd();
    let zombie = Sleeper::start().into_zombie();
    says(&explain(&builder, dead_pid()), &["does not exist", "nothing waits for it"]);
    put(&queue, dead_pid().into(), 2);
    put(&queue, zombie.pid().into(), 1);
    let report = explain(&builder, dead_pid());
    says(&report, &["does not exist", &format!("msgqctl purge --pid {}", dead_pid()), "2 answers"]);
    assert_eq!((&report["state"], &report["resting"]["bytes"]), (&Value::from("dead"), &Value::from(528)));
    says(&explain(&builder, zombie.pid()), &["zombie", "1 answer "]);
}

#[test]
fn a_client_that_does_not_read_is_told_from_one_that_is_stopped() {
    let (builder, queue) = queue_of_dead_msgqd();
    let mut living = Process::start(Command::new("sleep").arg("600"));
    put(&queue, living.pid().into(), 3);
    let pid = living.pid().to_string();
    says(&explain(&builder, living.pid()), &["does not read", "3 answers", &format!("purge --pid {pid} --force")]);
    living.freeze();
    says(&explain(&builder, living.pid()), &["is stopped", &format!("kill -CONT {pid}")]);
    let text = ends_with(OK, &builder, &["explain", &pid]).stdout;
    assert!(text.starts_with(&format!("verdict       PID {pid} (sleep) is stopped")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn the_place_of_a_request_among_those_that_wait_is_shown() {
    let (builder, queue) = queue_of_dead_msgqd();
    for _ in 0..4 {
        queue.try_send(REQUEST_MTYPE, &encode_request(77, b"before")).unwrap();
        put(&queue, dead_pid().into(), 1);
    }
    let mut client = Process::start(&mut load_client(Language::C, builder.key(), 1, "x"));
    wait_until("the client waits for its answer", || is_blocked_in(client.pid(), ClientCall::Receive));
    queue.try_send(REQUEST_MTYPE, &encode_request(77, b"behind")).unwrap();
    let report = explain(&builder, client.pid());
    let request = &report["requests"][0];
    assert_eq!((&request["place"], &request["index"]), (&Value::from(5), &Value::from(8)), "{report}");
    assert_eq!((&report["waits"]["call"], &report["waits"]["msgtyp"]), (&"msgrcv".into(), &client.pid().into()));
    says(&report, &["number 5 of 6", "of a server that died"]);
    client.signal(Signal::SIGKILL);
}

#[test]
fn a_client_that_waits_for_the_wrong_type_is_told_so() {
    let (builder, queue) = queue_of_dead_msgqd();
    // It reads what nobody sends: the reader of this test waits for its own number, as a thread of this process.
    let waiting = std::thread::spawn(move || queue.receive(4_000_000, &mut MessageBuffer::new()));
    let own_pid = std::process::id().cast_signed();
    wait_until("the thread waits", || explain(&builder, own_pid)["waits"]["msgtyp"] == 4_000_000);
    says(&explain(&builder, own_pid), &["waits for messages of type 4000000", "its own number"]);
    queue.remove().unwrap();
    assert!(waiting.join().unwrap().is_err());
}

#[test]
fn a_request_in_hand_is_shown_while_the_handler_works_and_after_the_daemon_died() {
    let handler = r#"command = ["/bin/sleep", "20"]"#;
    let mut daemon = DaemonBuilder::new().set("handler", "kind = \"exec\"").set("handler", handler).start();
    let builder = daemon.builder().clone();
    let mut client = Process::start(&mut load_client(Language::C, daemon.key(), 1, "x"));
    wait_until("the request is in hand", || explain_at(&builder, client.pid())["in_hand"][0]["state"] == "received");
    let report = explain_at(&builder, client.pid());
    says(&report, &["has a request in hand for"]);
    assert_eq!((&report["identity"], &report["in_hand"][0]["request"]), (&"same".into(), &1.into()), "{report}");
    daemon.signal(Signal::SIGKILL);
    wait_until("its death is noticed", || explain_at(&builder, client.pid())["server"] == "died");
    says(&explain_at(&builder, client.pid()), &["in the hand of a server that died", "systemctl start"]);
    client.signal(Signal::SIGKILL);
}

#[test]
fn answers_in_the_outbox_and_offered_ones_are_shown() {
    let daemon = Daemon::start();
    let builder = daemon.builder();
    let mut enemy = Process::start(&mut hostile(daemon.key(), &["never_read", "200"]));
    let states = || -> Vec<String> {
        let report = explain_at(builder, enemy.pid());
        report["outbox"].as_array().unwrap().iter().map(|held| held["state"].as_str().unwrap().to_owned()).collect()
    };
    wait_until("answers wait for room", || states().iter().any(|state| state == "ready"));
    wait_until("all it sends is sent", || enemy.stdout().contains("sent"));
    says(&explain_at(builder, enemy.pid()), &["does not read", "outbox"]);
    enemy.signal(Signal::SIGKILL);
    let pid = enemy.pid();
    wait_until("nothing is held for the dead", || explain_at(builder, pid)["outbox"].as_array().unwrap().is_empty());
    daemon.stop();
}

#[test]
fn a_client_that_sends_and_does_not_read_is_told_to_read_although_requests_of_it_wait() {
    let (builder, queue) = queue_of_dead_msgqd();
    let mut sender = Process::start(&mut hostile(builder.key(), &["never_read", "200"]));
    wait_until("it waits for room", || is_blocked_in(sender.pid(), ClientCall::Send));
    // Stopped, it does not take the room that the answer needs.
    sender.freeze();
    assert!(queue.try_receive(REQUEST_MTYPE, &mut MessageBuffer::new()).unwrap());
    put(&queue, sender.pid().into(), 1);
    sender.thaw();
    wait_until("it waits for room again", || is_blocked_in(sender.pid(), ClientCall::Send));
    let report = explain(&builder, sender.pid());
    says(&report, &["must read its answers before it asks again"]);
    sender.signal(Signal::SIGKILL);
}

#[test]
fn a_number_that_was_given_out_again_is_told_from_the_process_that_asked() {
    if !is_root() {
        return eprintln!("not run: only root can choose PIDs");
    }
    let mut daemon = Daemon::start();
    let pid = Process::run(&mut with_pid(daemon.key(), &["free"])).succeeded().stdout.trim().to_owned();
    let number: i32 = pid.parse().unwrap();
    let mut old = Process::start(&mut with_pid(daemon.key(), &[&pid, "hold", "old"]));
    old.wait_for_stdout("sent");
    wait_until("the answer rests", || daemon.queue().has_message(number.into()).unwrap());
    assert_eq!(explain_at(daemon.builder(), number)["identity"], "same");
    daemon.freeze();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(number), Signal::SIGKILL).unwrap();
    let _ = old.finish();
    let mut newcomer = Process::start(&mut with_pid(daemon.key(), &[&pid, "hold", "new"]));
    newcomer.wait_for_stdout("sent");
    let report = explain_at(daemon.builder(), number);
    assert_eq!(report["identity"], "reused", "{report}");
    says(&report, &["is not the process that asked"]);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(number), Signal::SIGKILL).unwrap();
    let _ = newcomer.finish();
    daemon.thaw();
    daemon.stop();
}

#[test]
fn on_a_queue_of_another_program_the_rest_is_shown_and_what_is_not_known_is_said() {
    let other = PlainServer::start();
    let living = Sleeper::start();
    let report = explain(other.key(), living.pid());
    assert!(report["unknown"][0].as_str().unwrap().contains("not known to be msgqd's"), "{report}");
    says(&report, &["is alive", "not seen to wait", "whether it has a part in this queue is not known"]);
    assert_eq!(report["server"], Value::Null);
}

#[test]
fn names_and_text_that_a_client_chose_reach_the_terminal_escaped_and_within_80_columns() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("\u{1b}[31m\u{202e}evil");
    msgqd_system_tests::copy_program("/bin/sleep".as_ref(), &program);
    let client = Process::start(Command::new(&program).arg("600"));
    let pid = client.pid().to_string();
    let comm = format!("/proc/{pid}/comm");
    wait_until("it has its name", || std::fs::read_to_string(&comm).is_ok_and(|name| name.contains("evil")));
    let (builder, queue) = queue_of_dead_msgqd();
    let text: Vec<u8> = [b"\x1b[2J\xff", [b'x'; 200].as_slice()].concat();
    queue.try_send(REQUEST_MTYPE, &encode_request(client.pid(), &text)).unwrap();
    queue.try_send(client.pid().into(), Response::new(0, &text, BODY_LEN_LP64).as_bytes()).unwrap();
    for arguments in [["explain", &pid].as_slice(), &["stat"], &["peek"], &["purge", "--requests", "--dry-run"]] {
        let shown = ends_with(OK, &builder, arguments).stdout;
        let is_harmless = |character: char| character == '\n' || (' '..='~').contains(&character);
        assert!(shown.chars().all(is_harmless), "{arguments:?}: {shown:?}");
        assert!(shown.lines().all(|line| line.len() <= 80), "{arguments:?}: {shown}");
        assert!(shown.contains("\\u{1b}"), "{arguments:?}: {shown}");
    }
}

#[test]
fn a_program_for_32_bits_is_seen_to_wait_as_any_other() {
    if !Language::available().contains(&Language::C32) {
        return eprintln!("not shown: `cc -m32` does not make programs that run here");
    }
    let (key, queue) = idle_queue();
    let client = Process::start(&mut load_client(Language::C32, key.key(), 1, "narrow"));
    wait_until("the request is there", || queue.stat().unwrap().messages == 1);
    let is_asleep = || std::fs::read_to_string(format!("/proc/{}/wchan", client.pid())).unwrap().contains("msgrcv");
    wait_until("the client waits for its answer", is_asleep);
    let report = explain(key.key(), client.pid());
    assert_eq!((&report["waits"]["call"], &report["waits"]["msgtyp"]), (&"msgrcv".into(), &client.pid().into()));
}

#[test]
fn a_client_whose_name_is_no_text_is_seen_to_be_stopped_as_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join(OsStr::from_bytes(b"a\xff"));
    msgqd_system_tests::copy_program("/bin/sleep".as_ref(), &program);
    let mut client = Process::start(Command::new(&program).arg("600"));
    let (key, _queue) = idle_queue();
    client.freeze();
    let report = explain(key.key(), client.pid());
    assert_eq!(report["is_stopped"], true, "{report}");
}
