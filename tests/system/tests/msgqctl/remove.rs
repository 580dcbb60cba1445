//! `remove`: what it says, what it refuses, and what is left of it.

use super::list::{PrivateQueue, QueueUser};
use super::schema::fits_if_checkable;
use super::terminal::Terminal;
use super::*;
use nix::sys::signal::Signal;

fn remove(arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").arg("remove").args(arguments);
    command
}

fn is_there(queue: &Queue) -> bool {
    queue.stat().is_ok()
}

/// A queue with three messages whose users are gone.
fn left_queue() -> (PrivateQueue, i32) {
    let queue = PrivateQueue::new();
    let sender = QueueUser::new().run("worker", &queue, "send 100 40 2 send 200 10 1");
    (queue, sender)
}

#[track_caller]
fn is_refused(queue: &Queue, arguments: &[&str], reason: &str) {
    let number = queue.id().to_string();
    let finished = Process::run(&mut remove(&[&[number.as_str(), "--yes"], arguments].concat()));
    assert_eq!(finished.code(), OTHER, "{finished:?}");
    assert!(
        finished.stderr.contains(reason) && finished.stderr.contains("nothing was removed"),
        "{reason}: {finished:?}"
    );
    assert!(is_there(queue), "{finished:?}");
}

#[test]
fn it_says_what_would_go_and_a_script_needs_a_yes() {
    let (queue, sender) = left_queue();
    let number = queue.id().to_string();
    let asked = Process::run(&mut remove(&[&number]));
    assert_eq!(asked.code(), USAGE, "{asked:?}");
    for part in [
        format!("msqid {number}"),
        "3 messages (90 bytes) of 2 types: 2 of type 100, 1 of type 200".to_owned(),
        format!("PID {sender} (gone) sent last"),
        "nobody ever received".to_owned(),
        "nobody waits on it".to_owned(),
        "needs --yes".to_owned(),
    ] {
        assert!(asked.stderr.contains(&part), "{part}: {asked:?}");
    }
    let tried = Process::run(remove(&[&number, "--dry-run"]).arg("--json")).succeeded();
    let report: Value = serde_json::from_str(&tried.stdout).unwrap();
    fits_if_checkable("remove", &report);
    assert_eq!((&report["is_dry_run"], &report["removed"][0]["types"][0]["messages"]), (&true.into(), &2.into()));
    assert!(is_there(&queue));
    let done = Process::run(&mut remove(&[&number, "--yes"])).succeeded();
    assert!(done.stdout.starts_with("removed       the queue without a key") && !is_there(&queue), "{done:?}");
    assert_eq!(Process::run(&mut remove(&[&number, "--yes"])).code(), NO_QUEUE);
}

#[test]
fn on_a_terminal_it_asks_and_only_a_yes_removes() {
    let ((mut queue, _), program) = (left_queue(), msgqd_system_tests::msgqctl());
    for (answer, is_kept) in [("n", true), ("y", false)] {
        let run = |queue: &Queue| Terminal::run(&format!("{} remove {}", program.display(), queue.id()));
        let question = "Remove this queue? What is in it is lost then. [y/N]";
        let Some(mut terminal) = run(&queue) else { return };
        // Among thousands of processes the number of its dead sender may be a living one's by now: then it is refused.
        for _ in 0..5 {
            if terminal.shows_before_the_end(question) {
                break;
            }
            println!("{}", terminal.screen());
            queue = left_queue().0;
            terminal = run(&queue).unwrap();
        }
        terminal.shows(question);
        terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.shows(if is_kept { "not confirmed: nothing was removed" } else { "removed       the queue" });
        assert_eq!(is_there(&queue), is_kept);
    }
}

#[test]
fn a_queue_is_named_by_hand_by_its_number_or_its_key() {
    let (key, queue) = idle_queue();
    let unnamed = Process::run(&mut remove(&["--yes"]));
    assert_eq!(unnamed.code(), USAGE, "{unnamed:?}");
    // In decimal it would be another queue's number.
    let decimal = Process::run(&mut remove(&[&key.key().raw().to_string(), "--yes"]));
    assert_eq!(decimal.code(), NO_QUEUE, "{decimal:?}");
    let _ = Process::run(&mut remove(&[&key.key().to_string(), "--yes"])).succeeded();
    assert!(!is_there(&queue));
    let anew = Queue::create(key.key(), 0o600).unwrap();
    let _ = Process::run(remove(&["--yes"]).args(["--key", &key.key().to_string()])).succeeded();
    assert!(!is_there(&anew));
}

#[test]
fn a_queue_whose_user_lives_or_waits_stays_unless_it_is_forced() {
    let (users, queue) = (QueueUser::new(), PrivateQueue::new());
    let mut sender = users.start("producer", &queue, "send 100 40 1 say done sleep");
    sender.wait_for_stdout("done");
    is_refused(&queue, &[], &format!("producer (PID {}) sent last and lives", sender.pid()));
    drop(sender);
    let reader = users.start("consumer", &queue, "receive 200 1");
    wait_until("it waits", || is_blocked_in(reader.pid(), ClientCall::Receive));
    is_refused(&queue, &[], &format!("consumer (PID {}) waits for messages", reader.pid()));
    let mut reader = reader;
    reader.freeze();
    is_refused(&queue, &[], &format!("consumer (PID {}, halted) waits for messages", reader.pid()));
    reader.thaw();
    wait_until("it waits again", || is_blocked_in(reader.pid(), ClientCall::Receive));
    let number = queue.id().to_string();
    let unanswered = Process::run(&mut remove(&[&number, "--force"]));
    assert_eq!((unanswered.code(), is_there(&queue)), (USAGE, true), "{unanswered:?}");
    let forced = Process::run(&mut remove(&[&number, "--force", "--yes"])).succeeded();
    assert!(forced.stderr.contains("1 waits on it"), "{forced:?}");
    assert_eq!(reader.finish().stderr, "msgrcv: Identifier removed\n");
}

#[test]
fn a_queue_that_msgqd_serves_stays_even_if_it_is_forced_and_one_that_it_left_unless_it_is() {
    let mut daemon = Daemon::start();
    let (queue, builder) = (daemon.queue(), daemon.builder().clone());
    let run = |arguments: &[&str]| {
        let number = queue.id().to_string();
        let mut command = remove(&[&[number.as_str(), "--yes"], arguments].concat());
        Process::run(command.env("RUNTIME_DIRECTORY", builder.runtime_directory()))
    };
    for arguments in [[].as_slice(), &["--force"]] {
        let refused = run(arguments);
        assert_eq!(refused.code(), OTHER, "{refused:?}");
        assert!(refused.stderr.contains(&format!("({}) serves it", daemon.pid())), "{refused:?}");
        assert!(refused.stderr.contains("systemctl stop msgqd"), "{refused:?}");
    }
    daemon.signal(Signal::SIGKILL);
    wait_until("its end is seen", || run(&[]).stderr.contains("a msgqd served it until it ended"));
    assert!(is_there(&queue));
    let _ = run(&["--force"]).succeeded();
    assert!(!is_there(&queue));
}

#[test]
fn what_was_saved_is_put_back_into_another_queue_byte_by_byte() {
    let (queue, _) = left_queue();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("saved.jsonl");
    let (file, number) = (file.to_str().unwrap(), queue.id().to_string());
    let done = Process::run(remove(&[&number, "--yes", "--save", file]).arg("--json")).succeeded();
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    fits_if_checkable("remove", &report);
    assert_eq!((&report["saved_to"], is_there(&queue)), (&Value::from(file), false), "{report}");
    let (key, other) = idle_queue();
    let _ = run(key.key(), &["restore", file, "--into-another-queue"]).succeeded();
    let mut buffer = MessageBuffer::new();
    for (place, (mtype, length)) in [(100, 40), (100, 40), (200, 10)].into_iter().enumerate() {
        assert!(other.peek(place, &mut buffer).unwrap());
        assert_eq!((buffer.mtype(), buffer.body()), (mtype, vec![b'x'; length].as_slice()));
    }
}

#[test]
fn where_the_file_cannot_be_written_nothing_is_removed() {
    let (queue, _) = left_queue();
    let number = queue.id().to_string();
    let failed = Process::run(&mut remove(&[&number, "--yes", "--save", "/proc/no such file"]));
    assert_eq!(failed.code(), OTHER, "{failed:?}");
    assert!(is_there(&queue) && queue.stat().unwrap().messages == 3, "{failed:?}");
    let full = Process::run(&mut remove(&[&number, "--yes", "--save", "/dev/full"]));
    assert_ne!(full.code(), OK, "{full:?}");
    assert!(is_there(&queue), "{full:?}");
}

#[test]
fn several_queues_go_together_or_none_of_them() {
    let ((one, _), (other, _)) = (left_queue(), left_queue());
    let reader = QueueUser::new().start("consumer", &other, "receive 300 1");
    wait_until("it waits", || is_blocked_in(reader.pid(), ClientCall::Receive));
    let numbers = [one.id().to_string(), other.id().to_string()];
    let [first, second] = numbers.each_ref().map(String::as_str);
    let refused = Process::run(&mut remove(&[first, second, "--yes"]));
    assert_eq!((refused.code(), is_there(&one), is_there(&other)), (OTHER, true, true), "{refused:?}");
    let two_in_one = Process::run(&mut remove(&[first, second, "--yes", "--save", "/tmp/never made"]));
    assert_eq!((two_in_one.code(), is_there(&one)), (USAGE, true), "{two_in_one:?}");
    drop(reader);
    let _ = Process::run(&mut remove(&[first, second, second, "--yes"])).succeeded();
    assert_eq!((is_there(&one), is_there(&other)), (false, false));
}

#[test]
fn who_does_not_own_a_queue_is_told_who_may_remove_it() {
    if !is_root() {
        return eprintln!("not shown: only root can look as somebody else");
    }
    let (queue, _) = left_queue();
    let mut command = as_user(STRANGER, &msgqd_system_tests::msgqctl());
    let number = queue.id().to_string();
    let refused = Process::run(command.args(["remove", &number, "--yes", "--force"]));
    assert_eq!((refused.code(), is_there(&queue)), (PERMISSION, true), "{refused:?}");
    assert!(refused.stderr.contains("only its owner, its maker and root"), "{refused:?}");
}
