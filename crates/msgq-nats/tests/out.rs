//! Routes out, with a msgqd that only speaks, a server of NATS, and a client of NATS that answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;

use async_nats::HeaderMap;
use common::{FakeMsgqd, NatsServer, PATIENCE, PLAIN, RunningGateway, answer_all, msgqd, runtime, upper};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

#[test]
fn a_request_is_answered_with_what_listens_and_its_headers_tell_of_it() {
    let test = "a_request_is_answered_with_what_listens_and_its_headers_tell_of_it";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let seen = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&seen);
    answer_all(&runtime, &nats, "plain.>", move |request| {
        let mut told = told.lock().unwrap();
        let headers = request.headers.as_ref().unwrap();
        write!(told, "{}", request.subject).unwrap();
        for name in ["Msgq-Request-Id", "Msgq-Host", "Msgq-Client", "Msgq-Type", "Msgq-Deadline-Ms"] {
            let value = headers.get(name).unwrap().as_str();
            let is_time = name == "Msgq-Deadline-Ms";
            let is_within = is_time && value.parse::<u64>().is_ok_and(|ms| ms > 0 && ms <= 9750);
            write!(told, " {}", if is_within { "in time" } else { value }).unwrap();
        }
        let mut headers = HeaderMap::new();
        headers.insert("Msgq-Status", "5");
        Some((headers, request.payload.to_ascii_uppercase()))
    });
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    let mut msgqd = gateway.connect("plain");
    let answer = msgqd.ask(7, 10_000, b"hello\nyou");
    assert_eq!((answer.status, answer.text().as_str()), (5, "HELLO\nYOU"));
    assert_eq!(seen.lock().unwrap().as_str(), "plain.a.1 7 a 4711 1 in time");
    assert_eq!(msgqd.ask(8, 10_000, b"").text(), "", "a connection is used again");
}

#[test]
fn two_routes_go_to_subjects_with_parts_of_the_request() {
    let test = "two_routes_go_to_subjects_with_parts_of_the_request";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let config = msgqd(
        &directory,
        "[protocol]\nrequest = \"struct { long mtype; int pid; int op; char user[8]; }\"\nrequest_types = [3, 5]\n\
         client = \"pid\"\nclient_is = \"number\"\norder = \"lowest type first\"\n[handler]\nkind = \"echo\"\npass = \"body\"\n",
    );
    let routes = format!(
        "{PLAIN}[[out]]\nname = \"bodies\"\nsocket = \"DIR/bodies\"\nsubject = \"b.{{type}}.{{client}}.{{field:op}}.{{field:user}}\"\n\
         fields = [\"user\"]\n{config}"
    );
    answer_all(&runtime, &nats, ">", |request| {
        if request.subject.starts_with("_INBOX") {
            return None;
        }
        let field =
            request.headers.as_ref().and_then(|headers| headers.get("Msgq-Field-user")).map(ToString::to_string);
        let mut body = format!("{} {}", request.subject, field.unwrap_or_default()).into_bytes();
        body.extend_from_slice(&request.payload);
        Some((HeaderMap::new(), body))
    });
    let gateway = RunningGateway::start(&nats.url(), &routes);
    assert_eq!(gateway.connect("plain").ask(1, 10_000, b"x").text(), "plain.a.1 x");
    let body = [&4711_i32.to_ne_bytes()[..], &42_i32.to_ne_bytes(), b"a b*\0\0\0\0"].concat();
    let mut second = FakeMsgqd::connect(&gateway.path("bodies"), 2);
    second.send(2, 10_000, 5, &body);
    let answer = second.receive().unwrap();
    assert_eq!(answer.status, 0);
    assert_eq!(answer.payload, [b"b.5.4711.42.a_b_ a b*", &body[..]].concat());
}

#[test]
fn a_body_is_json_on_the_wire_where_the_route_says_so_and_back() {
    let test = "a_body_is_json_on_the_wire_where_the_route_says_so_and_back";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let config = msgqd(
        &directory,
        "[protocol]\nrequest = \"struct { long mtype; pid_t pid; int a, b; }\"\n\
         response = \"struct { long mtype; int status; int64_t sum; }\"\nstatus = \"status\"\n\
         [handler]\nkind = \"echo\"\npass = \"body\"\n",
    );
    answer_all(&runtime, &nats, "sum.>", |request| {
        let json: serde_json::Value = serde_json::from_slice(&request.payload).unwrap();
        let sum = json["a"].as_i64().unwrap() + json["b"].as_i64().unwrap();
        let answer = if sum == 0 { "[]".to_owned() } else { format!("{{\"sum\": {sum}}}") };
        Some((HeaderMap::new(), answer.into_bytes()))
    });
    answer_all(&runtime, &nats, "plain.>", |request| Some((HeaderMap::new(), request.payload.to_vec())));
    let routes = format!(
        "{PLAIN}format = \"json\"\n[[out]]\nname = \"sum\"\nsocket = \"DIR/sum\"\nsubject = \"sum.x\"\nformat = \"json\"\n{config}"
    );
    let gateway = RunningGateway::start(&nats.url(), &routes);
    let body = |a: i32, b: i32| [4711_i32, a, b, 0].map(i32::to_ne_bytes).concat();
    let mut sums = FakeMsgqd::connect(&gateway.path("sum"), 2);
    let answer = sums.ask(1, 10_000, &body(40, 2));
    assert_eq!((answer.status, answer.payload), (0, [0_i64, 42].map(i64::to_ne_bytes).concat()));
    let answer = sums.ask(2, 10_000, &body(1, -1));
    assert_eq!(answer.status, -1);
    assert!(
        answer.text().starts_with("outcome unknown: the reply cannot be made a body: it is no JSON object"),
        "{}",
        answer.text()
    );
    assert_eq!(gateway.connect("plain").ask(3, 10_000, b"a \"text\"").text(), "a \"text\"");
}

#[test]
fn a_subject_without_a_listener_is_told_at_once_and_a_slow_one_at_the_deadline() {
    let test = "a_subject_without_a_listener_is_told_at_once_and_a_slow_one_at_the_deadline";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    let mut msgqd = gateway.connect("plain");
    let answer = msgqd.ask(1, 600_000, b"x");
    const NOBODY: &str = "not run: nobody listens on subject plain.a.1";
    assert_eq!((answer.status, answer.text().as_str()), (-1, NOBODY));
    answer_all(&runtime, &nats, "plain.>", |_| None);
    // The server may read the word of one connection before that of another.
    let mut answers = (2..100).map(|id| msgqd.ask(id, 400, b"x"));
    let answer = answers.find(|answer| answer.text() != NOBODY).expect("somebody listens");
    assert_eq!(answer.status, -1);
    assert_eq!(answer.text(), "outcome unknown: no answer on subject plain.a.1 within 380 ms");
}

#[test]
fn a_request_above_the_payload_limit_is_not_sent() {
    let test = "a_request_above_the_payload_limit_is_not_sent";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "max_payload: 300")) else { return };
    answer_all(&runtime, &nats, "plain.>", upper);
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    let mut msgqd = gateway.connect("plain");
    let answer = msgqd.ask(1, 10_000, &[b'x'; 256]);
    let text = answer.text();
    assert!(
        text.starts_with("not run: the request has ") && text.ends_with(" bytes, and the server takes 300"),
        "{text}"
    );
    assert_eq!(msgqd.ask(2, 10_000, b"small").text(), "SMALL");
}

#[test]
fn requests_beyond_the_bound_wait_for_a_place_within_their_deadline() {
    let test = "requests_beyond_the_bound_wait_for_a_place_within_their_deadline";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let (sender, received) = std::sync::mpsc::channel();
    answer_all(&runtime, &nats, "plain.>", move |request| {
        sender.send(()).unwrap();
        if request.payload.as_ref() == b"slow" { None } else { upper(request) }
    });
    let gateway = RunningGateway::start(&nats.url(), &format!("{PLAIN}max_in_flight = 1\n"));
    let (mut first, mut second) = (gateway.connect("plain"), gateway.connect("plain"));
    first.send(1, 600_000, 1, b"slow");
    received.recv_timeout(PATIENCE).unwrap();
    let answer = second.ask(2, 100, b"x");
    let expected = "not run: 1 request is under way already (max_in_flight) and none ended within 90 ms";
    assert_eq!((answer.status, answer.text().as_str()), (-1, expected));
    drop(first);
    assert_eq!(second.ask(3, 10_000, b"x").text(), "X", "who hung up gave its place free");
}
