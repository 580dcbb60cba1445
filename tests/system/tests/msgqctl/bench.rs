//! Load from many client processes.

use super::terminal::Terminal;
use super::*;
use nix::sys::signal::Signal;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::time::{Duration, Instant};

#[track_caller]
fn report(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// Processes that `pid` started and that still run.
fn children(pid: i32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

fn is_running(pid: &i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains("(msgqctl)") && !stat.contains(") Z ")
}

#[test]
fn every_request_that_was_asked_for_is_sent_answered_and_counted() {
    let daemon = Daemon::start();
    let result = json(daemon.key(), &["bench", "--clients", "7", "--count", "1000"]);
    for (name, expected) in [("clients", 7), ("requests", 1000), ("answered", 1000), ("errors", 0), ("timeouts", 0)] {
        assert_eq!(result[name], expected, "{name}: {result}");
    }
    let latency = &result["latency_ns"];
    let values = ["min", "p50", "p90", "p99", "p999", "max"].map(|name| latency[name].as_u64().unwrap());
    assert!(values.is_sorted() && values[0] > 0, "{result}");
    // One more goes ahead, to see that somebody answers.
    wait_until("the daemon counts the same", || stat_json(daemon.builder())["server"]["counters"]["received"] == 1001);
    assert_eq!(daemon.queue().stat().unwrap().messages, 0);
    daemon.stop();
}

#[test]
fn a_load_for_a_time_works_on_another_server_too() {
    let other = PlainServer::start();
    let text = run(other.key(), &["bench", "--clients", "3", "--duration", "300ms"]).succeeded().stdout;
    assert!(text.starts_with("load      3 clients, closed loop\n") && text.contains("0 timed out"), "{text}");
    assert!(text.contains("latency   min "), "{text}");
}

#[test]
fn a_server_that_stalls_cannot_hide_it_at_a_fixed_rate() {
    const RATE: u64 = 200;
    let mut daemon = Daemon::start();
    let queue = daemon.queue();
    // Where this test waits too long for a CPU, the stall may come when the load is over.
    for duration_s in [3, 6, 12, 24] {
        let begin = Instant::now();
        let (rate, duration) = (RATE.to_string(), duration_s.to_string());
        let arguments =
            ["--json", "bench", "--clients", "2", "--rate", &rate, "--duration", &duration, "--timeout", "60"];
        let bench = Process::start(&mut msgqctl(daemon.key(), &arguments));
        wait_until("the load has begun", || {
            let clients = children(bench.pid());
            clients.len() == 2 && clients.contains(&queue.stat().unwrap().last_receive_pid)
        });
        std::thread::sleep(Duration::from_millis(500));
        daemon.freeze();
        std::thread::sleep(Duration::from_secs(duration_s / 3));
        let is_within = begin.elapsed() < Duration::from_secs(duration_s);
        daemon.thaw();
        let result = report(&bench.finish().succeeded());
        assert_eq!((&result["rate_per_s"], &result["timeouts"]), (&Value::from(RATE), &Value::from(0)));
        let sent = result["requests"].as_u64().unwrap() + result["unsent"].as_u64().unwrap();
        assert_eq!(sent, RATE * duration_s, "{result}");
        if is_within {
            // A third of the requests was due during the stall. Only two were under way.
            assert!(result["latency_ns"]["p90"].as_u64().unwrap() > 200_000_000, "{result}");
            daemon.stop();
            return;
        }
    }
    panic!("no load lasted longer than it took to stall its server");
}

#[test]
fn a_rate_that_cannot_be_reached_is_admitted() {
    let daemon = Daemon::start();
    let arguments = ["bench", "--clients", "1", "--rate", "10000000", "--duration", "200ms"];
    let finished = run(daemon.key(), &arguments).succeeded();
    assert!(finished.stderr.contains("the rate was not reached"), "{finished:?}");
    daemon.stop();
}

#[test]
fn errors_of_the_server_and_answers_that_do_not_come_are_counted() {
    let handler = r#"command = ["/bin/false"]"#;
    let failing = DaemonBuilder::new().set("handler", "kind = \"exec\"").set("handler", handler).start();
    let finished = run(failing.key(), &["--json", "bench", "--clients", "2", "--count", "10"]);
    assert_eq!(finished.code(), SERVER_ERROR, "{finished:?}");
    assert_eq!((&report(&finished)["errors"], &report(&finished)["answered"]), (&10.into(), &10.into()));
    failing.stop();

    let (key, queue) = idle_queue();
    ends_with(TIMEOUT, key.key(), &["bench", "--timeout", "50ms"]);
    assert_eq!(queue.stat().unwrap().messages, 1, "nobody serves, and more than the first request was sent");
    assert!(queue.try_receive(REQUEST_MTYPE, &mut MessageBuffer::new()).unwrap());
    let server = answer_once(queue, 0, b"the only one");
    let finished = run(key.key(), &["--json", "bench", "--clients", "2", "--count", "20", "--timeout", "500ms"]);
    server.join().unwrap();
    assert_eq!(finished.code(), TIMEOUT, "{finished:?}");
    let timeouts = report(&finished)["timeouts"].as_u64().unwrap();
    assert!((1..=6).contains(&timeouts), "{finished:?}");
}

#[test]
fn a_queue_that_is_removed_ends_the_load_and_what_was_measured_is_shown() {
    let daemon = Daemon::start();
    let bench = Process::start(&mut msgqctl(daemon.key(), &["--json", "bench", "--duration", "60"]));
    wait_until("the load has begun", || children(bench.pid()).len() == 8);
    wait_until("some are answered", || {
        stat_json(daemon.builder())["server"]["counters"]["answered"].as_u64() > Some(8)
    });
    let _ = daemon.crash();
    let finished = bench.finish();
    assert_eq!(finished.code(), NO_QUEUE, "{finished:?}");
    assert!(finished.stderr.contains("8 clients ended early"), "{finished:?}");
    assert!(report(&finished)["answered"].as_u64().unwrap() > 0, "{finished:?}");
}

#[test]
fn a_queue_that_serves_others_is_not_loaded_without_a_warning() {
    let daemon = Daemon::start();
    let bench = |clients: &str| run(daemon.key(), &["bench", "--count", "50", "--clients", clients]).succeeded().stderr;
    assert_eq!(bench("2"), "");
    let warned = bench("40");
    assert!(warned.contains("serves others") && warned.contains("more than half of the queue's 62 places"), "{warned}");
    daemon.stop();
}

#[test]
fn a_load_that_is_ended_before_it_begins_leaves_no_answer_to_its_first_question() {
    let mut server = PlainServer::start();
    server.process().signal(Signal::SIGSTOP);
    let mut bench = Process::start(&mut msgqctl(server.key(), &["bench", "--timeout", "60"]));
    wait_until("it asks whether there is a server", || is_blocked_in(bench.pid(), ClientCall::Receive));
    bench.signal(Signal::SIGINT);
    server.process().signal(Signal::SIGCONT);
    let finished = bench.finish();
    assert_eq!(finished.status.signal(), Some(Signal::SIGINT as i32), "{finished:?}");
    wait_until("the server waits", || is_blocked_in(server.process().pid(), ClientCall::Receive));
    assert_eq!(Queue::open(server.key()).unwrap().stat().unwrap().messages, 0);
}

#[test]
fn one_client_fills_a_queue_with_one_place() {
    let daemon = DaemonBuilder::new().set("queue", "max_bytes = 300").start();
    assert_eq!(ends_with(OK, daemon.key(), &["send", "x"]).stdout, "Processed: x\n");
    let warned = run(daemon.key(), &["bench", "--count", "5", "--clients", "1"]).succeeded().stderr;
    assert!(warned.contains("1 client fills more than half of the queue's 1 place: others"), "{warned}");
    daemon.stop();
}

#[test]
fn the_clients_end_with_the_one_who_counts() {
    let daemon = Daemon::start();
    let mut bench = Process::start(&mut msgqctl(daemon.key(), &["bench", "--duration", "60", "--clients", "3"]));
    wait_until("the clients are there", || children(bench.pid()).len() == 3);
    let clients = children(bench.pid());
    wait_until("they run", || clients.iter().all(is_running));
    bench.signal(Signal::SIGKILL);
    wait_until("they are gone", || !clients.iter().any(is_running));

    // One that is started when the one who counts is dead already: its parent is another.
    let line = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(line.path(), "\n").unwrap();
    let mut late = msgqctl(daemon.key(), &["bench", "--duration", "60"]);
    late.env("MSGQCTL_BENCH_CLIENT", format!("0 of {}", bench.pid())).stdin(line.reopen().unwrap());
    let late = late.output().unwrap();
    assert_eq!(late.status.code(), Some(OTHER), "{late:?}");
    daemon.stop();
}

/// Sends a signal to all processes of a group, as a terminal does.
fn signal_group(leader: i32, signal: Signal) {
    nix::sys::signal::killpg(nix::unistd::Pid::from_raw(leader), signal).unwrap();
}

#[test]
fn a_load_that_is_ended_leaves_nothing_in_the_queue_of_another_server_and_tells_what_it_measured() {
    let mut server = PlainServer::start();
    let queue = Queue::open(server.key()).unwrap();
    for (signal, to_all) in [(Signal::SIGINT, true), (Signal::SIGTERM, false), (Signal::SIGHUP, true)] {
        let mut command = msgqctl(server.key(), &["--json", "bench", "--clients", "6", "--duration", "600"]);
        let mut bench = Process::start(command.process_group(0));
        wait_until("the load has begun", || children(bench.pid()).len() == 6);
        let sent = queue.stat().unwrap().last_send_pid;
        wait_until("requests are answered", || queue.stat().unwrap().last_send_pid != sent);
        std::thread::sleep(Duration::from_millis(100));
        if to_all {
            signal_group(bench.pid(), signal);
        } else {
            bench.signal(signal);
        }
        let finished = bench.finish();
        assert_eq!(finished.status.signal(), Some(signal as i32), "{finished:?}");
        assert!(finished.stderr.contains("ended by a signal"), "{finished:?}");
        let result = report(&finished);
        assert_eq!((&result["requests"], result["timeouts"].as_u64()), (&result["answered"], Some(0)), "{result}");
        wait_until("the server waits", || is_blocked_in(server.process().pid(), ClientCall::Receive));
        assert_eq!(queue.stat().unwrap().messages, 0, "{signal}: {}", run(server.key(), &["peek"]).stdout);
    }
}

#[test]
fn a_second_signal_ends_a_load_at_once() {
    let mut server = PlainServer::start();
    let mut bench = Process::start(&mut msgqctl(server.key(), &["bench", "--duration", "600", "--timeout", "600"]));
    wait_until("the load has begun", || children(bench.pid()).len() == 8);
    server.process().freeze();
    bench.signal(Signal::SIGINT);
    bench.wait_for_stderr("a second signal ends it at once");
    bench.signal(Signal::SIGINT);
    let finished = bench.finish();
    assert_eq!(finished.status.signal(), Some(Signal::SIGINT as i32), "{finished:?}");
    server.process().thaw();
}

#[test]
fn a_client_that_was_not_running_between_two_signals_ends_as_the_others_do() {
    let mut server = PlainServer::start();
    let mut bench = Process::start(&mut msgqctl(server.key(), &["bench", "--duration", "600", "--timeout", "600"]));
    wait_until("the load has begun", || children(bench.pid()).len() == 8);
    server.process().freeze();
    let clients = children(bench.pid());
    wait_until("they wait for answers", || clients.iter().all(|pid| is_blocked_in(*pid, ClientCall::Receive)));
    let signal_clients = |signal| {
        for client in &clients {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(*client), signal).unwrap();
        }
    };
    signal_clients(Signal::SIGSTOP);
    bench.signal(Signal::SIGINT);
    bench.wait_for_stderr("a second signal ends it at once");
    bench.signal(Signal::SIGINT);
    wait_until("the one who counts has ended", || !bench.is_running());
    signal_clients(Signal::SIGCONT);
    let finished = bench.finish();
    assert_eq!(finished.status.signal(), Some(Signal::SIGINT as i32), "{finished:?}");
    wait_until("they have ended", || !clients.iter().any(is_running));
    server.process().thaw();
}

/// `bench` in a terminal whose shell outlives a Ctrl-C.
fn in_a_terminal(key: QueueKey, arguments: &str) -> Option<Terminal> {
    Terminal::run(&format!("trap : INT\n{} --key {key} bench {arguments}", msgqd_system_tests::msgqctl().display()))
}

#[test]
fn a_terminal_shows_progress_until_the_result_stands_in_its_place() {
    let daemon = Daemon::start();
    for (arguments, result) in [
        ("--clients 2 --duration 4", "load      2 clients"),
        ("--clients 2 --count 1200 --rate 300", "requests  1200 in"),
    ] {
        let Some(terminal) = in_a_terminal(daemon.key(), arguments) else { return };
        terminal.shows(" requests, ");
        assert!(terminal.screen().contains(" %, "), "{}", terminal.screen());
        terminal.shows("ended with 0");
        assert!(terminal.screen().starts_with(result) || terminal.screen().contains(&format!("\n{result}")));
        assert!(!terminal.screen().contains(" %, "), "{}", terminal.screen());
    }
    daemon.stop();
}

#[test]
fn control_c_ends_the_load_and_takes_the_bar_along() {
    let daemon = Daemon::start();
    let Some(terminal) = in_a_terminal(daemon.key(), "--clients 3 --duration 600") else { return };
    terminal.shows(" requests, ");
    let shell: i32 = terminal.tmux(&["display", "-p", "#{pane_pid}"]).trim().parse().unwrap();
    let bench = children(shell)[0];
    let clients = children(bench);
    assert_eq!(clients.len(), 3);
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.shows("ended with 130");
    assert!(!terminal.screen().contains(" %, "), "{}", terminal.screen());
    assert_eq!(terminal.tmux(&["display", "-p", "#{alternate_on} #{cursor_flag}"]), "0 1\n");
    let is_there = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|it| it.contains("(msgqctl)") && !it.contains(") Z "))
    };
    wait_until("its clients are gone", || !clients.iter().any(is_there));
    daemon.stop();
}

#[test]
fn no_progress_is_shown_where_it_is_not_wanted_or_nobody_would_see_it() {
    let daemon = Daemon::start();
    let program = format!("{} --key {}", msgqd_system_tests::msgqctl().display(), daemon.key());
    let load = "bench --clients 2 --duration 1";
    for (command, shows) in [
        (format!("{program} {load}"), true),
        (format!("{program} {load} --no-progress"), false),
        (format!("{program} --json {load}"), false),
        (format!("{program} {load} 2>/dev/null"), false),
        (format!("TERM=dumb {program} {load}"), false),
    ] {
        // With a terminal of its own.
        let mut script = Command::new("script");
        script.envs([("TERM", "xterm"), ("NO_COLOR", "1")]).args([
            "--quiet",
            "--return",
            "--command",
            &command,
            "/dev/null",
        ]);
        let finished = Process::run(&mut script).succeeded();
        assert_eq!(finished.stdout.contains(" %, "), shows, "{command}: {finished:?}");
        assert_eq!(finished.stdout.contains('\u{1b}'), shows, "{command}: {finished:?}");
    }
    daemon.stop();
}
