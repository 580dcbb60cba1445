//! The exec handler, driven through its trait, with commands that work and commands that fail in every way.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use msgq_core::config::{ExecConfig, HandlerConfig, Overlong};
use msgq_core::layout::{BODY_LEN_LP64, Response, decode_response};
use msgqd::handler::{Handler, Outcome, Reply};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use support::*;

fn config(command: &[&str], timeout: Duration, kill_grace: Duration) -> ExecConfig {
    INHERITED.get_or_init(inherited_descriptors);
    ExecConfig { program: program_config(command, kill_grace), timeout, max_concurrency: 8, overlong: Overlong::Error }
}

fn exec(config: ExecConfig) -> Arc<dyn Handler> {
    build(&HandlerConfig::Exec(config))
}

fn command(command: &[&str]) -> Arc<dyn Handler> {
    exec(config(command, LIMIT, LIMIT))
}

fn script(script: &str) -> ExecConfig {
    config(&["sh", "-c", script], LIMIT, LIMIT)
}

/// `text` is that of a shell command; the request's text is its standard input.
fn shell(text: &str) -> Arc<dyn Handler> {
    exec(script(text))
}

fn impatient(text: &str) -> Arc<dyn Handler> {
    exec(config(&["sh", "-c", text], Duration::from_millis(300), Duration::from_millis(200)))
}

#[test]
fn every_byte_value_goes_through_a_command_and_back() {
    let _guard = with_others();
    let every: Vec<u8> = (1..=255).collect();
    assert_eq!(ask(&command(&["cat"]), &every).text(), every);
}

#[test]
fn a_command_sees_all_256_bytes_of_a_full_text_and_the_end_of_an_empty_one() {
    let _guard = with_others();
    let count = command(&["wc", "-c"]);
    assert_eq!(summary(&ask(&count, &[b'x'; 256])), done("256"));
    assert_eq!(summary(&ask(&count, b"")), done("0"));
}

#[test]
fn one_trailing_newline_of_the_output_is_dropped_and_no_more() {
    let _guard = with_others();
    for (written, answer) in [("a\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("\n", ""), ("", ""), ("\na", "\na")] {
        assert_eq!(summary(&ask(&command(&["cat"]), written.as_bytes())), done(answer), "for {written:?}");
    }
}

#[test]
fn arguments_reach_the_command_as_they_are_and_no_shell_sees_them() {
    let _guard = with_others();
    assert_eq!(
        summary(&ask(&command(&["printf", "%s.", "a b", "$HOME", "*", "", "';"]), b"")),
        done("a b.$HOME.*..';.")
    );
}

#[test]
fn a_command_has_the_configured_environment_and_the_requests_variables_and_nothing_else() {
    let _guard = with_others();
    assert!(std::env::vars_os().count() > 3, "this test needs an environment that could leak");
    let mut config = config(&["env"], LIMIT, LIMIT);
    config.program.environment = [("COLOUR".into(), "blue".into()), ("LANG".into(), "C".into())].into();
    let answer = text(&ask(&exec(config), b""));
    let (deadline, others): (Vec<&str>, Vec<&str>) =
        answer.lines().partition(|line| line.starts_with("MSGQ_DEADLINE_MS="));
    let names: BTreeSet<&str> = others.iter().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["COLOUR", "LANG", "MSGQ_CLIENT_PID", "MSGQ_REQUEST_ID", "MSGQ_TYPE", "PATH"]),
        "{answer}"
    );
    assert!(others.contains(&"COLOUR=blue") && others.contains(&"LANG=C"), "{answer}");
    assert!(others.contains(&format!("MSGQ_CLIENT_PID={}", std::process::id()).as_str()), "{answer}");
    let left: u128 = deadline[0].split('=').nth(1).unwrap().parse().unwrap();
    assert!((1..=LIMIT.as_millis()).contains(&left), "{answer}");
}

#[test]
fn a_command_starts_in_its_working_directory() {
    let _guard = with_others();
    let mut config = config(&["pwd"], LIMIT, LIMIT);
    config.program.working_directory = Some(PathBuf::from("/proc"));
    assert_eq!(summary(&ask(&exec(config.clone()), b"")), done("/proc"));
    config.program.working_directory = Some(PathBuf::from("/nonexistent"));
    let sentence = "cannot start the program pwd: its working directory /nonexistent cannot be entered";
    assert_eq!(summary(&ask(&exec(config), b"")), failed(Outcome::Unavailable, sentence));
}

fn signal_set(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap()
}

#[test]
fn a_command_starts_with_an_empty_signal_mask_and_no_handler_of_the_daemons() {
    let _guard = with_others();
    signal_hook::flag::register(Signal::SIGUSR2 as i32, Arc::new(AtomicBool::new(false))).unwrap();
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).unwrap();
    let answer = text(&ask(&command(&["sed", "-n", "/^Sig[BIC]/p", "/proc/self/status"]), b""));
    let during = SigSet::thread_get_mask().unwrap();
    before.thread_set_mask().unwrap();
    assert_eq!(during, {
        let mut all = SigSet::all();
        all.remove(Signal::SIGKILL);
        all.remove(Signal::SIGSTOP);
        all
    });
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let pipe = 1 << (Signal::SIGPIPE as u32 - 1);
    assert_eq!(signal_set(&answer, "SigBlk:"), 0, "{answer}");
    assert_eq!(signal_set(&answer, "SigCgt:"), 0, "{answer}");
    // glibc's posix_spawn ignores its own two signals, 32 and 33, which no program can use.
    let standard = (1 << 31) - 1;
    assert_eq!(signal_set(&answer, "SigIgn:") & standard, signal_set(&own, "SigIgn:") & standard & !pipe, "{answer}");
}

/// What this process itself was given by whoever started it, and gives on. Looked at before the first request.
static INHERITED: OnceLock<BTreeSet<u32>> = OnceLock::new();

/// Descriptors without close-on-exec.
fn inherited_descriptors() -> BTreeSet<u32> {
    let mut inherited = BTreeSet::new();
    for entry in fs::read_dir("/proc/self/fdinfo").unwrap().flatten() {
        let Ok(info) = fs::read_to_string(entry.path()) else { continue };
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        if u32::from_str_radix(flags.trim(), 8).unwrap() & 0o2_000_000 == 0 {
            inherited.insert(entry.file_name().to_string_lossy().parse().unwrap());
        }
    }
    inherited
}

#[test]
fn a_command_has_three_descriptors_and_no_other() {
    let _guard = with_others();
    let _file = fs::File::open("/dev/null").unwrap();
    let answer = text(&ask(&command(&["ls", "/proc/self/fd"]), b""));
    let open: BTreeSet<u32> = answer.lines().map(|line| line.parse().unwrap()).collect();
    let own: Vec<u32> = open.difference(INHERITED.get().unwrap()).copied().filter(|fd| *fd > 2).collect();
    // The one more is the directory that ls itself reads.
    assert_eq!(own.len(), 1, "{answer}");
    assert!(open.is_superset(&BTreeSet::from([0, 1, 2])), "{answer}");
}

#[test]
fn an_exit_status_other_than_0_is_an_error_that_names_it() {
    let _guard = with_others();
    let exit = shell("read code; exit $code");
    for code in [1, 2, 3, 63, 64, 100, 126, 127, 128, 137, 254, 255] {
        let reply = ask(&exit, format!("{code}\n").as_bytes());
        assert_eq!(summary(&reply), failed(Outcome::Failed, &format!("the command ended with exit status {code}")));
    }
    assert_eq!(summary(&ask(&exit, b"0\n")), done(""));
}

#[test]
fn a_command_that_dies_of_a_signal_is_an_error_that_names_the_signal() {
    let _guard = with_others();
    let die = shell("read signal; ulimit -c 0; kill -$signal $$; sleep 1000");
    for signal in ["TERM", "KILL", "SEGV", "ABRT", "INT", "HUP", "QUIT", "USR1", "PIPE", "BUS"] {
        let reply = ask(&die, format!("{signal}\n").as_bytes());
        assert_eq!(summary(&reply), failed(Outcome::Broken, &format!("the command was killed by signal SIG{signal}")));
    }
    assert_eq!(summary(&ask(&shell("cat"), b"next")), done("next"));
}

#[test]
fn a_failing_command_explains_itself_with_the_first_line_of_its_stderr_which_is_logged_too() {
    let _guard = with_others();
    let script = r"echo answer; printf '\nno such \033customer\nat line 7' >&2; exit 4";
    assert_eq!(summary(&ask(&shell(script), b"")), failed(Outcome::Failed, "no such \u{1b}customer"));
    let first = logged("no such ");
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].starts_with("WARN sh (PID ") && first[0].ends_with("): no such \\u{1b}customer"), "{first:?}");
    assert_eq!(logged("): at line 7").len(), 1);
    assert_eq!(summary(&ask(&shell("echo only this >&2; ulimit -c 0; kill -SEGV $$"), b"")).2, "only this");
    assert_eq!(summary(&ask(&shell("printf 'no newline' >&2; exit 1"), b"")).2, "no newline");
}

#[test]
fn stderr_of_a_command_that_works_is_logged_and_not_sent() {
    let _guard = with_others();
    assert_eq!(summary(&ask(&shell("echo deprecated-option >&2; echo fine"), b"")), done("fine"));
    assert_eq!(logged("deprecated-option").len(), 1);
}

#[test]
fn a_command_that_floods_stderr_goes_on_and_fills_neither_log_nor_memory() {
    let _guard = with_others();
    let directory = tempfile::tempdir().unwrap();
    let shell = directory.path().join("flooder");
    std::os::unix::fs::symlink("/bin/sh", &shell).unwrap();
    let script = "yes flooding-line | head -n 300000 >&2; head -c 5000000 /dev/zero >&2; echo done";
    let flood = command(&[shell.to_str().unwrap(), "-c", script]);
    assert_eq!(summary(&ask(&flood, b"")), done("done"));
    let lines = logged("flooding-line").len();
    assert!((20..1000).contains(&lines), "{lines} lines");
    assert!(logged("flooding-line").iter().all(|line| line.len() < 100));
    flood.stop(Instant::now());
    let left_out = logged("lines on stderr were left out of the log");
    let counts = left_out.iter().filter_map(|line| line.strip_prefix("WARN flooder: ")?.split(' ').next());
    let count: usize = counts.map(|count| count.parse::<usize>().unwrap()).sum();
    // The line without an end is one more.
    assert_eq!(lines + count, 300_001);
}

#[test]
fn an_overlong_line_of_stderr_is_cut() {
    let _guard = with_others();
    let reply = ask(&shell("printf %02000d 5 | tr 0 z >&2; exit 1"), b"");
    assert_eq!(reply.status(), -1);
    assert!((255..=1000).contains(&reply.text().len()), "{}", reply.text().len());
    let lines = logged("zzzzz");
    assert!(lines.len() == 1 && lines[0].len() < 1100 && lines[0].contains("z [cut at 1000 bytes]"), "{lines:?}");
}

#[test]
fn output_longer_than_an_answer_is_an_error_with_both_sizes() {
    let _guard = with_others();
    let write = shell("read count; head -c $count /dev/zero | tr '\\0' x; echo");
    assert_eq!(ask(&write, b"255\n").text(), [b'x'; 255]);
    for count in [256, 257, 4096, 65536, 1_048_576] {
        let sentence = format!("the command's output has {count} bytes; an answer has room for 255");
        assert_eq!(summary(&ask(&write, format!("{count}\n").as_bytes())), failed(Outcome::Broken, &sentence));
    }
    assert_eq!(ask(&write, b"1\n").text(), b"x");
}

#[test]
fn output_longer_than_an_answer_is_cut_between_characters_where_that_is_configured() {
    let _guard = with_others();
    let truncate = |text| exec(ExecConfig { overlong: Overlong::Truncate, ..script(text) });
    let reply = ask(&truncate("head -c 1048576 /dev/zero | tr '\\0' x"), b"");
    assert_eq!((reply.status(), reply.outcome()), (0, Outcome::Done));
    assert!(reply.text().len() > 255 && reply.text().iter().all(|byte| *byte == b'x'));
    let reply = ask(&truncate("printf x; yes € | head -n 200 | tr -d '\\n'"), b"");
    let response = Response::new(reply.status(), reply.text(), BODY_LEN_LP64);
    let seen = decode_response(response.as_bytes()).unwrap().text;
    assert_eq!(std::str::from_utf8(seen).unwrap(), format!("x{}", "€".repeat(84)));
}

#[test]
fn output_with_a_nul_byte_is_an_error_and_not_a_silent_cut() {
    let _guard = with_others();
    let sentence = "the command's output contains a NUL byte, which no answer can carry";
    assert_eq!(summary(&ask(&shell(r"printf 'a\0b'"), b"")), failed(Outcome::Broken, sentence));
}

#[test]
fn a_command_that_does_not_read_its_input_works() {
    let _guard = with_others();
    for script in ["exec <&-; echo fine", "echo fine", "sleep 0.1; echo fine"] {
        assert_eq!(summary(&ask(&shell(script), &[b'x'; 256])), done("fine"));
    }
}

#[test]
fn a_command_that_closes_its_output_and_works_on_is_waited_for() {
    let _guard = with_others();
    let reply = ask(&shell("printf early; exec >&- 2>&-; sleep 0.2; exit 7"), b"");
    assert_eq!(summary(&reply), failed(Outcome::Failed, "the command ended with exit status 7"));
}

#[test]
fn what_a_command_leaves_behind_holds_nobody_up_and_is_gone_afterwards() {
    let _guard = with_others();
    for redirection in ["", "2>/dev/null", ">/dev/null", ">/dev/null 2>&1"] {
        let reply = ask(&shell(&format!("sleep 100000 {redirection} & yes </dev/null >&2 & echo $$")), b"");
        assert_eq!((reply.status(), reply.outcome()), (0, Outcome::Done), "{redirection}: {}", text(&reply));
        wait_until("the group is gone", || living_in_group(&text(&reply)).is_empty());
    }
}

#[test]
fn what_a_process_left_behind_writes_at_once_still_belongs_to_the_answer() {
    let _guard = with_others();
    assert_eq!(summary(&ask(&shell("{ sleep 0.02; printf late; } & printf 'early '"), b"")), done("early late"));
}

/// Runs the script into its time limit, which is longer each time, until it got as far as making the file `ready`.
fn run_into_the_time_limit(script: &str, kill_grace: Duration, ready: &Path) {
    let got_far_enough = [300, 1000, 3000, 10_000, 30_000].into_iter().any(|timeout| {
        let handler = exec(config(&["sh", "-c", script], Duration::from_millis(timeout), kill_grace));
        let sentence = format!("the command did not end within the time limit of {timeout} ms and was stopped");
        assert_eq!(summary(&ask(&handler, b"")), failed(Outcome::TimedOut, &sentence));
        ready.exists()
    });
    assert!(got_far_enough, "the command never made {}", ready.display());
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_with_its_group_after_the_grace_time() {
    let _guard = with_others();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let script = format!("trap '' TERM; sleep 100000 & echo $$ > {}; while :; do sleep 1000; done", file.display());
    run_into_the_time_limit(&script, Duration::from_millis(200), &file);
    let group = fs::read_to_string(file).unwrap();
    assert_ne!(group, "");
    wait_until("the group is gone", || living_in_group(group.trim()).is_empty());
}

#[test]
fn a_command_that_runs_into_the_time_limit_gets_sigterm_and_may_clean_up() {
    let _guard = with_others();
    let directory = tempfile::tempdir().unwrap();
    let [ready, file] = ["ready", "cleaned-up"].map(|name| directory.path().join(name));
    let clean_up = format!("yes | head -c 200000; touch {}; exit 0", file.display());
    let script = format!("trap '{clean_up}' TERM; sleep 1000 & touch {}; wait", ready.display());
    run_into_the_time_limit(&script, LIMIT, &ready);
    assert!(file.exists());
}

#[test]
fn what_a_shell_runs_may_clean_up_although_the_shell_itself_dies_of_sigterm_at_once() {
    let _guard = with_others();
    let directory = tempfile::tempdir().unwrap();
    let [ready, file] = ["ready", "cleaned-up"].map(|name| directory.path().join(name));
    let clean_up = format!("sleep 0.1; touch {}; exit", file.display());
    let script = format!("(trap '{clean_up}' TERM; touch {}; while :; do sleep 0.01; done); true", ready.display());
    run_into_the_time_limit(&script, LIMIT, &ready);
    assert!(file.exists());
}

#[test]
fn commands_that_never_stop_writing_end_at_the_time_limit() {
    let _guard = with_others();
    for script in ["exec yes", "exec yes >&2", "yes >&2 & exec yes"] {
        assert_eq!(ask(&impatient(script), b"").outcome(), Outcome::TimedOut, "{script}");
    }
}

#[test]
fn a_request_that_waited_too_long_in_the_queue_is_not_run() {
    let _guard = with_others();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ran");
    let handler = impatient(&format!("touch {}", file.display()));
    let long_ago = Instant::now().checked_sub(Duration::from_millis(300)).unwrap();
    let sentence = "the time limit of 300 ms passed before the command could be started";
    assert_eq!(summary(&ask_at(&handler, b"", long_ago)), failed(Outcome::TimedOut, sentence));
    assert!(!file.exists());
}

#[test]
fn no_more_commands_run_at_the_same_time_than_allowed() {
    let _guard = with_others();
    let directory = tempfile::tempdir().unwrap();
    let lock = directory.path().join("lock").display().to_string();
    let script = format!("mkdir {lock} || exit 1; sleep 0.02; rmdir {lock}");
    let handler = exec(ExecConfig { max_concurrency: 1, ..self::script(&script) });
    assert_eq!(handler.concurrency(), 1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(summary(&ask(&handler, b"")), done(""));
                }
            });
        }
    });
}

#[test]
fn a_request_waits_for_its_turn_no_longer_than_its_time_limit() {
    let _guard = with_others();
    let directory = tempfile::tempdir().unwrap();
    let [started, go] = ["started", "go"].map(|name| directory.path().join(name));
    let script = format!("touch {}; while ! [ -e {} ]; do sleep 0.01; done", started.display(), go.display());
    let handler = exec(ExecConfig { max_concurrency: 1, ..self::script(&script) });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(&handler, b""));
        wait_until("the first command runs", || started.exists());
        let almost_over = Instant::now().checked_sub(LIMIT - Duration::from_millis(50)).unwrap();
        let second = ask_at(&handler, b"", almost_over);
        fs::write(&go, "").unwrap();
        assert_eq!(second.outcome(), Outcome::TimedOut, "{}", text(&second));
        assert_eq!(summary(&first.join().unwrap()), done(""));
    });
}

#[test]
fn a_command_that_cannot_be_started_is_reported_until_it_can() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("logic");
    let path = file.display().to_string();
    let handler = command(&[&path]);
    assert_eq!(handler.trouble(), None);
    let reports = [
        (None, "No such file or directory (ENOENT)"),
        (Some(("#!/bin/cat\n", 0o644)), "Permission denied (EACCES)"),
        (Some(("garbage", 0o755)), "Exec format error (ENOEXEC)"),
        (Some(("#!/nonexistent/interpreter\n", 0o755)), "No such file or directory (ENOENT)"),
    ];
    for (content, reason) in reports {
        if let Some((content, mode)) = content {
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        let sentence = format!("cannot start the program {path}: {reason}");
        assert_eq!(summary(&ask(&handler, b"")), failed(Outcome::Unavailable, &sentence));
        assert_eq!(handler.trouble(), Some(sentence.clone()));
        assert!(logged(&sentence)[0].starts_with("ERROR "));
    }
    for _ in 0..100 {
        ask(&command(&[&path]), b"");
        ask(&handler, b"");
    }
    fs::write(&file, "#!/bin/sh\ncat\n").unwrap();
    assert_eq!(summary(&ask(&handler, b"again")), done("again"));
    assert_eq!(handler.trouble(), None);
}

#[test]
fn a_command_without_a_slash_that_is_not_in_the_path_is_reported() {
    let _guard = with_others();
    let handler = command(&["no-such-command-at-all"]);
    let sentence = "cannot start the program no-such-command-at-all: no executable file of this name is in its PATH";
    for _ in 0..50 {
        assert_eq!(summary(&ask(&handler, b"")), failed(Outcome::Unavailable, sentence));
    }
    let reports = logged(sentence).len();
    assert!((1..20).contains(&reports), "{reports} reports");
}

#[test]
fn signals_that_wake_the_thread_do_not_disturb_a_request() {
    let _guard = with_others();
    signal_hook::flag::register(Signal::SIGUSR1 as i32, Arc::new(AtomicBool::new(false))).unwrap();
    let handler = shell("sleep 0.3; cat");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let thread = pthread_self();
        let is_over = &is_over;
        scope.spawn(move || {
            while !is_over.load(Ordering::Acquire) {
                pthread_kill(thread, Signal::SIGUSR1).unwrap();
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        let reply = ask(&handler, b"undisturbed");
        is_over.store(true, Ordering::Release);
        assert_eq!(summary(&reply), done("undisturbed"));
    });
}

#[test]
fn a_daemon_without_free_descriptors_refuses_requests_and_leaks_nothing() {
    let _alone = alone();
    let handler = command(&["cat"]);
    ask(&handler, b"warm up");
    let before = descriptors();
    let limit = getrlimit(Resource::Nofile);
    // The count has the descriptor in it with which it was made.
    let replies: Vec<Reply> = (before as u64 - 1..)
        .take(16)
        .map(|count| {
            setrlimit(Resource::Nofile, Rlimit { current: Some(count), ..limit }).unwrap();
            ask(&handler, b"text")
        })
        .collect();
    setrlimit(Resource::Nofile, limit).unwrap();
    let sentence = "cannot start the program cat: no descriptor is to be had (EMFILE); raise LimitNOFILE=, or start fewer \
                    at the same time";
    for reply in &replies {
        let summary = summary(reply);
        assert!(summary == failed(Outcome::Unavailable, sentence) || summary == done("text"), "{summary:?}");
    }
    assert_eq!(replies[0].outcome(), Outcome::Unavailable);
    assert_eq!(replies[15].outcome(), Outcome::Done);
    assert_eq!(descriptors(), before);
    assert_eq!(children(), Vec::<String>::new());
}

#[test]
fn after_500_requests_of_every_kind_no_process_and_no_descriptor_is_left() {
    let _alone = alone();
    let handlers = [
        command(&["cat"]),
        command(&["true"]),
        shell("exit 3"),
        shell("kill -KILL $$"),
        command(&["/nonexistent"]),
        shell("exec <&- >&- 2>&-"),
        shell("head -c 300000 /dev/zero"),
        shell("sleep 100000 & exit 0"),
        impatient("trap '' TERM; while :; do sleep 1000; done"),
    ];
    for handler in &handlers {
        ask(handler, b"warm up");
    }
    let before = descriptors();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let handlers = &handlers;
            scope.spawn(move || {
                // The slow kinds are rare, so that the test is not.
                for round in 0..63 {
                    let kind = if round % 21 == 20 { round + thread } else { round % 7 };
                    ask(&handlers[kind % handlers.len()], b"text");
                }
            });
        }
    });
    assert_eq!(descriptors(), before);
    assert_eq!(children(), Vec::<String>::new());
    assert_eq!(summary(&ask(&handlers[0], b"still works")), done("still works"));
}
