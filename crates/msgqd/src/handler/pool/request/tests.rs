#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use super::*;
use crate::handler::payload::Payload;
use crate::handler::pool::shared::Limits;
use rustix::event::PollFlags;
use std::fs::File;
use std::time::Duration;

struct NoBackend;
struct NoLink(File);

impl Link for NoLink {
    fn reader(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn writer(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn end(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.0.as_fd(), PollFlags::IN)
    }
}

impl Backend for NoBackend {
    type Link = NoLink;
    const KIND: &'static str = "test";
    const NOUN: &'static str = "nobody";
    const IS_EAGER: bool = false;

    fn subject(&self) -> String {
        "nobody".to_owned()
    }

    fn open(&self, _: BorrowedFd<'_>) -> Result<NoLink, String> {
        Err("in this test the link is opened by hand".to_owned())
    }

    fn close(&self, _: NoLink, _: &End, _: Option<Instant>) {}
}

#[test]
fn a_wake_up_that_comes_at_a_requests_own_deadline_is_passed_on() {
    let limits = Limits {
        size: 1,
        timeout: Duration::from_secs(60),
        max_requests: None,
        is_idempotent: false,
        payload: Payload::default(),
    };
    let pool = PoolShared::new(NoBackend, limits).unwrap();
    let (pause, long) = (Duration::from_millis(200), Duration::from_secs(60));
    std::thread::scope(|scope| {
        let short = scope.spawn(|| pool.await_idle(Instant::now() + pause * 2).is_ok());
        std::thread::sleep(pause / 2);
        let patient = scope.spawn(|| {
            let began = Instant::now();
            pool.await_idle(began + long).ok().map(|_| began.elapsed())
        });
        std::thread::sleep(pause / 2);
        let link = NoLink(File::open("/dev/null").unwrap());
        let mut state = pool.lock();
        let epoch = state.health.epoch();
        state.idle.push(HeldLink { place: 0, link, epoch, answered: 0, opened_at: Instant::now() });
        pool.ready.notify_one();
        // The one that was woken cannot look before its time is over.
        std::thread::sleep(pause * 2);
        drop(state);
        assert!(!short.join().unwrap());
        assert!(patient.join().unwrap().is_some_and(|waited| waited < long / 2));
    });
}
