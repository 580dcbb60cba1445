//! Messages of any struct, served from its declaration.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::limits::msgmax;
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{DaemonBuilder, in_an_ipc_namespace, set_kernel_limit, wait_until};
use nix::sys::signal::Signal;

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn serving(protocol: &[&str]) -> DaemonBuilder {
    protocol.iter().fold(DaemonBuilder::new(), |builder, line| builder.set("protocol", line))
}

/// Sends a request and returns the body of the answer with this type.
fn answer(queue: &Queue, mtype: i64, body: &[u8], answer_mtype: i64) -> Vec<u8> {
    queue.send(mtype, body).unwrap();
    received(queue, answer_mtype)
}

fn received(queue: &Queue, mtype: i64) -> Vec<u8> {
    let mut buffer = MessageBuffer::new();
    wait_until("it is answered", || queue.try_receive(mtype, &mut buffer).unwrap());
    buffer.body().to_vec()
}

/// `{ int op; pid_t pid; char name[20]; }`
fn operation(op: i32, name: &str) -> Vec<u8> {
    let mut body = [op.to_ne_bytes(), own_pid().to_ne_bytes()].concat();
    body.extend(name.bytes());
    body.resize(28, 0);
    body
}

const OPERATION: &str = "request = 'struct { long mtype; int op; pid_t pid; char name[20]; }'";

#[test]
fn a_client_behind_an_operation_code_is_answered_with_the_same_struct() {
    let daemon = serving(&[OPERATION]).start();
    let answer = answer(&daemon.queue(), 1, &operation(7, "bolt"), own_pid().into());
    let mut expected = [7_i32.to_ne_bytes(), own_pid().to_ne_bytes()].concat();
    expected.extend(b"Processed: bolt\0\0\0\0\0");
    assert_eq!(answer, expected);
    daemon.stop();
}

#[test]
fn a_request_in_hand_is_finished_after_a_kill_in_its_own_form() {
    let builder = serving(&[OPERATION, "status = 'op'"]).held_handler("tr a-z A-Z");
    let mut daemon = builder.clone().start();
    let queue = daemon.queue();
    for round in 0..5 {
        queue.send(1, &operation(round, "hello")).unwrap();
        wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
        daemon.signal(Signal::SIGKILL);
        builder.let_handlers_go();
        daemon = daemon.crash().start();
        let answer = received(&queue, own_pid().into());
        builder.hold_handlers();
        assert_eq!(answer.len(), 28);
        assert_eq!((&answer[..4], &answer[8..14]), (&0_i32.to_ne_bytes()[..], &b"HELLO\0"[..]));
    }
    daemon.stop();
}

#[test]
fn several_types_are_served_lowest_first_and_none_starves() {
    let daemon = serving(&[OPERATION, "request_types = [2, '4..=6', 9]"])
        .set("handler", "kind = 'exec'")
        .set("handler", "command = ['sh', '-c', 'echo $MSGQ_TYPE']")
        .start();
    let queue = daemon.queue();
    for mtype in [9, 6, 4, 2] {
        let answer = answer(&queue, mtype, &operation(0, ""), own_pid().into());
        assert_eq!(answer[8..10], [u8::try_from(mtype).unwrap() + b'0', 0]);
    }
    queue.send(3, &operation(0, "")).unwrap();
    wait_until("what is no request is taken out", || queue.stat().unwrap().messages == 0);
    let finished = daemon.stop();
    assert!(finished.stderr.contains("dropped a message of type 3, which is none of request_types"), "{finished:?}");
}

#[test]
fn the_client_may_stand_in_a_text_and_its_answer_may_have_a_base() {
    let daemon = serving(&[
        "request = 'struct { long mtype; char text[64]; }'",
        "client = { field = 'text', as = 'decimal', word = 1 }",
        "response_type = { base = 100000000 }",
        "response_length = 'text'",
    ])
    .start();
    let request = format!("ask {} what", own_pid());
    let answer = answer(&daemon.queue(), 1, request.as_bytes(), 100_000_000 + i64::from(own_pid()));
    assert_eq!(String::from_utf8(answer).unwrap(), format!("Processed: {request}\0"));
    daemon.stop();
}

#[test]
fn whole_bodies_go_to_a_handler_and_back_with_their_nul_bytes() {
    let builder = serving(&["request = 'struct { long mtype; pid_t pid; int numbers[10]; }'"])
        .set("handler", "pass = 'body'")
        .set("handler", "kind = 'exec'")
        .set("handler", "command = ['cat']");
    let daemon = builder.start();
    let mut body = own_pid().to_ne_bytes().to_vec();
    (0..10_i32).for_each(|number| body.extend((number * 1000).to_ne_bytes()));
    assert_eq!(answer(&daemon.queue(), 1, &body, own_pid().into()), body);
    daemon.stop();
}

#[test]
fn a_handler_that_answers_with_half_a_body_gets_its_client_an_error() {
    let daemon =
        serving(&["request = 'struct { long mtype; pid_t pid; int result; int numbers[9]; }'", "status = 'result'"])
            .set("handler", "pass = 'body'")
            .set("handler", "kind = 'exec'")
            .set("handler", "command = ['head', '-c', '7']")
            .start();
    let mut body = own_pid().to_ne_bytes().to_vec();
    body.resize(44, 7);
    let answer = answer(&daemon.queue(), 1, &body, own_pid().into());
    assert_eq!((answer.len(), &answer[4..8]), (44, &(-1_i32).to_ne_bytes()[..]));
    daemon.stop();
}

#[test]
fn a_body_that_fits_nothing_is_refused_with_its_length_and_what_may_have_caused_it() {
    let daemon = serving(&[OPERATION]).start();
    let queue = daemon.queue();
    let refused = answer(&queue, 1, &operation(1, "x")[..9].repeat(5), own_pid().into());
    let text = String::from_utf8_lossy(&refused);
    assert!(text.contains("the body has 45"), "{text}");
    queue.send(1, b"s:4:\"1234\";").unwrap();
    wait_until("it is dropped", || daemon.log().contains("as PHP serializes"));
    daemon.stop();
}

#[test]
fn a_table_of_another_protocol_is_explained_and_never_misread() {
    let builder = serving(&[OPERATION])
        .set("handler", "kind = 'exec'")
        .set("handler", "command = ['sleep', '100']")
        .set("service", "on_failure = 'keep'");
    let daemon = builder.start();
    let queue = daemon.queue();
    queue.send(1, &operation(1, "lost")).unwrap();
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    let mut daemon = daemon.crash().set("protocol", "body = 'exact'").spawn();
    daemon.wait_for_log("of another [protocol]");
    daemon.wait_for_log("serving queue");
    daemon.stop();
}

#[test]
fn a_handler_in_the_shell_sees_fields_and_answers_some_of_them_by_name() {
    let script = r#"read -r json; printf '{"result": %d, "name": "%s"}' $((MSGQ_FIELD_op * 2)) "${#json}""#;
    let daemon = serving(&[
        OPERATION,
        "response = 'struct { long mtype; int op; pid_t pid; int result; char name[20]; }'",
        "status = 'result'",
    ])
    .set("handler", "pass = 'json'")
    .set("handler", "kind = 'exec'")
    .set("handler", &format!("command = ['sh', '-c', '''{script}''']"))
    .start();
    let answer = answer(&daemon.queue(), 1, &operation(21, "bolt"), own_pid().into());
    let json = format!(r#"{{"op":21,"pid":{},"name":"bolt"}}"#, own_pid());
    let mut expected = [21_i32.to_ne_bytes(), own_pid().to_ne_bytes(), 42_i32.to_ne_bytes()].concat();
    expected.extend(json.len().to_string().bytes());
    expected.resize(32, 0);
    assert_eq!(answer, expected);
    daemon.stop();
}

#[test]
fn an_answer_in_json_that_does_not_fit_says_which_field() {
    for (json, said) in [
        (r#"{"op": 3000000000}"#, "the field `op` cannot hold 3000000000"),
        (r#"{"colour": "red"}"#, "there is no field `colour`"),
        ("[1]", "it is no JSON object"),
    ] {
        let daemon = serving(&["request = 'struct { long mtype; int op; pid_t pid; char text[120]; }'"])
            .set("handler", "pass = 'json'")
            .set("handler", "kind = 'exec'")
            .set("handler", &format!("command = ['printf', '%s', '''{json}''']"))
            .start();
        let mut body = operation(1, "x");
        body.resize(128, 0);
        let answer = answer(&daemon.queue(), 1, &body, own_pid().into());
        let text = String::from_utf8_lossy(&answer[8..]).into_owned();
        assert!(text.contains(said), "{json}: {text}");
        daemon.stop();
    }
}

#[test]
fn bodies_that_are_longer_than_a_pipe_holds_reach_a_command_and_come_back() {
    let name = "bodies_that_are_longer_than_a_pipe_holds_reach_a_command_and_come_back";
    in_an_ipc_namespace(name, || {
        set_kernel_limit("msgmnb", 1 << 20);
        set_kernel_limit("msgmax", 1 << 18);
        let daemon = serving(&["request = 'struct { long mtype; pid_t pid; unsigned char data[100000]; }'"])
            .set("handler", "pass = 'body'")
            .set("handler", "kind = 'exec'")
            .set("handler", "command = ['cat']")
            .set("queue", "max_bytes = '1M'")
            .set("service", "outbox_capacity = 64")
            .start();
        let mut body = own_pid().to_ne_bytes().to_vec();
        body.extend((0..100_000_u32).map(|number| u8::try_from(number % 251).unwrap()));
        assert!(answer(&daemon.queue(), 1, &body, own_pid().into()) == body);
        daemon.stop();
    });
}

#[test]
fn what_is_odd_or_cannot_be_is_said_by_a_check_before_anything_starts() {
    let checked = |protocol: &[&str], capacity: usize| {
        let builder = serving(protocol).set("service", &format!("outbox_capacity = {capacity}"));
        let builder = builder.set("queue", "max_bytes = 16384").set("handler", "pass = 'body'");
        builder.arg("--check-config").run()
    };
    let struct_of =
        |bytes: usize| format!("request = 'struct {{ long mtype; pid_t pid; unsigned char data[{bytes}]; }}'");
    let wide = checked(&[&struct_of(4000)], 64);
    assert!(wide.status.success() && wide.stderr.contains("odd, but possible: a queue of"), "{wide:?}");
    assert!(wide.stderr.contains("messages, which have up to 4008 bytes"), "{wide:?}");
    // A declaration may be as long as that.
    if msgmax() < 8 << 20 {
        let too_wide = checked(&[&struct_of(msgmax())], 64);
        assert!(!too_wide.status.success() && too_wide.stderr.contains("kernel.msgmax"), "{too_wide:?}");
    }
    let too_many = checked(&[&struct_of(8000)], 65_536);
    assert!(!too_many.status.success() && too_many.stderr.contains("lower outbox_capacity"), "{too_many:?}");
}
