use super::*;

#[test]
fn stat_agrees_with_ipcs_and_with_proc() {
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { mode: Some(0o640), max_bytes: Some(8000), ..QueueSettings::default() }).unwrap();
    put(&queue, REQUEST_MTYPE, 3);
    put(&queue, 77, 1);
    assert!(queue.try_receive(77, &mut MessageBuffer::new()).unwrap());
    // Another sender than the receiver, so that the two cannot be mixed up unnoticed.
    ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "50ms"]);
    let stat = &json(key.key(), &["stat"])["queue"];

    let proc = proc_row(queue.id()).unwrap();
    let text = |field: &Value| field.as_str().map_or_else(|| field.to_string(), str::to_owned);
    for (column, value) in [
        ("cbytes", &stat["bytes"]),
        ("qnum", &stat["messages"]),
        ("lspid", &stat["last_send"]["pid"]),
        ("lrpid", &stat["last_receive"]["pid"]),
        ("stime", &stat["last_send"]["at_s"]),
        ("rtime", &stat["last_receive"]["at_s"]),
        ("ctime", &stat["changed_at_s"]),
        ("uid", &stat["owner"]["id"]),
        ("gid", &stat["group"]["id"]),
        ("cuid", &stat["creator"]["id"]),
        ("cgid", &stat["creator_group"]["id"]),
        ("msqid", &stat["msqid"]),
    ] {
        assert_eq!(proc[column], text(value), "{column}: {proc:?} {stat}");
    }
    let ipcs = ipcs_row(queue.id()).unwrap();
    for (column, value) in [
        ("key", &stat["key"]),
        ("owner", &stat["owner"]["name"]),
        ("used-bytes", &stat["bytes"]),
        ("messages", &stat["messages"]),
    ] {
        assert_eq!(ipcs[column], text(value), "{column}: {ipcs:?} {stat}");
    }
    assert_eq!(format!("0{}", ipcs["perms"]), text(&stat["mode"]));
    assert_eq!((&stat["bytes"], &stat["max_bytes"]), (&Value::from(4 * 264), &Value::from(8000)));
}

#[test]
fn stat_shows_what_waits_and_takes_nothing() {
    let (builder, queue) = queue_of_dead_msgqd();
    let (living, zombie) = (Sleeper::start(), Sleeper::start().into_zombie());
    put(&queue, REQUEST_MTYPE, 3);
    let rows =
        [(i64::from(living.pid()), 2, "alive"), (zombie.pid().into(), 1, "zombie"), (dead_pid().into(), 4, "dead")];
    for (mtype, count, _) in rows {
        put(&queue, mtype, count);
    }
    put(&queue, 1 << 40, 1);
    let waiting = &json(&builder, &["stat"])["waiting"];
    assert_eq!((&waiting["requests"], &waiting["responses"]), (&Value::from(3), &Value::from(8)));
    assert_eq!(waiting["is_complete"], true);
    let client = |mtype: i64| waiting["clients"].as_array().unwrap().iter().find(|it| it["mtype"] == mtype).unwrap();
    for (mtype, count, state) in rows {
        assert_eq!(
            (&client(mtype)["pid"], &client(mtype)["messages"], &client(mtype)["state"]),
            (&Value::from(mtype), &Value::from(count), &Value::from(state))
        );
    }
    assert_eq!(client(living.pid().into())["program"], "sleep");
    assert_eq!((&client(1 << 40)["pid"], &client(1 << 40)["state"]), (&Value::Null, &Value::from("impossible")));

    let text = ends_with(OK, &builder, &["stat"]).stdout;
    assert!(
        text.contains("waiting       3 requests; 8 responses for 4 clients\n") && text.contains("msgqctl purge"),
        "{text}"
    );
    assert!(text.lines().any(|line| line.contains(&living.pid().to_string()) && line.contains("  sleep ")), "{text}");
    let stat = queue.stat().unwrap();
    assert_eq!((stat.messages, stat.last_receive_pid), (11, 0));
}

#[test]
fn stat_of_a_flooded_queue_ends_and_says_that_there_may_be_more() {
    let (daemon, queue) = queue_of_still_msgqd();
    let flood = (0..20_000).take_while(|number| queue.try_send(1_000_000 + number % 5000, b"").is_ok()).count();
    assert!(flood > 5000, "the queue holds only {flood} empty messages");
    let finished = ends_with(OK, daemon.builder(), &["stat"]);
    assert!(finished.stdout.contains("there may be more"), "{finished:?}");
    let verdict = json(daemon.builder(), &["stat"])["verdict"].to_string();
    let of_all = format!("of {} places are held by", queue.stat().unwrap().max_bytes);
    assert!(verdict.contains(&of_all), "{verdict}");
    let purge = run(daemon.builder(), &["purge", "--dry-run"]).stdout;
    assert!(purge.lines().count() < 50 && purge.contains("more; --json shows them all"), "{purge}");
    assert_eq!(usize::try_from(queue.stat().unwrap().messages), Ok(flood));
}

#[test]
fn stat_tells_which_daemon_serves_and_that_a_dead_one_does_not() {
    let daemon = Daemon::start();
    let (key, pid) = (daemon.key(), daemon.pid());
    let directory = daemon.builder().runtime_directory().to_path_buf();
    let server = || {
        let mut command = msgqctl(key, &["--json", "stat"]);
        let finished = Process::run(command.env("RUNTIME_DIRECTORY", &directory)).succeeded();
        serde_json::from_str::<Value>(&finished.stdout).unwrap()["server"].clone()
    };
    let serving = server();
    assert_eq!((&serving["state"], &serving["pid"]), (&Value::from("msgqd"), &Value::from(pid)), "{serving}");
    assert_eq!(serving["program"], "msgqd");
    let _builder = daemon.crash();
    let dead = server();
    assert_eq!((&dead["state"], &dead["pid"]), (&Value::from("not_found"), &Value::Null), "{dead}");
}

#[test]
fn stat_names_another_server_and_admits_that_it_is_a_guess() {
    let mut other = PlainServer::start();
    ends_with(OK, other.key(), &["send", "x"]);
    let pid = other.process().pid();
    let report = json(other.key(), &["stat"]);
    let note = report["server"]["note"].as_str().unwrap();
    assert_eq!(report["server"]["state"], "not_found");
    assert!(note.contains(&format!("PID {pid} (server)")) && note.contains("does not tell"), "{note}");
}
