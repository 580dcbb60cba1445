//! On the queue of a msgqd whose clients have queues of their own.

use super::list::{PrivateQueue, QueueUser};
use super::schema::fits_if_checkable;
use super::*;

struct Scene {
    daemon: Daemon,
}

impl Scene {
    fn start(settings: &str) -> Self {
        let builder = DaemonBuilder::new();
        let key = format!("key = {}", builder.key().raw());
        let daemon = builder
            .set("queue", &key)
            .set("protocol", "request = 'struct { long mtype; int msqid; int key; pid_t pid; char text[20]; }'")
            .set("protocol", "response = 'struct { long mtype; char text[40]; }'")
            .set("protocol", "reply = 'private'")
            .set("protocol", settings)
            .start();
        Self { daemon }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let builder = self.daemon.builder();
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
        Process::run(command.arg("--config").arg(builder.write_config()).args(arguments))
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[&["--json"], arguments].concat()).succeeded();
        let report = serde_json::from_str(&finished.stdout).unwrap();
        fits_if_checkable(arguments[0], &report);
        report
    }

    fn ask(&self, queue: &Queue, text: &str) {
        let pid = std::process::id().cast_signed();
        let mut body = [queue.id(), 0, pid].iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<_>>();
        body.extend(text.bytes());
        body.resize(32, 0);
        self.daemon.queue().send(1, &body).unwrap();
    }
}

#[test]
fn send_and_bench_are_answered_by_msgqd_in_queues_that_they_make_and_remove() {
    let settings =
        ["reply_to = 'msqid'", "reply_to = { field = 'key', as = 'key' }", "reply_to = 'msqid'\nclient = 'pid'"];
    for settings in settings {
        let scene = Scene::start(settings);
        let sent = scene.json(&["send", "bolt"]);
        assert_eq!(sent["fields"]["text"], "Processed: bolt", "{sent}");
        let load = scene.json(&["bench", "--clients", "4", "--count", "100", "--reply", "private"]);
        assert_eq!((&load["answered"], &load["errors"]), (&100.into(), &0.into()), "{load}");
        let report = scene.json(&["stat"]);
        assert_eq!((&report["verdict"], &report["reply"]), (&"serving".into(), &"private".into()), "{report}");
        let counters = &report["server"]["counters"];
        for refused in ["private_refused", "private_gone", "private_unwritable"] {
            assert_eq!(counters[refused], 0, "{settings}: {counters}");
        }
        scene.daemon.stop();
    }
}

#[test]
fn stat_and_explain_tell_of_answers_that_wait_for_a_clients_own_queue_and_of_queues_that_are_gone() {
    let scene = Scene::start("reply_to = 'msqid'\nclient = 'pid'");
    let own = Queue::create_private(0o600).unwrap();
    while own.try_send(1, &[0; 1000]).is_ok() {}
    while own.try_send(1, b"x").is_ok() {}
    scene.ask(&own, "a");
    scene.ask(&own, "b");
    let verdict = || scene.json(&["stat"])["verdict"].as_str().unwrap().to_owned();
    let pid = std::process::id().to_string();
    let expected =
        format!("serving; 2 answers wait for 1 client whose own queue takes no more (`msgqctl explain {pid}`)");
    wait_until("the answers have waited for a while", || verdict() == expected);
    let story = scene.run(&["explain", &pid]).succeeded().stdout;
    let words = story.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("has a queue of its own that took no more: 2 answers for it wait in the outbox"), "{story}");
    assert!(words.contains("its answers go into a queue of its own"), "{story}");
    own.remove().unwrap();
    wait_until("nothing waits", || verdict() == "serving");
    scene.ask(&own, "c");
    let counters = || scene.json(&["stat"])["server"]["counters"].clone();
    wait_until("all are counted", || counters()["private_gone"].as_u64() == Some(3));
    let text = scene.run(&["stat"]).succeeded().stdout;
    assert!(text.contains("own queues    gone 3, full "), "{text}");
    scene.daemon.stop();
}

#[test]
fn send_reads_an_answer_in_parts_to_its_end() {
    for closing in ["end", "last"] {
        let builder = DaemonBuilder::new();
        let key = format!("key = {}", builder.key().raw());
        let daemon = builder
            .set("queue", &key)
            .set("protocol", "request = 'struct { long mtype; int msqid; char text[20]; }'")
            .set("protocol", "response = 'struct { long mtype; char text[8]; }'")
            .set("protocol", "reply = 'private'\nreply_to = 'msqid'")
            .set("protocol", &format!("part_types = {{ data = 2, {closing} = 3, error = 1 }}"))
            .set("handler", "kind = 'exec'\ncommand = ['sed', 's/^/Processed: /']\noverlong = 'parts'")
            .start();
        let scene = Scene { daemon };
        let sent = scene.json(&["send", "bolts"]);
        assert_eq!((&sent["text"], sent["parts"].as_u64() > Some(1)), (&"Processed: bolts".into(), true), "{sent}");
        let load = scene.json(&["bench", "--clients", "2", "--count", "40", "--text", "bolts"]);
        assert_eq!((&load["answered"], &load["errors"]), (&40.into(), &0.into()), "{load}");
        scene.daemon.stop();
    }
}

#[test]
fn the_own_queue_of_a_client_that_died_is_abandoned_and_goes_although_msgqd_lives() {
    let scene = Scene::start("reply_to = 'msqid'");
    let own = PrivateQueue::new();
    let users = QueueUser::new();
    for _ in 0..2 {
        scene.ask(&own, "bolt");
    }
    wait_until("both are answered", || own.stat().unwrap().messages == 2);
    let reader = users.run("client", &own, "receive 0 1");
    let listed = |idle_for: &str| {
        let number = own.id().to_string();
        scene.json(&["list", "--msqid", &number, "--idle-for", idle_for])["queues"][0].clone()
    };
    assert_eq!(listed("1h")["verdict"], "in_use");
    let row = listed("1ms");
    assert_eq!((&row["verdict"], &row["last_send"]["pid"]), (&"abandoned".into(), &scene.daemon.pid().into()), "{row}");
    assert!(row["findings"][0]["sentence"].as_str().unwrap().contains(&format!("PID {reader} (gone)")), "{row}");
    let done = scene.run(&["remove", &own.id().to_string(), "--yes"]).succeeded();
    assert!(done.stderr.contains("1 message ("), "{done:?}");
    assert!(own.stat().is_err());
}
