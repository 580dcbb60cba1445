//! What `msgq-nats check` says of routes that work, and of those that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;
mod queues;

use common::{NatsServer, RunningGateway, runtime};
use futures_util::StreamExt;
use queues::{ScratchKey, Server, echo, serve};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Runtime;

const OUT: &str = "[[out]]\nname = \"near\"\nsocket = \"DIR/near\"\nsubject = \"far.{host}.{type}\"\n";

fn inward(key: &ScratchKey) -> String {
    format!("[[in]]\nname = \"far\"\nsubject = \"far.*.1\"\nqueue_group = \"g\"\nkey = {}\n", key.key())
}

/// Each of these words must be in a line that begins as it is said.
#[track_caller]
fn has(printed: &str, lines: &[(&str, &str)]) {
    for (start, words) in lines {
        let found = printed.lines().any(|line| line.starts_with(start) && line.contains(words));
        assert!(found, "no line begins with {start:?} and has {words:?}:\n{printed}");
    }
}

#[test]
fn routes_that_work_have_a_line_for_each_step_and_nobody_is_asked() {
    let test = "routes_that_work_have_a_line_for_each_step_and_nobody_is_asked";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let asked = Arc::new(AtomicUsize::new(0));
    let (counted, mut answer) = (Arc::clone(&asked), echo());
    serve(key.create(), move |body| {
        counted.fetch_add(1, Ordering::Relaxed);
        answer(body)
    });
    let gateway = RunningGateway::start(&nats.url(), &(OUT.to_owned() + &inward(&key)));
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 0, "{printed}");
    has(
        &printed,
        &[
            ("ok   nats: nats://127.0.0.1:", "connected without authentication: server "),
            ("ok   near: ", "the gateway listens on "),
            ("ok   near: ", "may publish to subject far.a.1"),
            ("ok   near: ", "1 listener on subject far.a.1: msgq-nats on a (queue group g)"),
            ("ok   far: ", "the queue "),
            ("ok   far: ", " may read and write it"),
            ("ok   far: ", "serves it (PID "),
            ("ok   far: ", "may subscribe to subject far.*.1"),
            ("ok   far: ", "1 listener on subject far.*.1"),
        ],
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let (code, printed) = gateway.run(&["check", "near", "--send", "hello"]);
    assert_eq!(code, 0, "{printed}");
    has(&printed, &[("ok   near: ", "asked subject far.a.1: status 0, Processed: hello")]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(!printed.contains(" far: "), "{printed}");
    let (code, printed) = gateway.run(&["check", "fra"]);
    assert!(code == 1 && printed.contains("there is no route \"fra\""), "{printed}");
}

#[test]
fn msgqd_is_known_as_the_server_of_a_queue() {
    let test = "msgqd_is_known_as_the_server_of_a_queue";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let Some(_server) = Server::msgqd(test, &key, "") else { return };
    let gateway = RunningGateway::start(&nats.url(), &inward(&key));
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 0, "{printed}");
    // By its lock, and not because it happens to wait for requests.
    let line = printed.lines().find(|line| line.starts_with("ok   far: msgqd serves it (PID "));
    assert!(line.is_some_and(|line| line.ends_with(')')), "{printed}");
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let test = "what_is_missing_is_named_with_what_to_do";
    let (key, Some(mut nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let mut gateway = RunningGateway::start(&nats.url(), &(OUT.replace("far.", "nobody.") + &inward(&key)));
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 1, "{printed}");
    has(
        &printed,
        &[
            ("FAIL near: nobody listens on subject nobody.a.1; start what is to answer there", ""),
            (&format!("FAIL far: there is no queue {}; start its server", key.key()), ""),
        ],
    );
    let (code, printed) = gateway.run(&["check", "near", "--send", "x"]);
    assert_eq!(code, 1, "{printed}");
    has(&printed, &[("FAIL near: nobody listens on subject nobody.a.1", "")]);
    gateway.terminate();
    gateway.await_end();
    let _queue = key.create();
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 1, "{printed}");
    has(
        &printed,
        &[
            ("FAIL near: nobody can be reached on ", "systemctl status msgqd-nats"),
            ("ok   far: this user ", "may read and write it"),
            ("FAIL far: nobody listens on subject far.*.1; start the gateway", ""),
        ],
    );
    nats.kill();
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 1, "{printed}");
    has(
        &printed,
        &[("FAIL nats: nats://127.0.0.1:", "refused"), ("-    nats: not looked at: what is behind NATS", "")],
    );
}

/// Settings of a server whose user `orders` has these permissions.
fn limited(permissions: &str) -> String {
    format!("authorization {{ users: [{{ user: orders, password: right, permissions: {{ {permissions} }} }}] }}")
}

fn as_orders(directory: &tempfile::TempDir, password: &str) -> String {
    let file = directory.path().join("password");
    std::fs::write(&file, password).unwrap();
    format!("user = \"orders\"\npassword_file = {file:?}\n")
}

#[test]
fn what_the_server_does_not_allow_is_told_and_nobody_gets_a_message() {
    let test = "what_the_server_does_not_allow_is_told_and_nobody_gets_a_message";
    let permissions = "publish: { deny: [\"far.>\"] }, subscribe: { deny: [\"far.>\"] }";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, &limited(permissions))) else { return };
    let directory = tempfile::tempdir().unwrap();
    let _queue = key.create();
    let routes = OUT.to_owned() + &inward(&key);
    let gateway = RunningGateway::start_as(&nats.url(), &as_orders(&directory, "right"), "", &routes);
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 1, "{printed}");
    has(
        &printed,
        &[
            ("ok   nats: ", "connected as user orders"),
            ("FAIL near: no permission to publish to subject far.a.1; allow it", ""),
            ("FAIL far: no permission to subscribe to subject far.*.1; allow it", ""),
        ],
    );
}

#[test]
fn what_the_server_does_not_tell_is_said_not_to_be_looked_at() {
    let test = "what_the_server_does_not_tell_is_said_not_to_be_looked_at";
    let permissions = "publish: [\"far.>\", \"_INBOX.>\"], subscribe: [\"_INBOX.>\"]";
    let (_key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, &limited(permissions))) else { return };
    let directory = tempfile::tempdir().unwrap();
    let gateway = RunningGateway::start_as(&nats.url(), &as_orders(&directory, "right"), "", OUT);
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 0, "{printed}");
    has(
        &printed,
        &[
            ("ok   near: may publish to subject far.a.1", ""),
            ("-    near: not looked at: who listens on subject far.a.1", "--send"),
        ],
    );
}

#[test]
fn an_address_that_does_not_answer_is_told_beside_one_that_does() {
    let test = "an_address_that_does_not_answer_is_told_beside_one_that_does";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let both = format!("nats://127.0.0.1:{port}\", \"{}", nats.url());
    let gateway = RunningGateway::start(&both, &inward(&key));
    serve(key.create(), echo());
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 1, "{printed}");
    has(
        &printed,
        &[
            (&format!("FAIL nats: nats://127.0.0.1:{port}: "), "is a server of NATS running there"),
            (&format!("ok   nats: {}: connected", nats.url()), ""),
            ("ok   far: ", "1 listener on subject far.*.1"),
        ],
    );
}

/// A route out and a route in of one-way messages.
fn one_way(directory: &tempfile::TempDir, key: &ScratchKey) -> String {
    let file = directory.path().join("msgqd.toml");
    let protocol = "request = \"struct { long mtype; char line[64]; }\"\nreply = \"none\"";
    std::fs::write(&file, format!("[queue]\nkey = {}\n[protocol]\n{protocol}\n", key.key())).unwrap();
    let both = format!("stream = \"LINES\"\nconfig = {file:?}\n");
    format!(
        "[[out]]\nname = \"near\"\nsocket = \"DIR/near\"\nsubject = \"lines.{{host}}\"\n{both}\
         [[in]]\nname = \"far\"\nsubject = \"lines.*\"\n{both}"
    )
}

fn make_stream(runtime: &Runtime, nats: &NatsServer, subject: &str) {
    use async_nats::jetstream::{self, stream};
    runtime.block_on(async {
        let config = stream::Config {
            name: "LINES".to_owned(),
            subjects: vec![subject.to_owned()],
            retention: stream::RetentionPolicy::WorkQueue,
            ..stream::Config::default()
        };
        jetstream::new(nats.client().await).create_stream(config).await.unwrap();
    });
}

#[test]
fn streams_and_consumers_are_looked_at() {
    let test = "streams_and_consumers_are_looked_at";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let (key, directory) = (ScratchKey::new(), tempfile::tempdir().unwrap());
    let gateway = RunningGateway::start(&nats.url(), &one_way(&directory, &key));
    serve(key.create(), |_| None);
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 1, "{printed}");
    has(
        &printed,
        &[
            ("FAIL near: there is no stream LINES; make it, or write create_stream = true", ""),
            ("FAIL far: there is no stream LINES; make it", ""),
        ],
    );
    make_stream(&runtime, &nats, "lines.>");
    common::wait_until("the gateway has made its consumer", || {
        gateway.run(&["check"]).1.contains("ok   far: consumer far of stream LINES")
    });
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 0, "{printed}");
    has(
        &printed,
        &[
            ("ok   near: stream LINES takes subject lines.a", ""),
            ("ok   near: stream LINES is a work queue", ""),
            ("ok   near: stream LINES drops what is sent again within 120 s", ""),
            ("ok   far: stream LINES takes subject lines.*", ""),
        ],
    );
}

#[test]
fn a_stream_of_another_subject_is_told_with_both() {
    let test = "a_stream_of_another_subject_is_told_with_both";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let (key, directory) = (ScratchKey::new(), tempfile::tempdir().unwrap());
    make_stream(&runtime, &nats, "other.*");
    let gateway = RunningGateway::start(&nats.url(), &one_way(&directory, &key));
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 1, "{printed}");
    has(&printed, &[("FAIL near: stream LINES takes other.*, and not all of lines.a; add the subject", "")]);
}

#[test]
fn a_listener_of_another_kind_is_named_and_gets_nothing() {
    let test = "a_listener_of_another_kind_is_named_and_gets_nothing";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let _context = runtime.enter();
    let options = async_nats::ConnectOptions::new().name("a service");
    let client = runtime.block_on(options.connect(nats.url())).unwrap();
    let mut subscription = runtime.block_on(client.subscribe("far.>")).unwrap();
    runtime.block_on(client.flush()).unwrap();
    let gateway = RunningGateway::start(&nats.url(), OUT);
    let (code, printed) = gateway.run(&["check"]);
    assert_eq!(code, 0, "{printed}");
    has(&printed, &[("ok   near: 1 listener on subject far.a.1: a service", "")]);
    runtime.block_on(client.publish("far.end", "".into())).unwrap();
    let first = runtime.block_on(subscription.next()).unwrap();
    assert_eq!(first.subject.as_str(), "far.end");
}
