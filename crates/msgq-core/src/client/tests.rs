use super::*;
use crate::queue::MessageBuffer;
use crate::scratch::ScratchQueue;
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::gettid;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Instant;

const GENEROUS: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(20);

struct Scratch(ScratchQueue);

impl Scratch {
    fn new() -> Self {
        Self(ScratchQueue::new())
    }

    fn client(&self) -> Client {
        Client::new(*self.0)
    }

    fn take_request(&self) -> (i64, Vec<u8>) {
        let mut buffer = MessageBuffer::new();
        self.0.receive(REQUEST_MTYPE, &mut buffer).unwrap();
        let request = layout::decode_request(buffer.body()).unwrap();
        (request.claimed_pid.into(), request.text.to_vec())
    }

    fn answer(&self, (mtype, text): &(i64, Vec<u8>)) {
        let response = layout::Response::new(0, text, layout::BODY_LEN_LP64);
        self.0.send(*mtype, response.as_bytes()).unwrap();
    }

    /// Answers every request with its own text until the queue is removed.
    fn echo(&self) -> std::thread::JoinHandle<()> {
        let queue = *self.0;
        std::thread::spawn(move || {
            let mut buffer = MessageBuffer::new();
            while queue.receive(REQUEST_MTYPE, &mut buffer).is_ok() {
                let request = layout::decode_request(buffer.body()).unwrap();
                let response = layout::Response::new(0, request.text, request.response_len);
                let _ = queue.send(request.claimed_pid.into(), response.as_bytes());
            }
        })
    }
}

fn timed_out_in(result: &Result<Answer, CallError>) -> Option<Phase> {
    match result {
        Err(CallError::Timeout { phase, .. }) => Some(*phase),
        _ => None,
    }
}

#[test]
fn an_answer_carries_status_and_text() {
    let scratch = Scratch::new();
    let _server = scratch.echo();
    let answer = scratch.client().call("grüß dich".as_bytes(), GENEROUS).unwrap();
    assert_eq!((answer.status, answer.text.as_slice()), (0, "grüß dich".as_bytes()));
}

#[test]
fn a_thousand_calls_without_a_server_all_return() {
    let scratch = Scratch::new();
    let client = scratch.client();
    for microseconds in 0..1000 {
        let result = client.call(b"x", Duration::from_micros(microseconds));
        assert!(timed_out_in(&result).is_some(), "{result:?}");
    }
}

#[test]
fn calls_of_many_threads_at_once_all_return_without_a_server() {
    let scratch = Scratch::new();
    let client = scratch.client();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for microseconds in 0..200 {
                    let result = client.call(b"x", Duration::from_micros(microseconds));
                    assert!(timed_out_in(&result).is_some(), "{result:?}");
                }
            });
        }
    });
}

#[test]
fn a_full_queue_does_not_hold_a_call_beyond_its_deadline() {
    let scratch = Scratch::new();
    while scratch.0.try_send(REQUEST_MTYPE, &[0; 264]).is_ok() {}
    assert_eq!(timed_out_in(&scratch.client().call(b"x", SHORT)), Some(Phase::Send));
}

#[test]
fn a_flood_of_signals_neither_ends_a_call_early_nor_keeps_it_from_ending() {
    let scratch = Scratch::new();
    let client = scratch.client();
    let stop = AtomicBool::new(false);
    let target = pthread_self();
    // Installs the handler, without which the flood would be discarded.
    assert_eq!(timed_out_in(&client.call(b"x", SHORT)), Some(Phase::Receive));
    let first = scratch.take_request();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = pthread_kill(target, Signal::SIGURG);
            }
        });
        let start = Instant::now();
        assert_eq!(timed_out_in(&client.call(b"helper", SHORT)), Some(Phase::Receive));
        assert!(start.elapsed() >= SHORT);
        scratch.answer(&first);
        let second = scratch.take_request();
        assert_eq!(second.1, b"helper");
        let server = scratch.echo();
        for _ in 0..200 {
            assert_eq!(client.call(b"right", GENEROUS).unwrap().text, b"right");
        }
        stop.store(true, Ordering::Relaxed);
        scratch.0.remove().unwrap();
        server.join().unwrap();
    });
}

#[test]
fn a_late_answer_that_has_arrived_is_not_taken_for_the_next_one() {
    let scratch = Scratch::new();
    let client = scratch.client();
    assert_eq!(timed_out_in(&client.call(b"late", SHORT)), Some(Phase::Receive));
    scratch.answer(&scratch.take_request());
    let _server = scratch.echo();
    assert_eq!(client.call(b"next", GENEROUS).unwrap().text, b"next");
    assert!(!scratch.0.has_message(gettid().as_raw().into()).unwrap());
}

#[test]
fn a_late_answer_that_is_still_on_its_way_is_not_taken_for_the_next_one() {
    let scratch = Scratch::new();
    let client = scratch.client();
    assert_eq!(timed_out_in(&client.call(b"late", SHORT)), Some(Phase::Receive));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (late, next) = (scratch.take_request(), scratch.take_request());
            scratch.answer(&late);
            scratch.answer(&next);
        });
        assert_eq!(client.call(b"next", GENEROUS).unwrap().text, b"next");
    });
    let _server = scratch.echo();
    assert_eq!(client.call(b"after", GENEROUS).unwrap().text, b"after");
}

#[test]
fn threads_that_share_a_client_get_their_own_answers() {
    let scratch = Scratch::new();
    let client = scratch.client();
    let _server = scratch.echo();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let client = client.clone();
            scope.spawn(move || {
                for number in 0..200 {
                    let text = format!("{thread}.{number}");
                    assert_eq!(client.call(text.as_bytes(), GENEROUS).unwrap().text, text.as_bytes());
                }
            });
        }
    });
}

#[test]
fn a_queue_that_is_removed_during_the_wait_is_reported_as_gone() {
    let scratch = Scratch::new();
    let queue = *scratch.0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            scratch.take_request();
            queue.remove().unwrap();
        });
        let error = scratch.client().call(b"x", GENEROUS).unwrap_err();
        assert!(matches!(error, CallError::QueueGone(_)), "{error}");
        assert!(error.to_string().contains("removed"), "{error}");
    });
    let error = scratch.client().call(b"x", GENEROUS).unwrap_err();
    assert!(matches!(error, CallError::QueueGone(_)), "{error}");
}

#[test]
fn text_that_the_server_could_not_see_whole_is_refused() {
    let scratch = Scratch::new();
    let client = scratch.client();
    let error = client.call(&[b'x'; 257], SHORT).unwrap_err();
    assert!(matches!(error, CallError::TextTooLong { len: 257 }), "{error}");
    assert!(matches!(client.call(b"a\0b", SHORT).unwrap_err(), CallError::TextHasNul { at: 1 }));
    assert_eq!(scratch.0.stat().unwrap().messages, 0);
    let _server = scratch.echo();
    assert_eq!(client.call(&[b'x'; 256], GENEROUS).unwrap().text, [b'x'; 255]);
}

#[test]
fn something_without_a_status_is_no_answer() {
    let scratch = Scratch::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mtype, _) = scratch.take_request();
            scratch.0.send(mtype, b"abc").unwrap();
        });
        let error = scratch.client().call(b"x", GENEROUS).unwrap_err();
        assert!(matches!(error, CallError::MalformedAnswer { len: 3, .. }), "{error}");
    });
}

#[test]
fn a_call_returns_in_time_with_all_signals_blocked_and_leaves_no_timer_signal_or_mask_behind() {
    let (tell, told) = mpsc::channel();
    let scratch = Scratch::new();
    let client = scratch.client();
    std::thread::spawn(move || {
        SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).unwrap();
        let before = SigSet::thread_get_mask().unwrap();
        let result = client.call(b"x", SHORT);
        assert_eq!(timed_out_in(&result), Some(Phase::Receive));
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
        let own = gettid();
        let status = std::fs::read_to_string(format!("/proc/self/task/{own}/status")).unwrap();
        assert!(status.contains("SigPnd:\t0000000000000000"), "{status}");
        let timers = std::fs::read_to_string("/proc/self/timers").unwrap_or_default();
        assert!(!timers.contains(&format!("tid.{own}\n")), "{timers}");
        tell.send(()).unwrap();
    });
    told.recv_timeout(GENEROUS).unwrap();
}

/// How often this thread has given up the CPU.
fn waits() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How often this thread waits during ten calls of a server that takes some milliseconds for each.
fn waits_in_ten_calls(spin: Duration) -> u64 {
    let scratch = Scratch::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..10 {
                let request = scratch.take_request();
                std::thread::sleep(Duration::from_millis(5));
                scratch.answer(&request);
            }
        });
        let client = scratch.client().spin(spin);
        let before = waits();
        for number in 0..10 {
            let text = number.to_string();
            assert_eq!(client.call(text.as_bytes(), GENEROUS).unwrap().text, text.as_bytes());
        }
        waits() - before
    })
}

#[test]
fn a_client_that_is_told_to_looks_for_its_answer_before_it_blocks() {
    assert!(waits_in_ten_calls(Duration::ZERO) >= 10);
    assert!(waits_in_ten_calls(GENEROUS) < 10);
}

#[test]
fn a_client_that_looks_for_its_answer_keeps_its_deadline_and_blocks_when_nothing_comes() {
    let scratch = Scratch::new();
    let client = scratch.client().spin(GENEROUS);
    assert_eq!(timed_out_in(&client.call(b"nobody serves", SHORT)), Some(Phase::Receive));
    let short_look = scratch.client().spin(Duration::from_micros(10));
    let server = scratch.echo();
    assert_eq!(short_look.call(b"now somebody does", GENEROUS).unwrap().text, b"now somebody does");
    scratch.0.remove().unwrap();
    server.join().unwrap();
}
