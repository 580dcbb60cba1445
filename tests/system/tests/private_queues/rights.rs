//! What the server may do with a queue that a client names, and whose it has to be.

use crate::clients::{BY_KEY, BY_MSQID, NAMED, OwnQueue, counted, own_pid, request, serving};
use msgq_core::queue::{Queue, QueueSettings};
use msgqd_system_tests::{Daemon, Process, STRANGER, as_user, is_root, wait_until};
use std::path::Path;

/// Asks for an answer to `own` in the name of `pid`, and then for one that shows that this one was served.
#[track_caller]
fn ask_and_go_on(daemon: &Daemon, pid: i32, own: &OwnQueue) {
    let sentinel = OwnQueue::new();
    let owned_by = QueueSettings { uid: Some(own.queue.stat().unwrap().uid), ..QueueSettings::default() };
    sentinel.queue.set(&QueueSettings { mode: Some(0o666), ..owned_by }).unwrap();
    daemon.queue().send(1, &request(pid, own.queue.id(), "asked")).unwrap();
    daemon.queue().send(1, &request(own_pid(), sentinel.queue.id(), "go on")).unwrap();
    assert_eq!(sentinel.next().1, "Processed: go on");
}

fn give_to_stranger(queue: &Queue, mode: u32) {
    let settings = QueueSettings { mode: Some(mode), uid: Some(STRANGER), ..QueueSettings::default() };
    queue.set(&settings).unwrap();
}

#[test]
fn an_answer_that_the_server_may_not_write_is_dropped_and_named() {
    if !is_root() {
        return eprintln!("not shown: only root can run the server as another user");
    }
    let daemon = serving(&[BY_MSQID, NAMED]).user(STRANGER).set("queue", "mode = \"0666\"").start();
    let own = OwnQueue::with_mode(0o600);
    ask_and_go_on(&daemon, own_pid(), &own);
    assert!(own.is_empty());
    let finished = daemon.stop();
    assert!(finished.stderr.contains("the client has to make its queue so that this server's user"), "{finished:?}");
    assert_eq!(counted(&finished.stderr, "private_unwritable"), 1);
}

#[test]
fn a_queue_that_the_server_may_write_to_and_not_read_gets_its_answers() {
    if !is_root() {
        return eprintln!("not shown: only root can run the server as another user");
    }
    let daemon = serving(&[BY_MSQID, NAMED]).user(STRANGER).set("queue", "mode = \"0666\"").start();
    let own = OwnQueue::with_mode(0o602);
    for _ in 0..3 {
        daemon.queue().send(1, &request(own_pid(), own.queue.id(), "blind")).unwrap();
        assert_eq!(own.next().1, "Processed: blind");
    }
    daemon.stop();
}

#[test]
fn a_queue_of_another_user_than_the_client_is_not_written_to() {
    if !is_root() {
        return eprintln!("not shown: only root can be two users");
    }
    for lines in [[BY_MSQID, NAMED], [BY_KEY, NAMED]] {
        let daemon = serving(&lines).set("queue", "mode = \"0666\"").start();
        let client = Process::start(as_user(STRANGER, Path::new("sleep")).arg("600"));
        wait_until("it runs as the other user", || msgq_core::process::effective_user(client.pid()) == Some(STRANGER));
        let [roots, own, shared] = [(); 3].map(|()| OwnQueue::as_named_by(&lines));
        shared.queue.set(&QueueSettings { mode: Some(0o666), ..QueueSettings::default() }).unwrap();
        // Its creator is root still, as with a queue that was made for the client.
        give_to_stranger(&own.queue, 0o600);
        for queue in [&roots, &own, &shared] {
            daemon.queue().send(1, &request(client.pid(), queue.address(), "whose")).unwrap();
        }
        assert_eq!(own.next().1, "Processed: whose");
        assert_eq!(shared.next().1, "Processed: whose", "anybody may write there");
        assert!(roots.is_empty());
        let finished = daemon.stop();
        let said = "belongs to user 0, and the client runs as user 65534, who may not write to it";
        assert!(finished.stderr.contains(said), "{finished:?}");
        assert_eq!(counted(&finished.stderr, "private_refused"), 1);
    }
}

#[test]
fn root_may_name_any_queue() {
    if !is_root() {
        return eprintln!("not shown: only root is root");
    }
    let daemon = serving(&[BY_MSQID, NAMED]).start();
    let own = OwnQueue::new();
    give_to_stranger(&own.queue, 0o600);
    daemon.queue().send(1, &request(own_pid(), own.queue.id(), "root")).unwrap();
    assert_eq!(own.next().1, "Processed: root");
    daemon.stop();
}

#[test]
fn a_queue_that_was_given_to_another_user_is_noticed() {
    if !is_root() {
        return eprintln!("not shown: only root can be two users");
    }
    let daemon = serving(&[BY_MSQID, NAMED]).set("queue", "mode = \"0666\"").start();
    let client = Process::start(as_user(STRANGER, Path::new("sleep")).arg("600"));
    wait_until("it runs as the other user", || msgq_core::process::effective_user(client.pid()) == Some(STRANGER));
    let own = OwnQueue::new();
    give_to_stranger(&own.queue, 0o600);
    daemon.queue().send(1, &request(client.pid(), own.queue.id(), "mine")).unwrap();
    assert_eq!(own.next().1, "Processed: mine");
    own.queue.set(&QueueSettings { uid: Some(0), ..QueueSettings::default() }).unwrap();
    wait_until("its answers are refused", || {
        daemon.queue().send(1, &request(client.pid(), own.queue.id(), "whose")).unwrap();
        daemon.log().contains("belongs to user 0, and the client runs as user 65534")
    });
    daemon.stop();
}
