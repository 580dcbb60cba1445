//! Programs with structs of their own are served unchanged, from a declaration of these structs.
//!
//! Each program is first served by the plain server that it was written for, which shows that its client is right. Then
//! msgqd serves 20 of its clients at once, in C for 64 and for 32 bits and in a language without structs, beside
//! clients that are killed, and is killed itself in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{DaemonBuilder, DeclaredProgram, Process, ScratchKey, sources_dir, wait_until};
use nix::sys::signal::Signal;

const CLIENTS: usize = 20;
const KILLS: usize = 3;
/// Requests of each client where the answer costs little, and where a command is run for each.
const MANY: usize = 200;
const FEW: usize = 10;
/// More than a test has time for.
const WITHOUT_END: usize = 1_000_000_000;

const PYTHON: &str = "/usr/bin/python3";

fn serving(protocol: &[&str], handler: &[&str]) -> DaemonBuilder {
    let builder = protocol.iter().fold(DaemonBuilder::new(), |builder, line| builder.set("protocol", line));
    handler.iter().fold(builder, |builder, line| builder.set("handler", line))
}

/// The answers come from `worker.pl` or `worker.py`, which speak version 2 of the handler protocol.
fn with_worker(builder: DaemonBuilder, interpreter: &str, script: &str, name: &str) -> DaemonBuilder {
    let script = sources_dir().join("declared").join(script);
    builder
        .set("handler", "kind = 'worker'")
        .set("handler", &format!("command = ['{interpreter}', '{}', '{name}']", script.display()))
}

/// The worker gets whole bodies at first, and then fields by name.
#[track_caller]
fn is_served_by_bodies_and_by_names(program: &DeclaredProgram, protocol: &[&str], name: &str) {
    let bodies = with_worker(serving(protocol, &["pass = 'body'"]), "perl", "worker.pl", name);
    is_served_unchanged(program, &bodies, MANY);
    let names = with_worker(serving(protocol, &["pass = 'json'"]), PYTHON, "worker.py", name);
    is_served_unchanged(program, &names, MANY);
}

#[track_caller]
fn assert_all_right(clients: Vec<Process>, count: usize) {
    for client in clients {
        let finished = client.finish();
        assert_eq!((finished.code(), finished.stdout.as_str()), (0, &*format!("ok {count}\n")), "{finished:?}");
    }
}

#[track_caller]
fn is_served_by_its_own_server(program: &DeclaredProgram) {
    for number in 0..program.kinds() {
        let key = ScratchKey::new();
        let mut server = Process::start(&mut program.server(number, key.key()));
        server.wait_for_stdout("serving");
        assert_all_right(vec![Process::start(&mut program.client(number, key.key(), MANY))], MANY);
    }
}

#[track_caller]
fn is_served_unchanged(program: &DeclaredProgram, builder: &DaemonBuilder, count: usize) {
    is_served_by_its_own_server(program);
    let mut daemon = builder.start();
    let queue = daemon.queue();
    let start = |number, count| Process::start(&mut program.client(number, daemon.key(), count));
    let clients = (0..CLIENTS).map(|number| start(number, count)).collect();
    let mut victims: Vec<Process> = (0..2 * KILLS).map(|number| start(number, WITHOUT_END)).collect();
    for _ in 0..KILLS {
        wait_until("what has piled up is taken", || queue.stat().unwrap().messages < CLIENTS as u64 / 2);
        victims.pop().unwrap().signal(Signal::SIGKILL);
        let killed = daemon.crash();
        victims.pop().unwrap().signal(Signal::SIGKILL);
        daemon = killed.start();
    }
    assert_all_right(clients, count);
    daemon.stop();
}

#[test]
fn a_pid_is_answered_with_an_int() {
    let program = DeclaredProgram::compile("pid_int", &[]);
    let protocol = ["request = 'struct { long mtype; int pid; }'", "response = 'struct { long mtype; int number; }'"];
    is_served_by_bodies_and_by_names(&program, &protocol, "pid_int");
}

#[test]
fn one_struct_with_a_text_goes_both_ways() {
    let program = DeclaredProgram::compile("pid_text", &[]);
    is_served_unchanged(
        &program,
        &serving(&["request = 'struct { long mtype; pid_t pid; char text[100]; }'"], &[]),
        MANY,
    );
}

#[test]
fn the_type_of_a_request_is_its_operation() {
    let program = DeclaredProgram::compile("operations", &[]).with_script("perl", "operations.pl");
    let protocol = ["request = 'struct { long mtype; int op; int pid; char data[512]; }'", "request_types = ['1..=6']"];
    is_served_unchanged(&program, &with_worker(serving(&protocol, &[]), "perl", "worker.pl", "operations"), MANY);
}

#[test]
fn the_pid_may_stand_behind_the_text() {
    let program = DeclaredProgram::compile("text_pid", &[]).with_script("php", "text_pid.php");
    let protocol = ["request = 'struct { long mtype; char text[256]; int pid; }'"];
    let handler = ["kind = 'exec'", "command = ['tr', 'a-z', 'A-Z']"];
    is_served_unchanged(&program, &serving(&protocol, &handler), FEW);
}

#[test]
fn two_floats_are_answered_with_a_float() {
    let program = DeclaredProgram::compile("floats", &[]).with_script(PYTHON, "floats.py");
    let protocol = [
        "request = 'struct question { long mtype; pid_t pid; float a, b; char op; };'",
        "response = 'struct result { long mtype; float value; };'",
    ];
    is_served_by_bodies_and_by_names(&program, &protocol, "floats");
}

#[test]
fn a_matrix_is_answered_with_a_double() {
    let program = DeclaredProgram::compile("doubles", &[]).with_script(PYTHON, "doubles.py");
    let protocol = [
        "request = 'struct matrix { long mtype; pid_t pid; int m, n; double cells[100]; };'",
        "response = 'struct sum { long mtype; double value; };'",
    ];
    is_served_by_bodies_and_by_names(&program, &protocol, "doubles");
}

#[test]
fn the_pid_may_be_the_first_word_of_a_text() {
    let program = DeclaredProgram::compile("pid_word", &[]).with_script("perl", "pid_word.pl");
    is_served_unchanged(
        &program,
        &serving(&text_with_pid("client = { field = 'text', as = 'decimal', word = 0 }"), &[]),
        MANY,
    );
}

#[test]
fn the_pid_may_be_the_second_word_of_a_text() {
    let program = DeclaredProgram::compile("pid_word", &["-DSECOND"]);
    is_served_unchanged(
        &program,
        &serving(&text_with_pid("client = { field = 'text', as = 'decimal', word = 1 }"), &[]),
        MANY,
    );
}

/// The length of such a message does not tell a `long` of 64 bits from one of 32, so each has a queue of its own.
#[test]
fn a_random_number_may_name_the_client_of_a_text_of_any_length() {
    for (bits, declaration) in [
        (64, "request = 'struct { long mtype; long id; char text[]; }'"),
        (32, "request = 'struct { long mtype; int32_t id; char text[]; }'"),
    ] {
        let Some(program) = DeclaredProgram::compile("id_text", &[]).only_for(bits) else { continue };
        let protocol = [declaration, "client = 'id'", "client_is = 'number'"];
        // Texts are as long as the kernel takes them, wherever the test runs.
        is_served_unchanged(&program, &serving(&protocol, &[]).set("service", "outbox_capacity = 400"), MANY);
    }
}

fn text_with_pid(client: &str) -> [&str; 3] {
    ["request = 'struct { long mtype; char text[256]; }'", client, "response_length = 'text'"]
}

#[test]
fn a_packed_struct_with_a_record_comes_back() {
    let program = DeclaredProgram::compile("packed", &[]).with_script("php", "packed.php");
    let declaration = "request = '''
struct record { char name[21]; uint8_t kind; double amount; } __attribute__((packed));
struct message {
    long mtype;
    uint32_t magic;
    int32_t pid;
    uint16_t serial;
    struct record record;
} __attribute__((packed));'''";
    is_served_by_bodies_and_by_names(&program, &[declaration], "packed");
}

#[test]
fn the_type_of_a_request_is_its_priority() {
    let program = DeclaredProgram::compile("priorities", &[]);
    let protocol = ["request = 'struct { long mtype; pid_t pid; char text[64]; }'", "request_types = ['1..=9']"];
    is_served_unchanged(&program, &serving(&protocol, &[]), MANY);
    served_lowest_first(&serving(&protocol, &[]).workers(1));
}

/// What piled up without a daemon is answered in the order of its types.
fn served_lowest_first(builder: &DaemonBuilder) {
    let daemon = builder.start();
    let (queue, own_pid) = (daemon.queue(), std::process::id().cast_signed());
    let killed = daemon.crash();
    for priority in [5, 9, 1, 7, 3, 8, 2, 6, 4] {
        let body = [&own_pid.to_ne_bytes()[..], priority.to_string().as_bytes()].concat();
        queue.send(priority, &body).unwrap();
    }
    let daemon = killed.start();
    let mut buffer = MessageBuffer::new();
    let mut answered = || {
        wait_until("a job is done", || queue.try_receive(own_pid.into(), &mut buffer).unwrap());
        String::from_utf8_lossy(&buffer.body()[4..]).trim_end_matches('\0').to_owned()
    };
    for priority in 1..=9 {
        assert_eq!(answered(), format!("Processed: {priority}"));
    }
    daemon.stop();
}

#[test]
fn a_client_may_use_its_buffer_again() {
    let program = DeclaredProgram::compile("reused_buffer", &[]);
    is_served_unchanged(&program, &serving(&["preset = 'echo-pid'"], &[]), MANY);
}
