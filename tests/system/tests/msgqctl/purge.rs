use super::*;

#[test]
fn purge_removes_the_responses_of_the_dead_and_never_a_request() {
    let (key, queue) = idle_queue();
    let (living, zombie) = (Sleeper::start(), Sleeper::start().into_zombie());
    put(&queue, REQUEST_MTYPE, 2);
    for mtype in [living.pid(), zombie.pid(), dead_pid(), dead_pid()] {
        put(&queue, mtype.into(), 1);
    }
    for dry_run in [["purge", "--dry-run"].as_slice(), &["purge", "--pid", "--dry-run"]] {
        let would = ends_with(OK, key.key(), dry_run).stdout;
        assert!(would.contains("would remove 3 responses (792 bytes) for 2 clients"), "{would}");
    }
    assert_eq!(queue.stat().unwrap().messages, 6);

    let report = json(key.key(), &["purge"]);
    assert_eq!((&report["messages"], &report["bytes"]), (&Value::from(3), &Value::from(792)));
    let removed = report["removed"].as_array().unwrap();
    let reason = |pid: i32| &removed.iter().find(|it| it["mtype"] == pid).unwrap()["reason"];
    assert_eq!((reason(zombie.pid()).as_str(), reason(dead_pid()).as_str()), (Some("zombie"), Some("no_such_process")));
    assert_eq!(report["kept"][0]["mtype"], living.pid());
    assert_eq!(queue.stat().unwrap().messages, 3);
    assert!(queue.has_message(living.pid().into()).unwrap());
    assert!(ends_with(OK, key.key(), &["purge"]).stdout.contains("removed nothing"));
}

#[test]
fn purge_of_a_living_client_is_refused_until_it_is_forced() {
    let (key, queue) = idle_queue();
    let living = Sleeper::start();
    let pid = living.pid().to_string();
    put(&queue, living.pid().into(), 2);
    put(&queue, dead_pid().into(), 1);
    let refused = ends_with(OTHER, key.key(), &["purge", "--pid", &pid]);
    assert!(refused.stderr.contains(&format!("PID {pid} (sleep) is alive")), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(queue.stat().unwrap().messages, 3);
    let forced = ends_with(OK, key.key(), &["purge", "--pid", &pid, "--force"]);
    assert!(forced.stdout.contains("removed 2 responses"), "{forced:?}");
    assert!(queue.has_message(dead_pid().into()).unwrap());
    ends_with(OK, key.key(), &["purge", "--pid", &dead_pid().to_string(), &dead_pid().to_string()]);
    assert_eq!(queue.stat().unwrap().messages, 0);
}

/// The command under a tracer that lets its first msgrcv fail as on a kernel without MSG_COPY; `None` without strace.
pub(crate) fn without_msg_copy(key: QueueKey, arguments: &[&str]) -> Option<Command> {
    let has_strace = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    has_strace.then(|| {
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", "trace=msgrcv", "-e", "inject=msgrcv:error=ENOSYS:when=1"]);
        command.arg(msgqd_system_tests::msgqctl()).args(["--key", &key.to_string()]).args(arguments);
        command
    })
}

#[test]
fn on_a_kernel_without_msg_copy_named_clients_can_be_purged_and_the_rest_says_why_not() {
    let (key, queue) = idle_queue();
    let dead = dead_pid().to_string();
    put(&queue, dead_pid().into(), 2);
    put(&queue, REQUEST_MTYPE, 1);
    let run = |arguments: &[&str]| without_msg_copy(key.key(), arguments).map(|mut command| Process::run(&mut command));
    let Some(refused) = run(&["purge"]) else {
        eprintln!("not run: strace is missing (Debian: strace)");
        return;
    };
    assert_eq!(refused.code(), OTHER, "{refused:?}");
    assert!(refused.stderr.contains("MSG_COPY") && refused.stderr.contains("purge --pid PID"), "{refused:?}");
    assert_eq!(run(&["purge", "--pid", &dead, "--dry-run"]).unwrap().code(), OTHER);
    let stat = run(&["--json", "stat"]).unwrap().succeeded();
    assert!(stat.stderr.contains("MSG_COPY"), "{stat:?}");
    assert_eq!(serde_json::from_str::<Value>(&stat.stdout).unwrap()["waiting"], Value::Null);
    let peek = run(&["peek"]).unwrap();
    assert!(peek.code() == OTHER && peek.stderr.contains("MSG_COPY"), "{peek:?}");
    let explain = run(&["--json", "explain", &dead]).unwrap().succeeded();
    let unknown = serde_json::from_str::<Value>(&explain.stdout).unwrap()["unknown"].to_string();
    assert!(unknown.contains("MSG_COPY"), "{explain:?}");
    assert_eq!(queue.stat().unwrap().messages, 3);
    let purged = run(&["purge", "--pid", &dead]).unwrap().succeeded();
    assert!(purged.stdout.contains("removed 2 responses"), "{purged:?}");
    assert_eq!(queue.stat().unwrap().messages, 1);
}
