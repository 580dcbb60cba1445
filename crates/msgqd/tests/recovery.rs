//! Recovery as a library: tables as a daemon that was killed leaves them, one for each state of a slot, and threads as
//! clients: their thread ids are their PIDs.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "recovery/messages.rs"]
mod messages;
#[path = "../../msgq-core/tests/support/scratch.rs"]
mod scratch;

use messages::{Messages, with_all_messages};
use msgq_core::config::OnCrash;
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::queue::{MessageBuffer, Queue, QueueSettings};
use msgq_core::table::{CountersSnapshot, SlotHeader, SlotState, Table};
use msgqd::engine::{Engine, EngineSettings, Storage};
use msgqd::handler::Echo;
use scratch::ScratchQueue;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
const WORKERS: usize = 2;

struct Scene {
    messages: Messages,
    queue: Queue,
    _scratch: ScratchQueue,
    left: Option<Table>,
    engine: Option<Engine>,
}

impl Scene {
    fn new(messages: Messages) -> Self {
        let scratch = ScratchQueue::new();
        let queue = *scratch;
        let left = Table::anonymous(settings(messages).geometry()).unwrap();
        left.header().set_msqid(queue.id());
        Self { messages, queue, _scratch: scratch, left: Some(left), engine: None }
    }

    fn left(&self) -> &Table {
        self.left.as_ref().unwrap()
    }

    /// Notes in a slot of the dead daemon.
    fn note(&self, slot: &SlotHeader, client: i32, sequence: u64, state: SlotState) {
        slot.set_client(client.into());
        slot.sequence.store(sequence, Ordering::Relaxed);
        slot.msqid.store(self.queue.id(), Ordering::Relaxed);
        slot.set_state(state);
    }

    fn landed(&self, worker: usize, client: i32, text: &str) {
        let body = self.messages.request(client, text);
        self.left().store_landed(worker, REQUEST_MTYPE, &body);
    }

    fn received(&self, worker: usize, client: i32, sequence: u64, text: &str) {
        self.landed(worker, client, text);
        let slot = self.left().landing(worker).unwrap();
        slot.set_body_len(self.messages.body_len());
        self.note(slot, client, sequence, SlotState::Received);
    }

    fn landing_answer(&self, worker: usize, client: i32, sequence: u64, text: &str, state: SlotState) {
        self.left().write_landing_response(worker, &self.messages.response(client, text));
        self.note(self.left().landing(worker).unwrap(), client, sequence, state);
    }

    fn outbox_answer(&self, index: u32, client: i32, sequence: u64, text: &str, state: SlotState) {
        let slot = self.left().response(index).unwrap();
        slot.set_body_len(self.messages.body_len());
        self.left().write_response(index, &self.messages.response(client, text));
        self.note(slot, client, sequence, state);
    }

    fn start(&mut self, on_crash: OnCrash) {
        let settings = settings(self.messages);
        let storage = Storage { left: self.left.take(), on_crash, ..Storage::anonymous(&settings).unwrap() };
        let recreate = Box::new(|| Err("not in this test".to_owned()));
        self.engine = Some(Engine::start(self.queue, &settings, Arc::new(Echo), recreate, storage).unwrap());
    }

    fn metrics(&self) -> CountersSnapshot {
        let engine = self.engine.as_ref().unwrap();
        wait_until("nothing is in hand or in the outbox", || engine.in_hand() + engine.in_outbox() == 0);
        let metrics = engine.table().counted();
        assert_eq!(metrics.accepted(), metrics.fates(), "{metrics:?}");
        metrics
    }

    fn has_message(&self, client: i32) -> bool {
        self.queue.has_message(client.into()).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.set_ending();
            assert!(engine.stop(Instant::now() + LIMIT) || std::thread::panicking());
        }
    }
}

fn settings(messages: Messages) -> EngineSettings {
    EngineSettings {
        attempts: 3,
        parts: false,
        left_long_answers: false,
        workers: WORKERS,
        worker_room: WORKERS,
        outbox_capacity: 64,
        response_ttl: Duration::from_secs(600),
        spin_limit: Duration::from_micros(50),
        message_room: 8192,
        client_limit: 64,
        protocol: messages.protocol(),
    }
}

#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A client that reads as many answers as it is asked for.
struct Client {
    pid: i32,
    orders: std::sync::mpsc::Sender<usize>,
    answers: Receiver<(i32, String)>,
}

impl Client {
    fn new(messages: Messages, queue: Queue) -> Self {
        let ((tell_pid, pid), (orders, ordered)) = (channel(), channel::<usize>());
        let (answered, answers) = channel();
        std::thread::spawn(move || {
            let own = nix::unistd::gettid().as_raw();
            tell_pid.send(own).unwrap();
            let mut buffer = MessageBuffer::new();
            for count in ordered {
                for _ in 0..count {
                    if queue.receive(own.into(), &mut buffer).is_err() {
                        return;
                    }
                    let _ = answered.send(messages.read(buffer.body()));
                }
            }
        });
        Self { pid: pid.recv().unwrap(), orders, answers }
    }

    /// Blocks it in msgrcv for so many answers.
    fn wait_for(&self, answers: usize) {
        self.orders.send(answers).unwrap();
        let path = format!("/proc/{}/task/{}/syscall", std::process::id(), self.pid);
        // 70 is msgrcv on x86-64; elsewhere a little time must do.
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline && !std::fs::read_to_string(&path).is_ok_and(|call| call.starts_with("70 ")) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[track_caller]
    fn answer(&self) -> (i32, String) {
        self.answers.recv_timeout(LIMIT).unwrap()
    }

    fn has_no_answer(&self) -> bool {
        self.answers.recv_timeout(Duration::from_millis(200)).is_err()
    }
}

fn done(text: &str) -> (i32, String) {
    (0, format!("Processed: {text}"))
}

with_all_messages! {
    a_request_that_was_received_and_not_yet_noted_is_answered
    a_request_in_hand_is_run_again_or_answered_with_an_error_as_configured
    a_request_in_hand_at_three_crashes_is_not_tried_again
    answers_that_were_ready_are_sent_once_and_in_the_order_of_the_requests
    an_answer_that_may_have_been_sent_reaches_a_client_that_waits
    an_answer_that_rests_in_the_queue_was_sent
    a_client_that_asked_again_has_its_answer
    a_client_whose_next_request_was_in_hand_has_its_answer
    a_client_that_does_not_wait_does_not_find_an_answer_that_may_be_its_second
    while_the_queue_is_full_of_requests_a_doubtful_answer_waits_until_it_can_be_judged
    an_offer_is_left_alone_wherever_it_is_unless_it_was_taken_back
    an_answer_that_was_being_adopted_is_delivered_once
    an_answer_in_doubt_behind_one_that_rests_was_not_sent_and_neither_is_lost
    an_answer_in_doubt_that_was_withdrawn_reaches_nobody
    nothing_is_sent_to_the_dead_nor_to_those_who_have_their_number_now
    what_belongs_to_another_queue_is_not_sent_to_this_one
    bad_requests_in_hand_end_as_they_do_elsewhere
    a_table_full_of_random_bytes_hurts_nobody
}

fn a_request_that_was_received_and_not_yet_noted_is_answered(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.landed(1, client.pid, "just received");
    scene.start(OnCrash::Retry);
    client.wait_for(1);
    assert_eq!(client.answer(), done("just received"));
    assert_eq!(scene.metrics().recovered_rerun, 1);
}

fn a_request_in_hand_is_run_again_or_answered_with_an_error_as_configured(messages: Messages) {
    for (on_crash, expected) in [(OnCrash::Retry, 0), (OnCrash::Fail, -1)] {
        let mut scene = Scene::new(messages);
        let client = Client::new(messages, scene.queue);
        scene.received(0, client.pid, 9, "in hand");
        scene.start(on_crash);
        client.wait_for(1);
        let (status, text) = client.answer();
        assert_eq!(status, expected);
        assert!(text.contains(if expected == 0 { "Processed: in hand" } else { "crashed" }), "{text}");
        let metrics = scene.metrics();
        assert_eq!((metrics.recovered_rerun, metrics.recovered_refused), if expected == 0 { (1, 0) } else { (0, 1) });
    }
}

fn a_request_in_hand_at_three_crashes_is_not_tried_again(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.received(0, client.pid, 9, "poison");
    scene.left().landing(0).unwrap().crashes.store(2, Ordering::Relaxed);
    scene.start(OnCrash::Retry);
    client.wait_for(1);
    let (status, text) = client.answer();
    assert_eq!(status, -1);
    assert!(text.contains("died 3 times"), "{text}");
}

fn answers_that_were_ready_are_sent_once_and_in_the_order_of_the_requests(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.outbox_answer(5, client.pid, 12, "twelve", SlotState::Ready);
    scene.outbox_answer(3, client.pid, 11, "eleven", SlotState::Ready);
    // The worker had put twelve into the outbox and not yet given up its own slot.
    scene.landing_answer(0, client.pid, 12, "twelve", SlotState::Ready);
    scene.landing_answer(1, client.pid, 13, "thirteen", SlotState::Ready);
    scene.start(OnCrash::Retry);
    client.wait_for(4);
    let answers = [client.answer().1, client.answer().1, client.answer().1];
    assert_eq!(answers, ["eleven", "twelve", "thirteen"]);
    assert!(client.has_no_answer());
    assert_eq!(scene.metrics().recovered, 3);
}

fn an_answer_that_may_have_been_sent_reaches_a_client_that_waits(messages: Messages) {
    for place in 0..2 {
        let mut scene = Scene::new(messages);
        let client = Client::new(messages, scene.queue);
        match place {
            0 => scene.landing_answer(0, client.pid, 4, "sending", SlotState::Sending),
            _ => scene.outbox_answer(0, client.pid, 4, "sending", SlotState::Sending),
        }
        client.wait_for(1);
        scene.start(OnCrash::Retry);
        assert_eq!(client.answer().1, "sending");
        assert_eq!(scene.metrics().recovered_ambiguous, 0);
    }
}

fn an_answer_that_rests_in_the_queue_was_sent(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.landing_answer(0, client.pid, 4, "sent", SlotState::Sending);
    scene.queue.try_send_framed(&messages.response(client.pid, "sent")).unwrap();
    scene.start(OnCrash::Retry);
    client.wait_for(2);
    assert_eq!(client.answer().1, "sent");
    assert!(client.has_no_answer());
    assert_eq!(scene.metrics().recovered_delivered, 1);
}

fn a_client_that_asked_again_has_its_answer(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.landing_answer(0, client.pid, 4, "old", SlotState::Sending);
    scene.queue.try_send(REQUEST_MTYPE, &messages.request(client.pid, "new")).unwrap();
    client.wait_for(2);
    scene.start(OnCrash::Retry);
    assert_eq!(client.answer(), done("new"));
    assert!(client.has_no_answer());
}

fn a_client_whose_next_request_was_in_hand_has_its_answer(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.landing_answer(0, client.pid, 4, "old", SlotState::Sending);
    scene.received(1, client.pid, 5, "new");
    client.wait_for(2);
    scene.start(OnCrash::Retry);
    assert_eq!(client.answer(), done("new"));
    assert!(client.has_no_answer());
}

fn a_client_that_does_not_wait_does_not_find_an_answer_that_may_be_its_second(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.landing_answer(0, client.pid, 4, "perhaps", SlotState::Sending);
    scene.start(OnCrash::Retry);
    assert_eq!(scene.metrics().recovered_ambiguous, 1);
    assert!(!scene.has_message(client.pid));
}

fn while_the_queue_is_full_of_requests_a_doubtful_answer_waits_until_it_can_be_judged(messages: Messages) {
    let mut scene = Scene::new(messages);
    let (client, other) = (Client::new(messages, scene.queue), Client::new(messages, scene.queue));
    let places = u64::try_from(2 * messages.body_len()).unwrap();
    scene.queue.set(&QueueSettings { max_bytes: Some(places), ..QueueSettings::default() }).unwrap();
    for text in ["one", "two"] {
        scene.queue.try_send(REQUEST_MTYPE, &messages.request(other.pid, text)).unwrap();
    }
    scene.outbox_answer(0, client.pid, 4, "blocked in the send", SlotState::Sending);
    client.wait_for(1);
    scene.start(OnCrash::Retry);
    assert_eq!(client.answer().1, "blocked in the send");
    other.wait_for(2);
    assert_eq!((other.answer(), other.answer()), (done("one"), done("two")));
    scene.metrics();
}

fn an_offer_is_left_alone_wherever_it_is_unless_it_was_taken_back(messages: Messages) {
    let mut scene = Scene::new(messages);
    let clients: Vec<Client> = (0..3).map(|_| Client::new(messages, scene.queue)).collect();
    for (index, client) in (0_u32..).zip(&clients) {
        scene.outbox_answer(index, client.pid, 4 + u64::from(index), "offer", SlotState::Offered);
    }
    // The first rests, the second was read, the third is in the recall slot.
    scene.queue.try_send_framed(&messages.response(clients[0].pid, "offer")).unwrap();
    let recall = scene.left().recall();
    scene.left().store_landed(recall, clients[2].pid.into(), &messages.response(clients[2].pid, "offer")[8..]);
    scene.left().landing(recall).unwrap().sequence.store(3, Ordering::Relaxed);
    scene.start(OnCrash::Retry);
    for client in &clients {
        client.wait_for(2);
    }
    assert_eq!(clients[0].answer().1, "offer");
    assert_eq!(clients[2].answer().1, "offer");
    assert!(clients.iter().all(Client::has_no_answer));
    assert_eq!(scene.metrics().recovered, 1);
}

fn an_answer_that_was_being_adopted_is_delivered_once(messages: Messages) {
    // Where it stands beside the recall slot: nowhere, in a slot that does not say so yet, in one that does.
    for stored in [None, Some(SlotState::Armed), Some(SlotState::Ready)] {
        let mut scene = Scene::new(messages);
        let client = Client::new(messages, scene.queue);
        let recall = scene.left().recall();
        scene.left().store_landed(recall, client.pid.into(), &messages.response(client.pid, "adopted")[8..]);
        if let Some(state) = stored {
            scene.outbox_answer(0, client.pid, 0, "adopted", state);
            scene.left().landing(recall).unwrap().sequence.store(1, Ordering::Relaxed);
        }
        scene.start(OnCrash::Retry);
        client.wait_for(2);
        assert_eq!(client.answer().1, "adopted", "{stored:?}");
        assert!(client.has_no_answer(), "{stored:?}");
    }
}

fn an_answer_in_doubt_behind_one_that_rests_was_not_sent_and_neither_is_lost(messages: Messages) {
    for place in 0..2 {
        let mut scene = Scene::new(messages);
        let client = Client::new(messages, scene.queue);
        match place {
            0 => scene.landing_answer(0, client.pid, 5, "second", SlotState::Sending),
            _ => scene.outbox_answer(0, client.pid, 5, "second", SlotState::Sending),
        }
        scene.queue.try_send_framed(&messages.response(client.pid, "first")).unwrap();
        scene.start(OnCrash::Retry);
        client.wait_for(3);
        assert_eq!((client.answer().1, client.answer().1), ("first".to_owned(), "second".to_owned()));
        assert!(client.has_no_answer());
        assert_eq!(scene.metrics().recovered_ambiguous, 0);
    }
}

fn an_answer_in_doubt_that_was_withdrawn_reaches_nobody(messages: Messages) {
    // Its slot ends before the copy in the recall slot does.
    for (state, ambiguous) in [(SlotState::Sending, 1), (SlotState::Armed, 0)] {
        let mut scene = Scene::new(messages);
        let client = Client::new(messages, scene.queue);
        let recall = scene.left().recall();
        scene.left().store_landed(recall, client.pid.into(), &messages.response(client.pid, "perhaps")[8..]);
        scene.outbox_answer(0, client.pid, 4, "perhaps", state);
        scene.left().landing(recall).unwrap().sequence.store(1, Ordering::Relaxed);
        scene.left().landing(recall).unwrap().in_doubt.store(1, Ordering::Relaxed);
        scene.start(OnCrash::Retry);
        client.wait_for(1);
        assert!(client.has_no_answer(), "{state:?}");
        assert_eq!(scene.metrics().recovered_ambiguous, ambiguous);
    }
}

fn nothing_is_sent_to_the_dead_nor_to_those_who_have_their_number_now(messages: Messages) {
    let mut scene = Scene::new(messages);
    let heir = Client::new(messages, scene.queue);
    let dead = std::thread::spawn(|| nix::unistd::gettid().as_raw()).join().unwrap();
    wait_until("the thread is gone", || !std::path::Path::new(&format!("/proc/self/task/{dead}")).exists());
    scene.received(0, dead, 1, "of the dead");
    scene.outbox_answer(0, dead, 2, "for the dead", SlotState::Ready);
    scene.outbox_answer(1, heir.pid, 3, "for its predecessor", SlotState::Ready);
    scene.received(1, heir.pid, 4, "of its predecessor");
    scene.left().client(0).unwrap().set(heir.pid.into(), 1);
    heir.wait_for(1);
    scene.start(OnCrash::Retry);
    assert!(heir.has_no_answer());
    assert_eq!(scene.metrics().recovered_gone, 4);
    assert!(!scene.has_message(dead));
}

fn what_belongs_to_another_queue_is_not_sent_to_this_one(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.outbox_answer(0, client.pid, 3, "of another queue", SlotState::Ready);
    scene.left().response(0).unwrap().msqid.store(scene.queue.id() + 1, Ordering::Relaxed);
    client.wait_for(1);
    scene.start(OnCrash::Retry);
    assert!(client.has_no_answer());
    assert_eq!(scene.metrics().recovered, 0);
}

fn bad_requests_in_hand_end_as_they_do_elsewhere(messages: Messages) {
    let mut scene = Scene::new(messages);
    let client = Client::new(messages, scene.queue);
    scene.left().store_landed(0, REQUEST_MTYPE, b"abc");
    scene.left().store_landed(1, REQUEST_MTYPE, &[&client.pid.to_ne_bytes()[..], &[b'x'; 4000]].concat());
    scene.start(OnCrash::Retry);
    client.wait_for(1);
    let (status, text) = client.answer();
    assert_eq!(status, -1);
    let ends_before_the_limit = matches!(messages, Messages::TextsOf(36));
    assert!(text.contains(&messages.body_len().to_string()) || ends_before_the_limit, "{text}");
    assert!(text.starts_with("the body has "), "{text}");
    let metrics = scene.metrics();
    // The end of a text may be missing in a declared request, so of its length nothing is known but the three bytes.
    let (short, foreign) = if matches!(messages, Messages::Plain) { (1, 0) } else { (0, 1) };
    assert_eq!((metrics.malformed_short, metrics.malformed_long, metrics.recovered_gone), (short, 1, foreign));
}

fn a_table_full_of_random_bytes_hurts_nobody(messages: Messages) {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..50 {
        let mut scene = Scene::new(messages);
        let bystander = Client::new(messages, scene.queue);
        bystander.wait_for(1);
        let states = [SlotState::Armed, SlotState::Received, SlotState::Ready, SlotState::Sending, SlotState::Offered];
        for index in 0..=WORKERS {
            let bytes: Vec<u8> = (0..300).map(|_| next().to_ne_bytes()[0]).collect();
            scene.left().store_landed(index, next().cast_signed(), &bytes);
        }
        let responses = (0..64).filter_map(|index| scene.left().response(index));
        let landings = (0..=WORKERS).filter_map(|index| scene.left().landing(index));
        for slot in responses.chain(landings) {
            slot.set_client(-i64::try_from(next() >> 33).unwrap());
            slot.set_body_len(usize::try_from(next() >> 32).unwrap());
            slot.sequence.store(next(), Ordering::Relaxed);
            slot.msqid.store(scene.queue.id(), Ordering::Relaxed);
            slot.crashes.store(u32::MAX, Ordering::Relaxed);
            slot.set_state(states[usize::try_from(next() % 5).unwrap()]);
        }
        scene.start(OnCrash::Retry);
        scene.metrics();
        assert!(bystander.answers.try_recv().is_err());
        assert_eq!(scene.queue.stat().unwrap().messages, 0);
    }
}
