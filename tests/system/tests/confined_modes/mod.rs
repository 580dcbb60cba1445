//! All that msgqd does, as functions that a test runs with a daemon that it starts in its own way.

use msgq_core::layout::encode_request;
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{
    DaemonBuilder, PATIENCE_MS, Process, ask, crowd, examples_dir, good_request_is_answered, hostile, is_root, msgqctl,
    wait_until, write_program,
};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

pub type Mode = fn(&DaemonBuilder);

pub const MODES: [(&str, Mode); 13] = [
    ("requests, a full queue, clients that die or send nonsense", many_clients),
    ("a reload that is good, and one that is bad", reload),
    ("a service manager that is told", told_manager),
    ("a journal that takes fields", journal),
    ("a program for each request, and one that takes too long", commands),
    ("a pool of programs", pool),
    ("a service behind a socket", service),
    ("a daemon that is killed, and the next one", killed),
    ("a daemon that keeps what waits", kept),
    ("answers in a second queue", second_queue),
    ("answers in queues of the clients' own", own_queues),
    ("messages that nobody waits for, and dead letters", one_way),
    ("what the units and the package run", other_commands),
];

fn many_clients(builder: &DaemonBuilder) {
    let daemon = builder.clone().workers(2).set("queue", "max_bytes = 2640").drain_timeout_ms(2000).start();
    let _ = Process::run(&mut crowd(daemon.key(), 60, 5, PATIENCE_MS)).succeeded();
    let of_no_client: [&[&str]; 3] =
        [&["crash", "x"], &["raw", "1", "self", "100", "0"], &["raw", "9", "self", "8", "0"]];
    for arguments in of_no_client {
        let _ = Process::run(&mut hostile(daemon.key(), arguments)).succeeded();
    }
    good_request_is_answered(daemon.key());
    // A queue that is removed, and one that is closed and opened again.
    daemon.queue().remove().unwrap();
    wait_until("the queue is made anew", || Queue::open(daemon.key()).is_ok());
    for command in ["drain", "resume"] {
        let mut msgqctl = Command::new(msgqctl());
        msgqctl.args(["--key", &daemon.key().to_string(), command]);
        let _ = Process::run(msgqctl.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory())).succeeded();
    }
    good_request_is_answered(daemon.key());
    daemon.stop();
}

fn reload(builder: &DaemonBuilder) {
    let mut daemon = builder.clone().set("service", "workers = 1").start();
    let path = builder.clone().set("service", "workers = 3").write_config();
    good_request_is_answered(daemon.key());
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("reload");
    std::fs::write(&path, "no_such_setting = 1\n").unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("no_such_setting");
    let _ = builder.clone().arg("--reload").run();
    good_request_is_answered(daemon.key());
    daemon.stop();
}

fn told_manager(builder: &DaemonBuilder) {
    let path = builder.directory().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_nonblocking(true).unwrap();
    let builder = builder.clone().env("NOTIFY_SOCKET", path).env("WATCHDOG_USEC", "300000");
    let daemon = builder.start();
    let mut said = [0; 4096];
    wait_until("the watchdog is fed", || {
        manager.recv(&mut said).is_ok_and(|len| String::from_utf8_lossy(&said[..len]).contains("WATCHDOG=1"))
    });
    daemon.stop();
}

/// What starts it gives it a socket as standard error and, in a mount namespace of its own, puts the test's socket
/// where the journal's is.
fn journal(builder: &DaemonBuilder) {
    if !is_root() {
        return eprintln!("not shown: only root can put a socket in the place of the journal's");
    }
    let directory = builder.directory().join("journal");
    std::fs::create_dir(&directory).unwrap();
    let journal = UnixDatagram::bind(directory.join("socket")).unwrap();
    journal.set_nonblocking(true).unwrap();
    let program = builder.command().get_program().to_owned();
    let starter = format!(
        r#"#!/usr/bin/python3
import os, socket, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
os.makedirs("/run/systemd/journal")
subprocess.run(["mount", "--bind", "{}", "/run/systemd/journal"], check=True)
ours, theirs = socket.socketpair()
ours.set_inheritable(True)
os.dup2(theirs.fileno(), 2)
os.environ["JOURNAL_STREAM"] = "%d:%d" % (os.fstat(2).st_dev, os.fstat(2).st_ino)
os.execv("{program}", ["{program}"] + sys.argv[1:])
"#,
        directory.display(),
        program = program.display()
    );
    write_program(&builder.directory().join("starter"), &starter);
    let path = builder.directory().join("with_journal");
    write_program(&path, "#!/bin/sh\nexec unshare --mount \"$(dirname \"$0\")/starter\" \"$@\"\n");
    let daemon = builder.clone().program(path).spawn();
    let mut entry = [0; 65_536];
    wait_until("the journal has an entry", || journal.recv(&mut entry).is_ok_and(|len| len > 0));
    good_request_is_answered(daemon.key());
    daemon.stop();
}

fn commands(builder: &DaemonBuilder) {
    let script = "read -r text; case $text in slow) sleep 20 ;; bad) echo no >&2; exit 3 ;; esac; echo done";
    let builder = builder.clone().set("handler", "kind = 'exec'").set("handler", "timeout_ms = 300");
    let daemon = builder.set("handler", &format!("command = ['/bin/sh', '-c', '{script}']")).start();
    for (text, status) in [("one\n", 0), ("bad\n", -1), ("slow\n", -1)] {
        assert_eq!(ask(&daemon.queue(), text.as_bytes()).0, status, "{text}");
    }
    daemon.stop();
}

fn pool(builder: &DaemonBuilder) {
    let path = builder.directory().join("worker");
    // It answers once and ends, so that the next one is started.
    let answer = "read -r hello; echo msgqd-handler 1; read -r word id rest; head -c 3 >/dev/null; printf \"answer $id 0 2\\nok\"";
    write_program(&path, &format!("#!/bin/sh\n{answer}\n"));
    let builder = builder.clone().set("handler", "kind = 'worker'");
    let daemon = builder.set("handler", &format!("command = ['{}']", path.display())).start();
    wait_until("two workers have answered", || ask(&daemon.queue(), b"one").0 == 0);
    wait_until("two workers have answered", || ask(&daemon.queue(), b"two").0 == 0);
    daemon.stop();
}

fn service(builder: &DaemonBuilder) {
    let socket = builder.directory().join("socket");
    let mut program = Command::new("/usr/bin/python3");
    let mut program = Process::start(program.arg(examples_dir().join("service.py")).arg(&socket));
    wait_until("the service listens", || socket.exists());
    let builder = builder.clone().set("handler", "kind = 'unix'").set("handler", &format!("user = '{}'", user_name()));
    let daemon = builder.set("handler", &format!("socket = '{}'", socket.display())).start();
    wait_until("the service answers", || ask(&daemon.queue(), b"one").0 == 0);
    daemon.stop();
    program.signal(Signal::SIGKILL);
}

fn user_name() -> String {
    nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name
}

/// In the middle of what it does, so that the next one has something to finish.
fn killed(builder: &DaemonBuilder) {
    let builder = builder.clone().workers(1).held_handler("exit");
    let daemon = builder.clone().start();
    let queue = daemon.queue();
    let pid = std::process::id().cast_signed();
    for text in ["one", "two"] {
        queue.send(1, &encode_request(pid, text.as_bytes())).unwrap();
    }
    wait_until("a request is in hand", || builder.handlers_begun() == 1);
    let next = daemon.crash();
    builder.let_handlers_go();
    let daemon = next.start();
    let mut answer = MessageBuffer::new();
    for _ in 0..2 {
        wait_until("what was in hand is answered", || queue.try_receive(pid.into(), &mut answer).unwrap());
    }
    daemon.stop();
}

fn kept(builder: &DaemonBuilder) {
    let builder = builder.clone().set("service", "on_stop = 'keep'");
    let mut daemon = builder.start();
    good_request_is_answered(daemon.key());
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    let daemon = builder.clone().without_settings_of("service").start();
    good_request_is_answered(daemon.key());
    daemon.stop();
}

fn second_queue(builder: &DaemonBuilder) {
    let daemon = builder.clone().second_queue().start();
    good_request_is_answered(daemon.key());
    daemon.stop();
}

fn own_queues(builder: &DaemonBuilder) {
    let lines = [
        "request = 'struct { long mtype; pid_t pid; int to; char text[64]; }'",
        "response = 'struct { long mtype; int status; char text[64]; }'",
        "status = 'status'",
        "reply = 'private'",
        "reply_to = 'to'",
        "client = 'pid'",
    ];
    let daemon = lines.iter().fold(builder.clone(), |builder, line| builder.set("protocol", line)).start();
    let own = Queue::create_private(0o600).unwrap();
    let mut request = [std::process::id().cast_signed(), own.id()].map(i32::to_ne_bytes).concat();
    request.resize(72, 0);
    let mut answer = MessageBuffer::new();
    daemon.queue().send(1, &request).unwrap();
    wait_until("an answer comes", || own.try_receive(0, &mut answer).unwrap());
    own.remove().unwrap();
    daemon.stop();
}

fn one_way(builder: &DaemonBuilder) {
    let letters = builder.directory().join("letters");
    let builder = builder.clone().env("STATE_DIRECTORY", &letters).set("service", "attempts = 2\non_stop = 'remove'");
    let builder =
        builder.set("protocol", "request = 'struct { long mtype; char line[64]; }'").set("protocol", "reply = 'none'");
    let builder = builder.set("handler", "kind = 'exec'").set("handler", "command = ['/bin/false']");
    let daemon = builder.start();
    daemon.queue().send(1, b"line").unwrap();
    let has_letter = || std::fs::read_dir(&letters).is_ok_and(|mut files| files.next().is_some());
    wait_until("the message is a dead letter", has_letter);
    daemon.stop();
}

fn other_commands(builder: &DaemonBuilder) {
    let _ = builder.clone().arg("--check-config").run().succeeded();
    let left = builder.start().crash();
    let _ = left.clone().arg("--after-failure").run().succeeded();
    let left = left.start().crash();
    let _ = left.clone().arg("--remove-left-queues").run().succeeded();
    if is_root() {
        let _ = builder.clone().arg("--take-over").arg("nobody:nogroup").run().succeeded();
    }
}
