//! Threads of this process that wait in real calls are seen by one walk.

use super::*;
use crate::queue::{MessageBuffer, Queue};
use crate::scratch::ScratchQueue;
use std::thread::{sleep, spawn};

const LOOKS: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until as many wait on the queue as are expected, with a bound.
fn look_until(queue: &Queue, expected: usize) -> Vec<Waiter> {
    for _ in 0..LOOKS {
        let seen = Waiters::look().of(queue.id()).to_vec();
        if seen.len() == expected {
            return seen;
        }
        sleep(PAUSE);
    }
    panic!("{expected} should wait on the queue, {:?} do", Waiters::look().of(queue.id()));
}

#[test]
fn who_waits_is_seen_with_queue_type_and_size_and_is_gone_with_the_queue() {
    let scratch = ScratchQueue::new();
    let queue = *scratch;
    let max_bytes = queue.stat().unwrap().max_bytes;
    while queue.try_send(9, &[0; 1024]).is_ok() {}
    let sender = spawn(move || queue.send(4711, &[0; 1000]));
    let receiver = spawn(move || queue.receive(77, &mut MessageBuffer::new()));
    let seen = look_until(&queue, 2);
    let calls: Vec<WaitingCall> = seen.iter().map(|waiter| waiter.call).collect();
    let msqid = queue.id();
    assert!(calls.contains(&WaitingCall::Send { msqid, mtype: Some(4711), msgsz: 1000 }), "{calls:?} of {max_bytes}");
    let receives = |call: &WaitingCall| matches!(call, WaitingCall::Receive { msgtyp: Some(77), .. });
    assert!(calls.iter().any(receives), "{calls:?}");
    for waiter in &seen {
        assert_eq!((waiter.pid, waiter.uid), (std::process::id().cast_signed(), nix::unistd::geteuid().as_raw()));
        assert_ne!(waiter.tid, waiter.pid, "a thread of the test waits, not its main one");
    }
    queue.remove().unwrap();
    assert!(sender.join().unwrap().is_err() && receiver.join().unwrap().is_err());
    assert_eq!(Waiters::look().of(msqid), []);
}

#[test]
fn threads_that_go_from_call_to_call_are_never_said_to_wait_somewhere_unseen() {
    let scratch = ScratchQueue::new();
    let queue = *scratch;
    let pass_on = |from: i64, to: i64| {
        spawn(move || {
            let mut buffer = MessageBuffer::new();
            while queue.receive(from, &mut buffer).is_ok() && queue.send(to, b"ball").is_ok() {
                sleep(Duration::from_micros(1));
            }
        })
    };
    let players = [pass_on(1, 2), pass_on(2, 1)];
    queue.send(1, b"ball").unwrap();
    let own = std::process::id().cast_signed();
    let unseen = (0..20_000).flat_map(|_| look_at_process(own).somewhere).count();
    queue.remove().unwrap();
    for player in players {
        player.join().unwrap();
    }
    assert_eq!(unseen, 0);
}

#[test]
fn who_waits_longer_has_slept_longer_and_never_longer_than_it_waits() {
    let scratch = ScratchQueue::new();
    let queue = *scratch;
    let begun = Instant::now();
    let first = spawn(move || queue.receive(1, &mut MessageBuffer::new()));
    look_until(&queue, 1);
    sleep(Duration::from_millis(300));
    let second = spawn(move || queue.receive(2, &mut MessageBuffer::new()));
    let seen = look_until(&queue, 2);
    let waited = begun.elapsed();
    let asleep = |msgtyp| {
        let is_it =
            |waiter: &&Waiter| matches!(waiter.call, WaitingCall::Receive { msgtyp: Some(it), .. } if it == msgtyp);
        seen.iter().find(is_it).and_then(|waiter| waiter.asleep_for)
    };
    // Some kernels do not tell, and some runners may not choose their CPU.
    if let (Some(longer), Some(shorter)) = (asleep(1), asleep(2)) {
        assert!(longer > shorter, "{longer:?} and {shorter:?}");
        assert!(longer <= waited + Duration::from_millis(100), "{longer:?} of {waited:?}");
    }
    queue.remove().unwrap();
    assert!(first.join().unwrap().is_err() && second.join().unwrap().is_err());
}

#[test]
fn what_a_look_saw_is_found_by_queue() {
    let waiter = |pid, msqid| Waiter {
        pid,
        tid: pid,
        uid: 0,
        command: "program".to_owned(),
        call: WaitingCall::Receive { msqid, msgtyp: Some(1), msgsz: 8192 },
        asleep_for: None,
        others_may_act: false,
    };
    let waiters = vec![waiter(5, 0), waiter(6, 3), waiter(7, 3), waiter(4, 9)];
    let seen = Waiters { waiters, ..Waiters::default() };
    let pids = |msqid| seen.of(msqid).iter().map(|waiter| waiter.pid).collect::<Vec<i32>>();
    assert_eq!((pids(0), pids(3), pids(4), pids(9)), (vec![5], vec![6, 7], vec![], vec![4]));
}
