use super::*;

#[test]
fn a_request_is_answered_by_our_server_and_by_another_one() {
    let (ours, other) = (Daemon::start(), PlainServer::start());
    for key in [ours.key(), other.key()] {
        assert_eq!(ends_with(OK, key, &["send", "grüß dich"]).stdout, "Processed: grüß dich\n");
        let answer = json(key, &["send", "hello"]);
        assert_eq!((&answer["status"], &answer["text"]), (&Value::from(0), &Value::from("Processed: hello")));
        assert!(answer["latency_ns"].as_u64().unwrap() > 0);
        let summary = json(key, &["send", "--count", "500", "hello"]);
        assert_eq!((&summary["answered"], &summary["errors"]), (&Value::from(500), &Value::from(0)));
        let latency = &summary["latency_ns"];
        let values = ["min", "p50", "p90", "p99", "p999", "max"].map(|name| latency[name].as_u64().unwrap());
        assert!(values.is_sorted() && values[0] > 0, "{summary}");
        assert!(ends_with(OK, key, &["send", "--count", "3", "x"]).stdout.contains("answered  3 (0 errors)"));
        assert_eq!(Queue::open(key).unwrap().stat().unwrap().messages, 0);
    }
}

#[test]
fn a_text_from_standard_input_loses_its_last_newline_only() {
    let server = PlainServer::start();
    for (input, expected) in [("hi\n", "Processed: hi\n"), ("a\n\n", "Processed: a\\n\n"), ("", "Processed: \n")] {
        let output = run_with_stdin(server.key(), &["send", "-"], input.as_bytes());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
    assert_eq!(run_with_stdin(server.key(), &["send", "-"], &[b'x'; 256]).status.code(), Some(USAGE));
}

#[test]
fn an_error_of_the_server_is_exit_code_1_and_its_text_cannot_reach_the_terminal_raw() {
    let (key, queue) = idle_queue();
    let server = answer_once(queue, -1, b"no \x1b[31mred");
    let finished = ends_with(SERVER_ERROR, key.key(), &["send", "x"]);
    server.join().unwrap();
    assert!(finished.stderr.contains("status -1") && finished.stderr.contains("red"), "{finished:?}");
    assert!(!finished.stderr.contains('\u{1b}') && finished.stdout.is_empty(), "{finished:?}");

    let server = answer_once(queue, 7, b"no \x1b[31mred");
    let finished = ends_with(SERVER_ERROR, key.key(), &["--json", "send", "x"]);
    server.join().unwrap();
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["text"]), (&Value::from(7), &Value::from("no \u{1b}[31mred")));
    assert!(!finished.stdout.contains('\u{1b}'), "{finished:?}");

    let server = answer_once(queue, 5, b"no");
    ends_with(SERVER_ERROR, key.key(), &["send", "--count", "1", "x"]);
    server.join().unwrap();
}

#[test]
fn a_queue_that_is_removed_during_the_wait_is_exit_code_3() {
    let (key, queue) = idle_queue();
    let client = Process::start(&mut msgqctl(key.key(), &["send", "x", "--timeout", "60"]));
    wait_until("the client waits for its answer", || is_blocked_in(client.pid(), ClientCall::Receive));
    queue.remove().unwrap();
    let finished = client.finish();
    assert_eq!(finished.code(), NO_QUEUE, "{finished:?}");
    assert!(finished.stderr.contains("removed"), "{finished:?}");
}

#[test]
fn nobody_answering_is_exit_code_4_whether_the_request_could_be_sent_or_not() {
    let (key, queue) = idle_queue();
    let unanswered = ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "50ms"]);
    assert!(unanswered.stderr.contains("not answered within 50ms"), "{unanswered:?}");
    while queue.try_send(REQUEST_MTYPE, &[0; 264]).is_ok() {}
    let unsent = ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "0.05"]);
    assert!(unsent.stderr.contains("could not be sent"), "{unsent:?}");
    ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "50ms", "--count", "1000"]);
}
