//! On a machine with a thousand queues, beside one with 16384 messages that is flooded, beside four such that are deadlocked, and
//! beside two such of one server, each command ends before a `sleep 1` that was started with it.

use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::{Until, in_an_ipc_namespace, set_kernel_limit};
use nix::sys::signal::Signal;
use std::time::Duration;

const QUEUES: i32 = 1000;
/// The first time another program may have had the machine.
const ATTEMPTS: usize = 10;

fn commands(msqid: i32) -> Vec<Vec<String>> {
    let (msqid, own) = (msqid.to_string(), std::process::id().to_string());
    let of_queue: [&[&str]; 10] = [
        &["stat"],
        &["--json", "stat"],
        &["peek", "--limit", "20"],
        &["explain", &own],
        &["doctor"],
        &["purge"],
        &["--protocol", "plain", "purge", "--dry-run"],
        &["purge", "--type", "7", "--dry-run"],
        &["purge", "--type", "7", "--limit", "16000", "--dry-run"],
        &["remove", "--dry-run", "--force"],
    ];
    let of_queue = of_queue.iter().map(|arguments| [&["--msqid", &msqid], *arguments].concat());
    let words = |arguments: Vec<&str>| arguments.into_iter().map(str::to_owned).collect();
    of_queue.chain([vec!["list"], vec!["--json", "list"]]).map(words).collect()
}

fn ends_before_a_second_has_passed(arguments: &[String]) -> bool {
    let mut second = Process::start(Command::new("sleep").arg("1"));
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    let finished = Process::run(command.env_remove("RUNTIME_DIRECTORY").args(arguments));
    assert_ne!(finished.code(), USAGE, "{arguments:?}: {}", finished.stderr);
    let is_in_time = second.is_running();
    second.signal(Signal::SIGKILL);
    let _ = second.finish();
    is_in_time
}

fn slow_ones_of(commands: Vec<Vec<String>>) -> Vec<Vec<String>> {
    commands.into_iter().filter(|it| !(0..ATTEMPTS).any(|_| ends_before_a_second_has_passed(it))).collect()
}

/// Whoever waits on it goes on.
struct RemovedAtEnd(Queue);

impl Drop for RemovedAtEnd {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}

#[test]
fn each_command_ends_within_a_second_beside_a_thousand_queues_and_a_flood() {
    in_an_ipc_namespace(
        "within_a_second::each_command_ends_within_a_second_beside_a_thousand_queues_and_a_flood",
        || {
            set_kernel_limit("msgmni", QUEUES.unsigned_abs().into());
            for number in 1..QUEUES {
                let _ = Queue::create(QueueKey::new(0x4000_0000 + number).unwrap(), 0o600).unwrap();
            }
            let flooded = Queue::create_private(0o666).unwrap();
            while flooded.try_send(7, b"x").is_ok() {}
            assert_eq!(flooded.stat().unwrap().messages, 16_384);
            let until = Until::default();
            let slow = std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| while flooded.send(7, b"x").is_ok() {});
                }
                scope.spawn(|| {
                    let mut buffer = MessageBuffer::new();
                    while !until.is_over() {
                        let _ = flooded.receive(0, &mut buffer);
                    }
                });
                let _end = (RemovedAtEnd(flooded), until.guard());
                slow_ones_of(commands(flooded.id()))
            });
            assert!(slow.is_empty(), "these take longer: {slow:?}");
        },
    );
}

/// A server that waits for room for its answer behind 16384 messages.
fn stuck_behind_a_full_queue() -> (PlainServer, Queue) {
    let mut server = PlainServer::with_work(Duration::from_millis(500));
    let queue = Queue::open(server.key()).unwrap();
    let fill = || while queue.try_send(1_000_000, b"").is_ok() {};
    queue.send(1, &encode_request(std::process::id().cast_signed(), b"x")).unwrap();
    server.process().freeze();
    fill();
    server.process().thaw();
    let pid = server.process().pid();
    wait_until("the server waits for room", || {
        fill();
        is_blocked_in(pid, ClientCall::Send)
    });
    (server, queue)
}

#[test]
fn each_command_ends_within_a_second_beside_four_deadlocked_queues() {
    in_an_ipc_namespace("within_a_second::each_command_ends_within_a_second_beside_four_deadlocked_queues", || {
        let stuck: Vec<_> = (0..4).map(|_| stuck_behind_a_full_queue()).collect();
        let report = deadlocked::deadlocked(stuck[0].0.key(), &["--protocol", "plain"]);
        assert_eq!(report["queue"]["messages"], 16_384, "{report}");
        wait_until("list has the verdict on each", || {
            let listed = Process::run(Command::new(msgqd_system_tests::msgqctl()).arg("list")).succeeded();
            listed.stdout.contains("4: 4 deadlocked")
        });
        let slow = slow_ones_of(commands(stuck[0].1.id()));
        assert!(slow.is_empty(), "these take longer: {slow:?}");
    });
}

#[test]
fn each_command_that_looks_at_two_full_queues_ends_within_a_second() {
    in_an_ipc_namespace("within_a_second::each_command_that_looks_at_two_full_queues_ends_within_a_second", || {
        let keys = [1, 2].map(|number| QueueKey::new(0x4000_0000 + number).unwrap());
        for key in keys {
            let queue = Queue::create(key, 0o600).unwrap();
            while queue.try_send(1_000_000, b"").is_ok() {}
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let [requests, answers] = keys;
        let configuration = format!("[queue]\nkey = {requests}\n[protocol]\nreply = {{ key = {answers} }}\n");
        std::fs::write(file.path(), configuration).unwrap();
        let of_both: [&[&str]; 4] = [&["stat"], &["doctor"], &["peek", "--limit", "20"], &["explain", "1000000"]];
        let configured = ["--config", file.path().to_str().unwrap()];
        let words = |words: &[&str]| [&configured, words].concat().into_iter().map(str::to_owned).collect();
        let slow = slow_ones_of(of_both.map(words).to_vec());
        assert!(slow.is_empty(), "these take longer: {slow:?}");
    });
}
