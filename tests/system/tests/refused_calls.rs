//! Where a sandbox refuses the calls on queues, or the kernel has none: told apart from a missing queue and a missing
//! permission.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::Queue;
use msgqd_system_tests::{
    DaemonBuilder, Finished, PlainServer, Process, ask, can_trace, msgqctl, msgqd, test_client, write_program,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// The exit code of msgqctl for what is neither a missing queue nor a missing permission.
const OTHER: i32 = 6;
const ALL: &str = "msgget,msgsnd,msgrcv,msgctl";
/// What is said of a queue that is not there, or that belongs to others.
const OF_QUEUES: [&str; 6] = ["there is no queue", "start its server", "usermod", "group", "owner", "MSG_COPY"];

/// msgqctl under a filter that answers this errno to these calls.
fn refused(errno: &str, calls: &str, server: &PlainServer, arguments: &[&str]) -> Finished {
    let mut command = Command::new(test_client("refusing"));
    command.args([errno, calls]).arg(msgqctl()).args(["--key", &server.key().to_string()]).args(arguments);
    Process::run(command.env_remove("RUNTIME_DIRECTORY"))
}

#[track_caller]
fn tells_the_sandbox(finished: &Finished, errno: &str, call: &str) {
    assert_eq!(finished.code(), OTHER, "{finished:?}");
    let said = &finished.stderr;
    for word in [call, errno, "seccomp", "allow msgget, msgsnd, msgrcv and msgctl"] {
        assert!(said.contains(word), "{word:?} is missing: {said}");
    }
    for word in OF_QUEUES {
        assert!(!said.contains(word), "{word:?}: {said}");
    }
}

#[test]
fn a_refused_call_is_told_from_a_missing_queue_and_from_a_missing_permission() {
    let server = PlainServer::start();
    let pid = std::process::id().to_string();
    let commands: [&[&str]; 8] = [
        &["stat"],
        &["stat", "--prometheus"],
        &["peek"],
        &["explain", &pid],
        &["purge"],
        &["send", "x"],
        &["bench", "--clients", "1", "--count", "1"],
        &["drain"],
    ];
    for errno in ["EPERM", "ENOSYS"] {
        for arguments in commands {
            tells_the_sandbox(&refused(errno, ALL, &server, arguments), errno, "msgget");
        }
        tells_the_sandbox(&refused(errno, "msgctl", &server, &["stat"]), errno, "msgctl");
        tells_the_sandbox(&refused(errno, "msgrcv", &server, &["peek"]), errno, "msgrcv");
        tells_the_sandbox(&refused(errno, "msgsnd", &server, &["send", "x"]), errno, "msgsnd");
    }
}

#[test]
fn doctor_calls_a_refused_call_the_one_problem_and_says_what_allows_it() {
    let server = PlainServer::start();
    for (errno, calls) in [("EPERM", ALL), ("ENOSYS", ALL), ("EPERM", "msgsnd"), ("ENOSYS", "msgrcv")] {
        let finished = refused(errno, calls, &server, &["--json", "doctor"]);
        let report: Value =
            serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
        let checks = report["checks"].as_array().unwrap();
        let problems: Vec<_> = checks.iter().filter(|check| check["state"] == "problem").collect();
        assert_eq!(problems.len(), 1, "{report}");
        let said = problems[0].to_string();
        assert_eq!(problems[0]["check"], "queue_calls", "{said}");
        for word in [errno, calls.split(',').next().unwrap(), "seccomp", "--security-opt", "SystemCallFilter="] {
            assert!(said.contains(word), "{word:?} is missing: {said}");
        }
        assert!(!report.to_string().contains("no MSG_COPY"), "{report}");
    }
}

#[test]
fn msgqd_does_not_start_where_one_of_the_calls_is_refused_and_says_which_and_why() {
    for (errno, call) in
        [("EPERM", "msgget"), ("ENOSYS", "msgget"), ("EPERM", "msgctl"), ("EPERM", "msgsnd"), ("ENOSYS", "msgrcv")]
    {
        let builder = DaemonBuilder::new();
        let path = builder.directory().join("start");
        let (filter, daemon) = (test_client("refusing").display().to_string(), msgqd().display().to_string());
        write_program(&path, &format!("#!/bin/sh\nexec {filter} {errno} {call} {daemon} \"$@\"\n"));
        let finished = builder.program(path).run();
        assert_ne!(finished.code(), 0, "{finished:?}");
        for word in [call, errno, "seccomp", "SystemCallFilter="] {
            assert!(finished.stderr.contains(word), "{word:?} is missing: {finished:?}");
        }
        assert!(!finished.stderr.contains("belongs to"), "{finished:?}");
    }
}

#[test]
fn without_a_filter_a_missing_queue_stays_a_missing_queue_and_an_owner_an_owner() {
    let builder = DaemonBuilder::new();
    let open = Queue::open(builder.key()).unwrap_err().to_string();
    assert!(open.contains("there is no queue with this key") && !open.contains("seccomp"), "{open}");
}

#[test]
fn an_answer_that_the_kernel_has_no_memory_for_is_sent_when_it_has() {
    if !can_trace() {
        return eprintln!("not shown: strace is missing, or may not trace here");
    }
    for builder in DaemonBuilder::new().workers(1).with_one_queue_and_with_two() {
        let (program, trace) = (builder.directory().join("traced"), builder.directory().join("trace"));
        // Each thread's own first three: of the worker, and of the courier, which has what the worker could not send.
        let text = format!(
            "#!/bin/sh\nexec strace -D -qq -f --signal=none --trace=msgsnd --inject=msgsnd:error=ENOMEM:when=1..3 \
             --output={} {} \"$@\"\n",
            trace.display(),
            msgqd().display()
        );
        write_program(&program, &text);
        let daemon = builder.program(program).start();
        assert_eq!(ask(&daemon.queue(), b"hello"), (0, b"Processed: hello".to_vec()), "{}", daemon.log());
        let trace = std::fs::read_to_string(&trace).unwrap();
        let refused = trace.lines().filter(|line| line.contains("Processed") && line.contains("ENOMEM"));
        let threads: BTreeSet<&str> = refused.filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(threads.len(), 2, "worker and courier are refused: {trace}");
        let log = daemon.stop().stderr;
        assert!(!log.contains("send_failed"), "{log}");
    }
}
