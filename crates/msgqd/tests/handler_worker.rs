//! The pool of workers, driven through its trait, with programs that work and programs that fail in every way.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use msgq_core::config::{HandlerConfig, Overlong, WorkerConfig};
use msgqd::handler::{Handler, Outcome};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::*;
use tempfile::TempDir;

/// What the Python workers here are made of.
const PRELUDE: &str = r#"
import os, signal, sys, time
def say(data):
    while data: data = data[os.write(1, data):]
def line():
    data = b""
    while not data.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte: end()
        data += byte
    return data
def end(): sys.exit(0)
def hello():
    assert line() == b"msgqd-handler 1\n"
    say(b"msgqd-handler 1\n")
def request():
    global header
    header = line().split()
    word, number, pid, deadline, length = header
    text = b""
    while len(text) < int(length): text += os.read(0, int(length) - len(text))
    return int(number), text
def answer(number, text, status=0): say(b"answer %d %d %d\n%s" % (number, status, len(text), text))
def die(): os.kill(os.getpid(), signal.SIGKILL)
def pid(): return b"%d" % os.getpid()
"#;

/// A worker that does `on_bad` when it is asked "bad", and answers its PID otherwise.
fn with_bad(on_bad: &str) -> String {
    let on_bad = on_bad.replace('\n', "\n        ");
    format!(
        "hello()\nwhile True:\n    number, text = request()\n    if text == b'bad':\n        {on_bad}\n    else: answer(number, pid())\n"
    )
}

const ECHO: &str = "hello()\nwhile True: answer(*request())\n";

fn program(argv: &[&str]) -> WorkerConfig {
    WorkerConfig {
        program: program_config(argv, Duration::from_millis(200)),
        max_concurrency: 1,
        timeout: LIMIT,
        start_timeout: LIMIT,
        max_requests: None,
        is_idempotent: false,
        overlong: Overlong::Error,
    }
}

/// `body` comes after [`PRELUDE`].
fn python(body: &str) -> WorkerConfig {
    program(&["python3", "-I", "-S", "-c", &format!("{PRELUDE}{body}")])
}

fn with_grace(kill_grace: Duration, mut config: WorkerConfig) -> WorkerConfig {
    config.program.kill_grace = kill_grace;
    config
}

fn pool(settings: &WorkerConfig) -> Arc<dyn Handler> {
    build(&HandlerConfig::Worker(settings.clone()))
}

fn end(pool: &Arc<dyn Handler>) {
    pool.stop(Instant::now() + LIMIT);
}

#[test]
fn every_byte_value_goes_to_a_worker_and_back() {
    let _guard = with_others();
    let every: Vec<u8> = (1..=255).collect();
    let pool = pool(&python(ECHO));
    let reply = ask(&pool, &every);
    assert_eq!((reply.status(), reply.text()), (0, every.as_slice()));
    end(&pool);
}

#[test]
fn a_worker_sees_all_256_bytes_of_a_full_text_and_an_empty_one() {
    let _guard = with_others();
    let count =
        pool(&python("hello()\nwhile True:\n    number, text = request()\n    answer(number, b'%d' % len(text))"));
    assert_eq!(summary(&ask(&count, &[b'x'; 256])), done("256"));
    assert_eq!(summary(&ask(&count, b"")), done("0"));
    let echo = pool(&python(ECHO));
    assert_eq!(summary(&ask(&echo, b"")), done(""));
}

#[test]
fn a_worker_is_told_the_clients_pid_and_the_time_left() {
    let _guard = with_others();
    let pool = pool(&python("hello()\nwhile True:\n    number, _ = request()\n    answer(number, b' '.join(header))"));
    let reply = text(&ask_at(&pool, b"text", Instant::now()));
    let fields: Vec<&str> = reply.split(' ').collect();
    assert_eq!((fields[0], fields[2], fields[4]), ("request", std::process::id().to_string().as_str(), "4"), "{reply}");
    let left: u128 = fields[3].parse().unwrap();
    assert!((1..=LIMIT.as_millis()).contains(&left), "{reply}");
}

#[test]
fn status_and_text_are_the_workers_own() {
    let _guard = with_others();
    let pool =
        pool(&python("hello()\nwhile True:\n    number, text = request()\n    answer(number, b'no', int(text))"));
    assert_eq!(summary(&ask(&pool, b"-1")), failed(Outcome::Failed, "no"));
    assert_eq!(summary(&ask(&pool, b"7")), (7, Outcome::Done, "no".to_owned()));
    assert_eq!(summary(&ask(&pool, b"-2147483648")), (i32::MIN, Outcome::Done, "no".to_owned()));
}

#[test]
fn an_answer_that_no_frame_can_carry_is_an_error_and_the_worker_stays_in_use() {
    let _guard = with_others();
    let script = "hello()\nwhile True:\n    number, text = request()\n    answer(number, {b'long': b'x' * 256, b'huge': b'x' * 2**20, b'nul': b'a\\0b'}.get(text) or pid())";
    let pool = pool(&python(script));
    let pid = text(&ask(&pool, b"pid"));
    let has_room = "bytes; a client's has room for 255";
    let nul = "the handler's answer contains a NUL byte, which no client's answer can carry";
    for (asked, sentence) in [
        ("long", format!("the handler's answer has 256 {has_room}")),
        ("huge", format!("the handler's answer has 1048576 {has_room}")),
        ("nul", nul.to_owned()),
    ] {
        assert_eq!(summary(&ask(&pool, asked.as_bytes())), failed(Outcome::Broken, &sentence));
        assert_eq!(summary(&ask(&pool, b"pid")), done(&pid), "after {asked}");
    }
}

#[test]
fn many_clients_at_once_get_their_own_answers_from_no_more_workers_than_allowed() {
    let _guard = with_others();
    let pool = pool(&WorkerConfig {
        max_concurrency: 3,
        ..python("hello()\nwhile True:\n    number, text = request()\n    answer(number, text + b' ' + pid())")
    });
    assert_eq!(pool.concurrency(), 3);
    let mut by_worker = BTreeMap::<String, usize>::new();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..20)
            .map(|client| {
                let pool = &pool;
                scope.spawn(move || {
                    let texts = (0..50).map(|round| format!("{client}/{round}"));
                    texts.map(|asked| (text(&ask(pool, asked.as_bytes())), asked)).collect::<Vec<_>>()
                })
            })
            .collect();
        for (answer, asked) in clients.into_iter().flat_map(|client| client.join().unwrap()) {
            let (echoed, pid) = answer.split_once(' ').unwrap();
            assert_eq!(echoed, asked);
            *by_worker.entry(pid.to_owned()).or_default() += 1;
        }
    });
    assert!(by_worker.len() <= 3, "{by_worker:?}");
    end(&pool);
    assert!(by_worker.keys().all(|pid| is_gone(pid)), "{by_worker:?}");
}

/// A request while the handler is down.
fn down_sentence(settings: &WorkerConfig) -> (String, String) {
    let pool = pool(settings);
    wait_until("the handler is down", || pool.trouble().is_some());
    let reply = ask(&pool, b"text");
    assert_eq!((reply.status(), reply.outcome()), (-1, Outcome::Unavailable));
    let trouble = pool.trouble().unwrap();
    assert!(trouble.contains("next try") || trouble.contains("tried again now"), "{trouble}");
    end(&pool);
    (text(&reply), trouble)
}

#[test]
fn a_program_that_cannot_be_started_brings_the_handler_down_with_the_reason() {
    let _guard = with_others();
    let (reply, trouble) = down_sentence(&program(&["/nonexistent/worker"]));
    let reason = "cannot start the program /nonexistent/worker: No such file or directory (ENOENT)";
    assert_eq!(reply, format!("not run: {reason}"));
    assert!(trouble.starts_with("the worker program /nonexistent/worker is down after "), "{trouble}");
    assert!(trouble.contains(reason), "{trouble}");
}

#[test]
fn each_way_not_to_say_hello_has_its_own_sentence() {
    let _guard = with_others();
    for (body, sentence) in [
        ("sys.exit(3)", "ended with exit status 3 before it said hello"),
        (
            "line(); os.write(2, b'no licence\\n'); sys.exit(1)",
            "ended with exit status 1 before it said hello: no licence",
        ),
        ("die()", "was killed by signal SIGKILL before it said hello"),
        ("line(); say(b'msgqd-han'); die()", "was killed by signal SIGKILL before it said hello"),
        (
            "say(b'msgqd-handler 2\\n'); time.sleep(1000)",
            "speaks version 2 of the handler protocol, and this daemon version 1",
        ),
        ("say(b'msgqd-handler 2\\n')", "speaks version 2 of the handler protocol, and this daemon version 1"),
        ("print('Ready.', flush=True); time.sleep(1000)", "said \"Ready.\" instead of \"msgqd-handler 1\""),
        ("say(b'x' * 1000); time.sleep(1000)", "wrote a header line of more than 64 bytes: "),
        (
            "say(b'msgqd-handler 1\\nanswer 1 0 0\\n'); time.sleep(1000)",
            "wrote \"answer 1 0 0\\n\" before it was asked anything",
        ),
    ] {
        let (reply, _) = down_sentence(&python(body));
        let expected = format!("not run: the program python3 {sentence}");
        assert!(reply.starts_with(&expected), "{body}: {reply}");
    }
}

#[test]
fn a_worker_that_never_says_hello_is_given_up_after_the_start_timeout() {
    let _guard = with_others();
    let start_timeout = Duration::from_millis(300);
    let settings = WorkerConfig { start_timeout, ..program(&["sh", "-c", "exec sleep 1000"]) };
    assert_eq!(down_sentence(&settings).0, "not run: the program sh did not say hello within 300 ms");
}

#[test]
fn a_handler_that_was_down_comes_back_by_itself_and_each_is_logged_once() {
    let _guard = with_others();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("late-worker");
    let name = path.to_str().unwrap();
    let pool = pool(&WorkerConfig { max_concurrency: 4, ..program(&[name]) });
    wait_until("the handler is down", || pool.trouble().is_some());
    wait_until("two more tries", || pool.trouble().is_some_and(|trouble| trouble.contains("after 5 failures")));
    let prepared = directory.path().join("prepared");
    fs::write(&prepared, format!("#!/usr/bin/python3 -IS\n{PRELUDE}{ECHO}")).unwrap();
    fs::set_permissions(&prepared, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&prepared, &path).unwrap();
    wait_until("the handler is back", || pool.trouble().is_none());
    assert_eq!(summary(&ask(&pool, b"hi")), done("hi"));
    end(&pool);
    let lines: Vec<String> = logged(name).into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
    let [down, back] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(
        down.starts_with(&format!("ERROR the worker program {name} is down after 3 failures in a row: ")),
        "{down}"
    );
    assert_eq!(back, &format!("INFO the worker program {name} is back"));
}

/// Each way to break, with what the client hears after "outcome unknown: the worker ".
const WAYS_TO_BREAK: [(&str, &str); 12] = [
    ("die()", "ended before it answered"),
    ("sys.exit(0)", "ended before it answered"),
    ("say(b'ans'); die()", "ended in the middle of its answer"),
    ("say(b'answer %d 0 10\\nhalf' % number); die()", "ended in the middle of its answer"),
    ("os.close(1); time.sleep(1000)", "ended before it answered"),
    ("if os.fork() == 0: time.sleep(1000)\ndie()", "ended before it answered"),
    ("answer(number - 1, b'old'); time.sleep(1000)", "answered request "),
    ("say(b'answer %d 0 0\\n' % number * 2); time.sleep(1000)", "wrote more bytes than it announced, or two answers"),
    ("say(b'answer %d 0 2\\nlong' % number); time.sleep(1000)", "wrote more bytes than it announced, or two answers"),
    (
        "say(b'Debug: here\\n'); time.sleep(1000)",
        "wrote \"Debug: here\" instead of a header \"answer ID STATUS LENGTH\"",
    ),
    (
        "say(b'answer %d 0 1048577\\n' % number); time.sleep(1000)",
        "announced a text of 1048577 bytes, and the limit is 1048576",
    ),
    ("say(b'x' * 100000); time.sleep(1000)", "wrote a header line of more than 64 bytes: "),
];

#[test]
fn whatever_breaks_the_outcome_is_unknown_and_another_worker_answers_the_next_request() {
    let _guard = with_others();
    for (how, sentence) in WAYS_TO_BREAK {
        let pool = pool(&python(&with_bad(how)));
        let first = text(&ask(&pool, b"pid"));
        let reply = ask(&pool, b"bad");
        assert_eq!((reply.status(), reply.outcome()), (-1, Outcome::Broken), "{how}");
        let expected = format!("outcome unknown: the worker {sentence}");
        assert!(text(&reply).starts_with(&expected), "{how}: {}", text(&reply));
        let next = text(&ask(&pool, b"pid"));
        assert_ne!(first, next, "{how}");
        wait_until("the broken worker is reaped", || is_gone(&first));
        end(&pool);
        assert!(is_gone(&next), "{how}");
        let lines = logged(&format!("python3 (PID {first}) "));
        assert!(lines.len() == 1 && lines[0].starts_with("WARN"), "{how}: {lines:?}");
        assert!(lines[0].contains(sentence), "{how}: {lines:?}");
    }
}

#[test]
fn half_a_frame_that_never_goes_on_ends_at_the_deadline() {
    let _guard = with_others();
    let timeout = Duration::from_millis(300);
    let half = with_bad("say(b'answer %d 0 10\\nhalf' % number); time.sleep(1000)");
    let pool = pool(&WorkerConfig { timeout, ..python(&half) });
    ask_until_done(&pool, b"pid");
    let sentence = "outcome unknown: the worker did not answer within the time limit of 300 ms";
    assert_eq!(summary(&ask(&pool, b"bad")), failed(Outcome::TimedOut, sentence));
    ask_until_done(&pool, b"pid");
}

#[test]
fn a_client_does_not_wait_for_the_end_of_a_worker_that_hangs_and_ignores_sigterm() {
    let _guard = with_others();
    let hang = with_bad("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1000)");
    let limits = (Duration::from_millis(500), LIMIT);
    let pool = pool(&WorkerConfig { timeout: limits.0, is_idempotent: true, ..with_grace(limits.1, python(&hang)) });
    let pid = text(&ask_until_done(&pool, b"pid"));
    let sentence = "outcome unknown: the worker did not answer within the time limit of 500 ms";
    assert_eq!(summary(&ask(&pool, b"bad")), failed(Outcome::TimedOut, sentence));
    assert!(!is_gone(&pid), "the client waited for the end of the worker");
    let limit = "no worker was free within the time limit of 500 ms; the request was not run";
    assert_eq!(summary(&ask(&pool, b"pid")), failed(Outcome::TimedOut, limit));
    pool.stop(Instant::now());
    assert!(is_gone(&pid), "the end of the pool is the end of its processes");
}

#[test]
fn a_request_whose_time_is_over_is_not_run() {
    let _guard = with_others();
    let directory = TempDir::new().unwrap();
    let seen = directory.path().join("seen");
    let script = format!(
        "hello()\nwhile True:\n    number, text = request()\n    open({seen:?}, 'ab').write(text)\n    answer(number, b'')"
    );
    let pool = pool(&python(&script));
    assert_eq!(summary(&ask(&pool, b"one")), done(""));
    let sentence = "no worker was free within the time limit of 60000 ms; the request was not run";
    assert_eq!(summary(&ask_at(&pool, b"late", Instant::now() - LIMIT)), failed(Outcome::TimedOut, sentence));
    assert_eq!(summary(&ask(&pool, b"two")), done(""));
    assert_eq!(fs::read(seen).unwrap(), b"onetwo");
}

#[test]
fn an_idempotent_request_is_run_once_more_on_another_worker_and_no_more_than_once() {
    let _guard = with_others();
    let directory = TempDir::new().unwrap();
    let marks = directory.path().join("marks");
    let script = format!(
        "hello()\nwhile True:\n    number, text = request()\n    open({marks:?}, 'ab').write(b'x')\n    if os.path.getsize({marks:?}) <= int(text): die()\n    answer(number, b'done')"
    );
    let runs = || fs::read(&marks).unwrap().len();
    for (idempotent, deaths, answer, expected_runs) in [
        (true, "1", done("done"), 2),
        (true, "2", failed(Outcome::Broken, "outcome unknown: the worker ended before it answered"), 2),
        (false, "1", failed(Outcome::Broken, "outcome unknown: the worker ended before it answered"), 1),
    ] {
        let _ = fs::remove_file(&marks);
        let pool = pool(&WorkerConfig { is_idempotent: idempotent, ..python(&script) });
        assert_eq!(summary(&ask(&pool, deaths.as_bytes())), answer, "idempotent {idempotent}, {deaths} deaths");
        assert_eq!(runs(), expected_runs, "idempotent {idempotent}, {deaths} deaths");
        end(&pool);
    }
}

#[test]
fn what_a_worker_says_without_being_asked_harms_no_client() {
    let _guard = with_others();
    let chatty = with_bad("answer(number, pid()); time.sleep(0.05); answer(number + 1, b'forged')\ntime.sleep(1000)");
    let pool = pool(&python(&chatty));
    let pid = text(&ask(&pool, b"bad"));
    // Long after the sleep of the worker, and longer when the machine is slow.
    thread::sleep(Duration::from_millis(500));
    let reply = ask_until_done(&pool, b"pid");
    assert_ne!(text(&reply), "forged");
    assert_ne!(text(&reply), pid, "the worker that talks out of turn is still in use");
}

#[test]
fn a_worker_that_is_killed_while_it_is_idle_is_replaced_without_harm() {
    let _guard = with_others();
    let pool = pool(&python(&with_bad("pass")));
    for _ in 0..5 {
        let pid = text(&ask(&pool, b"pid"));
        kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
        let reply = ask(&pool, b"pid");
        // Killed between the look at it and the request, it could not be told from one that died of the request.
        let was_in_time = reply.outcome() == Outcome::Done && text(&reply) != pid;
        assert!(was_in_time || text(&reply).contains("outcome unknown"), "{:?}", summary(&reply));
        wait_until("it is reaped", || is_gone(&pid));
        assert_ne!(text(&ask_until_done(&pool, b"pid")), pid);
    }
    assert_eq!(pool.trouble(), None);
}

#[test]
fn a_worker_is_replaced_after_its_number_of_requests() {
    let _guard = with_others();
    let directory = TempDir::new().unwrap();
    let polite = directory.path().join("polite");
    let script = format!("def end():\n    open({polite:?}, 'a').write('x')\n    sys.exit(0)\n{}", with_bad("pass"));
    let pool = pool(&WorkerConfig { max_requests: Some(3), ..with_grace(LIMIT, python(&script)) });
    let pids: Vec<String> = (0..9).map(|_| text(&ask(&pool, b"pid"))).collect();
    let mut distinct = pids.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 3, "{pids:?}");
    assert!(pids.chunks(3).all(|three| three.iter().all(|pid| *pid == three[0])), "{pids:?}");
    end(&pool);
    assert!(distinct.iter().all(|pid| is_gone(pid)));
    // The one that was just being started may have been called off before its hello.
    assert!(fs::read(polite).unwrap().len() >= 3, "each saw the end of its input");
}

#[test]
fn workers_that_break_with_every_request_bring_the_handler_down() {
    let _guard = with_others();
    let pool = pool(&python(&with_bad("die()")));
    let start = Instant::now();
    let mut outcomes = Vec::new();
    while pool.trouble().is_none() {
        assert!(start.elapsed() < LIMIT);
        outcomes.push(ask(&pool, b"bad").outcome());
    }
    assert_eq!(outcomes, [Outcome::Broken; 3]);
    assert_eq!(
        summary(&ask(&pool, b"bad")),
        failed(Outcome::Unavailable, "not run: the worker ended before it answered")
    );
    wait_until("the handler is back", || pool.trouble().is_none());
    assert_eq!(ask(&pool, b"pid").outcome(), Outcome::Done);
}

#[test]
fn at_the_end_a_worker_sees_the_end_of_its_input_and_then_sigterm_and_then_sigkill() {
    let _guard = with_others();
    let directory = TempDir::new().unwrap();
    let mark = directory.path().join("mark");
    let write = |what: &str| format!("open({mark:?}, 'a').write('{what} ')");
    let on_end = format!("def end():\n    {}\n    sys.exit(0)\n", write("end"));
    let on_end_stay = format!("def end():\n    {}\n    while True: time.sleep(1000)\n", write("end"));
    let on_term =
        format!("def term(*_):\n    {}\n    os._exit(0)\nsignal.signal(signal.SIGTERM, term)\n", write("term"));
    let on_term_stay = format!("def term(*_):\n    {}\nsignal.signal(signal.SIGTERM, term)\n", write("term"));
    // One that stays has most of this time between the end of its input and SIGTERM.
    let soon = Duration::from_secs(6);
    for (script, time, expected) in [
        (format!("{on_term}{on_end}"), LIMIT, "end "),
        (format!("{on_term}{on_end_stay}"), soon, "end term "),
        (format!("{on_term_stay}{on_end_stay}"), soon, "end term "),
    ] {
        let _ = fs::remove_file(&mark);
        let pool = pool(&python(&format!("{script}{}", with_bad("pass"))));
        let pid = text(&ask(&pool, b"pid"));
        pool.stop(Instant::now() + time);
        assert!(is_gone(&pid), "{expected}");
        assert_eq!(fs::read_to_string(&mark).unwrap(), expected);
        assert_eq!(summary(&ask(&pool, b"pid")), failed(Outcome::Unavailable, "not run: the handler ends"));
    }
}

#[test]
fn a_pool_that_ends_waits_for_no_start_and_no_pause() {
    let _guard = with_others();
    let silent = pool(&program(&["sleep", "1000"]));
    let down = pool(&program(&["/nonexistent/worker"]));
    wait_until("the handler is down", || down.trouble().is_some());
    let start = Instant::now();
    end(&silent);
    end(&down);
    assert!(start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
}

#[test]
fn requests_that_are_called_off_return_and_their_workers_end() {
    let _guard = with_others();
    let pool = pool(&python(&with_bad("time.sleep(1000)")));
    let pid = text(&ask(&pool, b"pid"));
    thread::scope(|scope| {
        let busy = scope.spawn(|| ask(&pool, b"bad"));
        let waiting = scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            ask(&pool, b"bad")
        });
        thread::sleep(Duration::from_millis(200));
        pool.abort();
        let mut outcomes = [summary(&busy.join().unwrap()), summary(&waiting.join().unwrap())];
        outcomes.sort_by(|a, b| a.2.cmp(&b.2));
        assert_eq!(outcomes[0], failed(Outcome::Unavailable, "not run: the handler ends"));
        assert_eq!(outcomes[1], failed(Outcome::Broken, "outcome unknown: the worker was not waited for"));
    });
    pool.stop(Instant::now());
    assert!(is_gone(&pid));
}

#[test]
fn what_a_worker_writes_on_stderr_is_logged_also_while_it_is_idle_and_never_holds_it_up() {
    let _guard = with_others();
    let flood = "os.write(2, b'during %d\\n' % os.getpid()); sys.stderr.write('flood\\n' * 50000); sys.stderr.flush()\nanswer(number, pid())\nsys.stderr.write('flood\\n' * 50000); sys.stderr.flush(); os.close(2)";
    let pool = pool(&python(&with_bad(flood)));
    let pid = text(&ask(&pool, b"bad"));
    wait_until("its line is in the log", || {
        logged(&format!("during {pid}")) == [format!("WARN python3 (PID {pid}): during {pid}")]
    });
    assert_eq!(summary(&ask(&pool, b"pid")), done(&pid));

    let idle = with_bad("answer(number, pid()); time.sleep(0.05); os.write(2, b'afterwards %d\\n' % os.getpid())");
    let quiet = self::pool(&python(&idle));
    let pid = text(&ask(&quiet, b"bad"));
    wait_until("its line is in the log", || !logged(&format!("afterwards {pid}")).is_empty());
}

#[test]
fn signals_that_wake_a_thread_disturb_no_request() {
    let _guard = with_others();
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGUSR1, flag).unwrap();
    let pool = pool(&python(
        "hello()\nwhile True:\n    number, text = request()\n    time.sleep(0.01)\n    say(b'answer %d 0 %d\\n' % (number, len(text))); time.sleep(0.01); say(text)",
    ));
    let done_with_it = AtomicBool::new(false);
    let asker = pthread_self();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done_with_it.load(Ordering::Relaxed) {
                pthread_kill(asker, Signal::SIGUSR1).unwrap();
                thread::sleep(Duration::from_micros(200));
            }
        });
        let outcomes: Vec<_> = (0..30).map(|round| summary(&ask(&pool, format!("{round}").as_bytes()))).collect();
        done_with_it.store(true, Ordering::Relaxed);
        for (round, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome, done(&round.to_string()));
        }
    });
}

#[test]
fn no_process_no_thread_and_no_descriptor_is_left_whatever_happened() {
    let _guard = alone();
    let measure = || (children(), descriptors(), keepers());
    let use_one = |settings: &WorkerConfig| {
        let pool = pool(settings);
        for asked in [&b"pid"[..], b"bad", b"pid", b"bad", b"pid"] {
            ask(&pool, asked);
        }
        pool.stop(Instant::now() + LIMIT);
    };
    let settings = |body: &str| WorkerConfig { max_concurrency: 3, timeout: Duration::from_secs(1), ..python(body) };
    use_one(&settings(ECHO));
    // A thread that has ended is in /proc for a moment longer.
    wait_until("the tests before this one are over", || keepers() == 0);
    let before = measure();
    for (how, _) in WAYS_TO_BREAK {
        use_one(&settings(&with_bad(how)));
    }
    use_one(&settings(&with_bad("time.sleep(1000)")));
    use_one(&settings("die()"));
    use_one(&program(&["/nonexistent/worker"]));
    use_one(&WorkerConfig { max_requests: Some(1), ..settings(&with_bad("answer(number, b'')")) });
    drop(pool(&settings(ECHO)));
    drop(pool(&program(&["sleep", "1000"])));
    wait_until(&format!("all is as it was: {before:?}"), || measure() == before);
}

#[test]
fn ten_thousand_requests_and_a_hundred_replacements_leave_the_handler_as_it_was() {
    let _guard = alone();
    let pool = pool(&WorkerConfig { max_concurrency: 2, max_requests: Some(100), ..python(ECHO) });
    ask(&pool, b"first");
    wait_until("both workers are there", || children().len() == 2);
    let before = settled_descriptors();
    for round in 0..10_000 {
        let asked = round.to_string();
        assert_eq!(summary(&ask(&pool, asked.as_bytes())), done(&asked));
    }
    wait_until("both workers are there", || children().len() == 2 && descriptors() == before);
    end(&pool);
}

#[test]
fn the_example_workers_answer_every_text_as_they_should() {
    let _guard = with_others();
    let every: Vec<u8> = (1..=255).collect();
    let texts: [&[u8]; 7] = [b"hello", b"", b"a\n\n", b"\n", "gr\u{fc}n".as_bytes(), b"$HOME `id` %s \\n *", &every];
    for (interpreter, name) in
        [("python3", "worker.py"), ("perl", "worker.pl"), ("sh", "worker.sh"), ("bash", "worker.sh")]
    {
        let path = format!("{}/../../docs/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        let pool = pool(&WorkerConfig { max_concurrency: 2, ..with_grace(LIMIT, program(&[interpreter, &path])) });
        for _ in 0..2 {
            for asked in texts {
                let reply = ask(&pool, asked);
                assert_eq!(reply.status(), 0, "{name} with {interpreter}: {}", text(&reply));
                assert_eq!(reply.text(), asked.to_ascii_uppercase(), "{name} with {interpreter}");
            }
        }
        let reply = ask(&pool, &[b'x'; 256]);
        assert_eq!(text(&reply), "the handler's answer has 256 bytes; a client's has room for 255", "{name}");
        end(&pool);
    }
    assert_eq!(logged("docs/examples/worker"), [""; 0], "they have nothing to complain about");
}
