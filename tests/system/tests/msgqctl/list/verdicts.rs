//! The verdicts, each on a queue that is really so.

use super::*;
use crate::deadlocked::{deadlocked, stuck_with_clients};
use msgq_core::queue::QueueKey;
use serde_json::Value;
use std::path::Path;

#[test]
fn a_queue_whose_last_users_are_gone_for_long_is_abandoned_and_one_that_moved_lately_is_not() {
    let (users, (_key, queue)) = (QueueUser::new(), idle_queue());
    let sender = users.run("producer", &queue, "send 100 40 4");
    let receiver = users.run("consumer", &queue, "receive 100 1");
    assert_eq!(row(&queue, &[])["verdict"], "idle");
    let row = row(&queue, &["--idle-for", "1ms"]);
    assert_eq!(row["verdict"], "abandoned", "{row}");
    let finding = &row["findings"][0];
    let sentence = finding["sentence"].as_str().unwrap();
    assert!(sentence.contains(&format!("PID {sender} sent, PID {receiver} received")), "{row}");
    assert_eq!(finding["command"], format!("msgqctl remove {}", queue.id()), "{row}");
    assert_eq!(finding["advice"], "its removal loses 3 messages (120 bytes)", "{row}");
}

#[test]
fn a_queue_that_somebody_waits_on_or_whose_user_lives_is_never_abandoned() {
    let (users, (_key, queue)) = (QueueUser::new(), idle_queue());
    users.run("producer", &queue, "send 100 40 1");
    let reader = users.start("consumer", &queue, "receive 200 1");
    wait_until("it waits", || is_blocked_in(reader.pid(), ClientCall::Receive));
    assert_eq!(row(&queue, &["--idle-for", "1ms"])["verdict"], "in_use");
    drop(reader);
    let mut alive = users.start("consumer", &queue, "receive 100 1 say done sleep");
    alive.wait_for_stdout("done");
    assert_eq!(row(&queue, &["--idle-for", "1ms"])["verdict"], "idle");
}

#[test]
fn a_private_queue_whose_owner_is_dead_has_lost_its_reader_and_is_abandoned_once_its_server_is_gone_too() {
    let (users, queue) = (QueueUser::new(), PrivateQueue::new());
    let mut server = users.start("server", &queue, "send 1 20 2 say done sleep");
    server.wait_for_stdout("done");
    let owner = users.run("client", &queue, "receive 0 1");
    let of_living_server = row(&queue, &["--idle-for", "1ms"]);
    assert_eq!(of_living_server["verdict"], "reader_gone", "{of_living_server}");
    let sentence = of_living_server["findings"][0]["sentence"].as_str().unwrap();
    assert!(sentence.contains(&format!("PID {owner} (gone)")) && sentence.contains("server (PID"), "{sentence}");
    drop(server);
    assert_eq!(row(&queue, &["--idle-for", "1ms"])["verdict"], "abandoned");
}

#[test]
fn a_full_queue_that_nobody_receives_from_is_stuck_and_it_is_said_who_did_last() {
    let (users, (_key, queue)) = (QueueUser::new(), idle_queue());
    let sender = users.start("producer", &queue, "send 100 4000 100");
    wait_until("it waits for room", || is_blocked_in(sender.pid(), ClientCall::Send));
    let row = row(&queue, &[]);
    assert_eq!(row["verdict"], "stuck", "{row}");
    assert_eq!(row["waiting_senders"][0]["pid"], sender.pid(), "{row}");
    let said = text(&queue, &["--stuck"]);
    assert!(
        said.contains("stuck: full, and nobody receives (4 messages, 16000 of 16384 bytes, 1 waits to send)"),
        "{said}"
    );
    assert!(said.contains("nobody has received from it so far"), "{said}");
    let other = users.start("consumer", &queue, "receive 200 1");
    wait_until("it waits", || is_blocked_in(other.pid(), ClientCall::Receive));
    let said = text(&queue, &[]);
    assert!(said.contains("1 waits to receive, and for none of the messages that are there"), "{said}");
}

#[test]
fn a_server_that_waits_for_room_in_its_own_full_queue_is_deadlocked_and_the_command_is_the_same_as_that_of_stat() {
    let (mut server, queue, _crowd) = stuck_with_clients();
    let mut seen = Value::Null;
    wait_until("it has the verdict", || {
        seen = row(&queue, &[]);
        seen["verdict"] == "deadlocked"
    });
    let row = seen;
    let (finding, stat) = (&row["findings"][0], deadlocked(server.key(), &[]));
    let sentence = finding["sentence"].as_str().unwrap();
    assert!(sentence.starts_with(&format!("PID {} (server)", server.process().pid())), "{row}");
    assert_eq!(stat["verdict"].as_str().unwrap(), format!("deadlocked: {sentence}"));
    assert_eq!(finding["command"], stat["cure"], "{row}");
    assert_eq!(row["findings"].as_array().unwrap().len(), 2, "stuck says no more: {row}");
}

#[test]
fn a_reader_that_was_stopped_is_said_to_be_why_nobody_receives() {
    let (users, (key, queue)) = (QueueUser::new(), idle_queue());
    let mut reader = users.start("consumer", &queue, "receive 100 100");
    wait_until("it waits", || is_blocked_in(reader.pid(), ClientCall::Receive));
    reader.freeze();
    let sender = users.start("producer", &queue, "send 100 4000 100");
    wait_until("it waits for room", || is_blocked_in(sender.pid(), ClientCall::Send));
    let row = row(&queue, &[]);
    assert_eq!((&row["verdict"], &row["waiting_receivers"][0]["is_halted"]), (&"stuck".into(), &true.into()), "{row}");
    let seen = json(key.key(), &["stat"]);
    assert_eq!(seen["waiters"]["receivers"][0]["is_halted"], true, "{seen}");
    let said = text(&queue, &[]);
    let why =
        format!("PID {} (consumer) waits for messages, but was stopped, or frozen with its container", reader.pid());
    assert!(said.contains(&why), "{said}");
    reader.thaw();
    wait_until("it goes on", || row_of(&mut list_command(&queue, &["--json"]))["verdict"] != "stuck");
}

/// A stopped process misses that its queue was removed: it stays in its call.
#[test]
fn a_stopped_reader_of_a_queue_that_was_removed_and_made_anew_is_told() {
    let (users, (key, queue)) = (QueueUser::new(), idle_queue());
    let mut reader = users.start("reader", &queue, "receive 100 1");
    let runs_on = users.start("reader", &queue, "receive 100 1");
    for pid in [reader.pid(), runs_on.pid()] {
        wait_until("it waits", || is_blocked_in(pid, ClientCall::Receive));
    }
    reader.freeze();
    queue.remove().unwrap();
    let anew = Queue::create(key.key(), 0o660).unwrap();
    assert_eq!(runs_on.finish().stderr, "msgrcv: Identifier removed\n");
    let stale = || {
        let finished = Process::run(&mut list_command(&anew, &["--json"])).succeeded();
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        report["stale_waiters"].as_array().unwrap().iter().find(|it| it["pid"] == reader.pid()).cloned()
    };
    let seen = stale().unwrap();
    assert_eq!(
        (&seen["msqid"], &seen["call"], &seen["program"]),
        (&queue.id().into(), &"msgrcv".into(), &"reader".into())
    );
    let said = text(&anew, &[]);
    assert!(said.contains(&format!("waits in msgrcv on msqid {}, which was removed", queue.id())), "{said}");
    reader.thaw();
    assert_eq!(reader.finish().stderr, "msgrcv: Invalid argument\n");
}

#[test]
fn a_served_queue_whose_path_was_made_anew_has_stale_readers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, "").unwrap();
    let setting = format!("key = {{ path = \"{}\", id = 77 }}", path.display());
    let daemon = DaemonBuilder::new().without_key_argument().set("queue", &setting).start();
    let queue = Queue::open(QueueKey::from_path(&path, 77).unwrap()).unwrap();
    let look =
        || row_of(list_command(&queue, &["--json"]).env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory()));
    assert_eq!(look()["verdict"], "in_use");
    // As package managers and editors do: another file takes the place.
    std::fs::write(directory.path().join("new"), "").unwrap();
    std::fs::rename(directory.path().join("new"), &path).unwrap();
    let row = look();
    assert_eq!(row["verdict"], "stale_readers", "{row}");
    let sentence = row["findings"][0]["sentence"].as_str().unwrap();
    let now = QueueKey::from_path(&path, 77).unwrap().to_string();
    assert!(sentence.contains(&format!("{}, which was made anew and gives {now} now", path.display())), "{sentence}");
    daemon.stop();
}

/// The name of a new file in this directory with the same lower bits of its inode as another has: all that ftok(3) looks at.
fn colliding_file(directory: &Path, first: &Path) -> Option<PathBuf> {
    let key = QueueKey::from_path(first, 1).unwrap();
    (0..200_000).find_map(|number| {
        let path = directory.join(number.to_string());
        std::fs::write(&path, "").unwrap();
        let is_it = QueueKey::from_path(&path, 1).unwrap() == key;
        if !is_it {
            std::fs::remove_file(&path).unwrap();
        }
        is_it.then_some(path)
    })
}

#[test]
fn two_paths_of_configurations_that_give_one_key_are_a_collision() {
    if !is_root() {
        return eprintln!("not shown: only root can have an /etc/msgqd of its own for a test");
    }
    // Its inodes are numbered one after the other.
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let first = directory.path().join("first");
    std::fs::write(&first, "").unwrap();
    let Some(second) = colliding_file(directory.path(), &first) else {
        return eprintln!("not shown: no file here gets the key of another");
    };
    let key = QueueKey::from_path(&first, 1).unwrap();
    let queue = Queue::create(key, 0o600).unwrap();
    for (name, path) in [("orders.toml", &first), ("bills.toml", &second)] {
        let text = format!("[queue]\nkey = {{ path = \"{}\", id = 1 }}\n", path.display());
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let script = format!(
        "mount -t tmpfs none /etc && mkdir /etc/msgqd && cp {0}/*.toml /etc/msgqd && exec \"$@\"",
        directory.path().display()
    );
    let list = list_command(&queue, &["--json", "--idle-for", "1ms"]);
    let finished = Process::run(&mut wrapped(&["unshare", "--mount", "sh", "-c", &script, "sh"], &list));
    queue.remove().unwrap();
    let report: Value = serde_json::from_str(&finished.succeeded().stdout).unwrap();
    let row = &report["queues"][0];
    assert_eq!(row["verdict"], "ftok_collision", "{row}");
    let sentence = row["findings"][0]["sentence"].as_str().unwrap();
    for part in ["first with id 1 in /etc/msgqd/orders.toml", "with id 1 in /etc/msgqd/bills.toml"] {
        assert!(sentence.contains(part), "{sentence}");
    }
    // A configuration names it, so it is not abandoned.
    assert_eq!(row["findings"].as_array().unwrap().len(), 2, "{row}");
}
