//! Routes in: requests from a client of NATS, and queues with servers of several kinds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;
mod queues;

use common::{NatsServer, RunningGateway, runtime};
use futures_util::future::join_all;
use queues::{ScratchKey, Server, ask, done, echo, plain, route, serve};

/// Each of 200 requests at once must have its own answer.
#[track_caller]
fn all_are_answered(nats: &NatsServer, key: &ScratchKey) {
    let runtime = runtime();
    let gateway = RunningGateway::start(&nats.url(), &route(key, "clients = 8"));
    let client = runtime.block_on(nats.client());
    let texts: Vec<String> = (0..200).map(|number| format!("request {number}")).collect();
    let asked = join_all(texts.iter().map(|text| ask(&client, text, &[])));
    let answers = runtime.block_on(asked);
    for (text, answer) in texts.iter().zip(answers) {
        assert_eq!(answer, done(text));
    }
    let (_, metrics) = gateway.run(&["metrics"]);
    for line in [
        r#"msgq_nats_route_requests_total{route="far",direction="in"} 200"#,
        r#"msgq_nats_route_outcomes_total{route="far",outcome="answered"} 200"#,
        r#"msgq_nats_in_flight{route="far"} 0"#,
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn two_hundred_requests_at_once_have_their_own_answers_from_msgqd() {
    let test = "two_hundred_requests_at_once_have_their_own_answers_from_msgqd";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let Some(_server) = Server::msgqd(test, &key, "") else { return };
    all_are_answered(&nats, &key);
}

#[test]
fn two_hundred_requests_at_once_have_their_own_answers_from_a_plain_server_in_c() {
    let test = "two_hundred_requests_at_once_have_their_own_answers_from_a_plain_server_in_c";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let Some(_server) = Server::in_c(test, &key) else { return };
    all_are_answered(&nats, &key);
}

/// A msgqd.toml of this queue beside the test, and the table of a route with it.
fn declared(directory: &tempfile::TempDir, key: &ScratchKey, protocol: &str, lines: &str) -> String {
    let file = directory.path().join("msgqd.toml");
    let text =
        format!("[queue]\nkey = {}\n[protocol]\n{protocol}\n[handler]\nkind = \"echo\"\npass = \"body\"\n", key.key());
    std::fs::write(&file, text).unwrap();
    format!("[[in]]\nname = \"far\"\nsubject = \"far.*\"\nconfig = {file:?}\n{lines}\n")
}

const SUM: &str = "request = \"struct { long mtype; pid_t pid; int a, b; }\"\n\
                   response = \"struct { long mtype; int status; int64_t sum; }\"\nstatus = \"status\"";

/// The server of `SUM`; a sum below zero is an error.
fn sums(body: &[u8]) -> Option<(i64, Vec<u8>)> {
    let numbers: Vec<i32> = body.chunks_exact(4).map(|bytes| i32::from_ne_bytes(bytes.try_into().unwrap())).collect();
    let sum = i64::from(numbers[1]) + i64::from(numbers[2]);
    let status = i64::from(if sum < 0 { 7 } else { 0 });
    Some((numbers[0].into(), [status, sum].map(i64::to_ne_bytes).concat()))
}

#[test]
fn a_declared_struct_is_json_both_ways_and_who_asks_need_not_know_it() {
    let test = "a_declared_struct_is_json_both_ways_and_who_asks_need_not_know_it";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let (key, directory) = (ScratchKey::new(), tempfile::tempdir().unwrap());
    let server = serve(key.create(), sums);
    let _gateway = RunningGateway::start(&nats.url(), &declared(&directory, &key, SUM, "format = \"json\""));
    let client = runtime.block_on(nats.client());
    let ask = |text: &str| runtime.block_on(ask(&client, text, &[("Msgq-Type", "1")]));
    let (status, error, text) = ask("{\"a\": 40, \"b\": 2}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, error.as_str(), json["sum"].as_i64()), (0, "", Some(42)), "{text}");
    let (status, error, text) = ask("{\"a\": -4}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, error.as_str(), json["sum"].as_i64()), (7, "", Some(-4)), "{text}");
    for bad in ["", "[]", "{\"a\": \"x\"}", "{\"c\": 1}"] {
        let (status, error, text) = ask(bad);
        assert!(status == -1 && error == "not-run" && text.starts_with("not run: "), "{bad}: {text}");
    }
    key.remove();
    server.join().unwrap();
}

#[test]
fn a_declared_body_goes_in_and_out_as_it_is_but_for_the_clients_number() {
    let test = "a_declared_body_goes_in_and_out_as_it_is_but_for_the_clients_number";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let (key, directory) = (ScratchKey::new(), tempfile::tempdir().unwrap());
    serve(key.create(), sums);
    let _gateway = RunningGateway::start(&nats.url(), &declared(&directory, &key, SUM, ""));
    let client = runtime.block_on(nats.client());
    let body = [0_i32, 40, 2, 0].map(i32::to_ne_bytes).concat();
    let message = runtime.block_on(client.request("far.x", body.into())).unwrap();
    assert_eq!(message.payload.to_vec(), [0_i64, 42].map(i64::to_ne_bytes).concat());
    assert_eq!(message.headers.unwrap().get("Msgq-Body").unwrap().as_str(), "whole");
}

#[test]
fn a_queue_that_is_missing_is_told_and_one_that_comes_is_used_at_once() {
    let test = "a_queue_that_is_missing_is_told_and_one_that_comes_is_used_at_once";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    let gateway = RunningGateway::start(&nats.url(), &route(&key, ""));
    let client = runtime.block_on(nats.client());
    let ask = |text: &str| runtime.block_on(ask(&client, text, &[]));
    let missing = (-1, "not-run".to_owned(), format!("not run: there is no queue {} on host a", key.key()));
    for _ in 0..3 {
        assert_eq!(ask("x"), missing);
        let server = serve(key.create(), echo());
        // More than there are clients, so that each has used the queue.
        for _ in 0..20 {
            assert_eq!(ask("x"), done("x"));
        }
        key.remove();
        server.join().unwrap();
    }
    assert_eq!(ask("x"), missing);
    // Made anew between two requests: nobody saw it missing.
    for text in ["a", "b", "c"] {
        let server = serve(key.create(), echo());
        assert_eq!(ask(text), done(text));
        key.remove();
        server.join().unwrap();
    }
    assert!(gateway.log().contains("route far: a request: not run: there is no queue"), "{}", gateway.log());
}

#[test]
fn a_queue_that_is_removed_under_a_request_leaves_its_outcome_unknown() {
    let test = "a_queue_that_is_removed_under_a_request_leaves_its_outcome_unknown";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    let _gateway = RunningGateway::start(&nats.url(), &route(&key, "timeout_ms = 60000"));
    let client = runtime.block_on(nats.client());
    let queue = key.create();
    serve(
        queue,
        plain(move |_| {
            queue.remove().unwrap();
            None
        }),
    );
    let (status, error, text) = runtime.block_on(ask(&client, "x", &[]));
    assert!(status == -1 && error == "unknown" && text.starts_with("outcome unknown: "), "{text}");
}

#[test]
fn the_servers_own_error_comes_with_its_status_and_no_word_of_the_gateway() {
    let test = "the_servers_own_error_comes_with_its_status_and_no_word_of_the_gateway";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    let gateway = RunningGateway::start(&nats.url(), &route(&key, ""));
    let client = runtime.block_on(nats.client());
    serve(key.create(), plain(|text| Some((if text == "ok" { 0 } else { -1 }, format!("no {text}")))));
    let ask = |text: &str, headers: &[_]| runtime.block_on(ask(&client, text, headers));
    assert_eq!(ask("idea", &[]), (-1, String::new(), "no idea".to_owned()));
    assert_eq!(ask("ok", &[]), (0, String::new(), "no ok".to_owned()));
    // A message of another type could be taken for an answer by the client with that number.
    let (status, error, text) = ask("x", &[("Msgq-Type", "4711")]);
    assert_eq!((status, error.as_str()), (-1, "not-run"));
    assert_eq!(text, "not run: requests of this queue have no type 4711 (Msgq-Type); host a");
    let (_, _, text) = ask(&"x".repeat(300), &[]);
    assert!(text.starts_with("not run: the text has 300 bytes, and a request has room for "), "{text}");
    let (_, metrics) = gateway.run(&["metrics"]);
    for line in ["answered\"} 1", "failed\"} 1", "not_run\"} 2"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}
