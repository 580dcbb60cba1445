//! `purge` of what is old, of certain types, and of requests.

use super::terminal::Terminal;
use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::hostile;
use msgqd_system_tests::{in_an_ipc_namespace, set_kernel_limit};
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
    // It may be between two offers when it is killed, so it is looked at while it stands still.
    wait_until("an answer that rests is known", || {
        daemon.freeze();
        let is_known = dry("1ms").contains("would remove 1 response");
        if !is_known {
            daemon.thaw();
        }
        is_known
    });
    assert!(dry("1h").contains("would remove nothing"), "{}", dry("1h"));
    daemon.signal(Signal::SIGKILL);
    client.signal(Signal::SIGKILL);
    let (queue, client_mtype) = (daemon.queue(), i64::from(client.pid()));
    let _ = client.finish();
    while queue.try_receive(REQUEST_MTYPE, &mut MessageBuffer::new()).unwrap() {}
    // What the test puts behind it is of unknown age.
    put(&queue, client_mtype, 2);
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
    let finished =
        ends_with(OTHER, key.key(), &["purge", "--type", &dead_pid().to_string(), "--older-than", "1s", "--yes"]);
    assert!(finished.stderr.contains("nobody knows how old") && finished.stderr.contains("no msgqd"), "{finished:?}");
    assert!(finished.stdout.contains("removed nothing: of 2 messages"), "{finished:?}");
    assert_eq!(queue.stat().unwrap().messages, 2);
    let report = run(key.key(), &["--json", "--protocol", "plain", "purge", "--older-than", "1s"]);
    assert_eq!(serde_json::from_str::<Value>(&report.stdout).unwrap()["unknown_age"], 2);
}

#[test]
fn only_the_types_that_were_named_go_and_the_living_are_refused_until_it_is_forced() {
    let (builder, queue) = queue_of_dead_msgqd();
    let living = Sleeper::start();
    let junk: i64 = 1 << 40;
    put(&queue, junk, 2);
    put(&queue, dead_pid().into(), 1);
    put(&queue, living.pid().into(), 1);
    queue.try_send(REQUEST_MTYPE, &encode_request(77, b"x")).unwrap();
    let would = ends_with(OK, &builder, &["purge", "--type", &junk.to_string(), "--dry-run"]).stdout;
    assert!(would.contains("would remove 2 responses (528 bytes)"), "{would}");
    ends_with(OK, &builder, &["purge", "--type", &junk.to_string()]);
    assert_eq!((queue.stat().unwrap().messages, queue.has_message(junk).unwrap()), (3, false));
    let pid = living.pid().to_string();
    let refused = ends_with(OTHER, &builder, &["purge", "--type", &pid]);
    assert!(refused.stderr.contains("is alive"), "{refused:?}");
    ends_with(OK, &builder, &["purge", "--type", &pid, "--force"]);
    assert_eq!((queue.stat().unwrap().messages, queue.has_message(living.pid().into()).unwrap()), (2, false));
    assert!(ends_with(OK, &builder, &["purge", "--all-orphans"]).stdout.contains("removed 1 response"));
    assert!(queue.has_message(REQUEST_MTYPE).unwrap());
    let wrong: [&[&str]; 8] = [
        &["--type", "1"],
        &["--all-orphans", "--pid", "7"],
        &["--all-orphans", "--requests"],
        &["--requests", "--pid", "7"],
        &["--requests", "--older-than", "1s"],
        &["--force"],
        &["--append"],
        &["--older-than", "soon"],
    ];
    for arguments in wrong {
        ends_with(USAGE, &builder, &[&["purge"], arguments].concat());
    }
}

/// Three requests of two clients, and an answer.
fn with_requests(living: &Sleeper) -> (DaemonBuilder, Queue) {
    let (builder, queue) = queue_of_dead_msgqd();
    for pid in [living.pid(), living.pid(), dead_pid()] {
        queue.try_send(REQUEST_MTYPE, &encode_request(pid, b"x")).unwrap();
    }
    put(&queue, dead_pid().into(), 1);
    (builder, queue)
}

#[test]
fn requests_go_only_when_it_is_confirmed_and_who_waits_in_vain_is_named() {
    let living = Sleeper::start();
    let (builder, queue) = with_requests(&living);
    let refused = ends_with(USAGE, &builder, &["purge", "--requests"]);
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    let would = ends_with(OK, &builder, &["purge", "--requests", "--dry-run"]).stdout;
    assert!(would.contains("would remove 3 requests (792 bytes)"), "{would}");
    assert_eq!(queue.stat().unwrap().messages, 4);
    let removed = run(&builder, &["purge", "--requests", "--yes"]).succeeded();
    assert!(removed.stderr.contains("removing 3 requests of 2 clients (792 bytes), from queue"), "{removed:?}");
    let removed = removed.stdout;
    assert!(removed.contains(&format!("{}: 2 requests, alive: sleep", living.pid())), "{removed}");
    assert!(removed.contains("wait for an answer in vain"), "{removed}");
    assert_eq!((queue.stat().unwrap().messages, queue.has_message(REQUEST_MTYPE).unwrap()), (1, false));
    assert!(ends_with(OK, &builder, &["purge", "--requests", "--yes"]).stdout.contains("removed nothing"));
}

#[test]
fn at_a_terminal_it_is_asked_before_requests_go() {
    let living = Sleeper::start();
    let (builder, queue) = with_requests(&living);
    let (program, directory) = (msgqd_system_tests::msgqctl(), builder.runtime_directory().display());
    let command =
        format!("RUNTIME_DIRECTORY={directory} {} --key {} purge --requests", program.display(), builder.key());
    for (answer, code, left) in [("n", OTHER, 4), ("y", OK, 1)] {
        let Some(terminal) = Terminal::run(&command) else { return };
        terminal.shows("Remove 3 requests of 2 clients");
        assert_eq!(queue.stat().unwrap().messages, 4);
        terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.shows(&format!("ended with {code}"));
        assert_eq!(queue.stat().unwrap().messages, left);
    }
}

/// More than one look goes through.
const MORE_THAN_A_LOOK: usize = 17_000;

/// A queue with so many empty messages of this type.
fn queue_full_of(mtype: i64) -> (DaemonBuilder, Queue) {
    set_kernel_limit("msgmnb", 60_000);
    let (builder, queue) = queue_of_dead_msgqd();
    for _ in 0..MORE_THAN_A_LOOK {
        queue.try_send(mtype, b"").unwrap();
    }
    (builder, queue)
}

fn put_requests(queue: &Queue) {
    for _ in 0..3 {
        queue.try_send(REQUEST_MTYPE, &encode_request(dead_pid(), b"x")).unwrap();
    }
}

fn messages_in(queue: &Queue) -> usize {
    usize::try_from(queue.stat().unwrap().messages).unwrap()
}

/// The types of the messages in a file of `--save`.
fn saved_types(file: &str) -> Vec<i64> {
    let text = std::fs::read_to_string(file).unwrap();
    let mtype = |line: &str| serde_json::from_str::<Value>(line).unwrap()["mtype"].as_i64().unwrap();
    text.lines().skip(1).map(mtype).collect()
}

#[test]
fn requests_behind_more_junk_than_can_be_looked_at_are_found_all_the_same() {
    let name = "purge_selective::requests_behind_more_junk_than_can_be_looked_at_are_found_all_the_same";
    in_an_ipc_namespace(name, || {
        let (builder, queue) = queue_full_of(7);
        put_requests(&queue);
        let tried = run(&builder, &["purge", "--requests", "--dry-run"]).succeeded();
        assert!(!tried.stdout.contains("no request waits"), "{tried:?}");
        assert!(tried.stdout.contains("is not known"), "{tried:?}");
        assert_eq!(messages_in(&queue), MORE_THAN_A_LOOK + 3);
        let file = builder.directory().join("saved.jsonl").display().to_string();
        for saving in [&["--save", &file][..], &[]] {
            let arguments = [&["--json", "purge", "--requests", "--yes"], saving].concat();
            let removed = run(&builder, &arguments).succeeded();
            assert!(removed.stderr.contains("removing all requests, of which"), "{removed:?}");
            let removed: Value = serde_json::from_str(&removed.stdout).unwrap();
            assert_eq!((&removed["messages"], &removed["is_complete"]), (&3.into(), &true.into()), "{removed}");
            assert_eq!(messages_in(&queue), MORE_THAN_A_LOOK);
            put_requests(&queue);
        }
        assert_eq!(saved_types(&file), [REQUEST_MTYPE; 3]);
        let _ = run(&builder, &["purge", "--requests", "--yes"]).succeeded();
        let dead = i64::from(dead_pid());
        put(&queue, dead, 2);
        let _ = run(&builder, &["purge", "--type", &dead.to_string()]).succeeded();
        assert_eq!(messages_in(&queue), MORE_THAN_A_LOOK, "a type that is named is found as well");
        for saving in [&["--append", "--save", &file][..], &[]] {
            let nothing = run(&builder, &[&["purge", "--requests", "--yes"], saving].concat()).succeeded();
            assert_eq!(nothing.stdout, "removed nothing: no request waits in the queue\n");
        }
    });
}

#[test]
fn behind_more_messages_than_can_be_looked_at_nothing_is_called_gone_and_a_named_client_is_found() {
    let name = "purge_selective::behind_more_messages_than_can_be_looked_at_nothing_is_called_gone_and_a_named_client_is_found";
    in_an_ipc_namespace(name, || {
        let living = Sleeper::start();
        let (builder, queue) = queue_full_of(living.pid().into());
        let dead = dead_pid();
        put(&queue, dead.into(), 3);
        let behind = Sleeper::start();
        put(&queue, behind.pid().into(), 1);
        let [dead, living, behind] = [dead, living.pid(), behind.pid()].map(|pid| pid.to_string());
        let saved = |name: &str| builder.directory().join(name).display().to_string();
        let (nothing, file, unused) = (saved("nothing"), saved("saved"), saved("unused"));
        for arguments in [&["purge"][..], &["purge", "--dry-run"], &["purge", "--save", &nothing]] {
            let purged = run(&builder, arguments).succeeded();
            assert!(purged.stdout.contains("nothing: no response of a dead client was seen"), "{purged:?}");
            assert!(purged.stderr.contains("--pid PID") && !purged.stderr.contains("run it again"), "{purged:?}");
        }
        let peeked = run(&builder, &["peek", "--pid", &dead]).succeeded().stdout;
        assert!(peeked.contains("no such message among those that were looked at"), "{peeked}");
        let explained = run(&builder, &["explain", &dead]).succeeded().stdout;
        let explained = explained.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(explained.contains("as far as was looked, nothing waits for it"), "{explained}");
        for named in [["--pid", &living], ["--type", &living], ["--pid", &behind], ["--type", &behind]] {
            let refused = ends_with(OTHER, &builder, &[&["purge", "--save", &unused][..], &named].concat());
            assert!(refused.stderr.contains("is alive") && !refused.stderr.contains("limit"), "{refused:?}");
            assert!(!std::path::Path::new(&unused).exists(), "{named:?}");
        }
        assert_eq!(messages_in(&queue), MORE_THAN_A_LOOK + 4);
        for saving in [&["--save", &file][..], &[]] {
            let removed = run(&builder, &[&["--json", "purge", "--pid", &dead], saving].concat()).succeeded();
            let report: Value = serde_json::from_str(&removed.stdout).unwrap();
            assert_eq!((&report["messages"], &report["is_complete"]), (&3.into(), &true.into()), "{removed:?}");
            assert!(!removed.stderr.contains("limit"), "{removed:?}");
            assert_eq!(messages_in(&queue), MORE_THAN_A_LOOK + 1);
            put(&queue, dead.parse().unwrap(), 3);
        }
        assert_eq!(saved_types(&file), [dead.parse::<i64>().unwrap(); 3]);
    });
}
