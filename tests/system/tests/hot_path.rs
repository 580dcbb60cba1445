//! What a request costs the daemon, without a clock: system calls and instructions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

#[path = "hot_path/callgrind.rs"]
mod callgrind;

use callgrind::Profile;
use msgq_core::layout::{BODY_LEN_LP64, REQUEST_MTYPE};
use msgq_core::queue::{MessageBuffer, Queue, QueueKey};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, LIMIT, Process, calls_to_serve, eventually, test_client, wait_until, wrapped,
};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn load(key: QueueKey, clients: usize, requests: usize) {
    let mut load = Command::new(test_client("load"));
    let _ = Process::run(load.args([key.to_string(), clients.to_string(), requests.to_string()])).succeeded();
}

#[test]
fn a_request_costs_one_msgrcv_and_one_msgsnd() {
    const REQUESTS: u64 = 20_000;
    let daemon = Daemon::start();
    load(daemon.key(), 20, 1000);
    let calls = calls_to_serve(&daemon, || load(daemon.key(), 20, usize::try_from(REQUESTS).unwrap()));
    println!("{REQUESTS} requests: {calls:?}");
    let of = |name: &str| calls.get(name).copied().unwrap_or(0);
    // strace may have left before the last ones return.
    for name in ["msgrcv", "msgsnd"] {
        assert!((REQUESTS - 20..REQUESTS + REQUESTS / 20).contains(&of(name)), "{name}: {}", of(name));
    }
    let others = calls.values().sum::<u64>() - of("msgrcv") - of("msgsnd");
    assert!(others < REQUESTS / 20, "{others} other system calls");
}

/// Times that the threads of a process gave up the CPU, and the ticks of CPU time that they used.
fn wakes_and_ticks(pid: i32) -> (u64, u64) {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let wakes = tasks.map(|task| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    });
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (wakes.sum(), after_name[11].parse::<u64>().unwrap() + after_name[12].parse::<u64>().unwrap())
}

#[test]
fn an_idle_daemon_wakes_less_than_five_times_a_second_with_its_watchdog_and_uses_no_cpu() {
    const SECONDS: u64 = 6;
    let builder = DaemonBuilder::new();
    let socket = builder.directory().join("notify");
    let _manager = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    let daemon = builder.env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", "10000000").start();
    // Clients that asked quickly one after the other taught it to look for the next request.
    load(daemon.key(), 1, 2000);
    wait_until("it has come to rest", || {
        let before = wakes_and_ticks(daemon.pid());
        std::thread::sleep(Duration::from_secs(1));
        wakes_and_ticks(daemon.pid()).0 - before.0 < 5
    });
    // A tick is counted for whoever runs when the timer looks, and the kernel's own work on this CPU falls on others too:
    // what the daemon does itself is seen in each try.
    let is_at_rest = (0..3).any(|_| {
        let before = wakes_and_ticks(daemon.pid());
        std::thread::sleep(Duration::from_secs(SECONDS));
        let after = wakes_and_ticks(daemon.pid());
        let (wakes, ticks) = (after.0 - before.0, after.1 - before.1);
        println!("{wakes} wake-ups and {ticks} ticks of CPU time in {SECONDS} s");
        wakes < 5 * SECONDS && ticks <= 1
    });
    assert!(is_at_rest, "three times in a row");
}

#[test]
fn idle_workers_of_a_handler_that_was_replaced_are_not_woken_again_and_again() {
    const SECONDS: u64 = 4;
    let builder = DaemonBuilder::new();
    let exec =
        builder.clone().workers(6).set("handler", "kind = \"exec\"\ncommand = [\"/bin/sed\", \"s/^/Processed: /\"]");
    let mut daemon = exec.start();
    load(daemon.key(), 6, 60);
    // One reload with as many workers and another handler, and one that dismisses some of them.
    for (reload, workers) in [(1, 6), (2, 3)] {
        let _ = builder.clone().workers(workers).write_config();
        daemon.signal(Signal::SIGHUP);
        wait_until("it is reloaded", || daemon.log().matches("reloaded the configuration").count() == reload);
        load(daemon.key(), 6, 600);
        let is_at_rest = (0..5).any(|_| {
            let before = wakes_and_ticks(daemon.pid()).0;
            std::thread::sleep(Duration::from_secs(SECONDS));
            // A worker that left meanwhile takes its count with it.
            let wakes = wakes_and_ticks(daemon.pid()).0.saturating_sub(before);
            println!("{wakes} wake-ups in {SECONDS} s");
            wakes < 50 * SECONDS
        });
        assert!(is_at_rest, "five times in a row with {workers} workers");
    }
    daemon.stop();
}

/// What one request costs, from two runs of different length.
fn cost_of_a_request(settings: &DaemonBuilder, load: impl Fn(QueueKey, usize)) -> Profile {
    let [short, long] = [FEW, MANY].map(|requests| profile(&settings.another(), |key| load(key, requests)));
    (long - short) / f64::from(u32::try_from(MANY - FEW).unwrap())
}

const FEW: usize = 1000;
const MANY: usize = 5000;

fn profiled() -> DaemonBuilder {
    DaemonBuilder::new().set("service", "spin_us = 0")
}

fn profile(builder: &DaemonBuilder, load: impl Fn(QueueKey)) -> Profile {
    let output = builder.directory().join("callgrind.out");
    let to_file = format!("--callgrind-out-file={}", output.display());
    let valgrind = ["valgrind", "--tool=callgrind", "--separate-threads=yes", &to_file];
    let mut daemon = Process::start(&mut wrapped(&valgrind, &builder.command()));
    daemon.wait_for_stderr("serving queue");
    load(builder.key());
    daemon.signal(Signal::SIGTERM);
    assert!(eventually(LIMIT, || !daemon.is_running()), "{}", daemon.stderr());
    // What janitor and courier do goes by the time that a run takes, and a busy machine makes it long.
    let threads = std::fs::read_dir(builder.directory()).unwrap().map(|entry| entry.unwrap().path());
    let threads = threads.filter(|path| path.to_string_lossy().contains("callgrind.out-"));
    let worker =
        threads.map(|path| Profile::read(&path)).max_by(|one, other| one.clock_reads.total_cmp(&other.clock_reads));
    worker.expect("a thread that looked at the clock")
}

/// The recorded figures hold for one compiler and one valgrind: others count differently.
fn tools() -> String {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    format!("{}, {}, {}", version("rustc"), version("valgrind"), std::env::consts::ARCH)
}

#[test]
fn a_request_costs_no_more_instructions_than_recorded_two_looks_at_the_clock_and_no_memory() {
    let cost = cost_of_a_request(&profiled(), |key, requests| load(key, 1, requests));
    println!("a request: {cost:?}");
    assert!(cost.clock_reads < 2.1, "{} looks at the clock", cost.clock_reads);
    assert!(cost.allocations < 0.1, "{} allocations", cost.allocations);
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded/instructions");
    let line = format!("{} {:.0}\n", tools(), cost.instructions);
    if std::env::var_os("MSGQD_RECORD").is_some() {
        std::fs::write(&recorded, &line).unwrap();
    }
    let text = std::fs::read_to_string(&recorded).unwrap();
    let (recorded_tools, instructions) = text.trim_end().rsplit_once(' ').unwrap();
    if recorded_tools != tools() {
        println!("not compared: recorded with {recorded_tools}, and this is {}; it costs {line}", tools());
        return;
    }
    let instructions: f64 = instructions.parse().unwrap();
    assert!(
        cost.instructions < instructions * 1.05,
        "a request costs {:.0} instructions, recorded are {instructions}; if that is worth it, record it anew with \
         MSGQD_RECORD=1 cargo test --release -p msgqd-system-tests --test hot_path",
        cost.instructions
    );
}

/// This process as a client: one request after the other, each answered with a body that is as long.
fn exchange(key: QueueKey, body_len: usize, requests: usize) {
    let (queue, own_pid) = (Queue::open(key).unwrap(), std::process::id().cast_signed());
    let mut body = own_pid.to_ne_bytes().to_vec();
    body.resize(body_len, b'x');
    let mut buffer = MessageBuffer::new();
    for _ in 0..requests {
        queue.send(REQUEST_MTYPE, &body).unwrap();
        queue.receive(own_pid.into(), &mut buffer).unwrap();
        assert_eq!(buffer.body().len(), body_len);
    }
}

#[test]
fn a_struct_of_1_kib_costs_at_most_1_3_times_the_instructions_of_the_plain_protocol() {
    const BODY_LEN: usize = 1024;
    let raw = profiled()
        .set("protocol", "request = 'struct { long mtype; pid_t pid; unsigned char data[1020]; }'")
        .set("handler", "pass = 'body'");
    let plain = cost_of_a_request(&profiled(), |key, requests| exchange(key, BODY_LEN_LP64, requests));
    let wide = cost_of_a_request(&raw, |key, requests| exchange(key, BODY_LEN, requests));
    println!("a plain request: {plain:?}; one of {BODY_LEN} bytes: {wide:?}");
    let ratio = wide.instructions / plain.instructions;
    assert!(ratio < 1.3, "{:.0} instructions are {ratio:.2} times {:.0}", wide.instructions, plain.instructions);
}
