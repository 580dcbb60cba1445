//! The daemon: hung, dead, stopping, elsewhere, or another program.

use super::*;
use msgqd_system_tests::{crowd, load_client};
use nix::sys::signal::Signal;

#[test]
fn a_daemon_that_is_stopped_hangs_and_the_command_wakes_it() {
    let mut daemon = configured().start();
    daemon.freeze();
    let builder = daemon.builder().clone();
    wait_until("its silence is noticed", || doctor(&builder).findings().contains("daemon"));
    let diagnosis = doctor(&builder);
    let pid = daemon.pid().to_string();
    diagnosis.says("daemon", "problem", &["hangs", &pid, "no sign of life"]);
    assert_eq!(diagnosis.mend("daemon"), format!("kill -CONT {pid}"));
    let _ = Process::run(Command::new("sh").args(["-c", &diagnosis.mend("daemon")])).succeeded();
    wait_until("it lives again", || doctor(&builder).findings().is_empty());
    daemon.stop();
}

#[test]
fn a_daemon_that_was_killed_leaves_a_stale_table_and_both_are_said() {
    let daemon = configured().start();
    let pid = daemon.pid().to_string();
    let builder = daemon.crash();
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["daemon", "table"]);
    diagnosis.says("daemon", "problem", &["was killed or crashed", &pid, "clients that send", "msgqd --key"]);
    diagnosis.says("table", "warning", &["dead daemon", &pid, "the next start finishes"]);
    builder.start().stop();
}

#[test]
fn a_daemon_that_ended_in_order_and_kept_its_queue_is_told_from_one_that_died() {
    let mut daemon = configured().set("service", "on_stop = \"keep\"").start();
    let builder = daemon.builder().clone();
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["daemon"]);
    diagnosis.says("daemon", "problem", &["ended in order", "on_stop"]);
}

#[test]
fn a_daemon_that_is_stopping_is_a_warning_and_its_shut_door_is_none() {
    let sleeping = configured().set("handler", "kind = \"exec\"").set("handler", "command = [\"/bin/sleep\", \"600\"]");
    let mut daemon = sleeping.set("service", "drain_timeout_ms = 60000").start();
    let client = Process::start(&mut load_client(msgqd_system_tests::Language::C, daemon.key(), 1, "x"));
    wait_until("its request is in hand", || {
        let stat = daemon.queue().stat().unwrap();
        stat.last_send_pid == client.pid() && stat.messages == 0
    });
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for_log("stopping");
    let builder = daemon.builder().clone();
    wait_until("it is said", || doctor(&builder).findings().contains("daemon"));
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["daemon"]);
    diagnosis.says("daemon", "warning", &["is stopping"]);
    diagnosis.says("queue_mode", "not_applicable", &["stopping"]);
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish();
    drop(client);
}

/// Nothing is wrong with a queue that msgqd neither serves nor served, whatever it looks like, and nothing is to be done.
#[track_caller]
fn is_none_of_msgqds_business(diagnosis: &Diagnosis, words: &[&str]) {
    diagnosis.finds(&[]);
    let words = [&["is not known to be msgqd's", "no msgqd holds a lock", "no table names it"], words].concat();
    diagnosis.says("daemon", "not_applicable", &words);
    assert_eq!(diagnosis.mend("daemon"), "");
}

#[test]
fn a_queue_of_another_program_is_no_problem_and_who_received_last_is_told() {
    let mut other = PlainServer::start();
    ends_with(OK, other.key(), &["send", "x"]);
    let diagnosis = Diagnosis::of(&mut msgqctl(other.key(), &["--json", "doctor"]));
    is_none_of_msgqds_business(&diagnosis, &["received from it last"]);
    diagnosis.says("other_programs", "not_applicable", &["may be its server"]);
    other.process().signal(Signal::SIGKILL);
}

#[test]
fn a_queue_of_another_program_may_have_any_size_mode_and_group_also_with_the_key_of_a_configuration() {
    let builder = configured();
    let queue = Queue::create(builder.key(), 0o666).unwrap();
    queue.set(&QueueSettings { max_bytes: Some(200), ..QueueSettings::default() }).unwrap();
    for diagnosis in [doctor(&builder), Diagnosis::of(&mut msgqctl(builder.key(), &["--json", "doctor"]))] {
        is_none_of_msgqds_business(&diagnosis, &["nobody that can be seen"]);
        for name in ["queue_size", "queue_mode"] {
            diagnosis.says(name, "not_applicable", &["what it should be knows its own program"]);
        }
    }
    doctor(&builder).says("queue_group", "not_applicable", &["knows its own program"]);
}

#[test]
fn a_daemon_that_lost_its_queue_to_another_program_is_not_said_to_serve_it() {
    if !is_root() {
        eprintln!("not run: only root can make a queue of another user");
        return;
    }
    let mut daemon = configured().set("queue", "takeover = \"refuse\"").start();
    daemon.freeze();
    daemon.queue().remove().unwrap();
    let queue = Queue::create(daemon.key(), 0o666).unwrap();
    queue.set(&QueueSettings { uid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
    daemon.thaw();
    daemon.wait_for_log("cannot make the queue anew");
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["table"]);
    diagnosis.says("daemon", "not_applicable", &["lost its queue", &daemon.pid().to_string()]);
    assert_eq!(diagnosis.mend("table"), format!("ipcs -q -i {}", queue.id()));
}

#[test]
fn a_second_server_on_the_queue_of_a_daemon_is_found_and_clients_are_not_taken_for_one() {
    if !is_root() {
        eprintln!("not run: only root sees what others wait in");
        return;
    }
    let daemon = configured().start();
    let mut crowd = Process::start(&mut crowd(daemon.key(), 20, 1_000_000, 60_000));
    for _ in 0..5 {
        doctor(daemon.builder()).says("other_programs", "fine", &["nobody else"]);
    }
    crowd.signal(Signal::SIGKILL);
    drop(crowd);
    let server =
        "$| = 1; my $queue = msgget(oct($ARGV[0]), 0) // die $!; 1 while msgrcv($queue, my $request, 264, 1, 0)";
    let mut other = Process::start(Command::new("perl").args(["-e", server, &daemon.key().to_string()]));
    wait_until("it waits", || is_blocked_in(other.pid(), ClientCall::Receive));
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["other_programs"]);
    diagnosis.says("other_programs", "problem", &[&other.pid().to_string(), "(perl)", "part of the requests"]);
    // Which of the two should serve is not known: it is only shown who they are.
    let shown = Process::run(Command::new("sh").args(["-c", diagnosis.mend("other_programs").lines().next().unwrap()]));
    assert!(shown.stdout.contains("msgrcv($queue"), "{shown:?}");
    assert!(other.is_running());
    drop(other);
    doctor(daemon.builder()).finds(&[]);
}

#[test]
fn a_server_in_another_ipc_namespace_whose_queue_has_the_same_number_is_no_neighbour() {
    let (own, other) = (configured(), configured());
    let text = |builder: &DaemonBuilder| builder.runtime_directory().display().to_string();
    let (own_place, other_place, key) = (text(&own), text(&other), own.key().to_string());
    let environment = [("OWN", own_place.as_str()), ("OTHER", &other_place), ("KEY", &key)];
    // In a new namespace the first queue is number 0.
    let text = r#"
        serve() { for i in $(seq 600); do grep -q "(msqid 0," "$1/log" && return; sleep 0.1; done; false; }
        RUNTIME_DIRECTORY=$OTHER unshare --ipc -- "$MSGQD" --key $KEY 2>"$OTHER/log" & other=$!
        RUNTIME_DIRECTORY=$OWN "$MSGQD" --key $KEY 2>"$OWN/log" & own=$!
        serve "$OTHER"; serve "$OWN"
        RUNTIME_DIRECTORY=$OWN "$MSGQCTL" --json --key $KEY doctor || true
        kill $own $other"#;
    let Some(finished) = script(&["--ipc"], &environment, text) else { return };
    let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    Diagnosis { code: 0, report }.says("other_programs", "fine", &["nobody else"]);
}

#[test]
fn without_queue_and_daemon_it_says_how_to_start_one() {
    let builder = configured();
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["daemon"]);
    diagnosis.says("daemon", "problem", &["there is no such queue", "ENOENT"]);
    let start = diagnosis.mend("daemon");
    assert!(start.starts_with(&format!("msgqd --key {} --config ", builder.key())), "{start}");
}

#[test]
fn from_another_ipc_namespace_the_daemon_is_found_and_the_command_leads_there() {
    if !is_root() {
        eprintln!("not run: only root can make a namespace");
        return;
    }
    let daemon = configured().start();
    let diagnosis = Diagnosis::of(&mut wrapped(&["unshare", "--ipc", "--"], &command_for(daemon.builder())));
    let pid = daemon.pid().to_string();
    diagnosis.finds(&["ipc_namespace"]);
    diagnosis.says("ipc_namespace", "problem", &[&pid, "one IPC namespace only", "PrivateIPC"]);
    let directory = msgqd_system_tests::msgqctl().parent().unwrap().display().to_string();
    let mend = diagnosis.mend("ipc_namespace");
    let command = mend.lines().next().unwrap();
    assert!(command.starts_with("nsenter "), "{command}");
    let mut shell = Command::new("unshare");
    shell.args(["--ipc", "--", "sh", "-c", command]).env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    let there = Process::run(shell.env("PATH", format!("{directory}:{}", std::env::var("PATH").unwrap())));
    assert!(
        there.stdout.contains("0 problems") && there.stdout.contains("fine          calls on queues, daemon"),
        "{there:?}"
    );
    daemon.stop();
}

#[test]
fn from_another_pid_namespace_numbers_mean_others_and_that_is_said() {
    if !is_root() {
        eprintln!("not run: only root can make a namespace");
        return;
    }
    let daemon = configured().start();
    let words = ["unshare", "--pid", "--fork", "--mount-proc", "--"];
    let diagnosis = Diagnosis::of(&mut wrapped(&words, &command_for(daemon.builder())));
    diagnosis.finds(&["pid_namespace"]);
    diagnosis.says(
        "pid_namespace",
        "problem",
        &[&daemon.pid().to_string(), "another PID namespace", "addressed by PID"],
    );
    daemon.stop();
}

#[test]
fn from_outside_a_daemon_in_a_pid_namespace_of_its_own_is_found() {
    if !is_root() {
        eprintln!("not run: only root can make a namespace");
        return;
    }
    let builder = configured();
    // Its number is 2, which is another process here, or none.
    let words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", "\"$0\" \"$@\"; :"];
    let mut daemon = Process::start(&mut wrapped(&words, &builder.command()));
    daemon.wait_for_stderr("serving queue");
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["pid_namespace"]);
    diagnosis.says("pid_namespace", "problem", &["which is PID 2 for itself"]);
    tables::forget_identity(&builder);
    doctor(&builder).says("pid_namespace", "problem", &["which is PID 2 for itself"]);
    // It ends a moment after its parent, and would make the queue anew that the end of the test removes.
    drop(daemon);
    wait_until("it is gone", || doctor(&builder).check("daemon")["state"] == "problem");
}

#[test]
fn on_a_kernel_without_identities_root_tells_the_daemon_by_its_open_lock_file() {
    if !is_root() {
        eprintln!("not run: only root sees what others have open");
        return;
    }
    let daemon = configured().start();
    tables::forget_identity(daemon.builder());
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&[]);
    diagnosis.says("pid_namespace", "fine", &[&daemon.pid().to_string()]);
    diagnosis.says("other_programs", "fine", &[]);
    daemon.stop();
}
