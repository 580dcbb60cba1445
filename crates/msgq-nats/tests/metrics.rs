//! What a running gateway counts, and who may read it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;
mod queues;

use common::{NatsServer, RunningGateway, wait_until};
use queues::ScratchKey;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

fn route(key: &ScratchKey) -> String {
    format!("[[in]]\nname = \"far\"\nsubject = \"far.*\"\nkey = {}\n", key.key())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn http(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_are_read_over_the_socket_and_by_http() {
    let test = "metrics_are_read_over_the_socket_and_by_http";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let port = free_port();
    let lines = format!("metrics = \"127.0.0.1:{port}\"\n");
    let gateway = RunningGateway::start_with(&nats.url(), &lines, &route(&key));
    let (code, printed) = gateway.run(&["metrics"]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.lines().any(|line| line == "msgq_nats_connected 1"), "{printed}");
    assert!(printed.ends_with("# EOF\n"), "{printed}");
    let answer = http(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("openmetrics-text") && body.contains("msgq_nats_connected 1\n"), "{answer}");
    assert!(http(port, "DELETE /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    let mode = gateway.path("metrics.socket").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn who_asks_for_nothing_or_too_much_keeps_nobody_from_the_metrics() {
    let test = "who_asks_for_nothing_or_too_much_keeps_nobody_from_the_metrics";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let port = free_port();
    let gateway = RunningGateway::start_with(&nats.url(), &format!("metrics = \"127.0.0.1:{port}\"\n"), &route(&key));
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let mut talkative = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // It is closed on the way.
    let _ = talkative.write_all(&vec![b'x'; 1 << 20]);
    let _ = talkative.shutdown(Shutdown::Write);
    let answer = http(port, "GET / HTTP/1.0\r\n\r\n");
    assert!(answer.contains("msgq_nats_connected 1\n"), "{answer}");
    assert_eq!(gateway.run(&["metrics"]).0, 0);
    drop(silent);
}

#[test]
fn a_lost_connection_and_its_return_are_counted() {
    let test = "a_lost_connection_and_its_return_are_counted";
    let (key, Some(mut nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let gateway = RunningGateway::start(&nats.url(), &route(&key));
    let has = |words: &str| gateway.run(&["metrics"]).1.lines().any(|line| line == words);
    nats.kill();
    wait_until("the loss is counted", || has("msgq_nats_connected 0"));
    nats.restart();
    wait_until("the return is counted", || has("msgq_nats_connected 1"));
    assert!(has("msgq_nats_reconnects_total 1"));
}

#[test]
fn without_a_gateway_the_command_says_so_and_a_second_gateway_does_not_start() {
    let test = "without_a_gateway_the_command_says_so_and_a_second_gateway_does_not_start";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let mut gateway = RunningGateway::start(&nats.url(), &route(&key));
    let (code, printed) = gateway.run(&[]);
    assert_eq!(code, 1);
    assert!(printed.contains("somebody listens there already; is a second gateway running?"), "{printed}");
    gateway.terminate();
    gateway.await_end();
    assert!(!gateway.path("metrics.socket").exists());
    let (code, printed) = gateway.run(&["metrics"]);
    assert_eq!(code, 1);
    assert!(printed.contains("no gateway runs with this configuration"), "{printed}");
}
