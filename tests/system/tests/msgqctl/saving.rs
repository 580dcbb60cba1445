//! `--save FILE`, wherever messages are removed, and `restore`, which puts them back.

use super::foreign::{Message, messages_of};
use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::{in_an_ipc_namespace, set_kernel_limit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

struct Saving {
    directory: TempDir,
    key: ScratchKey,
    queue: Queue,
}

impl Saving {
    fn with(messages: &[(i64, &[u8])]) -> Self {
        let (key, queue) = idle_queue();
        messages.iter().for_each(|(mtype, body)| queue.try_send(*mtype, body).unwrap());
        Self { directory: tempfile::tempdir().unwrap(), key, queue }
    }

    fn file(&self) -> String {
        self.directory.path().join("saved.jsonl").display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        run(self.key.key(), arguments)
    }

    #[track_caller]
    fn purge(&self, arguments: &[&str]) -> Finished {
        self.run(&[&["purge", "--yes", "--save", &self.file()], arguments].concat()).succeeded()
    }

    #[track_caller]
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        ends_with(code, self.key.key(), arguments).stderr
    }

    fn bodies(&self) -> Vec<Vec<u8>> {
        messages_of(&self.queue).into_iter().map(|(_, body)| body).collect()
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn what_is_removed_is_announced_saved_and_put_back_with_every_byte_and_in_order() {
    let saving = Saving::with(&[(100, b"a\0\xff\n"), (200, b"b"), (100, b""), (i64::MAX, b"d"), (100, b"e")]);
    let before = messages_of(&saving.queue);
    let purged = saving.purge(&["--type", "100", &i64::MAX.to_string()]);
    assert!(purged.stderr.contains("removing 4 messages (6 bytes) of 2 types: 3 of type 100, 1 of type"), "{purged:?}");
    assert!(purged.stdout.contains("removed 4 messages (6 bytes)"), "{purged:?}");
    assert!(purged.stdout.contains(&format!("saved in {}", saving.file())), "{purged:?}");
    assert_eq!(messages_of(&saving.queue), [(200, b"b".to_vec())]);
    assert!(saving.queue.try_receive(200, &mut MessageBuffer::new()).unwrap());
    // It names its queue itself.
    let mut restore = Command::new(msgqd_system_tests::msgqctl());
    let restored = Process::run(restore.args(["restore", &saving.file()])).succeeded();
    assert!(restored.stdout.starts_with("put back 4 messages (6 bytes) into queue "), "{restored:?}");
    let expected: Vec<Message> = before.into_iter().filter(|(mtype, _)| *mtype != 200).collect();
    assert_eq!(messages_of(&saving.queue), expected);
    let again = saving.run(&["restore", &saving.file()]).succeeded();
    assert!(again.stdout.contains("nothing to put back") && again.stdout.contains("4 messages were"), "{again:?}");
    assert_eq!(messages_of(&saving.queue), expected);
}

#[test]
fn a_limit_takes_the_oldest_and_append_writes_behind_them() {
    let saving = Saving::with(&[(7, b"a"), (8, b"x"), (7, b"b"), (7, b"c"), (8, b"y")]);
    let would = saving.run(&["purge", "--type", "7", "8", "--limit", "3", "--dry-run", "--save", &saving.file()]);
    assert!(would.succeeded().stdout.contains("would remove 3 messages (3 bytes) of 2 types"));
    assert!(!PathBuf::from(saving.file()).exists());
    let _ = saving.purge(&["--type", "7", "--limit", "1"]);
    assert_eq!(saving.bodies(), [b"x", b"b", b"c", b"y"]);
    let there = saving.fails(OTHER, &["purge", "--type", "7", "--yes", "--save", &saving.file()]);
    assert!(there.contains("File exists") && there.contains("nothing was removed"), "{there}");
    let _ = saving.purge(&["--type", "7", "8", "--limit", "2", "--append"]);
    assert_eq!(saving.bodies(), [b"c", b"y"]);
    let unsaved = saving.run(&["purge", "--type", "7", "8", "--limit", "1", "--yes"]).succeeded();
    assert!(unsaved.stdout.starts_with("removed 1 message (1 byte)"), "{unsaved:?}");
    assert_eq!(saving.bodies(), [b"y"]);
    let restored = json(saving.key.key(), &["restore", &saving.file()]);
    assert_eq!((&restored["messages"], &restored["left"]), (&3.into(), &Value::Array(vec![])), "{restored}");
    schema::fits_if_checkable("restore", &restored);
    assert_eq!(saving.bodies(), [b"y", b"a", b"x", b"b"]);
}

#[test]
fn requests_and_answers_of_the_dead_are_saved_too() {
    let (builder, queue) = queue_of_dead_msgqd();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    for text in [b"x", b"y", b"z"] {
        queue.try_send(REQUEST_MTYPE, &encode_request(dead_pid(), text)).unwrap();
    }
    put(&queue, dead_pid().into(), 2);
    let before = messages_of(&queue);
    let purged = run(&builder, &["--json", "purge", "--save", &path("answers")]).succeeded();
    let purged: Value = serde_json::from_str(&purged.stdout).unwrap();
    assert_eq!((&purged["messages"], &purged["saved_to"]), (&2.into(), &path("answers").into()), "{purged}");
    schema::fits_if_checkable("purge", &purged);
    let requests =
        run(&builder, &["--json", "purge", "--requests", "--limit", "2", "--yes", "--save", &path("requests")]);
    let requests = requests.succeeded();
    assert!(requests.stderr.contains("removing 2 requests of 1 client (528 bytes)"), "{requests:?}");
    let requests: Value = serde_json::from_str(&requests.stdout).unwrap();
    assert_eq!((&requests["messages"], &requests["clients"][0]["requests"]), (&2.into(), &2.into()), "{requests}");
    schema::fits_if_checkable("purge-requests", &requests);
    assert_eq!(messages_of(&queue), before[2..3]);
    for name in ["requests", "answers"] {
        let _ = run(&builder, &["restore", &path(name)]).succeeded();
    }
    let order = [2, 0, 1, 3, 4].map(|place| before[place].clone());
    assert_eq!(messages_of(&queue), order);
}

#[test]
fn a_disk_that_is_full_ends_it_before_anything_is_lost() {
    let body = [b'x'; 700];
    let saving = Saving::with(&[(7, &body[..]); 20]);
    let before = messages_of(&saving.queue);
    // The file may have 8 KiB; the signal that comes with it is ignored.
    let script = ["sh", "-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""];
    let arguments = ["purge", "--type", "7", "--yes", "--save", &saving.file()];
    let finished = Process::run(&mut wrapped(&script, &msgqctl(saving.key.key(), &arguments)));
    assert_eq!(finished.code(), OTHER, "{finished:?}");
    assert!(finished.stderr.contains("too large") && finished.stderr.contains("nothing was removed"), "{finished:?}");
    assert_eq!(messages_of(&saving.queue), before);
    let _ = saving.purge(&["--type", "7", "--append"]);
    let _ = saving.run(&["restore", &saving.file()]).succeeded();
    assert_eq!(messages_of(&saving.queue), before);
}

#[test]
fn a_file_of_another_queue_a_wrong_line_and_a_small_queue_are_refused_before_anything_is_sent() {
    let saving = Saving::with(&[(7, b"a"), (7, &[1; 3000])]);
    let _ = saving.purge(&["--type", "7"]);
    let (other, queue) = idle_queue();
    let refused = ends_with(USAGE, other.key(), &["restore", &saving.file()]).stderr;
    assert!(refused.contains("its messages are of queue") && refused.contains("--into-another-queue"), "{refused}");
    let settings = QueueSettings { max_bytes: Some(2000), ..QueueSettings::default() };
    queue.set(&settings).unwrap();
    let small = ends_with(OTHER, other.key(), &["restore", &saving.file(), "--into-another-queue"]).stderr;
    for word in ["line 3", "3000 bytes", "2000 (msg_qbytes)", "nothing was put back"] {
        assert!(small.contains(word), "{word}: {small}");
    }
    assert_eq!(queue.stat().unwrap().messages, 0);
    queue.set(&QueueSettings { max_bytes: Some(8000), ..QueueSettings::default() }).unwrap();
    ends_with(OK, other.key(), &["restore", &saving.file(), "--into-another-queue"]);
    assert_eq!(queue.stat().unwrap().messages, 2);
    let text = std::fs::read_to_string(saving.file()).unwrap();
    std::fs::write(saving.file(), text.replace("\"body_hex\":\"61\"", "\"body_hex\":\"6g\"")).unwrap();
    let wrong = saving.fails(OTHER, &["restore", &saving.file()]);
    assert!(wrong.contains("line 2: it is no saved message: `body_hex` must be hexadecimal digits"), "{wrong}");
    for (written, damaged, said) in [
        (
            "\"mtype\":7",
            "\"mtype\":\"x\"",
            "line 2: it is no saved message: `mtype` must be a whole number from 1 to 9223372036854775807 (column 31)",
        ),
        ("\"mtype\":7", "\"mtype\":1.5", "`mtype` must be a whole number from 1"),
        ("\"mtype\":7", "\"mtype\":99999999999999999999", "`mtype` must be a whole number from 1"),
        ("\"mtype\":7,", "", "`mtype` is missing"),
        ("\"state\":\"restored\",", "\"state\":\"gone\",    ", "`state` must be one of"),
        ("\"body_hex\":\"61\"", "\"body_hex\":[]", "`body_hex` must be hexadecimal digits"),
        ("\"body_hex\":\"61\",\"text\":\"a\"}", "\"body_hex\":\"61", "the line ends too early"),
        ("\"mtype\":7,\"body_hex\":\"61\",\"text\":\"a\"}", "\"mtype\":7", "the line ends too early"),
        ("\"mtype\":7", "\"mtype\" 7", "the line is cut off or damaged (column 29)"),
        (
            "\"saved_messages\":1",
            "\"saved_messages\":\"x\"",
            "line 1: it is no first line of a file of saved messages: `saved_messages` must be a whole number",
        ),
        ("\"queue_key\":\"0x", "\"queue_key\":\"0y", "`queue_key` must be a key in quotes"),
    ] {
        assert!(text.contains(written), "{written}: {text}");
        std::fs::write(saving.file(), text.replacen(written, damaged, 1)).unwrap();
        let wrong = saving.fails(OTHER, &["restore", &saving.file()]);
        assert!(wrong.contains(said), "{damaged}: {wrong}");
        for jargon in ["i64", "u32", "invalid", "expected", "EOF", "variant", "missing field", "sequence"] {
            assert!(!wrong.contains(jargon), "{damaged}: {wrong}");
        }
    }
    let missing = saving.fails(OTHER, &["restore", "/nonexistent/file"]);
    assert!(missing.contains("No such file"), "{missing}");
}

#[test]
fn what_finds_no_room_in_time_is_told_by_its_line_and_stays() {
    let saving = Saving::with(&[(7, &[1; 6000]), (7, &[2; 6000]), (8, b"end")]);
    let _ = saving.purge(&["--type", "7", "8"]);
    saving.queue.try_send(9, &[3; 8000]).unwrap();
    let finished = saving.run(&["--json", "restore", &saving.file(), "--timeout", "50ms"]);
    assert_eq!(finished.code(), OTHER, "{finished:?}");
    assert!(finished.stderr.contains("no room within 50ms; 2 messages still in the file, from line 3"), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&report["messages"], &report["left"][0]["line"]), (&1.into(), &3.into()), "{report}");
    assert!(saving.queue.try_receive(9, &mut MessageBuffer::new()).unwrap());
    let _ = saving.run(&["restore", &saving.file()]).succeeded();
    assert_eq!(saving.bodies(), [vec![1; 6000], vec![2; 6000], b"end".to_vec()]);
}

#[test]
fn killed_anywhere_nothing_is_lost_and_nothing_is_there_twice() {
    let name = "saving::killed_anywhere_nothing_is_lost_and_nothing_is_there_twice";
    in_an_ipc_namespace(name, || {
        set_kernel_limit("msgmnb", 2_000_000);
        let saving = Saving::with(&[]);
        for number in 0..3000_u32 {
            saving.queue.try_send(7, &[&number.to_ne_bytes()[..], &[0; 60]].concat()).unwrap();
        }
        let before = messages_of(&saving.queue);
        let file = saving.file();
        let ways = [&["purge", "--type", "7", "--yes", "--append", "--save", &file][..], &["restore", &file]];
        // Restoring waits for the second behind that of the last msgrcv, and is to be killed behind that.
        let let_the_second_pass = || std::thread::sleep(Duration::from_millis(1050));
        let spans = ways.map(|arguments| {
            let_the_second_pass();
            let start = Instant::now();
            let _ = saving.run(arguments).succeeded();
            start.elapsed()
        });
        let mut kills = 0;
        for round in 1..=12_u32 {
            for (arguments, span) in ways.iter().zip(spans) {
                let_the_second_pass();
                kills += usize::from(killed_after(msgqctl(saving.key.key(), arguments), span * round / 12));
            }
            let _ = saving.run(ways[1]).succeeded();
            let mut after = messages_of(&saving.queue);
            after.sort();
            assert_eq!(after.len(), before.len(), "round {round}");
            let mut expected = before.clone();
            expected.sort();
            assert_eq!(after, expected, "round {round}");
        }
        assert!(kills > 0, "none was killed before it ended");
    });
}

/// False when it ended by itself before.
fn killed_after(mut command: Command, time: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(time);
    let is_killed = child.try_wait().unwrap().is_none();
    if is_killed {
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
    }
    let _ = child.wait().unwrap();
    is_killed
}

#[test]
fn a_private_queue_is_saved_by_its_number_and_put_back_into_itself() {
    let (directory, queue) = (tempfile::tempdir().unwrap(), Queue::create_private(0o600).unwrap());
    let file = directory.path().join("saved").display().to_string();
    queue.try_send(5, b"x").unwrap();
    let msgqctl = |arguments: &[&str]| {
        Process::run(Command::new(msgqd_system_tests::msgqctl()).env_remove("RUNTIME_DIRECTORY").args(arguments))
    };
    let purged = msgqctl(&["purge", "--msqid", &queue.id().to_string(), "--type", "5", "--yes", "--save", &file]);
    let left = queue.stat().unwrap().messages;
    let restored = msgqctl(&["restore", &file]);
    let messages = messages_of(&queue);
    queue.remove().unwrap();
    assert_eq!((purged.code(), left), (OK, 0), "{purged:?}");
    assert_eq!((restored.code(), messages), (OK, vec![(5, b"x".to_vec())]), "{restored:?}");
}

#[test]
fn without_msg_copy_nothing_can_be_saved_and_nothing_is_removed() {
    let saving = Saving::with(&[(7, b"a")]);
    let arguments = ["purge", "--type", "7", "--yes", "--save", &saving.file()];
    let refused = Process::run(&mut purge::without_msg_copy(saving.key.key(), &arguments));
    assert_eq!(refused.code(), OTHER, "{refused:?}");
    assert!(refused.stderr.contains("MSG_COPY"), "{refused:?}");
    assert_eq!(saving.queue.stat().unwrap().messages, 1);
    let mut unsaved = purge::without_msg_copy(saving.key.key(), &["purge", "--type", "7", "--yes"]);
    let unsaved = Process::run(&mut unsaved).succeeded();
    assert!(unsaved.stdout.starts_with("removed 1 message"), "{unsaved:?}");
}

#[test]
fn the_file_tells_of_each_message_where_it_is() {
    let saving = Saving::with(&[(7, b"a"), (7, b"b")]);
    let _ = saving.purge(&["--type", "7", "--limit", "1"]);
    let lines = saving.lines();
    assert_eq!(lines[0]["queue_key"], saving.key.key().to_string());
    assert_eq!((&lines[1]["state"], &lines[1]["text"], lines.len()), (&"removed".into(), &"a".into(), 2));
    let _ = saving.run(&["restore", &saving.file()]).succeeded();
    assert_eq!(saving.lines()[1]["state"], "restored");
}
