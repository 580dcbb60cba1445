//! Who waits on a queue of another program: for what, since when, and what is hidden from whom.

use super::schema::fits_if_checkable;
use super::*;
use msgqd_system_tests::{Language, PATIENCE_MS, crowd, load_client};

/// How many messages of 264 bytes a queue of 16384 bytes holds.
const FULL: usize = 62;

fn stat_when(key: QueueKey, kind: &str, waiting: usize) -> Value {
    let look = || json(key, &["stat"]);
    let waits = |report: &Value| report["waiters"][kind].as_array().unwrap().len() == waiting;
    wait_until("all of them wait", || waits(&look()));
    let report = look();
    fits_if_checkable("stat", &report);
    report
}

#[test]
fn a_client_that_waits_for_room_is_shown_with_user_type_size_and_since_when() {
    let (key, queue) = idle_queue();
    put(&queue, 100, FULL);
    let sender = Process::start(&mut load_client(Language::C, key.key(), 1, "sender"));
    let report = stat_when(key.key(), "senders", 1);
    let row = &report["waiters"]["senders"][0];
    assert_eq!((&row["pid"], &row["tid"]), (&sender.pid().into(), &sender.pid().into()), "{report}");
    assert_eq!((&row["mtype"], &row["msgsz"], &row["program"]), (&1.into(), &264.into(), &"client".into()), "{report}");
    assert_eq!(row["user"]["id"], nix::unistd::geteuid().as_raw(), "{report}");
    let text = run(key.key(), &["stat"]).succeeded().stdout;
    let line = format!("PID {} (client) of user ", sender.pid());
    assert!(text.contains("\nsenders       1 waits for room\n") && text.contains(&line), "{text}");
    assert!(text.contains(": a message of type 1, 264 bytes"), "{text}");
}

#[test]
fn clients_that_wait_for_messages_are_shown_ten_by_ten_and_all_in_json() {
    let (key, queue) = idle_queue();
    let clients = 14;
    let mut crowd = Process::start(&mut crowd(key.key(), clients, 1, PATIENCE_MS));
    crowd.wait_for_stdout("started");
    let report = stat_when(key.key(), "receivers", clients);
    for row in report["waiters"]["receivers"].as_array().unwrap() {
        assert_eq!(row["mtype"], row["pid"], "each waits for its own: {report}");
    }
    let text = run(key.key(), &["stat"]).succeeded().stdout;
    assert!(text.contains("\nreceivers     14 wait for a message\n"), "{text}");
    assert!(text.contains("and 4 more; --json shows them all"), "{text}");
    assert_eq!(queue.stat().unwrap().messages, u64::try_from(clients).unwrap());
}

#[test]
fn a_user_who_may_not_look_is_told_once_that_others_may_wait() {
    if !is_root() {
        return eprintln!("not shown: only root can become another user");
    }
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { mode: Some(0o664), ..QueueSettings::default() }).unwrap();
    put(&queue, 100, FULL);
    let _sender = Process::start(&mut load_client(Language::C, key.key(), 1, "sender"));
    stat_when(key.key(), "senders", 1);
    let asked = |arguments: &[&str]| {
        let msgqctl = msgqctl(key.key(), arguments);
        let mut command = as_user(STRANGER, msgqctl.get_program().as_ref());
        Process::run(command.args(msgqctl.get_args())).succeeded().stdout
    };
    let text = asked(&["stat"]);
    assert_eq!(text.matches("root sees it").count(), 1, "{text}");
    assert!(!text.contains("senders"), "{text}");
    let report: Value = serde_json::from_str(&asked(&["--json", "stat"])).unwrap();
    assert!(report["waiters"]["hidden"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn programs_for_32_bits_are_shown_with_type_and_size_as_any_other() {
    if !Language::available().contains(&Language::C32) {
        return eprintln!("not shown: `cc -m32` does not make programs that run here");
    }
    let (key, queue) = idle_queue();
    let start = || Process::start(&mut load_client(Language::C32, key.key(), 1, "narrow"));
    let receiver = start();
    let report = stat_when(key.key(), "receivers", 1);
    let row = &report["waiters"]["receivers"][0];
    assert_eq!((&row["mtype"], &row["msgsz"]), (&receiver.pid().into(), &260.into()), "{report}");
    put(&queue, 100, FULL - 1);
    let sender = start();
    let report = stat_when(key.key(), "senders", 1);
    let row = &report["waiters"]["senders"][0];
    assert_eq!((&row["pid"], &row["mtype"], &row["msgsz"]), (&sender.pid().into(), &1.into(), &260.into()), "{report}");
}
