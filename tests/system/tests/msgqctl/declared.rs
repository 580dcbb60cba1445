//! On the queue of a declared protocol: several types of requests, answers with a base, the client behind other fields.

use super::*;

const BASE: i64 = 1_000_000_000;

/// A daemon that stands still, the arguments that name its configuration in the place of its key, and its queue.
fn still_daemon_of_declared_protocol() -> (Daemon, Queue) {
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let mut daemon = builder
        .set("queue", &key)
        .set("protocol", "request = 'struct { long mtype; int op; pid_t pid; char name[20]; }'")
        .set("protocol", "response = 'struct { long mtype; int result; char text[40]; }'")
        .set("protocol", "status = 'result'")
        .set("protocol", "request_types = [2, '4..=6']")
        .set("protocol", "response_type = { base = 1000000000 }")
        .start();
    daemon.freeze();
    let queue = daemon.queue();
    (daemon, queue)
}

fn with_config(daemon: &Daemon, arguments: &[&str]) -> Finished {
    let builder = daemon.builder();
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
    Process::run(command.arg("--config").arg(builder.write_config()).args(arguments))
}

#[track_caller]
fn json_with_config(daemon: &Daemon, arguments: &[&str]) -> Value {
    let finished = with_config(daemon, &[&["--json"], arguments].concat()).succeeded();
    serde_json::from_str(&finished.stdout).unwrap()
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

/// Two requests, an answer for this process and one for nobody.
fn fill(queue: &Queue) -> i64 {
    let nobody = BASE + i64::from(PID_MAX_LIMIT) - 3;
    queue.send(5, &operation(7, own_pid(), "bolt")).unwrap();
    queue.send(2, &operation(8, own_pid(), "nut")).unwrap();
    queue.send(BASE + i64::from(own_pid()), &result(-3, "no such bolt")).unwrap();
    queue.send(nobody, &result(0, "late")).unwrap();
    nobody
}

#[test]
fn stat_tells_requests_of_all_types_from_answers_with_a_base() {
    let (daemon, queue) = still_daemon_of_declared_protocol();
    fill(&queue);
    let waiting = json_with_config(&daemon, &["stat"])["waiting"].clone();
    assert_eq!((&waiting["requests"], &waiting["responses"]), (&2.into(), &2.into()), "{waiting}");
    let clients = waiting["clients"].as_array().unwrap();
    let mine = clients.iter().find(|client| client["pid"] == own_pid()).unwrap();
    assert_eq!((&mine["state"], &mine["mtype"]), (&"alive".into(), &(BASE + i64::from(own_pid())).into()));
}

#[test]
fn peek_and_explain_know_whose_a_declared_message_is() {
    let (daemon, queue) = still_daemon_of_declared_protocol();
    fill(&queue);
    queue.send(3, &operation(1, own_pid(), "of no type")).unwrap();
    let own = own_pid().to_string();
    let messages = json_with_config(&daemon, &["peek", "--pid", &own])["messages"].clone();
    let seen: Vec<_> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap(), row["text"].as_str().unwrap(), row["status"].as_i64()))
        .collect();
    assert_eq!(seen, [("request", "bolt", None), ("request", "nut", None), ("response", "no such bolt", Some(-3))]);
    let story = json_with_config(&daemon, &["explain", &own]);
    assert_eq!((story["requests"].as_array().unwrap().len(), &story["resting"]["messages"]), (2, &1.into()));
    assert_eq!(story["resting"]["first_status"], -3, "{story}");
    assert_eq!(messages[0]["fields"], serde_json::json!({"op": 7, "pid": own_pid(), "name": "bolt"}));
    assert_eq!(story["resting"]["first_fields"], serde_json::json!({"result": -3, "text": "no such bolt"}));
    let text = with_config(&daemon, &["peek", "--full"]).succeeded().stdout;
    assert!(text.contains(&format!("op=7 pid={own} name=\"bolt\"")), "{text}");
    let text = with_config(&daemon, &["explain", &own]).succeeded().stdout;
    let words: Vec<_> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("result=-3 text=\"no such bolt\""), "{text}");
}

#[test]
fn purge_takes_answers_of_the_dead_and_of_those_who_are_named_and_spares_requests_of_every_type() {
    let (daemon, queue) = still_daemon_of_declared_protocol();
    let nobody = fill(&queue);
    let removed = json_with_config(&daemon, &["purge"])["removed"].clone();
    let types: Vec<_> = removed.as_array().unwrap().iter().map(|row| row["mtype"].as_i64().unwrap()).collect();
    assert_eq!((types, queue.stat().unwrap().messages), (vec![nobody], 3));
    let own = own_pid().to_string();
    let refused = with_config(&daemon, &["purge", "--pid", &own]);
    assert!(refused.stderr.contains(&format!("PID {own} (")), "{refused:?}");
    let _ = with_config(&daemon, &["purge", "--pid", &own, "--force"]).succeeded();
    let refused = with_config(&daemon, &["purge", "--type", "5"]);
    assert_eq!((refused.code(), queue.stat().unwrap().messages), (USAGE, 2), "{refused:?}");
}

#[test]
fn purge_of_requests_takes_those_of_every_type_and_no_answer() {
    let (daemon, queue) = still_daemon_of_declared_protocol();
    fill(&queue);
    let report = json_with_config(&daemon, &["purge", "--requests", "--yes"]);
    assert_eq!((&report["messages"], &report["clients"][0]["pid"]), (&2.into(), &own_pid().into()), "{report}");
    assert_eq!(queue.stat().unwrap().messages, 2);
}

#[test]
fn without_the_configuration_of_its_daemon_nothing_of_a_queue_is_taken_for_the_plain_protocol() {
    let (daemon, queue) = still_daemon_of_declared_protocol();
    fill(&queue);
    let builder = daemon.builder();
    for arguments in [&["purge"][..], &["purge", "--requests", "--yes"], &["send", "x"], &["peek", "--pid", "7"]] {
        let refused = ends_with(OTHER, builder, arguments);
        assert!(refused.stderr.contains("--config FILE"), "{arguments:?}: {refused:?}");
    }
    assert_eq!(queue.stat().unwrap().messages, 4);
    let stat = run(builder, &["--json", "stat"]).succeeded();
    let report: Value = serde_json::from_str(&stat.stdout).unwrap();
    assert_eq!((report["waiting"].is_null(), report["messages"]["looked_at"].as_i64()), (true, Some(4)));
    assert_eq!(json(builder, &["peek"])["messages"][0]["kind"], "unknown");
}

#[test]
fn send_fills_fields_by_name_and_shows_those_of_the_answer() {
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let daemon = builder
        .set("queue", &key)
        .set("protocol", "request = 'struct { long mtype; int op; pid_t pid; char name[20]; double at[2]; bool on; }'")
        .set(
            "protocol",
            "response = 'struct { long mtype; int op; int result; char text[40]; double at[2]; bool on; }'",
        )
        .set("protocol", "status = 'result'")
        .set("protocol", "request_types = [2, '4..=6']")
        .set("protocol", "response_type = { base = 1000000000 }")
        .start();
    let sets = ["--set", "op=3", "--set", "name=bolt", "--set", "at[1]=0.5", "--set", "on=true"];
    let sent = json_with_config(&daemon, &[&["send", "--type", "5"], &sets[..]].concat());
    let fields = serde_json::json!({"op": 3, "result": 0, "text": "Processed: bolt", "at": [0.0, 0.5], "on": true});
    assert_eq!((&sent["fields"], &sent["status"]), (&fields, &0.into()), "{sent}");
    let text = with_config(&daemon, &["send", "nut", "--set", "op=0x10"]).succeeded().stdout;
    assert_eq!(text, "op=16 result=0 text=\"Processed: nut\" at=[0.0,0.0] on=false\n");
    let summary = json_with_config(&daemon, &["send", "nut", "--count", "20"]);
    assert_eq!((&summary["answered"], &summary["errors"]), (&20.into(), &0.into()), "{summary}");
    let unusable = [
        (&["--set", "size=3"][..], "there is no field `size`; its fields are op, pid, name, at, on"),
        (&["--set", "op=4294967296"], "the field `op` cannot hold 4294967296"),
        (&["--set", "op=many"], "the field `op` takes an integer"),
        (&["--set", "op"], "expected FIELD=VALUE"),
        (&["--set", "op=1", "--type", "3"], "type 3 is none of the `request_types`"),
    ];
    for (arguments, expected) in unusable {
        let refused = with_config(&daemon, &[&["send"], arguments].concat());
        assert!(refused.code() == USAGE && refused.stderr.contains(expected), "{arguments:?}: {refused:?}");
    }
    daemon.stop();
}

#[test]
fn the_number_of_a_sender_becomes_a_word_of_its_text() {
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let daemon = builder
        .set("queue", &key)
        .set("protocol", "request = 'struct { long mtype; char text[]; }'")
        .set("service", "outbox_capacity = 64")
        .set("protocol", "client = { field = 'text', as = 'decimal', word = 1 }")
        .start();
    let sent = json_with_config(&daemon, &["send", "ask what"]);
    let words: Vec<_> = sent["fields"]["text"].as_str().unwrap().split(' ').collect();
    assert!(matches!(words[..], ["Processed:", "ask", number, "what"] if number.parse::<i32>().is_ok()), "{sent}");
    daemon.stop();
}

#[test]
fn bench_asks_declared_requests_with_their_fields() {
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let daemon = builder
        .set("queue", &key)
        .set("protocol", "request = 'struct { long mtype; int op; pid_t pid; int numbers[3]; }'")
        .set("protocol", "request_types = [2, '4..=6']")
        .set("handler", "kind = 'exec'")
        .set("handler", "pass = 'body'")
        .set("handler", "command = ['cat']")
        .start();
    let load = ["bench", "--clients", "2", "--count", "20", "--set", "numbers[1]=7", "--type", "5"];
    let report = json_with_config(&daemon, &load);
    assert_eq!((&report["answered"], &report["errors"]), (&20.into(), &0.into()), "{report}");
    let refused = with_config(&daemon, &["bench", "--text", "x"]);
    assert!(refused.code() == USAGE && refused.stderr.contains("requests have no text of their own"), "{refused:?}");
    daemon.stop();
}

#[test]
fn layout_shows_the_structs_of_the_configuration() {
    let (daemon, _) = still_daemon_of_declared_protocol();
    let layout = with_config(&daemon, &["--json", "layout"]).succeeded().stdout;
    let declared = [
        "layout",
        "--request",
        "struct { long mtype; int op; pid_t pid; char name[20]; }",
        "--response",
        "struct { long mtype; int result; char text[40]; }",
    ];
    assert_eq!(layout, with_config(&daemon, &[&["--json"], &declared[..]].concat()).succeeded().stdout);
    let refused = ends_with(USAGE, daemon.key(), &["layout"]);
    assert!(refused.stderr.contains("no struct is declared for this queue"), "{refused:?}");
}

/// The roles of all fields in 64-bit programs that have one.
fn roles(report: &Value, side: &str) -> Vec<(String, String)> {
    let fields = report[side]["lp64"]["fields"].as_array().unwrap();
    let words =
        |field: &Value| (field["name"].as_str().unwrap().to_owned(), field["role"].as_str().unwrap().to_owned());
    fields.iter().map(words).filter(|(_, role)| !role.is_empty()).collect()
}

#[test]
fn layout_says_what_the_configuration_makes_of_each_field() {
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let builder = builder
        .set("queue", &key)
        .set("protocol", "request = 'struct { long mtype; int serial; struct { pid_t who[2]; } from; char name[20]; }'")
        .set(
            "protocol",
            "response = 'struct { long mtype; int serial; int code; int version; char text[8], more[8]; int op; }'",
        )
        .set("protocol", "client = 'from.who[1]'")
        .set("protocol", "status = 'code'")
        .set("protocol", "response_text = 'more'")
        .set("protocol", "request_types = [1, '4..=6']")
        .set("protocol", "response_type = { base = 1000 }")
        .set("protocol", "set = { version = 2 }");
    let config = builder.write_config();
    let layout = |arguments: &[&str]| {
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        Process::run(command.arg("--config").arg(&config).args(arguments)).succeeded().stdout
    };
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect()
    };
    let configured: Value = serde_json::from_str(&layout(&["--json", "layout"])).unwrap();
    assert_eq!(roles(&configured, "request"), pairs(&[("from.who", "client (from.who[1])"), ("name", "request_text")]));
    let of_answer = [("serial", "copied"), ("code", "status"), ("version", "set"), ("more", "response_text")];
    assert_eq!(roles(&configured, "response"), pairs(&of_answer));
    let text = layout(&["layout"]);
    let types: Vec<_> = text.lines().filter(|line| line.starts_with("(type)")).collect();
    assert!(types[0].ends_with("  types 1, 4..=6") && types[1].ends_with("  1000 + client"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("serial ") && line.ends_with("  copied")), "{text}");
    // Of a struct on the command line the roles are those that the configured names give.
    let other = ["--json", "layout", "--request", "struct { long mtype; char name[4], more[4]; int code; }"];
    let other: Value = serde_json::from_str(&layout(&other)).unwrap();
    assert_eq!(roles(&other, "request"), pairs(&[("name", "request_text")]));
}

#[test]
fn a_number_in_a_text_is_a_role_beside_that_of_the_text() {
    let builder = DaemonBuilder::new()
        .set("protocol", "request = 'struct { long mtype; char text[20]; }'")
        .set("protocol", "client = { field = 'text', as = 'decimal', word = 1 }");
    let key = builder.key();
    let builder = builder.set("queue", &format!("key = {}", key.raw()));
    let config = builder.write_config();
    let report = json(key, &["--config", config.to_str().unwrap(), "layout"]);
    assert_eq!(roles(&report, "request"), [("text".to_owned(), "client (word 1), request_text".to_owned())]);
    // The same struct, but what its field is for differs.
    assert_eq!(roles(&report, "response"), [("text".to_owned(), "response_text".to_owned())]);
}

#[test]
fn the_plain_protocol_has_no_fields_to_set() {
    let daemon = Daemon::start();
    let refused = ends_with(USAGE, daemon.builder(), &["send", "--set", "op=3"]);
    assert!(refused.stderr.contains("no struct is declared for this queue"), "{refused:?}");
    daemon.stop();
}

#[test]
fn doctor_compares_sizes_with_the_declared_messages() {
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let daemon = builder
        .set("queue", &key)
        .set("queue", "max_bytes = 4096")
        .set("protocol", "request = 'struct { long mtype; pid_t pid; char big[1000]; }'")
        .start();
    let finished = with_config(&daemon, &["--json", "doctor"]);
    assert!(finished.stdout.contains("a request has at most 1016"), "{finished:?}");
    let settings = QueueSettings { max_bytes: Some(1000), ..QueueSettings::default() };
    daemon.queue().set(&settings).unwrap();
    let finished = with_config(&daemon, &["--json", "doctor"]);
    assert!(finished.stdout.contains("one message of the protocol has 1016"), "{finished:?}");
}
