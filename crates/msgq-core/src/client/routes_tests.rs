//! Where answers do not share the queue of requests, beside plain servers.

use super::*;
use crate::config::Config;
use crate::layout::protocol::{ReplyAddress, ReplyRoute};
use crate::queue::{MessageBuffer, listed_queues};
use crate::scratch::ScratchQueue;
use std::collections::HashSet;

const GENEROUS: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(20);
const REQUEST: &str = "request = 'struct { long mtype; int msqid; int key; pid_t pid; int op; }'";
const RESPONSE: &str = "response = 'struct { long mtype; int op; }'";

fn protocol(settings: &[&str]) -> Protocol {
    let text = ["[handler]\npass = 'body'", "[protocol]", REQUEST, RESPONSE]
        .iter()
        .chain(settings)
        .map(|line| format!("{line}\n"));
    Config::parse("test", &text.collect::<String>()).unwrap().protocol.as_ref().clone()
}

fn by_msqid() -> Protocol {
    protocol(&["reply = 'private'", "reply_to = 'msqid'"])
}

fn by_key() -> Protocol {
    protocol(&["reply = 'private'", "reply_to = { field = 'key', as = 'key' }"])
}

fn body(op: i32) -> Vec<u8> {
    [0, 0, 0, op].iter().flat_map(|number| number.to_ne_bytes()).collect()
}

fn op_of(body: &[u8]) -> i32 {
    i32::from_ne_bytes(*body.last_chunk().unwrap())
}

/// A queue of requests with a server that answers where it is told to, until the queue is removed.
struct Served {
    requests: ScratchQueue,
    seen: Arc<std::sync::Mutex<HashSet<i32>>>,
}

impl Served {
    fn start(protocol: &Protocol) -> Self {
        let served = Self { requests: ScratchQueue::new(), seen: Arc::default() };
        let (queue, protocol, seen) = (*served.requests, protocol.clone(), Arc::clone(&served.seen));
        std::thread::spawn(move || {
            let mut buffer = MessageBuffer::new();
            while queue.receive(0, &mut buffer).is_ok() {
                let queue = match protocol.reply_address(buffer.body()) {
                    Some(ReplyAddress::Msqid(msqid)) => Queue::from_msqid(msqid),
                    Some(ReplyAddress::Key(key)) => {
                        Queue::open(crate::queue::QueueKey::new(key.cast_signed()).unwrap()).unwrap()
                    }
                    None => panic!("the request names no queue"),
                };
                seen.lock().unwrap().insert(queue.id());
                let _ = queue.send(1, &op_of(buffer.body()).to_ne_bytes());
            }
        });
        served
    }

    fn client(&self) -> Client {
        Client::new(*self.requests)
    }

    /// Which of the queues that requests have named are still there.
    fn left(&self) -> Vec<i32> {
        let there: HashSet<i32> = listed_queues().unwrap().iter().map(|row| row.msqid).collect();
        self.seen.lock().unwrap().intersection(&there).copied().collect()
    }
}

#[test]
fn an_answer_in_a_queue_of_the_clients_own_is_read_and_the_queue_is_removed_with_the_client() {
    for protocol in [by_msqid(), by_key()] {
        let served = Served::start(&protocol);
        let client = served.client();
        for op in 0..50 {
            let received = client.exchange(&protocol, 1, &body(op), GENEROUS).unwrap();
            assert_eq!(op_of(&received.body), op);
        }
        assert_eq!((served.left().len(), served.seen.lock().unwrap().len()), (1, 1));
        let clone = client.clone();
        drop(client);
        assert_eq!(served.left().len(), 1);
        drop(clone);
        assert_eq!(served.left(), [0; 0]);
    }
}

#[test]
fn an_own_queue_is_for_its_client_and_the_owner_of_the_queue_of_requests_alone() {
    let protocol = by_msqid();
    let served = Served::start(&protocol);
    let is_root = nix::unistd::geteuid().is_root();
    let owner = if is_root { 4711 } else { nix::unistd::geteuid().as_raw() };
    let settings = crate::queue::QueueSettings { uid: Some(owner), ..Default::default() };
    served.requests.set(&settings).unwrap();
    let client = served.client();
    let _ = client.exchange(&protocol, 1, &body(1), GENEROUS).unwrap();
    let stat = Queue::from_msqid(served.left()[0]).stat().unwrap();
    assert_eq!((stat.mode, stat.uid, stat.cuid), (0o600, owner, nix::unistd::geteuid().as_raw()));
    if !is_root {
        eprintln!("not root: that the queue is given to another user is not shown");
    }
}

#[test]
fn an_own_queue_is_removed_after_a_panic() {
    let protocol = by_msqid();
    let served = Served::start(&protocol);
    let client = served.client();
    let panicked = std::thread::scope(|scope| {
        let call = || {
            let client = client;
            let _ = client.exchange(&protocol, 1, &body(1), GENEROUS).unwrap();
            assert_eq!(client.queue.id(), -1, "on purpose");
        };
        scope.spawn(call).join().is_err()
    });
    assert!(panicked);
    assert_eq!((served.left().len(), served.seen.lock().unwrap().len()), (0, 1));
}

#[test]
fn threads_that_share_a_client_read_from_different_own_queues() {
    let protocol = by_msqid();
    let served = Served::start(&protocol);
    let client = served.client();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (client, protocol) = (&client, &protocol);
            scope.spawn(move || {
                for number in 0..200 {
                    let op = thread * 1000 + number;
                    assert_eq!(op_of(&client.exchange(protocol, 1, &body(op), GENEROUS).unwrap().body), op);
                }
            });
        }
    });
    drop(client);
    assert_eq!(served.left(), [0; 0]);
}

#[test]
fn a_late_answer_in_an_own_queue_is_not_taken_for_the_next_one() {
    let protocol = by_msqid();
    let requests = ScratchQueue::new();
    let client = Client::new(*requests);
    let result = client.exchange(&protocol, 1, &body(1), SHORT);
    assert!(matches!(result, Err(CallError::Timeout { phase: Phase::Receive, .. })), "{result:?}");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = MessageBuffer::new();
            for _ in 0..2 {
                requests.receive(1, &mut buffer).unwrap();
                let Some(ReplyAddress::Msqid(msqid)) = protocol.reply_address(buffer.body()) else { panic!() };
                let _ = Queue::from_msqid(msqid).send(1, &op_of(buffer.body()).to_ne_bytes());
            }
        });
        let received = client.exchange(&protocol, 1, &body(2), GENEROUS).unwrap();
        assert_eq!(op_of(&received.body), 2);
    });
}

#[test]
fn an_own_queue_that_somebody_removes_during_the_wait_is_told_apart_from_the_servers() {
    let protocol = by_key();
    let requests = ScratchQueue::new();
    let client = Client::new(*requests);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            requests.receive(1, &mut MessageBuffer::new()).unwrap();
            client.remove_private_queues();
        });
        let error = client.exchange(&protocol, 1, &body(1), GENEROUS).unwrap_err();
        assert!(matches!(error, CallError::OwnQueueGone(_)), "{error}");
    });
    let error = client.exchange(&protocol, 1, &body(1), GENEROUS).unwrap_err();
    assert!(matches!(error, CallError::OwnQueueGone(_)), "{error}");
}

#[test]
fn an_answer_in_parts_with_types_of_their_own_is_read_to_its_end() {
    for (closing, messages) in [
        ("end", &[(2, "a"), (2, "b"), (3, "")][..]),
        ("last", &[(2, "a"), (3, "b")]),
        ("end", &[(1, "no")]),
        ("last", &[(3, "all")]),
    ] {
        let types = format!("part_types = {{ data = 2, {closing} = 3, error = 1 }}");
        let text = format!(
            "[handler]\nkind = 'exec'\ncommand = ['cat']\noverlong = 'parts'\n[protocol]\nrequest = 'struct {{ long mtype; int msqid; char text[8]; }}'\n\
             response = 'struct {{ long mtype; char text[8]; }}'\nreply = 'private'\nreply_to = 'msqid'\n{types}\n"
        );
        let protocol = Config::parse("test", &text).unwrap().protocol;
        let requests = ScratchQueue::new();
        let client = Client::new(*requests);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut buffer = MessageBuffer::new();
                requests.receive(1, &mut buffer).unwrap();
                let Some(ReplyAddress::Msqid(msqid)) = protocol.reply_address(buffer.body()) else { panic!() };
                messages
                    .iter()
                    .for_each(|(mtype, text)| Queue::from_msqid(msqid).send(*mtype, text.as_bytes()).unwrap());
            });
            let received = client.exchange(&protocol, 1, &[0; 12], GENEROUS).unwrap();
            let parts: Vec<_> = std::iter::once(&received.body).chain(&received.more_parts).cloned().collect();
            let sent = messages.iter().map(|(_, text)| text.as_bytes().to_vec());
            assert_eq!(parts, sent.filter(|text| !text.is_empty()).collect::<Vec<_>>());
            assert_eq!(received.is_error, messages[0].0 == 1);
        });
    }
}

#[test]
fn answers_of_a_second_queue_are_read_there_and_requests_may_name_their_client_by_type() {
    for settings in [
        &["reply = { key = 99 }", "client = 'mtype'", "request_types = 'any'"][..],
        &["reply = { key = 99 }", "client = 'pid'"],
    ] {
        let protocol = protocol(settings);
        let (requests, answers) = (ScratchQueue::new(), ScratchQueue::new());
        let without = Client::new(*requests).exchange(&protocol, 1, &body(7), SHORT).unwrap_err();
        assert!(matches!(without, CallError::NoReplyQueue { .. }), "{without}");
        let (from, to, served) = (*requests, *answers, protocol.clone());
        std::thread::spawn(move || {
            let mut buffer = MessageBuffer::new();
            while from.receive(0, &mut buffer).is_ok() {
                let client = served.claimed_client(buffer.mtype(), buffer.body()).unwrap();
                to.send(client, &op_of(buffer.body()).to_ne_bytes()).unwrap();
            }
        });
        let client = Client::new(*requests).with_reply_queue(*answers);
        for op in 0..50 {
            assert_eq!(op_of(&client.exchange(&protocol, 1, &body(op), GENEROUS).unwrap().body), op);
        }
    }
}

#[test]
fn a_second_queue_that_is_removed_during_the_wait_ends_the_call() {
    let protocol = protocol(&["reply = { key = 99 }", "client = 'pid'"]);
    let (requests, answers) = (ScratchQueue::new(), ScratchQueue::new());
    let client = Client::new(*requests).with_reply_queue(*answers);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            requests.receive(1, &mut MessageBuffer::new()).unwrap();
            answers.remove().unwrap();
        });
        let error = client.exchange(&protocol, 1, &body(1), GENEROUS).unwrap_err();
        assert!(matches!(error, CallError::QueueGone(_)), "{error}");
    });
}

#[test]
fn what_nobody_answers_is_sent_and_not_waited_for_but_for_room() {
    let protocol = protocol(&["reply = 'none'"]);
    assert_eq!(protocol.route(), ReplyRoute::Nowhere);
    let requests = ScratchQueue::new();
    let client = Client::new(*requests);
    let error = client.exchange(&protocol, 1, &body(1), SHORT).unwrap_err();
    assert!(matches!(error, CallError::NoAnswers { .. }), "{error}");
    let _ = client.send(&protocol, 1, &body(5), GENEROUS).unwrap();
    let mut buffer = MessageBuffer::new();
    requests.receive(1, &mut buffer).unwrap();
    assert_eq!(op_of(buffer.body()), 5);
    while requests.try_send(1, &body(0)).is_ok() {}
    let error = client.send(&protocol, 1, &body(5), SHORT).unwrap_err();
    assert!(matches!(error, CallError::Timeout { phase: Phase::Send, .. }), "{error}");
}
