//! Routes out of one-way messages: into a stream of JetStream.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;

use common::{FakeMsgqd, NatsServer, RunningGateway, msgqd, runtime};

#[test]
fn one_way_messages_are_in_the_stream_before_they_count_and_once_for_each_id() {
    let test = "one_way_messages_are_in_the_stream_before_they_count_and_once_for_each_id";
    let (runtime, Some(mut nats)) = (runtime(), NatsServer::start(test, "")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let config = msgqd(
        &directory,
        "[queue]\nkey = 0x5702\n[protocol]\nrequest = \"struct { long mtype; int op; }\"\nreply = \"none\"\n\
         [handler]\nkind = \"echo\"\npass = \"body\"\n",
    );
    let routes = format!(
        "[[out]]\nname = \"sales\"\nsocket = \"DIR/sales\"\nsubject = \"sales.{{host}}.{{field:op}}\"\nstream = \"SALES\"\n\
         create_stream = true\n{config}"
    );
    let mut gateway = RunningGateway::start(&nats.url(), &routes);
    let connect = |gateway: &RunningGateway| FakeMsgqd::connect(&gateway.path("sales"), 2);
    let count = |nats: &NatsServer| {
        runtime.block_on(async {
            let jetstream = async_nats::jetstream::new(nats.client().await);
            let mut stream = jetstream.get_stream("SALES").await.unwrap();
            let info = stream.info().await.unwrap();
            assert_eq!(info.config.subjects, ["sales.*.*"]);
            info.state.messages
        })
    };
    let mut msgqd = connect(&gateway);
    for id in [1, 2, 2] {
        let answer = msgqd.ask(id, 10_000, &7_i32.to_ne_bytes());
        assert_eq!((answer.status, answer.text().as_str()), (0, ""), "request {id}");
    }
    assert_eq!(count(&nats), 2);
    gateway.kill_and_restart();
    assert_eq!(connect(&gateway).ask(2, 10_000, &7_i32.to_ne_bytes()).status, 0);
    assert_eq!(count(&nats), 2, "the id is the same after a kill of the gateway");

    let mut msgqd = connect(&gateway);
    nats.kill();
    assert!(msgqd.line().is_err(), "without a connection the handler is down");
    let mut waiting = FakeMsgqd::silent(&gateway.path("sales"), 2);
    nats.restart();
    assert_eq!(waiting.line().unwrap(), "msgqd-handler 2\n", "and up as soon as there is one again");
    assert_eq!(waiting.ask(3, 10_000, &7_i32.to_ne_bytes()).status, 0);
    assert_eq!(count(&nats), 3);
}

#[test]
fn a_message_that_no_stream_takes_fails_and_says_so() {
    let test = "a_message_that_no_stream_takes_fails_and_says_so";
    let Some(nats) = NatsServer::start(test, "") else { return };
    let directory = tempfile::tempdir().unwrap();
    let config = msgqd(&directory, "[protocol]\nreply = \"none\"\n[handler]\nkind = \"echo\"\n");
    let routes = format!(
        "[[out]]\nname = \"sales\"\nsocket = \"DIR/sales\"\nsubject = \"sales.{{host}}\"\nstream = \"SALES\"\n{config}"
    );
    let gateway = RunningGateway::start(&nats.url(), &routes);
    let answer = gateway.connect("sales").ask(1, 10_000, b"x");
    assert_eq!(answer.status, -1);
    assert_eq!(answer.text(), "not run: no stream takes messages on subject sales.a; that is to be stream SALES");
}
