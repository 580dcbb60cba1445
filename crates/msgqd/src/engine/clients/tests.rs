#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use super::*;
use msgq_core::table::Geometry;

#[test]
fn a_pid_max_that_was_raised_later_is_read_again_once_a_second_at_most() {
    let clients = for_one_client();
    clients.pid_max.store(2, Ordering::Relaxed);
    let own = std::process::id().cast_signed();
    assert_eq!(clients.possible_client(own.into()), None, "it was read a moment ago");
    clients.pid_max_read_at_ns.store(0, Ordering::Relaxed);
    assert!(clients.possible_client(own.into()).is_some());
}

#[test]
fn a_client_whose_request_is_in_hand_is_not_forgotten_for_a_newer_one() {
    let clients = for_one_client();
    let (dies, newer) = (Sleeper::start(), Sleeper::start());
    let (asked, other) = (dies.client(), newer.client());
    let generation = clients.admit(asked, 1, || true).unwrap().unwrap();
    in_hand(&clients, asked, SlotState::Received);
    assert!(clients.admit(other, 2, || true).is_err(), "there is no room for another one");
    assert!(clients.is_known(asked), "its death would not be noticed, and its answer goes to whoever has its number");

    drop(dies);
    let mut dead = Vec::new();
    clients.wait_for_deaths(Duration::from_secs(60), &mut dead);
    assert_eq!(dead, [asked]);
    clients.forget_dead(asked);
    assert_eq!(clients.may_send_directly(asked, generation), Err(Gone));
    assert!(clients.admit(other, 3, || true).unwrap().is_some());
}

fn for_one_client() -> Clients {
    Clients::new(Arc::new(Table::anonymous(Geometry::plain(1, 1, 8192, 1)).unwrap())).unwrap()
}

/// A client that has asked once; it lives as long as its process is held.
fn after_one_request() -> (Clients, Sleeper, ClientNumber) {
    let (clients, sleeper) = (for_one_client(), Sleeper::start());
    let client = sleeper.client();
    clients.admit(client, 1, || false).unwrap().unwrap();
    (clients, sleeper, client)
}

/// The slot of a worker that has the client's first request.
fn in_hand(clients: &Clients, client: ClientNumber, state: SlotState) -> &SlotHeader {
    let slot = clients.table.landing(0).unwrap();
    slot.set_client(client.get());
    slot.sequence.store(1, Ordering::Relaxed);
    slot.set_state(state);
    slot
}

/// A process that is a client; killed when dropped.
struct Sleeper(std::process::Child);

impl Sleeper {
    fn start() -> Self {
        let nothing = std::process::Stdio::null;
        let mut command = std::process::Command::new("sleep");
        Self(command.arg("60").stdin(nothing()).stdout(nothing()).stderr(nothing()).spawn().unwrap())
    }

    fn client(&self) -> ClientNumber {
        ClientNumber::new(self.0.id().cast_signed()).unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_client_that_the_kernel_does_not_watch_takes_no_place_of_others() {
    let geometry = Geometry::plain(1, 1, 8192, 2);
    let mut clients = Clients::new(Arc::new(Table::anonymous(geometry).unwrap())).unwrap();
    let no_epoll_set = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let epoll = std::mem::replace(&mut clients.epoll, no_epoll_set);
    let sleeper = Sleeper::start();
    let client = sleeper.client();
    for _ in 0..6 {
        assert!(clients.watch(client).is_err());
    }
    clients.epoll = epoll;
    assert!(clients.watch(client).unwrap().is_some());
    assert!(clients.is_known(client));
}

#[test]
fn who_asks_again_and_has_nothing_left_in_the_queue_has_read() {
    let (clients, sleeper) = (for_one_client(), Sleeper::start());
    let client = sleeper.client();
    clients.admit(client, 1, || panic!("nothing can rest")).unwrap().unwrap();
    assert!(!clients.has_read(client));
    clients.admit(client, 2, || false).unwrap().unwrap();
    assert!(clients.has_read(client));
    clients.admit(client, 3, || panic!("each look is a system call")).unwrap().unwrap();
}

#[test]
fn who_asks_again_with_an_answer_due_or_dropped_is_not_known_to_read() {
    let is_reader_after = |event: &dyn Fn(&Clients, ClientNumber), is_due: bool| {
        let (clients, _sleeper, client) = after_one_request();
        event(&clients, client);
        clients.admit(client, 2, || is_due).unwrap().unwrap();
        clients.admit(client, 3, || false).unwrap().unwrap();
        clients.has_read(client)
    };
    assert!(is_reader_after(&|_, _| {}, false));
    assert!(!is_reader_after(&|_, _| {}, true));
    assert!(!is_reader_after(&|clients, client| clients.judge_no_more(client), false));
}

#[test]
fn whether_a_client_reads_is_seen_once_no_earlier_request_of_it_is_in_hand() {
    let (clients, _sleeper, client) = after_one_request();
    let slot = in_hand(&clients, client, SlotState::Received);
    clients.admit(client, 2, || panic!("its answer is not there yet")).unwrap().unwrap();
    slot.set_state(SlotState::Armed);
    clients.admit(client, 3, || false).unwrap().unwrap();
    assert!(clients.has_read(client));
}

#[test]
fn who_asks_again_before_the_worker_goes_on_that_answered_it_has_read() {
    let (clients, _sleeper, client) = after_one_request();
    let slot = in_hand(&clients, client, SlotState::Sending);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(1));
            slot.set_state(SlotState::Armed);
        });
        while !clients.has_read(client) {
            clients.admit(client, 2, || slot.state() != Some(SlotState::Armed)).unwrap().unwrap();
        }
    });
}

#[test]
fn who_is_let_go_leaves_to_the_next_with_its_number_nothing_that_it_read() {
    let clients = for_one_client();
    let (oldest, newer) = (Sleeper::start(), Sleeper::start());
    let number = oldest.client();
    clients.watch(number).unwrap().unwrap();
    clients.note_read(number);
    clients.watch(newer.client()).unwrap().unwrap();
    assert!(!clients.is_known(number), "it was let go");
    assert!(!clients.has_read(number));
}

#[test]
fn who_is_watched_has_read_nothing_that_was_read_under_its_number_before() {
    let clients = for_one_client();
    let sleeper = Sleeper::start();
    // By one that could not be watched, so that nobody saw it die.
    clients.note_read(sleeper.client());
    clients.watch(sleeper.client()).unwrap().unwrap();
    assert!(!clients.has_read(sleeper.client()));
}

#[test]
fn a_death_that_is_told_late_does_not_end_a_new_client_with_the_number() {
    let clients = for_one_client();
    let sleeper = Sleeper::start();
    let client = sleeper.client();
    let generation = clients.watch(client).unwrap().unwrap();
    assert!(!clients.forget_dead(client));
    assert!(clients.is_known(client) && clients.is_same(client, generation));
}
