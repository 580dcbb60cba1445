use super::*;
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt;

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
    assert_eq!(run_with_stdin(server.key(), &["send", "-"], &[b'x'; 257]).status.code(), Some(USAGE));
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

#[test]
fn a_request_carries_as_many_bytes_as_the_protocol_has_room_for() {
    let (key, queue) = idle_queue();
    let longest = "é".repeat(128);
    for input in ["argument", "standard input"] {
        let server = std::thread::spawn(move || {
            let mut buffer = MessageBuffer::new();
            queue.receive(REQUEST_MTYPE, &mut buffer).unwrap();
            let request = decode_request(buffer.body()).unwrap();
            let text = request.text.to_vec();
            queue.send(request.claimed_pid.into(), Response::new(0, b"", request.response_len).as_bytes()).unwrap();
            (text, buffer.body().len())
        });
        let output = match input {
            "argument" => msgqctl(key.key(), &["send", &longest]).output().unwrap(),
            _ => run_with_stdin(key.key(), &["send", "-"], format!("{longest}\n").as_bytes()),
        };
        assert_eq!(output.status.code(), Some(OK), "{input}: {output:?}");
        // Behind the text the frame is zero, so a server that looks for a NUL finds one in the message.
        assert_eq!(server.join().unwrap(), (longest.clone().into_bytes(), BODY_LEN_LP64), "{input}");
    }
    let too_long = ends_with(USAGE, key.key(), &["send", &format!("{longest}x")]);
    assert!(too_long.stderr.contains("longer than 256 bytes"), "{too_long:?}");
}

#[test]
fn who_gets_no_answer_is_told_what_is_known_of_the_server() {
    let asked = |builder: &DaemonBuilder| {
        let finished = Process::run(&mut beside(builder, &["send", "x", "--timeout", "100ms"]));
        assert_eq!(finished.code(), TIMEOUT, "{finished:?}");
        finished.stderr
    };
    let slow =
        DaemonBuilder::new().set("handler", "kind = \"exec\"\ncommand = [\"sleep\", \"600\"]\nkill_grace_ms = 1");
    let slow = slow.drain_timeout_ms(0).start();
    let said = asked(slow.builder());
    assert!(said.contains("longer timeout"), "{said}");

    let dead = slow.crash();
    let said = asked(&dead);
    assert!(said.contains("was killed or crashed") && said.contains("waits for the next start"), "{said}");
    assert!(!said.contains("longer timeout"), "{said}");

    let (key, _queue) = idle_queue();
    let said = ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "50ms"]).stderr;
    assert!(said.contains("no sign of a server") && !said.contains("longer timeout"), "{said}");
}

#[test]
fn numbers_are_told_with_the_noun_that_fits() {
    let server = PlainServer::start();
    let one = ends_with(OK, server.key(), &["send", "--count", "1", "x"]).stdout;
    assert!(one.contains("requests  1\n") && one.contains("answered  1 (0 errors) in "), "{one}");
    let (key, queue) = idle_queue();
    let answers = answer_once(queue, -1, b"no");
    let failed = ends_with(TIMEOUT, key.key(), &["send", "--count", "2", "x", "--timeout", "200ms"]);
    answers.join().unwrap();
    assert!(failed.stderr.contains("ended after 1 answer: "), "{failed:?}");
    assert!(failed.stdout.contains("answered  1 (1 error) in "), "{failed:?}");
    assert!(failed.stdout.contains(" ms, ") && !failed.stdout.contains(" us"), "{failed:?}");
}

#[test]
fn a_number_that_is_none_is_refused_in_plain_words() {
    let (key, _queue) = idle_queue();
    for (arguments, expected) in [
        (&["send", "x", "--count"][..], "a whole number from 1 to 10000000"),
        (&["bench", "--clients"], "a whole number from 1 to 1000"),
        (&["bench", "--rate"], "a whole number from 1 to 10000000"),
        (&["bench", "--count"], "a whole number from 1 to 100000000"),
        (&["peek", "--limit"], "a whole number from 0"),
        (&["peek", "--type"], "a whole number from 1"),
        (&["peek", "--pid"], "the PID of a client: a whole number from 2 to 4194303"),
        (&["explain"], "the PID of a client: a whole number from 2 to 4194303"),
        (&["purge", "--pid"], "the PID of a client: a whole number from 2 to 4194303"),
        (&["purge", "--type"], "a whole number from 1"),
    ] {
        for bad in ["x", "1.5", "1k", "99999999999999999999", "0x"] {
            let finished = run(key.key(), &[arguments, &[bad]].concat());
            assert_eq!(finished.code(), USAGE, "{arguments:?} {bad}: {finished:?}");
            assert!(finished.stderr.contains(expected), "{arguments:?} {bad}: {}", finished.stderr);
        }
    }
    for bad in ["x", "1.5", "1k", "99999999999999999999", "0x", "2147483648", "-1"] {
        let finished =
            Process::run(Command::new(msgqd_system_tests::msgqctl()).args([&format!("--msqid={bad}"), "stat"]));
        assert_eq!(finished.code(), USAGE, "{bad}: {finished:?}");
        assert!(finished.stderr.contains("a whole number from 0 to 2147483647"), "{bad}: {finished:?}");
    }
}

#[test]
fn a_number_that_no_process_has_as_a_client_is_refused_where_clients_are_processes() {
    let (daemon, queue) = queue_of_still_msgqd();
    for number in ["1", "4194304", "9223372036854775807"] {
        for arguments in [&["peek", "--pid", number][..], &["explain", number], &["purge", "--force", "--pid", number]]
        {
            let finished = ends_with(USAGE, daemon.builder(), arguments);
            assert!(finished.stderr.contains("a whole number from 2 to 4194303"), "{finished:?}");
        }
    }
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn a_request_that_is_ended_by_a_signal_leaves_no_answer_behind() {
    let mut server = PlainServer::start();
    let queue = Queue::open(server.key()).unwrap();
    for arguments in [&["send", "x"][..], &["send", "--timeout", "30", "x"]] {
        server.process().signal(Signal::SIGSTOP);
        let mut client = Process::start(&mut msgqctl(server.key(), arguments));
        wait_until("it waits for its answer", || is_blocked_in(client.pid(), ClientCall::Receive));
        client.signal(Signal::SIGINT);
        client.wait_for_stderr("ends once the request under way is answered; a second signal ends it at once");
        server.process().signal(Signal::SIGCONT);
        let finished = client.finish();
        assert_eq!(finished.status.signal(), Some(Signal::SIGINT as i32), "{finished:?}");
        wait_until("the server waits", || is_blocked_in(server.process().pid(), ClientCall::Receive));
        assert_eq!(queue.stat().unwrap().messages, 0);
    }
}

#[test]
fn a_second_signal_ends_a_request_at_once() {
    let mut server = PlainServer::start();
    server.process().signal(Signal::SIGSTOP);
    let mut client = Process::start(&mut msgqctl(server.key(), &["send", "--timeout", "600", "x"]));
    wait_until("it waits for its answer", || is_blocked_in(client.pid(), ClientCall::Receive));
    client.signal(Signal::SIGTERM);
    client.wait_for_stderr("a second signal ends it at once");
    client.signal(Signal::SIGTERM);
    assert_eq!(client.finish().status.signal(), Some(Signal::SIGTERM as i32));
    server.process().signal(Signal::SIGCONT);
}

#[test]
fn many_requests_that_are_ended_by_a_signal_leave_no_answer_behind() {
    let mut server = PlainServer::start();
    for _ in 0..5 {
        let mut client = Process::start(&mut msgqctl(server.key(), &["send", "--count", "10000000", "x"]));
        let queue = Queue::open(server.key()).unwrap();
        wait_until("requests are answered", || queue.stat().unwrap().last_receive_pid == client.pid());
        client.signal(Signal::SIGINT);
        let finished = client.finish();
        assert_eq!(finished.status.signal(), Some(Signal::SIGINT as i32), "{finished:?}");
        assert!(finished.stdout.contains("answered  "), "what was measured is not told: {finished:?}");
        wait_until("the server waits", || is_blocked_in(server.process().pid(), ClientCall::Receive));
        assert_eq!(queue.stat().unwrap().messages, 0);
    }
}
