//! `--msqid`: queues that are named by the kernel's number, among them those without a key; and `--protocol`.

use super::*;
use nix::sys::signal::Signal;

/// A queue without a key, removed in the end.
struct PrivateQueue(Queue);

impl PrivateQueue {
    fn new() -> Self {
        Self(Queue::create_private(0o600).unwrap())
    }
}

impl Drop for PrivateQueue {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}

fn run(msqid: i32, arguments: &[&str]) -> Finished {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").args(["--msqid", &msqid.to_string()]).args(arguments);
    Process::run(&mut command)
}

#[test]
fn a_queue_without_a_key_is_looked_at_by_its_number() {
    let private = PrivateQueue::new();
    private.0.send(200, b"work").unwrap();
    let msqid = private.0.id();
    let stat = run(msqid, &["stat"]).succeeded().stdout;
    assert!(stat.contains(&format!("(msqid {msqid})")), "{stat}");
    let report: Value = serde_json::from_str(&run(msqid, &["--json", "stat"]).succeeded().stdout).unwrap();
    assert_eq!((&report["queue"]["msqid"], &report["queue"]["messages"]), (&msqid.into(), &1.into()), "{report}");
    assert!(run(msqid, &["peek"]).succeeded().stdout.contains("200"));
    let own = std::process::id().to_string();
    assert!(run(msqid, &["explain", &own]).succeeded().stdout.contains(&format!("queue with msqid {msqid}")));
    let purge = run(msqid, &["purge"]);
    assert_eq!(purge.code(), OTHER, "{}", purge.stderr);
    assert!(purge.stderr.contains(&format!("queue with msqid {msqid}")), "{}", purge.stderr);
    let doctor = run(msqid, &["doctor"]);
    assert!(doctor.stdout.contains(&format!("with msqid {msqid}")), "{}", doctor.stdout);
    assert_eq!(private.0.stat().unwrap().messages, 1);
}

#[test]
fn the_number_of_a_served_queue_leads_to_its_daemon() {
    let daemon = DaemonBuilder::new().start();
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    let sent = Process::run(command.args(["--msqid", &daemon.queue().id().to_string(), "send", "hello"])).succeeded();
    assert!(sent.stdout.contains("Processed: hello"), "{}", sent.stdout);
    daemon.stop();
}

#[test]
fn the_first_queue_of_a_namespace_has_number_0() {
    if !is_root() {
        return println!("not run: a namespace of its own needs root");
    }
    let mut command = Command::new("unshare");
    command.args(["--ipc", "sh", "-c", r#"ipcmk -Q >/dev/null && "$0" --msqid 0 stat"#]);
    let stat = Process::run(command.arg(msgqd_system_tests::msgqctl())).succeeded().stdout;
    assert!(stat.contains("(msqid 0)"), "{stat}");
}

#[test]
fn a_number_without_a_queue_and_one_that_is_none_are_told_apart() {
    let gone = PrivateQueue::new();
    let msqid = gone.0.id();
    gone.0.remove().unwrap();
    for arguments in [vec!["stat"], vec!["doctor"], vec!["purge"], vec!["explain", "4711"], vec!["drain"]] {
        let finished = run(msqid, &arguments);
        assert_eq!(finished.code(), NO_QUEUE, "{arguments:?}: {}", finished.stderr);
    }
    assert_eq!(run(-1, &["stat"]).code(), USAGE);
    let both = run(msqid, &["--key", "0x10", "stat"]);
    assert_eq!(both.code(), USAGE, "{}", both.stderr);
}

#[test]
fn what_needs_a_key_says_so_of_a_queue_without_one() {
    let private = PrivateQueue::new();
    for arguments in [vec!["drain"], vec!["resume"], vec!["dead", "list"], vec!["client", "c"]] {
        let finished = run(private.0.id(), &arguments);
        assert_eq!(finished.code(), USAGE, "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.contains("has no key (IPC_PRIVATE)"), "{arguments:?}: {}", finished.stderr);
    }
}

#[test]
fn with_the_protocol_named_answers_of_dead_clients_are_removed_and_others_stay() {
    let (private, alive) = (PrivateQueue::new(), Process::start(Command::new("sleep").arg("60")));
    let mut dead = Process::start(Command::new("sleep").arg("60"));
    let dead_pid = dead.pid();
    dead.signal(Signal::SIGKILL);
    let _ = dead.finish();
    for (mtype, len) in [(dead_pid.into(), BODY_LEN_LP64), (alive.pid().into(), BODY_LEN_LP64), (1, BODY_LEN_LP64)] {
        private.0.send(mtype, &vec![0; len]).unwrap();
    }
    assert_eq!(run(private.0.id(), &["purge"]).code(), OTHER);
    assert_eq!(private.0.stat().unwrap().messages, 3);
    let _ = run(private.0.id(), &["--protocol", "plain", "purge"]).succeeded();
    assert_eq!(private.0.stat().unwrap().messages, 2);
    assert!(!private.0.has_message(dead_pid.into()).unwrap());
}
