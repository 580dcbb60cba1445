//! Routes out when something is wrong: the server, the user, the speech, or the time of a stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;

use common::{FakeMsgqd, NatsServer, PATIENCE, PLAIN, RunningGateway, answer_all, runtime, upper, wait_until};
use futures_util::StreamExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn a_server_that_dies_with_a_request_is_told_from_a_timeout_and_then_from_no_connection() {
    let test = "a_server_that_dies_with_a_request_is_told_from_a_timeout_and_then_from_no_connection";
    let (runtime, Some(mut nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let (sender, received) = std::sync::mpsc::channel();
    answer_all(&runtime, &nats, "plain.>", move |request| {
        sender.send(()).unwrap();
        if request.payload.as_ref() == b"slow" { None } else { upper(request) }
    });
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    let mut msgqd = gateway.connect("plain");
    msgqd.send(1, 600_000, 1, b"slow");
    received.recv_timeout(PATIENCE).unwrap();
    nats.kill();
    let answer = msgqd.receive().unwrap();
    let expected = "outcome unknown: the connection to NATS ended while the request was under way (subject plain.a.1)";
    assert_eq!((answer.status, answer.text().as_str()), (-1, expected));
    let answer = msgqd.ask(2, 600_000, b"x");
    assert!(answer.text().starts_with("not run: the gateway has no connection to NATS ("), "{}", answer.text());
    nats.restart();
    wait_until("requests are answered again", || msgqd.ask(3, 2000, b"x").text() == "X");
}

#[test]
fn a_subject_that_the_server_forbids_is_named() {
    let test = "a_subject_that_the_server_forbids_is_named";
    let settings = "authorization { users: [{ user: u, password: p, permissions: { publish: { deny: \"plain.>\" } } }] }\n\
                    no_auth_user: u";
    let Some(nats) = NatsServer::start(test, settings) else { return };
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    let answer = gateway.connect("plain").ask(1, 600_000, b"x");
    assert_eq!(answer.text(), "not run: no permission to publish to subject plain.a.1");
}

#[test]
fn another_user_is_not_served() {
    let test = "another_user_is_not_served";
    let Some(nats) = NatsServer::start(test, "") else { return };
    if !nix::unistd::getuid().is_root() {
        println!("not run: {test}: it needs root to become another user");
        return;
    }
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    let socket = gateway.path("plain");
    // So that only the check is in the way.
    for path in [socket.clone(), socket.parent().unwrap().to_owned()] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    let script = "use Socket; $SIG{PIPE} = 'IGNORE'; socket(S, PF_UNIX, SOCK_STREAM, 0) or die; connect(S, sockaddr_un($ARGV[0])) or die; \
                  syswrite(S, \"msgqd-handler 1\\n\"); print scalar(<S>) // \"refused\\n\"";
    let ask = |user: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--clear-groups", "perl", "-e", script]).arg(&socket);
        let output = command.stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    assert_eq!(ask("root"), "msgqd-handler 1\n");
    assert_eq!(ask("nobody"), "refused\n");
    assert!(gateway.log().contains("connected to its socket and was refused"), "{}", gateway.log());
}

#[test]
fn what_is_in_hand_at_a_stop_is_finished_and_the_socket_is_gone() {
    let test = "what_is_in_hand_at_a_stop_is_finished_and_the_socket_is_gone";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    // A subscription ends within a runtime.
    let _within = runtime.enter();
    let client = runtime.block_on(nats.client());
    let mut requests = runtime.block_on(client.subscribe("plain.>")).unwrap();
    runtime.block_on(client.flush()).unwrap();
    let mut gateway = RunningGateway::start(&nats.url(), PLAIN);
    let mut msgqd = gateway.connect("plain");
    let mut idle = gateway.connect("plain");
    msgqd.send(1, 600_000, 1, b"x");
    let request = runtime.block_on(requests.next()).unwrap();
    gateway.terminate();
    wait_until("the socket is gone", || !gateway.path("plain").exists());
    assert!(idle.line().is_err(), "an idle connection is closed");
    runtime.block_on(client.publish(request.reply.unwrap(), "late".into())).unwrap();
    assert_eq!(msgqd.receive().unwrap().text(), "late");
    assert!(msgqd.line().is_err(), "and then closed");
    gateway.await_end();
}

#[test]
fn what_is_not_finished_within_the_time_of_a_stop_is_dropped() {
    let test = "what_is_not_finished_within_the_time_of_a_stop_is_dropped";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let (sender, received) = std::sync::mpsc::channel();
    answer_all(&runtime, &nats, "plain.>", move |_| {
        sender.send(()).unwrap();
        None
    });
    let mut gateway = RunningGateway::start_with(&nats.url(), "drain_timeout_ms = 300", PLAIN);
    let mut msgqd = gateway.connect("plain");
    msgqd.send(1, 600_000, 1, b"x");
    received.recv_timeout(PATIENCE).unwrap();
    gateway.terminate();
    assert!(msgqd.receive().is_err());
    gateway.await_end();
    assert!(gateway.log().contains("still in hand after 300 ms"), "{}", gateway.log());
}

#[test]
fn a_gateway_without_a_server_is_ready_and_finds_it_later() {
    let test = "a_gateway_without_a_server_is_ready_and_finds_it_later";
    let (runtime, Some(mut nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    nats.kill();
    let start = Instant::now();
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    assert!(start.elapsed() >= Duration::from_millis(1500), "it had waited for the server");
    let mut msgqd = gateway.connect("plain");
    let text = msgqd.ask(1, 600_000, b"x").text();
    assert!(text.starts_with("not run: the gateway has no connection to NATS (") && text.contains("refused"), "{text}");
    nats.restart();
    answer_all(&runtime, &nats, "plain.>", upper);
    wait_until("requests are answered", || msgqd.ask(2, 2000, b"x").text() == "X");
}

#[test]
fn whoever_does_not_speak_the_protocol_is_put_off_and_others_are_served_on() {
    let test = "whoever_does_not_speak_the_protocol_is_put_off_and_others_are_served_on";
    let (runtime, Some(nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    answer_all(&runtime, &nats, "plain.>", upper);
    let gateway = RunningGateway::start(&nats.url(), PLAIN);
    let mut other = FakeMsgqd::silent(&gateway.path("plain"), 9);
    assert!(other.line().is_err());
    let mut hasty = gateway.connect("plain");
    hasty.send(1, 10_000, 1, b"x");
    hasty.send(2, 10_000, 1, b"y");
    let mut odd = gateway.connect("plain");
    odd.send(0, 0, 0, b"\n");
    assert!(odd.line().is_err());
    assert_eq!(gateway.connect("plain").ask(3, 10_000, b"z").text(), "Z");
    assert!(gateway.log().contains("msgqd said \"msgqd-handler 9\" instead of"), "{}", gateway.log());
}
