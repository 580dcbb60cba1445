//! What `stat` says is not well is a finding of `doctor`, in the same words.

use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::eventually;

/// Waits until `stat` says so, and returns the whole sentence, without what time changes.
#[track_caller]
fn stat_says(builder: &DaemonBuilder, condition: &str, words: &str) {
    let found = eventually(msgqd_system_tests::LIMIT, || {
        let report = stat_json(builder);
        report["condition"] == condition && report["verdict"].as_str().unwrap().contains(words)
    });
    assert!(found, "{words:?} was expected: {}", stat_json(builder));
}

fn request(queue: &Queue) {
    queue.try_send(REQUEST_MTYPE, &encode_request(std::process::id().cast_signed(), b"x")).unwrap();
}

fn sleeping() -> DaemonBuilder {
    let handler = "kind = \"exec\"\ncommand = [\"/bin/sleep\", \"600\"]\ntimeout_ms = 600000\nmax_concurrency = 1";
    configured().set("handler", handler).set("service", "drain_timeout_ms = 100")
}

#[test]
fn a_handler_that_is_down_is_a_problem_in_the_words_of_stat() {
    let builder = configured().set("handler", "kind = \"exec\"");
    let daemon = builder.set("handler", "command = [\"/nonexistent/program\"]").start();
    ends_with(SERVER_ERROR, daemon.key(), &["send", "x"]);
    let words = "degraded: the handler is down, clients get errors";
    stat_says(daemon.builder(), "degraded", words);
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["verdict"]);
    diagnosis.says("verdict", "problem", &[words, "msgqctl --key"]);
    daemon.stop();
}

#[test]
fn a_door_that_is_closed_is_a_problem_and_who_closed_it_is_said() {
    let daemon = configured().start();
    let _ = Process::run(&mut beside(daemon.builder(), &["drain", "--reason", "new disk"])).succeeded();
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["verdict"]);
    diagnosis.says("verdict", "problem", &["closed for new requests", "new disk", "resume"]);
    let _ = Process::run(&mut beside(daemon.builder(), &["resume"])).succeeded();
    doctor(daemon.builder()).says("verdict", "fine", &["serving"]);
    daemon.stop();
}

#[test]
fn a_full_queue_is_a_warning_and_a_handler_that_is_stuck_behind_it_a_problem() {
    let daemon = sleeping().start();
    let queue = daemon.queue();
    request(&queue);
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    (0..62).for_each(|_| request(&queue));
    stat_says(daemon.builder(), "busy", "62 requests wait for 62 places");
    doctor(daemon.builder()).says("verdict", "warning", &["busy: 62 requests wait for 62 places"]);
    stat_says(daemon.builder(), "degraded", "and 62 wait: the handler is slow or stuck");
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["verdict"]);
    diagnosis.says("verdict", "problem", &["degraded: a request of PID", "the handler is slow or stuck"]);
    daemon.stop();
}

#[test]
fn a_daemon_that_died_is_one_finding_and_the_words_of_stat_stand_beside_it() {
    let builder = configured().start().crash();
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["daemon", "table"]);
    diagnosis.says("verdict", "not_applicable", &["told above", "down since about", "it had logged no error"]);
    builder.start().stop();
}
