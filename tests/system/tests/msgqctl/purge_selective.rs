//! `purge` of what is old, of certain types, and of requests.

use super::terminal::Terminal;
use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::hostile;
use nix::sys::signal::Signal;

fn purge_at(builder: &DaemonBuilder, arguments: &[&str]) -> Finished {
    Process::run(&mut beside(builder, &[&["purge"], arguments].concat()))
}

#[test]
fn an_answer_goes_when_the_table_shows_that_it_is_old_enough() {
    let mut daemon = Daemon::start();
    let builder = daemon.builder().clone();
    let mut client = Process::start(&mut hostile(daemon.key(), &["never_read", "200"]));
    let pid = client.pid().to_string();
    let dry = |older_than: &str| {
        purge_at(&builder, &["--pid", &pid, "--force", "--dry-run", "--older-than", older_than]).succeeded().stdout
    };
    wait_until("an answer that rests is known", || dry("1ms").contains("would remove 1 response"));
    assert!(dry("1h").contains("would remove nothing"), "{}", dry("1h"));
    daemon.signal(Signal::SIGKILL);
    let queue = daemon.queue();
    // What the test puts behind it is of unknown age.
    put(&queue, client.pid().into(), 2);
    client.signal(Signal::SIGKILL);
    let _ = client.finish();
    let resting = queue.stat().unwrap().messages;
    let purged = purge_at(&builder, &["--older-than", "1ms"]).succeeded().stdout;
    assert!(purged.contains("removed 1 response (264 bytes) for 1 client"), "{purged}");
    assert!(purged.contains("kept 2 responses of which it is not known"), "{purged}");
    assert_eq!(queue.stat().unwrap().messages, resting - 1);
}

#[test]
fn where_nobody_knows_the_ages_nothing_goes_and_it_is_said_why() {
    let (key, queue) = idle_queue();
    put(&queue, dead_pid().into(), 2);
    let finished = ends_with(OTHER, key.key(), &["purge", "--older-than", "1s"]);
    assert!(finished.stderr.contains("nobody knows how old") && finished.stderr.contains("no msgqd"), "{finished:?}");
    assert!(finished.stdout.contains("removed nothing: of 2 responses"), "{finished:?}");
    assert_eq!(queue.stat().unwrap().messages, 2);
    let report = Process::run(&mut msgqctl(key.key(), &["--json", "purge", "--older-than", "1s"]));
    assert_eq!(serde_json::from_str::<Value>(&report.stdout).unwrap()["unknown_age"], 2);
}

#[test]
fn only_the_types_that_were_named_go_and_the_living_are_refused_until_it_is_forced() {
    let (key, queue) = idle_queue();
    let living = Sleeper::start();
    let junk: i64 = 1 << 40;
    put(&queue, junk, 2);
    put(&queue, dead_pid().into(), 1);
    put(&queue, living.pid().into(), 1);
    queue.try_send(REQUEST_MTYPE, &encode_request(77, b"x")).unwrap();
    let would = ends_with(OK, key.key(), &["purge", "--type", &junk.to_string(), "--dry-run"]).stdout;
    assert!(would.contains("would remove 2 responses (528 bytes)"), "{would}");
    ends_with(OK, key.key(), &["purge", "--type", &junk.to_string()]);
    assert_eq!((queue.stat().unwrap().messages, queue.has_message(junk).unwrap()), (3, false));
    let pid = living.pid().to_string();
    let refused = ends_with(OTHER, key.key(), &["purge", "--type", &pid]);
    assert!(refused.stderr.contains("is alive"), "{refused:?}");
    ends_with(OK, key.key(), &["purge", "--type", &pid, "--force"]);
    assert_eq!((queue.stat().unwrap().messages, queue.has_message(living.pid().into()).unwrap()), (2, false));
    assert!(ends_with(OK, key.key(), &["purge", "--all-orphans"]).stdout.contains("removed 1 response"));
    assert!(queue.has_message(REQUEST_MTYPE).unwrap());
    let wrong: [&[&str]; 7] = [
        &["--type", "1"],
        &["--all-orphans", "--pid", "7"],
        &["--all-orphans", "--requests"],
        &["--requests", "--pid", "7"],
        &["--requests", "--older-than", "1s"],
        &["--yes"],
        &["--older-than", "soon"],
    ];
    for arguments in wrong {
        ends_with(USAGE, key.key(), &[&["purge"], arguments].concat());
    }
}

/// Three requests of two clients, and an answer.
fn with_requests(living: &Sleeper) -> (ScratchKey, Queue) {
    let (key, queue) = idle_queue();
    for pid in [living.pid(), living.pid(), dead_pid()] {
        queue.try_send(REQUEST_MTYPE, &encode_request(pid, b"x")).unwrap();
    }
    put(&queue, dead_pid().into(), 1);
    (key, queue)
}

#[test]
fn requests_go_only_when_it_is_confirmed_and_who_waits_in_vain_is_named() {
    let living = Sleeper::start();
    let (key, queue) = with_requests(&living);
    let refused = ends_with(USAGE, key.key(), &["purge", "--requests"]);
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    let would = ends_with(OK, key.key(), &["purge", "--requests", "--dry-run"]).stdout;
    assert!(would.contains("would remove 3 requests (792 bytes)"), "{would}");
    assert_eq!(queue.stat().unwrap().messages, 4);
    let removed = ends_with(OK, key.key(), &["purge", "--requests", "--yes"]).stdout;
    assert!(removed.contains(&format!("{}: 2 requests, alive: sleep", living.pid())), "{removed}");
    assert!(removed.contains("wait for an answer in vain"), "{removed}");
    assert_eq!((queue.stat().unwrap().messages, queue.has_message(REQUEST_MTYPE).unwrap()), (1, false));
    assert!(ends_with(OK, key.key(), &["purge", "--requests", "--yes"]).stdout.contains("removed nothing"));
}

#[test]
fn at_a_terminal_it_is_asked_before_requests_go() {
    let living = Sleeper::start();
    let (key, queue) = with_requests(&living);
    let program = msgqd_system_tests::msgqctl().display().to_string();
    for (answer, code, left) in [("n", OTHER, 4), ("y", OK, 1)] {
        let Some(terminal) = Terminal::run(&format!("{program} --key {} purge --requests", key.key())) else { return };
        terminal.shows("Remove 3 requests of 2 clients");
        assert_eq!(queue.stat().unwrap().messages, 4);
        terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.shows(&format!("ended with {code}"));
        assert_eq!(queue.stat().unwrap().messages, left);
    }
}
