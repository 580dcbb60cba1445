//! Verdicts of `stat` whose condition is not made real elsewhere.

use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::hostile;
use nix::sys::signal::Signal;

/// The condition and the sentence.
fn verdict(builder: &DaemonBuilder) -> (String, String) {
    let report = stat_json(builder);
    let text = |field: &str| report[field].as_str().unwrap().to_owned();
    (text("condition"), text("verdict"))
}

fn becomes(builder: &DaemonBuilder, condition: &str, sentence: &str) {
    let is_so = |(now, words): (String, String)| now == condition && words.contains(sentence);
    let found = msgqd_system_tests::eventually(msgqd_system_tests::LIMIT, || is_so(verdict(builder)));
    assert!(found, "{sentence:?} was expected, and it says {:?}", verdict(builder));
    let agrees = || check::agrees(builder, condition, sentence);
    assert!(
        msgqd_system_tests::eventually(msgqd_system_tests::LIMIT, agrees),
        "stat --check does not say {sentence:?}"
    );
}

/// A daemon whose handler takes its time over one request after the other.
fn slow(seconds: &str) -> DaemonBuilder {
    let command = format!(r#"command = ["/bin/sleep", "{seconds}"]"#);
    DaemonBuilder::new()
        .set("handler", "kind = \"exec\"")
        .set("handler", "max_concurrency = 1")
        .set("handler", &command)
}

/// A daemon whose handler ends when it is let go.
fn held() -> DaemonBuilder {
    DaemonBuilder::new().held_handler("exit")
}

fn request(queue: &Queue) {
    queue.try_send(REQUEST_MTYPE, &encode_request(std::process::id().cast_signed(), b"x")).unwrap();
}

#[test]
fn a_queue_full_of_requests_is_busy() {
    let daemon = slow("20").set("service", "drain_timeout_ms = 100").start();
    let queue = daemon.queue();
    request(&queue);
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    for _ in 0..55 {
        request(&queue);
    }
    becomes(daemon.builder(), "busy", "busy: 55 requests wait for 62 places");
    daemon.stop();
}

#[test]
fn one_request_waits_for_one_place() {
    let daemon = held()
        .set("queue", "max_bytes = 300")
        .set("handler", "max_concurrency = 1")
        .set("service", "drain_timeout_ms = 100")
        .start();
    let queue = daemon.queue();
    request(&queue);
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    request(&queue);
    becomes(daemon.builder(), "busy", "busy: 1 request waits for 1 place");
    daemon.stop();
}

#[test]
fn a_handler_that_is_stuck_is_told_before_the_requests_behind_it_and_places_are_such_of_their_size() {
    let daemon = held().set("handler", "max_concurrency = 1").set("service", "drain_timeout_ms = 100").start();
    let queue = daemon.queue();
    request(&queue);
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    let of_32_bit = encode_request(std::process::id().cast_signed(), b"x");
    while queue.try_send(REQUEST_MTYPE, &of_32_bit[..260]).is_ok() {}
    becomes(daemon.builder(), "busy", "busy: 63 requests wait for 63 places");
    becomes(daemon.builder(), "degraded", "and 63 wait: the handler is slow or stuck");
    daemon.builder().let_handlers_go();
    daemon.stop();
}

#[test]
fn one_worker_that_is_at_a_request_for_long_while_others_wait_is_no_standstill() {
    const LONGER_THAN_A_STALL_MS: u64 = 12_000;
    let daemon = held().set("handler", "max_concurrency = 1").set("service", "drain_timeout_ms = 100").start();
    let queue = daemon.queue();
    (0..2).for_each(|_| request(&queue));
    let age_ms = || stat_json(daemon.builder())["server"]["inside"]["in_hand"][0]["age_ms"].as_u64();
    wait_until("it is in hand for long", || age_ms() >= Some(LONGER_THAN_A_STALL_MS));
    assert!(!daemon.log().contains("no worker takes them"), "{}", daemon.log());
    becomes(daemon.builder(), "degraded", "and 1 waits: the handler is slow or stuck");
    daemon.builder().let_handlers_go();
    daemon.stop();
}

#[test]
fn an_outbox_that_fills_is_degraded_and_the_heaviest_client_is_named() {
    let daemon =
        DaemonBuilder::new().set("service", "outbox_capacity = 64").set("service", "drain_timeout_ms = 100").start();
    let hostile = Process::start(&mut hostile(daemon.key(), &["never_read", "400"]));
    becomes(daemon.builder(), "degraded", "of 64 places of the outbox are taken");
    becomes(daemon.builder(), "degraded", &format!("by PID {}; when it is full", hostile.pid()));
    drop(hostile);
    daemon.stop();
}

#[test]
fn a_daemon_that_works_through_what_an_earlier_one_had_in_hand_is_starting() {
    let daemon = held().start();
    let queue = daemon.queue();
    request(&queue);
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    let builder = daemon.crash();
    becomes(&builder, "down", "down since about");
    let mut next = builder.spawn();
    becomes(&builder, "starting", &format!("starting: PID {} finishes what an earlier server had in hand", next.pid()));
    builder.let_handlers_go();
    next.wait_for_log("serving queue");
    becomes(&builder, "serving", "serving");
    next.stop();
}

#[test]
fn a_daemon_that_finishes_what_is_in_hand_is_stopping() {
    let mut daemon = held().set("service", "drain_timeout_ms = 600000").start();
    let queue = daemon.queue();
    request(&queue);
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    daemon.signal(Signal::SIGTERM);
    becomes(daemon.builder(), "stopping", &format!("stopping: PID {} finishes 1 request", daemon.pid()));
    daemon.builder().let_handlers_go();
    let mut buffer = MessageBuffer::new();
    let own = i64::from(std::process::id().cast_signed());
    wait_until("the answer is there", || queue.try_receive(own, &mut buffer).unwrap());
    let _ = daemon.finish().succeeded();
}

#[test]
fn without_its_table_a_daemon_serves_as_far_as_its_lock_shows() {
    let daemon = Daemon::start();
    std::fs::remove_file(table_of(daemon.builder())).unwrap();
    becomes(daemon.builder(), "serving", "serving, as far as its lock shows");
    daemon.stop();
}
