//! Routes in at their limits: servers that hang, too many requests, and a stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;
mod queues;

use async_nats::RequestErrorKind;
use common::{NatsServer, PATIENCE, RunningGateway, runtime, wait_until};
use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use queues::{ScratchKey, ask, done, echo, plain, route, serve};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

#[test]
fn a_server_that_hangs_is_told_before_whoever_asks_gives_up() {
    let test = "a_server_that_hangs_is_told_before_whoever_asks_gives_up";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    let gateway = RunningGateway::start(&nats.url(), &route(&key, "clients = 2\ntimeout_ms = 6000"));
    let client = runtime.block_on(nats.client());
    let queue = key.create();
    // The header counts, and without one the configuration. It reaches the queue with what is left of that.
    for (headers, left) in [(&[("Msgq-Deadline-Ms", "1000")][..], 0.0..0.96), (&[][..], 0.96..5.76)] {
        let start = Instant::now();
        let (status, error, text) = runtime.block_on(ask(&client, "x", headers));
        assert!(status == -1 && error == "unknown" && text.starts_with("outcome unknown: queue "), "{text}");
        assert!(text.contains("(host a)"), "{text}");
        let told = text.split_once("not answered within ").unwrap().1.split_whitespace().next().unwrap();
        let (number, unit) = told.split_at(told.find(char::is_alphabetic).unwrap());
        let told_s = number.parse::<f64>().unwrap() / if unit.starts_with("ms") { 1000.0 } else { 1.0 };
        assert!(left.contains(&told_s), "{text}");
        assert!(start.elapsed() < PATIENCE);
    }
    // Both threads have waited in vain, and serve on. Their first requests still lie in the queue.
    serve(queue, echo());
    let answers = runtime.block_on(join_all((0..20).map(|_| ask(&client, "y", &[("Msgq-Deadline-Ms", "20000")]))));
    assert!(answers.iter().all(|answer| *answer == done("y")), "{answers:?}");
    let (_, metrics) = gateway.run(&["metrics"]);
    assert!(metrics.contains(r#"outcomes_total{route="far",outcome="timeout"} 2"#), "{metrics}");
}

#[test]
fn more_requests_than_may_wait_are_turned_away_at_once() {
    let test = "more_requests_than_may_wait_are_turned_away_at_once";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    let _gateway = RunningGateway::start(&nats.url(), &route(&key, "clients = 2\nmax_pending = 3\ntimeout_ms = 60000"));
    let client = runtime.block_on(nats.client());
    let (gate, wait) = mpsc::channel::<()>();
    let queue = key.create();
    let turned_away = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turned_away);
    let asked = join_all((0..20).map(|_| {
        let (client, counted) = (client.clone(), Arc::clone(&counted));
        runtime.spawn(async move {
            let answer = ask(&client, "x", &[]).await;
            counted.fetch_add(usize::from(answer.0 != 0), Ordering::Relaxed);
            answer
        })
    }));
    serve(
        queue,
        plain(move |text| {
            let _ = wait.recv();
            Some((0, format!("Processed: {text}")))
        }),
    );
    // Two are with the server and three wait, or it came too fast for the two.
    wait_until("the others are turned away", || turned_away.load(Ordering::Relaxed) >= 15);
    drop(gate);
    let answers: Vec<_> = runtime.block_on(asked).into_iter().map(Result::unwrap).collect();
    let full = (-1, "not-run".to_owned(), "not run: 3 requests wait already (max_pending) on host a".to_owned());
    let answered = answers.iter().filter(|answer| **answer == done("x")).count();
    assert!((3..=5).contains(&answered), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == full).count(), 20 - answered, "{answers:?}");
}

#[test]
fn who_waits_behind_one_that_may_wait_longer_is_told_before_it_gives_up() {
    let test = "who_waits_behind_one_that_may_wait_longer_is_told_before_it_gives_up";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    let gateway = RunningGateway::start(&nats.url(), &route(&key, "clients = 1\nmax_pending = 2\ntimeout_ms = 120000"));
    let client = runtime.block_on(nats.client());
    let (gate, wait) = mpsc::channel::<()>();
    let (came, has_come) = mpsc::channel();
    serve(
        key.create(),
        plain(move |text| {
            came.send(text.to_owned()).unwrap();
            let _ = wait.recv();
            Some((0, format!("Processed: {text}")))
        }),
    );
    let ask = |text: &'static str, headers: &'static [(&'static str, &'static str)]| {
        let client = client.clone();
        runtime.spawn(async move { ask(&client, text, headers).await })
    };
    let first = ask("first", &[]);
    assert_eq!(has_come.recv_timeout(PATIENCE).unwrap(), "first");
    let second = ask("second", &[]);
    wait_until("the second waits", || gateway.run(&["metrics"]).1.contains("in_flight{route=\"far\"} 2"));
    // Each makes its place free again for the next.
    for text in ["third", "fourth"] {
        let told = runtime.block_on(ask(text, &[("Msgq-Deadline-Ms", "1000")])).unwrap();
        let expected = "not run: no client of host a was free within 950 ms (clients = 1)";
        assert_eq!(told, (-1, "not-run".to_owned(), expected.to_owned()));
    }
    drop(gate);
    assert_eq!(runtime.block_on(first).unwrap(), done("first"));
    assert_eq!(runtime.block_on(second).unwrap(), done("second"));
    assert_eq!(has_come.try_iter().collect::<Vec<_>>(), ["second"]);
}

#[test]
fn a_stop_answers_all_that_is_in_hand_and_takes_nothing_more() {
    let test = "a_stop_answers_all_that_is_in_hand_and_takes_nothing_more";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    let mut gateway = RunningGateway::start_with(
        &nats.url(),
        "drain_timeout_ms = 30000\n",
        &route(&key, "clients = 2\ntimeout_ms = 60000"),
    );
    let client = runtime.block_on(nats.client());
    let queue = key.create();
    let asked = join_all((0..30).map(|_| {
        let client = client.clone();
        runtime.spawn(async move { ask(&client, "x", &[]).await })
    }));
    wait_until("the gateway has all requests", || gateway.run(&["metrics"]).1.contains("in_flight{route=\"far\"} 30"));
    gateway.terminate();
    wait_until("nobody listens", || {
        let late = async_nats::Request::new().payload("late".into()).timeout(Some(Duration::from_millis(200)));
        let late = runtime.block_on(client.send_request("far.x", late));
        late.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders)
    });
    serve(queue, echo());
    for answer in runtime.block_on(asked) {
        assert_eq!(answer.unwrap(), done("x"));
    }
    gateway.await_end();
    assert!(gateway.log().contains("msgq-nats: ended"));
}

#[test]
fn a_stop_under_load_leaves_no_request_without_a_word() {
    let test = "a_stop_under_load_leaves_no_request_without_a_word";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    serve(key.create(), echo());
    for _ in 0..3 {
        let mut gateway = RunningGateway::start(&nats.url(), &route(&key, "timeout_ms = 60000"));
        let client = runtime.block_on(nats.client());
        let answered = Arc::new(AtomicUsize::new(0));
        let asking = (0..100).map(|_| {
            let (client, answered) = (client.clone(), Arc::clone(&answered));
            runtime.spawn(async move {
                loop {
                    let request = async_nats::Request::new().payload("x".into()).timeout(Some(PATIENCE));
                    match client.send_request("far.x", request).await {
                        Ok(_) => answered.fetch_add(1, Ordering::Relaxed),
                        Err(error) => return error.kind(),
                    };
                }
            })
        });
        let asking = join_all(asking.collect::<Vec<_>>());
        wait_until("many are answered", || answered.load(Ordering::Relaxed) > 1000);
        gateway.terminate();
        for ended in runtime.block_on(asking) {
            assert_eq!(ended.unwrap(), RequestErrorKind::NoResponders);
        }
        gateway.await_end();
    }
}

#[test]
fn requests_that_came_before_a_stop_was_noticed_are_answered() {
    let test = "requests_that_came_before_a_stop_was_noticed_are_answered";
    let (key, Some(nats)) = (ScratchKey::new(), NatsServer::start(test, "")) else { return };
    let runtime = runtime();
    serve(key.create(), echo());
    let mut gateway = RunningGateway::start(&nats.url(), &route(&key, "timeout_ms = 60000"));
    let client = runtime.block_on(nats.client());
    assert_eq!(runtime.block_on(ask(&client, "x", &[])), done("x"));
    let socket = std::os::unix::net::UnixStream::connect(gateway.path("metrics.socket")).unwrap();
    let pid = Pid::from_raw(getsockopt(&socket, PeerCredentials).unwrap().pid());
    kill(pid, Signal::SIGSTOP).unwrap();
    let sent = || client.statistics().out_messages.load(Ordering::SeqCst);
    let before = sent();
    let asked = join_all((0..50).map(|_| {
        let client = client.clone();
        runtime.spawn(async move { ask(&client, "x", &[]).await })
    }));
    // The gateway cannot look at them. The server of NATS has given it all that came before what is told here.
    wait_until("all were sent", || sent() >= before + 50);
    let nobody = runtime.block_on(client.request("nobody", "".into()));
    assert!(nobody.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders));
    gateway.terminate();
    kill(pid, Signal::SIGCONT).unwrap();
    for answer in runtime.block_on(asked) {
        assert_eq!(answer.unwrap(), done("x"));
    }
    gateway.await_end();
}
