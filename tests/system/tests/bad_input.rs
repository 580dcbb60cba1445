//! Every kind of bad input, each followed by a good request that is answered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::limits::pid_max;
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{Daemon, DaemonBuilder, Process, ask, good_request_is_answered, wait_until};
use std::process::Command;

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// A request body of exactly `len` bytes: the PID of this process, then `text`, then `filler`.
fn body(len: usize, text: &[u8], filler: u8) -> Vec<u8> {
    let mut body = [own_pid().to_ne_bytes().as_slice(), text].concat();
    body.resize(len, filler);
    body
}

/// The whole body of the answer to a request body.
fn answer_to(queue: &Queue, request: &[u8]) -> Vec<u8> {
    queue.send(REQUEST_MTYPE, request).unwrap();
    let mut buffer = MessageBuffer::new();
    wait_until("the request is answered", || queue.try_receive(own_pid().into(), &mut buffer).unwrap());
    buffer.body().to_vec()
}

/// What an answer must look like, byte for byte.
fn exact(len: usize, status: i32, text: &[u8]) -> Vec<u8> {
    let mut body = [status.to_ne_bytes().as_slice(), text].concat();
    assert!(body.len() < 260, "the answer of the test itself is too long");
    body.resize(len, 0);
    body
}

fn is_empty(queue: &Queue) -> bool {
    queue.stat().unwrap().messages == 0
}

#[test]
fn an_answer_has_the_size_of_its_request_where_that_is_260_or_264_and_260_otherwise() {
    let daemon = Daemon::start();
    let queue = daemon.queue();
    for (request, answer) in [(264, 264), (260, 260), (261, 260), (263, 260), (259, 260), (17, 260)] {
        let text = b"exactly this\0";
        assert_eq!(
            answer_to(&queue, &body(request, text, 0)),
            exact(answer, 0, b"Processed: exactly this"),
            "{request} bytes"
        );
    }
    good_request_is_answered(daemon.key());
}

#[test]
fn a_body_without_padding_is_read_to_its_end() {
    let daemon = Daemon::start();
    let queue = daemon.queue();
    assert_eq!(answer_to(&queue, &body(4, b"", 0)), exact(260, 0, b"Processed: "));
    assert_eq!(answer_to(&queue, &body(5, b"a", 0)), exact(260, 0, b"Processed: a"));
    assert_eq!(answer_to(&queue, &body(10, b"script", 0)), exact(260, 0, b"Processed: script"));
    good_request_is_answered(daemon.key());
}

#[test]
fn an_unterminated_text_ends_at_byte_256_and_its_answer_at_255() {
    let daemon = Daemon::start();
    let queue = daemon.queue();
    let expected = [b"Processed: ".as_slice(), &[b'y'; 244]].concat();
    for len in [260, 264] {
        assert_eq!(answer_to(&queue, &body(len, &[b'y'; 256], b'!')), exact(len, 0, &expected));
    }
    assert_eq!(answer_to(&queue, &body(264, b"short\0", b'!')), exact(264, 0, b"Processed: short"));
    good_request_is_answered(daemon.key());
}

#[test]
fn an_answer_is_never_cut_in_the_middle_of_a_character() {
    let daemon = Daemon::start();
    let queue = daemon.queue();
    for character in ["é", "€", "𝄞"] {
        for before in 240..=244 {
            let text = format!("{}{character}", "x".repeat(before));
            let whole = before + character.len() <= 244;
            let expected = format!("Processed: {}", if whole { &text } else { &text[..before.min(244)] });
            let answer = answer_to(&queue, &body(264, format!("{text}\0").as_bytes(), b'!'));
            assert_eq!(answer, exact(264, 0, expected.as_bytes()), "{before} bytes before {character}");
        }
    }
    let bytes = [b"Processed: ".as_slice(), &[0xff; 244]].concat();
    assert_eq!(
        answer_to(&queue, &body(264, &[0xff; 256], b'!')),
        exact(264, 0, &bytes),
        "no UTF-8 is cut at the limit"
    );
    good_request_is_answered(daemon.key());
}

#[test]
fn an_oversized_body_is_answered_with_an_error_that_names_the_limit() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).start();
        let queue = daemon.queue();
        for len in [265, 266, 300, 4096, 8192] {
            let answer = answer_to(&queue, &body(len, b"too much\0", b'o'));
            assert_eq!((answer.len(), &answer[..4]), (260, (-1_i32).to_ne_bytes().as_slice()), "{len} bytes");
            let text = String::from_utf8_lossy(&answer[4..]).into_owned();
            assert!(text.contains("264") && text.contains(&len.to_string()), "{text}");
            assert!(!text.contains("too much") && !text.contains("ooo"), "{text}");
            good_request_is_answered(daemon.key());
        }
    }
}

#[test]
fn a_body_too_short_to_name_a_client_is_dropped() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).start();
        let queue = daemon.queue();
        for len in 0..4 {
            queue.send(REQUEST_MTYPE, &vec![7; len]).unwrap();
            good_request_is_answered(daemon.key());
        }
        wait_until("the queue is empty", || is_empty(&queue));
    }
}

fn dead_pid() -> i32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id().cast_signed()
}

/// Sends 100 requests in the name of `pid`; none may be answered, and the log may not say it 100 times.
fn nobody_is_answered(mut daemon: Daemon, pid: i32) {
    const COUNT: usize = 100;
    let queue = daemon.queue();
    for _ in 0..COUNT {
        queue.send(REQUEST_MTYPE, &encode_request(pid, b"from nobody")).unwrap();
    }
    // The queue is first in, first out: the last bad one was handled when this one is answered.
    assert_eq!(ask(&queue, b"good"), (0, b"Processed: good".to_vec()));
    good_request_is_answered(daemon.key());
    wait_until("the queue is empty", || is_empty(&queue));
    let name = format!("PID {pid}");
    daemon.wait_for_log(&name);
    let log = daemon.stop().stderr;
    let lines = log.lines().filter(|line| line.contains(&name)).count();
    assert!(lines <= COUNT / 10, "{lines} lines for {COUNT} requests:\n{log}");
}

#[test]
fn nothing_is_sent_to_a_pid_that_no_client_can_have() {
    for pid in [0, 1, -1, -12345, i32::MIN, i32::MAX, pid_max() + 1] {
        nobody_is_answered(DaemonBuilder::new().workers(1).start(), pid);
    }
}

#[test]
fn nothing_is_sent_to_a_dead_process() {
    nobody_is_answered(DaemonBuilder::new().workers(1).start(), dead_pid());
}

#[test]
fn nothing_is_sent_to_a_zombie() {
    let mut zombie = Command::new("true").spawn().unwrap();
    let pid = zombie.id().cast_signed();
    let stat = format!("/proc/{pid}/stat");
    wait_until("the child is a zombie", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z ")));
    nobody_is_answered(DaemonBuilder::new().workers(1).start(), pid);
    zombie.wait().unwrap();
}

#[test]
fn nothing_is_sent_to_the_daemon_itself() {
    let daemon = DaemonBuilder::new().workers(1).start();
    let pid = daemon.pid();
    nobody_is_answered(daemon, pid);
}

#[test]
fn nothing_is_sent_to_a_thread_of_the_kernel() {
    // Elsewhere 2 is a process like others (`PROC_PID_INIT_INO` of include/linux/proc_ns.h), or nobody.
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
    if namespace.as_os_str() != "pid:[4026531836]" {
        return eprintln!("not run: in this PID namespace the kernel's threads have no numbers");
    }
    nobody_is_answered(Daemon::start(), 2);
}

#[test]
fn nothing_of_one_request_shows_up_in_the_answer_to_another() {
    const SECRET: u8 = b'$';
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).start();
        let queue = daemon.queue();
        for round in 0..200 {
            let secret = body([264, 260, 8192][round % 3], &[SECRET; 256], SECRET);
            let _ = answer_to(&queue, &secret);
            for (text, len) in [(b"".as_slice(), 4), (b"s", 5), (b"hi", 6), (b"zero\0", 9)] {
                let answer = answer_to(&queue, &body(len, text, 0));
                assert!(!answer.contains(&SECRET), "{len} bytes: {:?}", String::from_utf8_lossy(&answer));
            }
        }
        good_request_is_answered(daemon.key());
    }
}

#[test]
fn text_of_a_client_reaches_the_log_only_escaped() {
    let daemon = DaemonBuilder::new().arg("--log-level").arg("trace").start();
    let queue = daemon.queue();
    let (status, _) = ask(&queue, b"line\nbreak \x1b[31mred\x1b[0m \xe2\x80\xae");
    assert_eq!(status, 0);
    let log = daemon.stop().stderr;
    assert!(!log.contains('\x1b') && !log.contains('\u{202e}') && !log.contains("\nbreak"), "{log:?}");
}

#[test]
fn a_flood_of_every_bad_shape_leaves_the_service_as_it_was() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).start();
        let finished = Process::run(&mut msgqd_system_tests::hostile(daemon.key(), &["bad_bodies", "5000"]));
        assert_eq!(finished.succeeded().stdout, "sent\n");
        good_request_is_answered(daemon.key());
        let log = daemon.stop().stderr;
        assert!(log.lines().count() < 100, "the log was flooded:\n{log}");
    }
}

#[test]
fn a_request_in_the_name_of_any_thread_of_the_server_is_refused_and_nothing_rests() {
    let pool = "kind = \"worker\"\ncommand = [\"/bin/cat\"]";
    for handler in ["kind = \"echo\"", pool] {
        let daemon = DaemonBuilder::new().workers(2).set("handler", handler).start();
        let queue = daemon.queue();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
        let threads: Vec<i32> =
            tasks.map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
        assert!(threads.len() >= 5, "main thread, log, courier, janitor and workers: {threads:?}");
        for thread in &threads {
            queue.send(REQUEST_MTYPE, &encode_request(*thread, b"to whom?")).unwrap();
        }
        let of_nobody = format!("refused_pid={}", threads.len());
        wait_until("all requests are taken", || !queue.has_message(REQUEST_MTYPE).unwrap());
        let finished = daemon.stop();
        assert!(finished.stderr.contains(&of_nobody), "{of_nobody} is missing: {}", finished.stderr);
    }
}
