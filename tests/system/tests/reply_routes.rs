//! Programs whose answers go to a second queue or to queues of the clients' own, or are longer than a message.
//!
//! Each is served by the plain server that it was written for, compiled for 64 and for 32 bits, with 20 clients at once in C,
//! Perl and Python, which shows that the clients are right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::Queue;
use msgqd_system_tests::{DaemonBuilder, PlainRoute, RouteProgram, ScratchKey, sources_dir, wait_until};

const CLIENTS: usize = 20;
const MANY: usize = 100;
const FEW: usize = 5;
/// More than a test has time for.
const WITHOUT_END: usize = 1_000_000_000;

const PYTHON: &str = "/usr/bin/python3";

#[track_caller]
fn is_served_over_two_queues(program: &RouteProgram) {
    for width in 0..program.widths() {
        let second = ScratchKey::new();
        let option = second.key().to_string();
        let plain = PlainRoute::start(program, width, &option);
        plain.program.all_are_answered(CLIENTS, plain.key(), MANY, &option);
    }
}

#[test]
fn answers_come_on_a_second_queue_for_the_pid_in_the_request() {
    is_served_over_two_queues(&RouteProgram::compile("two_queues_pid", &[]));
}

#[test]
fn answers_come_on_a_second_queue_for_the_type_of_the_request() {
    is_served_over_two_queues(&RouteProgram::compile("two_queues_type", &[]));
}

#[test]
fn answers_come_on_the_client_s_own_queue_by_its_msqid() {
    PlainRoute::with_each(&RouteProgram::compile("private_id", &[]), "", |plain| {
        plain.program.all_are_answered(CLIENTS, plain.key(), MANY, "");
        plain.program.all_are_answered(CLIENTS, plain.key(), FEW, "620");
    });
}

#[test]
fn answers_come_on_the_client_s_own_queue_by_its_key() {
    PlainRoute::with_each(&RouteProgram::compile("private_key", &[]), "", |plain| {
        plain.program.all_are_answered(CLIENTS, plain.key(), MANY, "");
        plain.program.all_are_answered(CLIENTS, plain.key(), FEW, "620");
    });
}

#[test]
fn a_killed_client_leaves_its_own_queue_and_disturbs_nobody() {
    for name in ["private_id", "private_key", "private_parts"] {
        PlainRoute::with_each(&RouteProgram::compile(name, &[]), "", |plain| {
            for number in 0..plain.program.kinds() {
                let victim = plain.program.start_client(number, plain.key(), WITHOUT_END, "");
                wait_until("it has a queue", || victim.private_queue().is_some());
                let left = Queue::from_msqid(victim.kill().expect("it had a queue"));
                left.remove().unwrap();
            }
            plain.program.all_are_answered(CLIENTS, plain.key(), FEW, "");
        });
    }
}

/// With an empty message as the end, and with the last part as the end.
const ENDS: [&[&str]; 2] = [&[], &["-DLAST"]];

#[test]
fn long_answers_come_in_parts_whose_types_tell_which_is_the_last() {
    for flags in ENDS {
        PlainRoute::with_each(&RouteProgram::compile("private_parts", flags), "", |plain| {
            // Of one part, of parts that are all full, and longer than a queue.
            for length in ["1", "1000", "3000", ""] {
                plain.program.all_are_answered(CLIENTS, plain.key(), FEW, length);
            }
            plain.program.all_are_answered(plain.program.kinds(), plain.key(), 1, "1048576");
            plain.program.all_are_answered(CLIENTS, plain.key(), FEW, "fails");
            plain.program.all_are_answered(CLIENTS, plain.key(), FEW, "again");
        });
    }
}

#[test]
fn others_get_their_parts_beside_clients_that_are_slow_die_or_remove_their_queue() {
    let mut kind = 0;
    for flags in ENDS {
        let program = RouteProgram::compile("private_parts", flags);
        for width in 0..program.widths() {
            others_get_their_parts(&PlainRoute::start(&program, width, ""), kind);
            kind += 1;
        }
    }
}

/// The plain server waits long for a client that has died, so that only one does, in another language each time.
fn others_get_their_parts(plain: &PlainRoute, kind: usize) {
    let client = |number, count, option| plain.program.start_client(number, plain.key(), count, option);
    let each = 0..plain.program.kinds();
    let slow: Vec<_> = each.clone().map(|number| client(number, 1, "slow")).collect();
    let removing: Vec<_> = each.map(|number| client(number, 2, "removes")).collect();
    let mut dying = client(kind, 2, "dies");
    plain.program.all_are_answered(CLIENTS, plain.key(), FEW, "");
    slow.into_iter().for_each(|client| client.says("ok 1\n"));
    removing.into_iter().for_each(|client| client.says("removed\n"));
    wait_until("it has killed itself", || !dying.is_running());
    Queue::from_msqid(dying.kill().expect("it had a queue")).remove().expect("it left its queue");
}

#[test]
fn a_mebibyte_comes_in_parts_on_the_shared_queue_between_short_answers() {
    let program = RouteProgram::compile("shared_parts", &[]);
    for end in ["", "e", "s"] {
        PlainRoute::with_each(&program, end, |plain| {
            let client = |number, count, length: usize| {
                plain.program.start_client(number, plain.key(), count, &format!("{length}{end}"))
            };
            let long: Vec<_> = (0..4).map(|number| client(number, 2, 1 << 20)).collect();
            let short: Vec<_> = (4..CLIENTS).map(|number| client(number, MANY, 100)).collect();
            short.into_iter().for_each(|client| client.says(&format!("ok {MANY}\n")));
            long.into_iter().for_each(|client| client.says("ok 2\n"));
            // Of full parts alone.
            client(0, FEW, 8000).says(&format!("ok {FEW}\n"));
        });
    }
}

/// msgqd with these settings of `[protocol]`.
fn with_protocol(settings: &[&str]) -> DaemonBuilder {
    settings.iter().fold(DaemonBuilder::new(), |builder, setting| builder.set("protocol", setting))
}

#[test]
fn a_second_queue_is_served_by_msgqd_for_the_pid_in_the_request() {
    let settings = [
        "request = 'struct { long mtype; pid_t pid; char text[128]; }'",
        "response = 'struct { long mtype; int status; char text[128]; }'",
        "status = 'status'",
    ];
    let builder = with_protocol(&settings).second_queue();
    let option = builder.second_key().to_string();
    RouteProgram::compile("two_queues_pid", &[]).is_served_by_msgqd(&builder, MANY, &option);
}

#[test]
fn a_second_queue_is_served_by_msgqd_for_the_type_of_the_request() {
    let settings = ["request = 'struct { long mtype; char text[200]; }'", "client = 'mtype'"];
    let builder = with_protocol(&settings).second_queue();
    let option = builder.second_key().to_string();
    RouteProgram::compile("two_queues_type", &[]).is_served_by_msgqd(&builder, MANY, &option);
}

#[test]
fn queues_of_the_clients_own_are_served_by_msgqd_by_their_msqid() {
    let builder = with_protocol(&[
        "request = 'struct { long mtype; int msqid; char text[256]; }'",
        "response = 'struct { long mtype; int status; char text[256]; }'",
        "status = 'status'",
        "reply = 'private'",
        "reply_to = 'msqid'",
    ]);
    RouteProgram::compile("private_id", &[]).is_served_by_msgqd(&builder, MANY, "");
}

#[test]
fn queues_of_the_clients_own_are_served_by_msgqd_by_their_key() {
    let builder = with_protocol(&[
        "request = 'struct { long mtype; char text[100]; int key; }'",
        "response = 'struct { long mtype; char text[120]; }'",
        "reply = 'private'",
        "reply_to = { field = 'key', as = 'key' }",
    ]);
    RouteProgram::compile("private_key", &[]).is_served_by_msgqd(&builder, MANY, "");
}

#[test]
fn short_answers_on_the_shared_queue_come_from_msgqd_and_its_handler() {
    let script = sources_dir().join("routes/handler.py");
    let builder = [
        "request = 'struct { long mtype; pid_t pid; char text[64]; }'",
        "response = 'struct { long mtype; char data[4000]; }'",
        "response_length = 'text'",
    ]
    .into_iter()
    .fold(DaemonBuilder::new(), |builder, line| builder.set("protocol", line))
    .set("handler", "kind = 'worker'")
    .set("handler", &format!("command = ['{PYTHON}', '{}', 'worker', 'long']", script.display()));
    RouteProgram::compile("shared_parts", &[]).is_served_by_msgqd(&builder, MANY, "100");
}
