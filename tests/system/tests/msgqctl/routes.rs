//! Where answers do not go into the queue of requests, beside servers that know nothing of msgqd.

use super::schema::fits_if_checkable;
use super::*;
use msgq_core::config::Config;
use msgq_core::layout::protocol::{Protocol, ReplyAddress};
use msgq_core::queue::listed_queues;
use nix::sys::signal::Signal;
use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

const STRUCTS: [&str; 2] = [
    "request = 'struct { long mtype; int msqid; int key; pid_t pid; int op; char text[20]; }'",
    "response = 'struct { long mtype; int op; char text[20]; }'",
];

/// A queue of requests, a second queue, and a configuration that is about them.
struct Scene {
    requests: ScratchKey,
    answers: ScratchKey,
    directory: TempDir,
    protocol: Arc<Protocol>,
    /// Where answers were sent.
    named: Arc<Mutex<HashSet<i32>>>,
}

impl Scene {
    fn new(settings: &[&str]) -> Self {
        let (requests, answers) = (ScratchKey::new(), ScratchKey::new());
        let settings = [&STRUCTS[..], settings].concat().join("\n").replace("SECOND", &answers.key().to_string());
        let text = format!("[queue]\nkey = {}\n[protocol]\n{settings}\n", requests.key());
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("msgqd.toml"), &text).unwrap();
        let protocol = Config::parse("test", &text).unwrap().protocol;
        Queue::create(requests.key(), 0o660).unwrap();
        Self { requests, answers, directory, protocol, named: Arc::default() }
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("msgqd.toml")
    }

    fn queue(&self) -> Queue {
        Queue::open(self.requests.key()).unwrap()
    }

    /// Answers `op` and 1 where the protocol says, until the queue of requests is removed.
    fn serve(&self) {
        let (queue, protocol, named) = (self.queue(), Arc::clone(&self.protocol), Arc::clone(&self.named));
        let second = Queue::open(self.answers.key()).ok();
        std::thread::spawn(move || {
            let mut buffer = MessageBuffer::new();
            while queue.receive(protocol.request_types().msgtyp(), &mut buffer).is_ok() {
                let (mtype, body) = (buffer.mtype(), buffer.body());
                let to = match protocol.reply_address(body) {
                    Some(ReplyAddress::Msqid(msqid)) => Some(Queue::from_msqid(msqid)),
                    Some(ReplyAddress::Key(key)) => Queue::open(QueueKey::new(key.cast_signed()).unwrap()).ok(),
                    None => second,
                };
                let Some(to) = to else { continue };
                named.lock().unwrap().insert(to.id());
                let answer = [&(op_of(body) + 1).to_ne_bytes()[..], &body[16..36]].concat();
                let client = protocol.claimed_client(mtype, body).unwrap();
                let _ = to.try_send(protocol.answer_mtype(client, mtype), &answer);
            }
        });
    }

    fn command(&self, arguments: &[&str]) -> Command {
        with_config(&self.config(), arguments)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let finished = Process::run(&mut self.command(&[&["--json"], arguments].concat())).succeeded();
        serde_json::from_str(&finished.stdout).unwrap()
    }

    fn named(&self) -> usize {
        self.named.lock().unwrap().len()
    }

    /// Of the queues to which answers went, those that are still there, besides the second one.
    fn left(&self) -> Vec<i32> {
        let rows = listed_queues().unwrap();
        let there: HashSet<i32> =
            rows.iter().filter(|row| row.key != self.answers.key().raw()).map(|row| row.msqid).collect();
        self.named.lock().unwrap().intersection(&there).copied().collect()
    }
}

fn with_config(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").arg("--config").arg(config).args(arguments);
    command
}

fn op_of(body: &[u8]) -> i32 {
    i32::from_ne_bytes(*body[12..].first_chunk().unwrap())
}

fn private_scenes() -> [Scene; 3] {
    [
        Scene::new(&["reply = 'private'", "reply_to = 'msqid'"]),
        Scene::new(&["reply = 'private'", "reply_to = { field = 'key', as = 'key' }", "response_type = 'request'"]),
        Scene::new(&["reply = 'private'", "reply_to = 'msqid'", "client = 'pid'"]),
    ]
}

#[test]
fn send_reads_its_answer_from_a_queue_that_it_makes_and_removes() {
    for scene in private_scenes() {
        scene.serve();
        let sent = scene.json(&["send", "bolt", "--set", "op=6"]);
        assert_eq!(sent["fields"], serde_json::json!({"op": 7, "text": "bolt"}), "{sent}");
        let summary = scene.json(&["send", "bolt", "--count", "50"]);
        assert_eq!((&summary["answered"], &summary["errors"]), (&50.into(), &0.into()), "{summary}");
        assert_eq!((scene.named(), scene.left()), (2, vec![]));
    }
}

#[test]
fn a_queue_that_send_has_made_is_removed_when_a_signal_ends_it_or_nobody_answers() {
    let scene = Scene::new(&["reply = 'private'", "reply_to = 'msqid'"]);
    let queue = scene.queue();
    let own_queue = || {
        let mut buffer = MessageBuffer::new();
        queue.receive(1, &mut buffer).unwrap();
        Queue::from_msqid(i32::from_ne_bytes(*buffer.body().first_chunk().unwrap()))
    };
    for signals in [&[Signal::SIGINT][..], &[Signal::SIGTERM], &[Signal::SIGTERM, Signal::SIGINT]] {
        let count = if signals.len() > 1 { &["--count", "100"][..] } else { &[] };
        let arguments = [&["send", "x", "--timeout", "60"], count].concat();
        let mut client = Process::start(&mut scene.command(&arguments));
        let own = own_queue();
        wait_until("the client waits", || is_blocked_in(client.pid(), ClientCall::Receive));
        for signal in signals {
            client.signal(*signal);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let finished = client.finish();
        let last = *signals.last().unwrap() as i32;
        assert_eq!(finished.status.signal(), Some(last), "{finished:?}");
        assert!(own.listed().is_none(), "{signals:?} left the queue behind");
    }
    let unanswered = Process::start(&mut scene.command(&["send", "x", "--timeout", "100ms"]));
    let own = own_queue();
    assert_eq!(unanswered.finish().code(), TIMEOUT);
    assert!(own.listed().is_none());
}

#[test]
fn a_server_that_removes_the_queue_of_its_client_is_told_from_one_that_is_gone() {
    let scene = Scene::new(&["reply = 'private'", "reply_to = 'msqid'"]);
    let client = Process::start(&mut scene.command(&["send", "x", "--timeout", "60"]));
    let mut buffer = MessageBuffer::new();
    scene.queue().receive(1, &mut buffer).unwrap();
    Queue::from_msqid(i32::from_ne_bytes(*buffer.body().first_chunk().unwrap())).remove().unwrap();
    let finished = client.finish();
    assert_eq!(finished.code(), NO_QUEUE, "{finished:?}");
    assert!(finished.stderr.contains("this client's own queue was removed"), "{finished:?}");
}

#[test]
fn send_reads_its_answer_from_the_second_queue() {
    for settings in [
        &["reply = { key = SECOND }", "client = 'pid'"][..],
        &["reply = { key = SECOND }", "client = 'mtype'", "request_types = 'any'"],
    ] {
        let scene = Scene::new(settings);
        let missing = Process::run(&mut scene.command(&["send", "x"]));
        assert_eq!(missing.code(), NO_QUEUE, "{missing:?}");
        let key = scene.answers.key();
        assert!(missing.stderr.contains(&format!("the queue of the answers: msgget on queue {key}")), "{missing:?}");
        assert_eq!(scene.queue().stat().unwrap().messages, 0);
        Queue::create(key, 0o640).unwrap();
        scene.serve();
        let sent = scene.json(&["send", "nut", "--set", "op=1"]);
        assert_eq!(sent["fields"], serde_json::json!({"op": 2, "text": "nut"}), "{sent}");
        let load = scene.json(&["bench", "--clients", "3", "--count", "60", "--reply", "second"]);
        assert_eq!((&load["answered"], &load["reply"]), (&60.into(), &"second".into()), "{load}");
    }
}

#[test]
fn what_nobody_answers_is_sent_and_what_waits_before_it_is_told() {
    let scene = Scene::new(&["reply = 'none'"]);
    let sent = Process::run(&mut scene.command(&["send", "a"])).succeeded();
    assert_eq!(sent.stdout, "sent; 0 messages waited before it\n");
    let sent = Process::run(&mut scene.command(&["send", "b"])).succeeded();
    assert_eq!(sent.stdout, "sent; 1 message waited before it\n");
    let report = scene.json(&["send", "c", "--count", "5"]);
    assert_eq!((&report["sent"], &report["waiting_before"]), (&5.into(), &6.into()), "{report}");
    fits_if_checkable("send-one-way", &report);
    assert_eq!(scene.queue().stat().unwrap().messages, 7);
    while scene.queue().try_send(1, &[0; 36]).is_ok() {}
    let full = Process::run(&mut scene.command(&["send", "x", "--timeout", "50ms"]));
    assert!(full.code() == TIMEOUT && full.stderr.contains("could not be sent within 50ms"), "{full:?}");
}

#[test]
fn bench_asks_by_the_route_of_the_configuration_and_leaves_no_queue_behind() {
    for scene in private_scenes() {
        scene.serve();
        let load = scene.json(&["bench", "--clients", "4", "--count", "200", "--reply", "private"]);
        assert_eq!((&load["answered"], &load["timeouts"]), (&200.into(), &0.into()), "{load}");
        assert_eq!(load["reply"], "private");
        assert_eq!((scene.named(), scene.left()), (5, vec![]), "one for each client and the first");
    }
    let scene = Scene::new(&["reply = 'private'", "reply_to = 'msqid'"]);
    scene.serve();
    let mut bench = Process::start(&mut scene.command(&["bench", "--clients", "3", "--duration", "60"]));
    wait_until("all clients ask", || scene.named() >= 4);
    bench.signal(Signal::SIGTERM);
    let finished = bench.finish();
    assert_eq!(finished.status.signal(), Some(Signal::SIGTERM as i32), "{finished:?}");
    wait_until("no queue is left", || scene.left().is_empty());
}

#[test]
fn bench_of_a_one_way_queue_counts_what_was_sent_and_wants_a_server() {
    let scene = Scene::new(&["reply = 'none'"]);
    let nobody = Process::run(&mut scene.command(&["bench", "--count", "10", "--timeout", "100ms"]));
    assert_eq!(nobody.code(), TIMEOUT, "{nobody:?}");
    assert!(nobody.stderr.contains("nobody took the first request"), "{nobody:?}");
    assert_eq!(scene.queue().stat().unwrap().messages, 1);
    scene.serve();
    let load = scene.json(&["bench", "--clients", "2", "--count", "100"]);
    assert_eq!(
        (&load["requests"], &load["answered"], &load["reply"]),
        (&100.into(), &0.into(), &"none".into()),
        "{load}"
    );
    let shown = Process::run(&mut scene.command(&["bench", "--clients", "2", "--count", "100"])).succeeded().stdout;
    assert!(shown.contains("sent      100, ") && !shown.contains("answered"), "{shown}");
}

#[test]
fn bench_refuses_a_route_that_the_protocol_does_not_have_and_says_what_is_missing() {
    let server = PlainServer::start();
    let refused = ends_with(USAGE, server.key(), &["bench", "--reply", "private"]);
    assert!(refused.stderr.contains("a struct for request that has a field for the msqid or key"), "{refused:?}");
    let _ = ends_with(OK, server.key(), &["bench", "--reply", "shared", "--count", "10", "--clients", "1"]);
    let scene = Scene::new(&[]);
    let refused = Process::run(&mut scene.command(&["bench", "--reply", "private"]));
    assert_eq!(refused.code(), USAGE, "{refused:?}");
    assert!(refused.stderr.contains("reply = \"private\" and reply_to, the field of a request"), "{refused:?}");
    let refused = Process::run(&mut scene.command(&["bench", "--reply", "second"]));
    assert!(refused.stderr.contains("reply = { key = KEY } in [protocol]"), "{refused:?}");
}

#[test]
fn a_user_who_may_only_send_requests_gets_its_answers_all_the_same() {
    if !is_root() {
        eprintln!("not run: it takes root to be two users");
        return;
    }
    let id = STRANGER.to_string();
    let as_stranger = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--"];
    let scenes = [
        Scene::new(&["reply = 'private'", "reply_to = 'msqid'"]),
        Scene::new(&["reply = { key = SECOND }", "client = 'pid'"]),
        Scene::new(&["reply = 'none'"]),
    ];
    for (scene, mode) in scenes.iter().zip([0, 0o644, 0]) {
        scene.queue().set(&QueueSettings { mode: Some(0o622), ..QueueSettings::default() }).unwrap();
        if mode != 0 {
            Queue::create(scene.answers.key(), mode).unwrap();
        }
        scene.serve();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(scene.directory.path(), open).unwrap();
        let sent =
            Process::run(&mut wrapped(&as_stranger, &scene.command(&["send", "nut", "--set", "op=1"]))).succeeded();
        assert!(sent.stdout.starts_with("op=2 text=\"nut\"") || sent.stdout.starts_with("sent; 0 "), "{sent:?}");
        let load = scene.command(&["bench", "--clients", "2", "--count", "20"]);
        let load = Process::run(&mut wrapped(&as_stranger, &load)).succeeded();
        assert!(load.stdout.contains("requests  20 "), "{load:?}");
        assert_eq!(scene.left(), [0; 0]);
    }
}
