use super::*;

#[test]
fn purge_removes_the_responses_of_the_dead_and_never_a_request() {
    let (builder, queue) = queue_of_dead_msgqd();
    let (living, zombie) = (Sleeper::start(), Sleeper::start().into_zombie());
    put(&queue, REQUEST_MTYPE, 2);
    for mtype in [living.pid(), zombie.pid(), dead_pid(), dead_pid()] {
        put(&queue, mtype.into(), 1);
    }
    for dry_run in [["purge", "--dry-run"].as_slice(), &["purge", "--pid", "--dry-run"]] {
        let would = ends_with(OK, &builder, dry_run).stdout;
        assert!(would.contains("would remove 3 responses (792 bytes) for 2 clients"), "{would}");
    }
    assert_eq!(queue.stat().unwrap().messages, 6);

    let report = json(&builder, &["purge"]);
    assert_eq!((&report["messages"], &report["bytes"]), (&Value::from(3), &Value::from(792)));
    let removed = report["removed"].as_array().unwrap();
    let reason = |pid: i32| &removed.iter().find(|it| it["mtype"] == pid).unwrap()["reason"];
    assert_eq!((reason(zombie.pid()).as_str(), reason(dead_pid()).as_str()), (Some("zombie"), Some("no_such_process")));
    assert_eq!(report["kept"][0]["mtype"], living.pid());
    assert_eq!(queue.stat().unwrap().messages, 3);
    assert!(queue.has_message(living.pid().into()).unwrap());
    assert!(ends_with(OK, &builder, &["purge"]).stdout.contains("removed nothing"));
}

#[test]
fn at_a_terminal_it_is_said_first_what_goes_and_nothing_is_asked() {
    let (builder, queue) = queue_of_dead_msgqd();
    put(&queue, dead_pid().into(), 2);
    let (program, directory) = (msgqd_system_tests::msgqctl(), builder.runtime_directory().display());
    let command = format!("RUNTIME_DIRECTORY={directory} {} --key {} purge", program.display(), builder.key());
    let Some(terminal) = terminal::Terminal::run(&command) else { return };
    terminal.shows("ended with 0");
    let screen = terminal.screen().split_whitespace().collect::<Vec<_>>().join(" ");
    let (said, done) = (screen.find("removing 2 responses (528 bytes) of 1 type"), screen.find("removed 2 responses"));
    assert!(said.is_some() && said < done, "{screen}");
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn purge_of_a_living_client_is_refused_until_it_is_forced() {
    let (builder, queue) = queue_of_dead_msgqd();
    let living = Sleeper::start();
    let pid = living.pid().to_string();
    put(&queue, living.pid().into(), 2);
    put(&queue, dead_pid().into(), 1);
    let refused = ends_with(OTHER, &builder, &["purge", "--pid", &pid]);
    assert!(refused.stderr.contains(&format!("PID {pid} (sleep) is alive")), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(queue.stat().unwrap().messages, 3);
    let forced = ends_with(OK, &builder, &["purge", "--pid", &pid, "--force"]);
    assert!(forced.stdout.contains("removed 2 responses"), "{forced:?}");
    assert!(queue.has_message(dead_pid().into()).unwrap());
    ends_with(OK, &builder, &["purge", "--pid", &dead_pid().to_string(), &dead_pid().to_string()]);
    assert_eq!(queue.stat().unwrap().messages, 0);
}

/// The command as on a kernel without MSG_COPY.
pub(crate) fn without_msg_copy(place: impl Place, arguments: &[&str]) -> Command {
    let filter = msgqd_system_tests::test_client("without_msg_copy");
    wrapped(&[filter.to_str().unwrap()], &place.command(arguments))
}

#[test]
fn on_a_kernel_without_msg_copy_named_clients_can_be_purged_and_the_rest_says_why_not() {
    let (builder, queue) = queue_of_dead_msgqd();
    let dead = dead_pid().to_string();
    put(&queue, dead_pid().into(), 2);
    put(&queue, REQUEST_MTYPE, 1);
    let run = |arguments: &[&str]| Process::run(&mut without_msg_copy(&builder, arguments));
    let refused = run(&["purge"]);
    assert_eq!(refused.code(), OTHER, "{refused:?}");
    assert!(refused.stderr.contains("MSG_COPY") && refused.stderr.contains("purge --pid PID"), "{refused:?}");
    assert_eq!(run(&["purge", "--pid", &dead, "--dry-run"]).code(), OTHER);
    let stat = run(&["--json", "stat"]).succeeded();
    assert!(stat.stderr.contains("MSG_COPY"), "{stat:?}");
    assert_eq!(serde_json::from_str::<Value>(&stat.stdout).unwrap()["waiting"], Value::Null);
    let peek = run(&["peek"]);
    assert!(peek.code() == OTHER && peek.stderr.contains("MSG_COPY"), "{peek:?}");
    let explain = run(&["--json", "explain", &dead]).succeeded();
    let unknown = serde_json::from_str::<Value>(&explain.stdout).unwrap()["unknown"].to_string();
    assert!(unknown.contains("MSG_COPY"), "{explain:?}");
    assert_eq!(queue.stat().unwrap().messages, 3);
    let purged = run(&["purge", "--pid", &dead]).succeeded();
    assert!(purged.stdout.contains("removed 2 responses"), "{purged:?}");
    assert_eq!(queue.stat().unwrap().messages, 1);
}
