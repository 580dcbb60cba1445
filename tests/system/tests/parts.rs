//! `overlong = "parts"`: answers longer than a message go out in several, in order and whole, beside others' answers, slow and
//! dying readers, and kills of the daemon.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::table_path;
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::queue::{MessageBuffer, Queue};
use msgq_core::table::{LONG_SLOTS, Table};
use msgq_core::trusted_file::TrustedUsers;
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Messages, Process, RouteClient, RouteProgram, msgqd_with_switches, sources_dir, wait_until,
};
use nix::sys::signal::Signal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

const LONGEST: usize = 1 << 20;
const ROOM: usize = 255;
const KILL_AT: &str = "MSGQD_TEST_KILL_AT";

/// Serves what `handler.py` makes of "bytes LENGTH NUMBER", with the plain protocol.
fn plain(overlong: &str) -> DaemonBuilder {
    with_long_handler(DaemonBuilder::new(), overlong)
}

fn with_long_handler(builder: DaemonBuilder, overlong: &str) -> DaemonBuilder {
    let script = sources_dir().join("routes/handler.py").display().to_string();
    builder
        .set("handler", "kind = 'worker'")
        .set("handler", &format!("command = ['/usr/bin/python3', '{script}', 'worker', 'long']"))
        .set("handler", "max_concurrency = 2")
        .set("handler", &format!("overlong = '{overlong}'"))
}

/// The same for the programs of `shared_parts`.
fn shared_parts() -> DaemonBuilder {
    plain("parts")
        .set("protocol", "request = 'struct { long mtype; pid_t pid; char text[64]; }'")
        .set("protocol", "response = 'struct { long mtype; char data[4000]; }'")
        .set("protocol", "response_length = 'text'")
}

/// In a full part.
const OPTION: &str = "1048576s";

fn table(daemon: &Daemon) -> Table {
    Table::read(&table_path(daemon.builder().runtime_directory(), daemon.key()), TrustedUsers::own()).unwrap()
}

fn long_text(len: usize, number: usize) -> Vec<u8> {
    let lines = (0..=len / 16).map(|line| format!("{number:07} {line:07}\n"));
    lines.collect::<String>().into_bytes()[..len].to_vec()
}

/// A client that lives and reads nothing by itself; the test asks and reads in its name.
struct Silent(Process);

impl Silent {
    fn new() -> Self {
        Self(Process::start(Command::new("sleep").arg("600")))
    }

    fn ask(&self, queue: &Queue, len: usize, number: usize) {
        let text = format!("bytes {len} {number}");
        queue.send(REQUEST_MTYPE, &Messages::Plain.request(self.0.pid(), text.as_bytes())).unwrap();
    }

    fn read(&self, queue: &Queue) -> (i32, Vec<u8>) {
        let mut buffer = MessageBuffer::new();
        wait_until("an answer came", || queue.try_receive(self.0.pid().into(), &mut buffer).unwrap());
        Messages::Plain.answer(buffer.body())
    }

    /// Reads until a part is not full.
    fn read_all(&self, queue: &Queue, pause: Duration) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (status, text) = self.read(queue);
            assert_eq!(status, 0, "{}", String::from_utf8_lossy(&text));
            all.extend_from_slice(&text);
            if text.len() < ROOM {
                return all;
            }
            std::thread::sleep(pause);
        }
    }
}

#[test]
fn a_mebibyte_goes_out_beside_clients_with_short_answers_that_go_on_at_a_good_rate() {
    let program = RouteProgram::compile("shared_parts", &[]);
    let daemon = shared_parts().start();
    let start = |number, count, option: &str| program.start_client(number, daemon.key(), count, option);
    let short = |count| -> Vec<RouteClient> { (0..20).map(|number| start(number, count, "100s")).collect() };
    let says = |clients: Vec<RouteClient>, count| clients.into_iter().for_each(|it| it.says(&format!("ok {count}\n")));
    let time_of = |clients: Vec<RouteClient>| {
        let began = Instant::now();
        says(clients, 100);
        began.elapsed()
    };
    let alone = time_of(short(100));
    // One after the other as long as the others are there.
    let long: Vec<RouteClient> = (0..program.kinds()).map(|number| start(number, 3, OPTION)).collect();
    let beside = time_of(short(100));
    says(long, 3);
    assert!(beside < alone * 12, "alone {alone:?}, beside long answers {beside:?}\n{}", daemon.log());
    let table = table(&daemon);
    assert_eq!(table.counted().in_parts, u64::try_from(3 * program.kinds()).unwrap());
    assert_eq!((table.long_slots_taken(), table.counted().in_parts_refused), (0, 0));
    daemon.stop();
}

#[test]
fn an_answer_that_is_exactly_full_is_followed_by_an_empty_part() {
    let daemon = plain("parts").start();
    let (queue, client) = (daemon.queue(), Silent::new());
    for len in [0, 1, ROOM - 1, ROOM, ROOM + 1, 2 * ROOM, LONGEST] {
        client.ask(&queue, len, 7);
        assert_eq!(client.read_all(&queue, Duration::ZERO), long_text(len, 7), "{len} bytes");
    }
    let metrics = table(&daemon).counted();
    assert_eq!((metrics.answered + metrics.answered_late, metrics.in_parts), (7, 4), "a series is one answer");
    daemon.stop();
}

#[test]
fn a_slow_reader_gets_all_parts_in_order_and_then_its_next_answer() {
    let daemon = plain("parts").start();
    let (queue, client) = (daemon.queue(), Silent::new());
    client.ask(&queue, 3000, 1);
    client.ask(&queue, 10, 2);
    client.ask(&queue, 600, 3);
    for (len, number) in [(3000, 1), (10, 2), (600, 3)] {
        assert_eq!(client.read_all(&queue, Duration::from_millis(300)), long_text(len, number));
    }
    daemon.stop();
}

#[test]
fn a_slow_reader_gets_all_parts_in_order_while_others_wait_for_room() {
    let daemon = plain("parts").set("queue", "max_bytes = 2640").start();
    let (queue, client) = (daemon.queue(), Silent::new());
    let mut crowd = Process::start(&mut msgqd_system_tests::crowd(daemon.key(), 30, 1_000_000, 600_000));
    client.ask(&queue, 3000, 1);
    client.ask(&queue, 600, 2);
    for (len, number) in [(3000, 1), (600, 2)] {
        assert_eq!(client.read_all(&queue, Duration::from_millis(60)), long_text(len, number));
    }
    crowd.signal(Signal::SIGKILL);
    daemon.stop();
}

#[test]
fn readers_that_die_between_two_parts_leave_no_long_slot_behind() {
    let daemon = plain("parts").start();
    let queue = daemon.queue();
    for number in 0..=LONG_SLOTS {
        let mut client = Silent::new();
        client.ask(&queue, LONGEST, 1);
        assert_eq!(client.read(&queue).1.len(), ROOM);
        client.0.signal(Signal::SIGKILL);
        drop(client);
        wait_until("the long slot is free", || table(&daemon).long_slots_taken() == 0);
        assert_eq!(table(&daemon).counted().in_parts, u64::from(number) + 1);
    }
    wait_until("nothing is left in the queue", || queue.stat().unwrap().messages == 0);
    daemon.stop();
}

#[test]
fn the_rest_of_an_answer_ends_with_its_time_and_so_does_what_waits_behind_it() {
    let daemon = plain("parts").set("service", "response_ttl_s = 1").start();
    let (queue, client) = (daemon.queue(), Silent::new());
    client.ask(&queue, 5000, 1);
    client.ask(&queue, 10, 2);
    assert_eq!(client.read(&queue).1.len(), ROOM);
    wait_until("the long slot is free", || table(&daemon).long_slots_taken() == 0);
    wait_until("nothing is left for it in the queue", || queue.stat().unwrap().messages == 0);
    let metrics = table(&daemon).counted();
    assert_eq!(
        (metrics.expired, metrics.orphans_expired),
        (2, 1),
        "the rest, the answer behind it, and the part that rested"
    );
    client.ask(&queue, 600, 3);
    assert_eq!(client.read_all(&queue, Duration::ZERO), long_text(600, 3));
    daemon.stop();
}

#[test]
fn of_seventeen_long_answers_at_once_one_client_gets_an_error_that_says_so_and_all_others_theirs() {
    let daemon = plain("parts").start();
    let queue = daemon.queue();
    let clients: Vec<Silent> = (0..LONG_SLOTS).map(|_| Silent::new()).collect();
    for (number, client) in clients.iter().enumerate() {
        client.ask(&queue, 20_000, number);
        wait_until("it takes a long slot", || table(&daemon).long_slots_taken() == number + 1);
    }
    let last = Silent::new();
    last.ask(&queue, 20_000, 99);
    let (status, text) = last.read(&queue);
    let text = String::from_utf8(text).unwrap();
    assert!(status == -1 && text.contains("too many long answers"), "{text}");
    assert_eq!(table(&daemon).counted().in_parts_refused, 1);
    for (number, client) in clients.iter().enumerate() {
        assert_eq!(client.read_all(&queue, Duration::ZERO), long_text(20_000, number));
    }
    last.ask(&queue, 20_000, 99);
    assert_eq!(last.read_all(&queue, Duration::ZERO), long_text(20_000, 99));
    daemon.stop();
}

#[test]
fn more_than_a_mebibyte_is_an_error_that_says_so() {
    let daemon = DaemonBuilder::new()
        .set("handler", "kind = 'exec'\ncommand = ['sh', '-c', 'yes | head -c 1048580']\noverlong = 'parts'")
        .start();
    let (status, text) = Messages::Plain.ask(&daemon.queue(), b"more");
    let text = String::from_utf8(text).unwrap();
    assert!(status == -1 && text.contains("1048579 bytes") && text.contains("1048576"), "{text}");
    daemon.stop();
}

#[test]
fn killed_between_two_parts_the_next_daemon_goes_on_where_it_stopped() {
    let program = RouteProgram::compile("shared_parts", &[]);
    let places = [
        "answered-in-parts",
        "storing",
        "posting",
        "courier-sent",
        "courier-sent:3",
        "part-read",
        "part-read:100",
        "part-counted",
        "part-counted:261",
    ];
    for place in places {
        let builder = shared_parts().program(msgqd_with_switches());
        let mut killed = builder.env(KILL_AT, place).start();
        let client = program.start_client(0, killed.key(), 2, OPTION);
        wait_until("the daemon came to the place where it is killed", || !killed.process().is_running());
        let daemon = killed.builder().clone().without_env(KILL_AT).start();
        client.says("ok 2\n");
        assert_eq!(table(&daemon).long_slots_taken(), 0);
        daemon.stop();
    }
}

#[test]
fn killed_during_the_recovery_of_parts_the_next_daemon_but_one_goes_on_all_the_same() {
    let program = RouteProgram::compile("shared_parts", &[]);
    for place in ["recovery-before-publish", "recovery-published"] {
        let builder = shared_parts().program(msgqd_with_switches());
        let mut first = builder.env(KILL_AT, "courier-sent:5").start();
        let client = program.start_client(0, first.key(), 1, OPTION);
        wait_until("the first daemon was killed", || !first.process().is_running());
        let mut second = first.builder().clone().without_env(KILL_AT).env(KILL_AT, place).spawn();
        wait_until("the second daemon was killed", || !second.process().is_running());
        let daemon = second.builder().clone().without_env(KILL_AT).start();
        client.says("ok 1\n");
        daemon.stop();
    }
}

fn start_some(program: &RouteProgram, daemon: &Daemon, option: &str) -> Vec<RouteClient> {
    (0..3).map(|number| program.start_client(number, daemon.key(), 4, option)).collect()
}

/// Once in hundreds of kills the daemon ends between its note that a part is in the send call and the call: then the part is
/// missing, and its client sees that.
#[track_caller]
fn are_answered_but_for_one(clients: Vec<RouteClient>) {
    let is_right = |client: RouteClient| catch_unwind(AssertUnwindSafe(|| client.says("ok 4\n"))).is_ok();
    let wrong = clients.into_iter().map(is_right).filter(|is_right| !is_right).count();
    assert!(wrong <= 1, "{wrong} clients got wrong answers");
}

#[test]
fn every_byte_arrives_once_and_in_order_over_kills_at_any_moment() {
    let program = RouteProgram::compile("shared_parts", &[]);
    let mut daemon = shared_parts().start();
    let clients = start_some(&program, &daemon, OPTION);
    for round in 0..12 {
        std::thread::sleep(Duration::from_millis(20 + 7 * round));
        daemon = daemon.crash().start();
    }
    are_answered_but_for_one(clients);
    wait_until("all long slots are free", || table(&daemon).long_slots_taken() == 0);
    daemon.stop();
}

#[test]
fn a_daemon_without_parts_finishes_the_parts_of_an_earlier_one() {
    let first = plain("parts").start();
    let (queue, client) = (first.queue(), Silent::new());
    client.ask(&queue, 5000, 1);
    let (_, mut text) = client.read(&queue);
    let next = first.crash().without_settings_of("handler");
    let daemon = with_long_handler(next, "error").start();
    text.extend(client.read_all(&queue, Duration::ZERO));
    assert_eq!(text, long_text(5000, 1));
    client.ask(&queue, 5000, 2);
    let (status, text) = client.read(&queue);
    assert!(status == -1 && String::from_utf8_lossy(&text).contains("5000 bytes"), "{text:?}");
    daemon.stop();
}

#[test]
fn a_reload_to_parts_is_refused_since_the_table_has_no_room_for_them() {
    let mut daemon = plain("error").start();
    let _ = with_long_handler(daemon.builder().clone().without_settings_of("handler"), "parts").write_config();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("the reload was refused");
    assert!(daemon.log().contains("handler.overlong cannot change to or from \"parts\""), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn a_worker_s_answer_that_is_too_long_is_an_error_or_is_cut() {
    let daemon = plain("error").start();
    let (status, text) = Messages::Plain.ask(&daemon.queue(), b"bytes 300 1");
    assert!(status == -1 && String::from_utf8_lossy(&text).contains("300 bytes"), "{text:?}");
    daemon.stop();
    let daemon = plain("truncate").start();
    assert_eq!(Messages::Plain.ask(&daemon.queue(), b"bytes 300 1"), (0, long_text(ROOM, 1)));
    assert_eq!(Messages::Plain.ask(&daemon.queue(), b"bytes 20 1"), (0, long_text(20, 1)));
    daemon.stop();
}

#[test]
fn bodies_go_out_in_pieces_of_the_longest_one() {
    let daemon = shared_parts()
        .without_settings_of("handler")
        .set(
            "handler",
            "kind = 'exec'\ncommand = ['sh', '-c', 'yes abc | head -c 9000']\noverlong = 'parts'\npass = 'body'",
        )
        .start();
    let (queue, own) = (daemon.queue(), std::process::id().cast_signed());
    let mut request = own.to_ne_bytes().to_vec();
    request.resize(68, 0);
    queue.send(REQUEST_MTYPE, &request).unwrap();
    let mut buffer = MessageBuffer::new();
    let lens = [0; 3].map(|_| {
        wait_until("a piece came", || queue.try_receive(own.into(), &mut buffer).unwrap());
        buffer.body().len()
    });
    assert_eq!(lens, [4000, 4000, 1000]);
    daemon.stop();
}

/// With an empty message as the end, and with the last part as the end.
const ENDS: [(&[&str], &str); 2] = [(&[], "end"), (&["-DLAST"], "last")];

fn private_parts(closing: &str) -> DaemonBuilder {
    plain("parts")
        .set("protocol", "request = 'struct { long mtype; int msqid; char text[64]; }'")
        .set("protocol", "response = 'struct { long mtype; char data[1000]; }'")
        .set("protocol", "response_length = 'text'\nreply = 'private'\nreply_to = 'msqid'")
        .set("protocol", &format!("part_types = {{ data = 2, {closing} = 3, error = 1 }}"))
}

#[test]
fn parts_have_types_on_queues_of_the_clients_own_and_clients_may_be_slow_die_or_remove_them() {
    for (flags, closing) in ENDS {
        let program = RouteProgram::compile("private_parts", flags);
        let daemon = private_parts(closing).start();
        for length in ["1", "999", "1998", ""] {
            program.all_are_answered(program.kinds(), daemon.key(), 5, length);
        }
        program.all_are_answered(program.kinds(), daemon.key(), 1, "1048576");
        program.all_are_answered(program.kinds(), daemon.key(), 5, "fails");
        // More than there are long slots: some get an error, and ask again.
        program.all_are_answered(20, daemon.key(), 5, "again");
        let start = |number, count, option| program.start_client(number, daemon.key(), count, option);
        let slow = start(0, 1, "slow");
        let removing: Vec<RouteClient> = (0..program.kinds()).map(|number| start(number, 2, "removes")).collect();
        let mut dying = start(1, 2, "dies");
        program.all_are_answered(8, daemon.key(), 5, "");
        slow.says("ok 1\n");
        removing.into_iter().for_each(|client| client.says("removed\n"));
        wait_until("it has killed itself", || !dying.is_running());
        Queue::from_msqid(dying.kill().expect("it had a queue")).remove().expect("it left its queue");
        wait_until("all long slots are free", || table(&daemon).long_slots_taken() == 0);
        daemon.stop();
    }
}

#[test]
fn typed_parts_arrive_once_and_in_order_over_kills_at_any_moment() {
    for (flags, closing) in ENDS {
        let program = RouteProgram::compile("private_parts", flags);
        let mut daemon = private_parts(closing).start();
        let clients = start_some(&program, &daemon, "1048576");
        for round in 0..8 {
            std::thread::sleep(Duration::from_millis(20 + 7 * round));
            daemon = daemon.crash().start();
        }
        are_answered_but_for_one(clients);
        wait_until("all long slots are free", || table(&daemon).long_slots_taken() == 0);
        daemon.stop();
    }
}
