//! On the queues of a msgqd whose answers go into a second one.

use super::schema::fits_if_checkable;
use super::*;

/// A daemon that stands still, and both of its queues.
struct Still {
    daemon: Daemon,
    answers: ScratchKey,
}

impl Still {
    fn start() -> Self {
        let answers = ScratchKey::new();
        let builder = DaemonBuilder::new();
        let key = format!("key = {}", builder.key().raw());
        let mut daemon = builder
            .set("queue", &key)
            .set("protocol", "request = 'struct { long mtype; int op; pid_t pid; char name[20]; }'")
            .set("protocol", "response = 'struct { long mtype; int result; char text[40]; }'")
            .set("protocol", "status = 'result'")
            .set("protocol", "request_types = [1, 5]")
            .set("protocol", &format!("reply = {{ key = {}, mode = '0660' }}", answers.key()))
            .start();
        daemon.freeze();
        // Where the daemon has not made it.
        let _ = Queue::create(answers.key(), 0o660);
        Self { daemon, answers }
    }

    fn requests(&self) -> Queue {
        self.daemon.queue()
    }

    fn second(&self) -> Queue {
        Queue::open(self.answers.key()).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let builder = self.daemon.builder();
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
        command.arg("--config").arg(builder.write_config()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        Process::run(&mut self.command(arguments))
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[&["--json"], arguments].concat()).succeeded();
        let report = serde_json::from_str(&finished.stdout).unwrap();
        fits_if_checkable(arguments[0], &report);
        report
    }

    /// Two requests and a message of no type that is served; an answer for this process, one with the type of requests, and
    /// two for nobody.
    fn fill(&self) -> i64 {
        let nobody = i64::from(PID_MAX_LIMIT) - 3;
        self.requests().send(5, &operation(7, own_pid(), "bolt")).unwrap();
        self.requests().send(1, &operation(8, own_pid(), "nut")).unwrap();
        self.requests().send(own_pid().into(), &result(0, "stray")).unwrap();
        self.second().send(own_pid().into(), &result(-3, "no such bolt")).unwrap();
        self.second().send(nobody, &result(0, "late")).unwrap();
        self.second().send(nobody, &result(0, "later")).unwrap();
        nobody
    }
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn operation(op: i32, pid: i32, name: &str) -> Vec<u8> {
    let mut body = [op.to_ne_bytes(), pid.to_ne_bytes()].concat();
    body.extend(name.bytes());
    body.resize(28, 0);
    body
}

fn result(result: i32, text: &str) -> Vec<u8> {
    let mut body = result.to_ne_bytes().to_vec();
    body.extend(text.bytes());
    body.resize(44, 0);
    body
}

#[test]
fn stat_shows_both_queues_and_takes_nothing_in_that_of_the_requests_for_an_answer() {
    let still = Still::start();
    let nobody = still.fill();
    let report = still.json(&["stat"]);
    let waiting = &report["waiting"];
    let counts = ["requests", "responses", "others"].map(|name| waiting[name].as_u64().unwrap());
    assert_eq!((counts, &report["reply"]), ([2, 0, 1], &"second".into()), "{report}");
    let second = &report["answers"];
    assert_eq!((&second["state"], &second["key"]), (&"there".into(), &still.answers.key().to_string().into()));
    let waiting = &second["waiting"];
    let counts = ["requests", "responses", "others"].map(|name| waiting[name].as_u64().unwrap());
    assert_eq!(counts, [0, 3, 0], "{report}");
    let holders = report["clients"].as_array().unwrap();
    let dead = holders.iter().find(|holder| holder["mtype"] == nobody).unwrap();
    assert_eq!((&dead["state"], &dead["resting"]), (&"dead".into(), &2.into()), "{report}");
    let text = still.run(&["stat"]).succeeded().stdout;
    assert!(text.contains("waiting       2 requests; 1 message of types that nobody takes\n"), "{text}");
    assert!(text.contains(&format!("answers       {}", still.answers.key())), "{text}");
    assert!(text.contains("waiting       3 responses for 2 clients\n"), "{text}");
}

#[test]
fn stat_says_what_is_wrong_with_the_second_queue() {
    let still = Still::start();
    let mut daemon = still.daemon;
    daemon.thaw();
    let still = Still { daemon, answers: still.answers };
    let verdict = || still.json(&["stat"])["verdict"].as_str().unwrap().to_owned();
    assert_eq!(verdict(), "serving");
    // msgqd takes back what a client does not read, and leaves it one.
    let expected = format!("degraded: of queue {}, into which answers go, ", still.answers.key());
    let mut sentence = String::new();
    wait_until("stat sees the queue full", || {
        while still.second().try_send(own_pid().into(), &result(0, "unread")).is_ok() {}
        sentence = verdict();
        sentence.starts_with(&expected)
    });
    assert!(sentence.contains("places are held by 1 client that does not read"), "{sentence}");
}

#[test]
fn stat_says_that_the_second_queue_is_missing_or_that_of_another_user() {
    let still = Still::start();
    let (first, second) = (still.requests().stat().unwrap(), still.second());
    if is_root() {
        second.set(&QueueSettings { uid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
        let verdict = still.json(&["stat"])["verdict"].as_str().unwrap().to_owned();
        assert!(verdict.contains("into which answers go, is that of user") && verdict.contains("nobody"), "{verdict}");
    } else {
        eprintln!("not root: a queue of another user is not shown");
    }
    second.remove().unwrap();
    let report = still.json(&["stat"]);
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("degraded: queue") && verdict.contains("is not there"), "{verdict}");
    assert_eq!((&report["answers"]["state"], first.uid), (&"missing".into(), still.requests().stat().unwrap().uid));
    let peeked = still.run(&["peek"]).succeeded();
    assert!(peeked.stderr.contains("the queue of the answers: msgget on queue"), "{peeked:?}");
}

#[test]
fn who_has_no_configuration_sees_both_queues_by_type_and_purges_nothing() {
    let still = Still::start();
    still.fill();
    let builder = still.daemon.builder();
    let report = json(builder, &["stat"]);
    assert_eq!(
        (&report["answers"]["messages"]["looked_at"], report["answers"]["waiting"].is_null()),
        (&3.into(), true)
    );
    assert_eq!(json(builder, &["peek"])["answers"]["messages"][0]["kind"], "unknown");
    let _ = ends_with(OTHER, builder, &["purge"]);
    assert_eq!((still.requests().stat().unwrap().messages, still.second().stat().unwrap().messages), (3, 3));
}

#[test]
fn drain_waits_until_both_queues_are_empty() {
    let mut still = Still::start();
    still.second().send(own_pid().into(), &result(0, "unread")).unwrap();
    still.daemon.thaw();
    let late = still.run(&["drain", "--wait=1"]);
    assert!(
        late.code() == TIMEOUT && late.stderr.contains("0 messages in the queue, 1 message in that of the"),
        "{late:?}"
    );
    let mut buffer = MessageBuffer::new();
    still.second().receive(own_pid().into(), &mut buffer).unwrap();
    let done = still.run(&["drain", "--wait=60"]).succeeded();
    assert!(done.stdout.contains("nothing is queued or in hand any more"), "{done:?}");
}

#[test]
fn peek_lists_both_queues_or_one_of_them() {
    let still = Still::start();
    still.fill();
    let kinds = |messages: &Value| {
        let kind = |row: &Value| row["kind"].as_str().unwrap().to_owned();
        messages.as_array().unwrap().iter().map(kind).collect::<Vec<_>>()
    };
    let both = still.json(&["peek"]);
    assert_eq!(kinds(&both["messages"]), ["request", "request", "junk"]);
    assert_eq!(kinds(&both["answers"]["messages"]), ["response", "response", "response"]);
    let answers = still.json(&["peek", "--queue", "answers", "--pid", &own_pid().to_string()]);
    assert_eq!((kinds(&answers["messages"]).len(), answers["looked_at"].as_u64()), (0, Some(0)));
    assert_eq!(answers["answers"]["messages"][0]["text"], "no such bolt");
    let requests = still.json(&["peek", "--queue", "requests"]);
    assert_eq!((kinds(&requests["messages"]).len(), requests["answers"].is_null()), (3, true));
    let text = still.run(&["peek"]).succeeded().stdout;
    assert!(text.contains(&format!("\nanswers, in queue {}:\n", still.answers.key())), "{text}");
    // Answers of any type are none of requests: these have the type of one.
    still.second().send(1, &result(0, "type of a request")).unwrap();
    assert_eq!(kinds(&still.json(&["peek", "--queue", "answers", "--type", "1"])["answers"]["messages"]), ["junk"]);
    let plain = Daemon::start();
    let refused = ends_with(USAGE, plain.builder(), &["peek", "--queue", "answers"]);
    assert!(refused.stderr.contains("has no second queue"), "{refused:?}");
}

#[test]
fn explain_tells_of_requests_in_one_queue_and_of_answers_in_the_other() {
    let still = Still::start();
    still.fill();
    let own = own_pid().to_string();
    let story = still.json(&["explain", &own]);
    assert_eq!((story["requests"].as_array().unwrap().len(), &story["resting"]["messages"]), (2, &1.into()), "{story}");
    assert_eq!(story["resting"]["first_status"], -3);
    let text = still.run(&["explain", &own]).succeeded().stdout;
    assert!(text.contains("1 answer (44 bytes) in the queue of the answers"), "{text}");
}

#[test]
fn purge_takes_answers_of_the_dead_from_the_second_queue_and_requests_from_the_first() {
    let still = Still::start();
    let nobody = still.fill();
    let removed = still.json(&["purge"]);
    assert_eq!((&removed["messages"], &removed["removed"][0]["mtype"]), (&2.into(), &nobody.into()), "{removed}");
    assert_eq!((still.requests().stat().unwrap().messages, still.second().stat().unwrap().messages), (3, 1));
    let named = still.run(&["purge", "--pid", &own_pid().to_string(), "--force"]).succeeded();
    assert!(named.stdout.starts_with("removed 1 response"), "{named:?}");
    let finished = still.run(&["--json", "purge", "--requests", "--yes"]).succeeded();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&report["messages"], still.requests().stat().unwrap().messages), (&2.into(), 1), "{report}");
}

#[test]
fn where_answers_rest_in_no_queue_there_is_nothing_to_purge() {
    for (reply, why) in
        [("'none'", "nothing is answered"), ("'private'\nreply_to = 'op'", "queues of the clients' own")]
    {
        let builder = DaemonBuilder::new();
        let key = format!("key = {}", builder.key().raw());
        let builder = builder
            .set("queue", &key)
            .set("protocol", "request = 'struct { long mtype; int op; char text[20]; }'")
            .set("protocol", &format!("reply = {reply}"));
        let mut daemon = builder.start();
        daemon.freeze();
        daemon.queue().send(1, &[1; 24]).unwrap();
        daemon.queue().send(4711, &[1; 24]).unwrap();
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
        command.arg("--config").arg(daemon.builder().write_config());
        let purged = Process::run(command.arg("purge")).succeeded();
        assert!(purged.stderr.contains(why) && purged.stdout.starts_with("removed nothing"), "{purged:?}");
        let named = Process::run(command.args(["--type", "4711"]));
        assert!(named.code() == USAGE && named.stderr.contains(why), "{named:?}");
        assert_eq!(daemon.queue().stat().unwrap().messages, 2);
    }
}
