//! `pass = "body"`: what of a request a handler gets, and which answers it may give.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{Daemon, DaemonBuilder, wait_until};

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// A daemon whose handler writes what this line of the shell writes, which finds the request on its standard input.
fn answering_with(script: &str, protocol: &[&str]) -> Daemon {
    let builder = DaemonBuilder::new().set("service", "outbox_capacity = 64");
    let builder = protocol.iter().fold(builder, |builder, line| builder.set("protocol", line));
    let command = format!("command = ['sh', '-c', '''{script}''']");
    builder.set("handler", "pass = 'body'").set("handler", "kind = 'exec'").set("handler", &command).start()
}

/// The answer to a request that begins with this process as client and goes on with `rest`.
fn answer(queue: &Queue, rest: &[u8]) -> Vec<u8> {
    queue.send(1, &[&own_pid().to_ne_bytes()[..], rest].concat()).unwrap();
    let mut buffer = MessageBuffer::new();
    wait_until("it is answered", || queue.try_receive(own_pid().into(), &mut buffer).unwrap());
    buffer.body().to_vec()
}

const REQUEST: &str = "request = 'struct { long mtype; pid_t pid; char text[40]; }'";
const RESPONSE: &str = "response = 'struct { long mtype; int code; char text[40]; }'";
const OPEN_RESPONSE: &str = "response = 'struct { long mtype; int code; char text[]; }'";

/// Four bytes of number and this text, with zeros up to a length.
fn body(text: &str, len: usize) -> Vec<u8> {
    let mut body = 7_i32.to_ne_bytes().to_vec();
    body.extend(text.bytes());
    body.resize(len, 0);
    body
}

#[test]
fn an_answer_that_ends_in_its_last_text_is_sent_with_the_length_that_answers_have() {
    for (length, len_of_hello, len_of_nothing) in [("struct", 44, 44), ("text", 10, 5), ("request", 15, 15)] {
        let rule = format!("response_length = '{length}'");
        for (script, text, len) in [
            (r#"printf "\007\000\000\000hello""#, "hello", len_of_hello),
            (r#"printf "\007\000\000\000""#, "", len_of_nothing),
            // The whole body.
            (r#"printf "\007\000\000\000hello"; head -c 35 /dev/zero"#, "hello", len_of_hello),
        ] {
            let daemon = answering_with(script, &[REQUEST, RESPONSE, &rule]);
            assert_eq!(answer(&daemon.queue(), b"what is it\0"), body(text, len), "{length}: {script}");
            daemon.stop();
        }
    }
}

#[test]
fn an_answer_with_text_of_open_length_is_sent_as_it_is_unless_it_is_to_end_with_its_text() {
    for (length, len) in [("struct", 9), ("text", 10)] {
        let rule = format!("response_length = '{length}'");
        let daemon = answering_with(r#"printf "\007\000\000\000hello""#, &[REQUEST, OPEN_RESPONSE, &rule]);
        assert_eq!(answer(&daemon.queue(), b"what is it\0"), body("hello", len), "{length}");
        daemon.stop();
    }
}

#[test]
fn an_answer_that_ends_before_its_last_text_or_behind_it_is_none_and_the_client_hears_how_long_it_may_be() {
    let protocol = ["request = 'struct { long mtype; pid_t pid; char text[200]; }'", "", "status = 'code'"];
    for length in ["struct", "text", "request"] {
        let rule = format!("response_length = '{length}'");
        for (script, bytes) in [(r#"printf "\007\000\000""#, 3), ("head -c 300 /dev/zero", 300)] {
            let mut lines = protocol.map(str::to_owned);
            lines[1] = RESPONSE.replace("40", "200");
            let lines = [&lines[0], &lines[1], &lines[2], &rule].map(String::as_str);
            let daemon = answering_with(script, &lines);
            let answer = answer(&daemon.queue(), &[b'x'; 200]);
            let text = String::from_utf8_lossy(&answer[4..]).into_owned();
            assert_eq!(answer[..4], (-1_i32).to_ne_bytes(), "{length}: {script}: {text}");
            assert!(text.contains(&format!("{bytes} bytes")), "{length}: {script}: {text}");
            println!("{length}: {text}");
            daemon.stop();
        }
    }
}

#[test]
fn a_handler_gets_as_many_bytes_as_the_client_sent_and_the_same() {
    let daemon = answering_with(r#"printf "\007\000\000\000"; od -An -v -tu1 | tr -d " \n""#, &[REQUEST, RESPONSE]);
    let queue = daemon.queue();
    let sent = own_pid().to_ne_bytes().map(|byte| byte.to_string()).concat();
    assert_eq!(answer(&queue, b""), body(&sent, 44));
    // One NUL is sent, and none.
    assert_eq!(answer(&queue, b"ab\0"), body(&format!("{sent}97980"), 44));
    assert_eq!(answer(&queue, b"ab"), body(&format!("{sent}9798"), 44));
    daemon.stop();
}
