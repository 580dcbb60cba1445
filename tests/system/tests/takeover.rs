//! Queues that another user made before the server started: which of them it takes over, and what it says of the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{MessageBuffer, Queue, QueueKey, QueueSettings};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Finished, Process, STRANGER, as_user, good_request_is_answered, is_root, msgqd, test_client,
    wait_until, write_program,
};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A user who made a queue; Debian gives nobody this number, and no other test takes it.
const MAKER: u32 = 54_871;

/// A program of the maker's, in Perl: `$q` is the queue, made as clients make theirs.
fn by_the_maker(key: QueueKey, script: &str) -> Command {
    let mut command = as_user(MAKER, Path::new("/usr/bin/perl"));
    let script = format!("$| = 1; $q = msgget({}, 01666) // die $!; {script}", key.raw());
    command.args(["-e", &script]);
    command
}

/// Makes the queue in the maker's name.
fn made(key: QueueKey) -> Queue {
    let _ = Process::run(&mut by_the_maker(key, "")).succeeded();
    let queue = Queue::open(key).unwrap();
    assert_eq!(queue.stat().unwrap().cuid, MAKER);
    queue
}

/// A daemon of root's, whose clients are the maker's group; `None`, and said so, where the test is not run by root.
fn builder() -> Option<DaemonBuilder> {
    if !is_root() {
        eprintln!("not shown: only root can make queues of several users");
        return None;
    }
    Some(DaemonBuilder::new().drain_timeout_ms(100).set("queue", &format!("group = \"{MAKER}\"")))
}

fn request() -> Vec<u8> {
    encode_request(std::process::id().cast_signed(), b"waited").to_vec()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
}

#[track_caller]
fn is_refused(builder: &DaemonBuilder, queue: &Queue, parts: &[&str]) {
    let before = queue.stat().unwrap();
    let refused = builder.run();
    assert_eq!(refused.code(), 1, "{refused:?}");
    says(&refused.stderr, parts);
    assert_eq!(queue.stat().unwrap(), before, "it was changed");
}

fn is_taken_over(daemon: &Daemon, queue: &Queue) {
    let stat = queue.stat().unwrap();
    assert_eq!((daemon.queue().id(), stat.uid, stat.gid, stat.mode), (queue.id(), 0, MAKER, 0o660));
    good_request_is_answered(daemon.key());
}

#[test]
fn an_empty_queue_that_a_client_made_first_is_taken_over() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    let daemon = builder.start();
    is_taken_over(&daemon, &queue);
    let maker = format!("uid {MAKER}");
    says(&daemon.log(), &["took over queue", &maker, "made it", "can still read, change and remove it"]);
    daemon.stop();
}

#[test]
fn requests_that_wait_in_a_queue_of_another_user_are_answered() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    queue.try_send(REQUEST_MTYPE, &request()).unwrap();
    let daemon = builder.start();
    let mut answer = MessageBuffer::new();
    let own = i64::from(std::process::id());
    wait_until("the request that waited is answered", || queue.try_receive(own, &mut answer).unwrap());
    is_taken_over(&daemon, &queue);
    says(&daemon.log(), &["with 1 waiting request"]);
    daemon.stop();
}

#[test]
fn a_queue_of_another_user_with_anything_but_requests_is_refused_and_stays_as_it_was_unless_always_is_written() {
    let Some(builder) = builder() else { return };
    for (mtype, body, why) in [(77, &request()[..], "type 77"), (REQUEST_MTYPE, b"xy", "2 bytes")] {
        let builder = builder.another();
        let queue = made(builder.key());
        queue.try_send(REQUEST_MTYPE, &request()).unwrap();
        queue.try_send(mtype, body).unwrap();
        let belongs = format!("belongs to uid {MAKER}");
        is_refused(&builder, &queue, &[&belongs, "1 of its 2 messages is no request", why, "takeover = \"always\""]);
    }
    let queue = made(builder.key());
    queue.try_send(4_194_200, b"another program's").unwrap();
    let daemon = builder.set("queue", "takeover = \"always\"").start();
    is_taken_over(&daemon, &queue);
    assert!(queue.has_message(4_194_200).unwrap(), "{}", daemon.log());
    says(&daemon.log(), &["left alone", "takeover = \"always\""]);
}

#[test]
fn a_setting_keeps_the_server_from_every_queue_of_others() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    is_refused(
        &builder.set("queue", "takeover = \"refuse\""),
        &queue,
        &["takeover = \"refuse\"", "belongs to", "empty"],
    );
}

#[test]
fn a_server_without_the_right_names_owner_age_contents_and_the_command_that_gives_it_the_queue() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    queue.try_send(REQUEST_MTYPE, &request()).unwrap();
    let own = format!("PID {}", std::process::id());
    let msgqctl = format!("msgqctl --key {} remove", builder.key());
    let parts = [
        &format!("queue {} (msqid {}) belongs to uid {MAKER}, not to nobody (uid 65534)", builder.key(), queue.id()),
        "set up 0 s ago",
        &own,
        "nobody ever received from it",
        "1 message",
        "only its owner, its creator and root",
        "msgqd --take-over nobody:",
        &msgqctl,
    ];
    let parts: Vec<String> = parts.iter().map(|part| part.replace("set up 0 s ago", "set up ")).collect();
    is_refused(&builder.user(STRANGER), &queue, &parts.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn the_name_of_a_user_reaches_no_log_of_a_refusal_as_it_is() {
    let Some(builder) = builder() else { return };
    let (queue, uid) = (made(builder.key()), 0x4100_0003);
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let passwd_of_test = builder.directory().join("passwd");
    std::fs::write(&passwd_of_test, format!("{passwd}a\u{1b}[31m:x:{uid}:{uid}::/:/bin/sh\n")).unwrap();
    let refused = Process::run(
        Command::new("unshare")
            .args(["--mount", "--", "sh", "-c", "mount --bind \"$0\" /etc/passwd && exec setpriv \"$@\""])
            .arg(passwd_of_test)
            .args(["--reuid", &uid.to_string(), "--clear-groups", "--"])
            .arg(builder.copy_for_everyone(&msgqd()))
            .args(["--key", &builder.key().to_string()])
            .env_remove("RUNTIME_DIRECTORY"),
    );
    assert_eq!(refused.code(), 1, "{refused:?}");
    says(&refused.stderr, &["a\\u{1b}[31m", &format!("msgqd --take-over {uid}:"), &format!("msqid {}", queue.id())]);
    assert!(!refused.stderr.contains('\u{1b}'), "{refused:?}");
}

#[test]
fn its_creator_takes_a_queue_back_that_belongs_to_somebody_else() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    queue.set(&QueueSettings { uid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
    let daemon = builder.user(MAKER).start();
    assert_eq!(queue.stat().unwrap().uid, MAKER, "{}", daemon.log());
    good_request_is_answered(daemon.key());
}

#[test]
fn a_queue_whose_maker_is_no_client_is_refused_since_who_made_it_may_read_it_for_ever() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    let builder = builder.without_settings_of("queue");
    is_refused(&builder, &queue, &["made it", "the rights of an owner for ever", "mode 0660", "takeover = \"always\""]);
    let open = builder.clone().set("queue", "mode = \"0666\"").start();
    assert_eq!(queue.stat().unwrap().uid, 0);
    open.stop();
}

#[test]
fn a_queue_that_a_living_program_serves_is_not_taken_over_and_the_program_is_named() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    let mut waits = Process::start(&mut by_the_maker(builder.key(), "msgrcv($q, $m, 300, 1, 0)"));
    let pid = format!("PID {} (perl)", waits.pid());
    let call = format!("/proc/{}/syscall", waits.pid());
    let number = format!("{} ", nix::libc::SYS_msgrcv);
    wait_until("it waits", || std::fs::read_to_string(&call).is_ok_and(|line| line.starts_with(&number)));
    is_refused(&builder, &queue, &[&pid, "takes requests from it", "stop it in its own way"]);

    queue.try_send(REQUEST_MTYPE, &request()).unwrap();
    wait_until("it ended", || !waits.is_running());
    let mut works = Process::start(&mut by_the_maker(
        builder.key(),
        "msgsnd($q, pack('q a264', 1, 'x'), 0); msgrcv($q, $m, 300, 1, 0); print qq(took\\n); sleep 1000",
    ));
    works.wait_for_stdout("took");
    let pid = format!("PID {} (perl)", works.pid());
    is_refused(&builder, &queue, &[&pid, "received from it last", "lives"]);
    let daemon = builder.set("queue", "takeover = \"always\"").start();
    is_taken_over(&daemon, &queue);
    says(&daemon.log(), &[&pid]);
}

#[test]
fn a_second_queue_of_another_user_is_taken_over_only_when_it_is_empty() {
    let Some(builder) = builder() else { return };
    let builder = builder.second_queue_with("mode = \"0666\"");
    let queue = made(builder.second_key());
    let daemon = builder.start();
    assert_eq!(queue.stat().unwrap().uid, 0, "{}", daemon.log());
    good_request_is_answered(daemon.key());
    daemon.stop();

    let builder = builder.another();
    let queue = made(builder.second_key());
    queue.try_send(77, b"").unwrap();
    is_refused(&builder, &queue, &["protocol.reply", "1 message", "takeover = \"always\""]);
}

#[test]
fn without_msg_copy_only_an_empty_queue_of_others_is_taken_over() {
    let Some(builder) = builder() else { return };
    let path = builder.directory().join("start");
    let (filter, daemon) = (test_client("without_msg_copy"), msgqd());
    write_program(&path, &format!("#!/bin/sh\nexec {} {} \"$@\"\n", filter.display(), daemon.display()));
    let builder = builder.program(path);
    let queue = made(builder.key());
    queue.try_send(REQUEST_MTYPE, &request()).unwrap();
    is_refused(&builder, &queue, &["1 message", "cannot be looked at", "MSG_COPY"]);
}

#[test]
fn a_start_that_fails_gives_a_queue_of_another_user_back() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    let in_the_way = msgq_core::instance::table_path(builder.runtime_directory(), builder.key());
    std::fs::create_dir(&in_the_way).unwrap();
    is_refused_but_for_its_time(&builder, &queue);
}

fn is_refused_but_for_its_time(builder: &DaemonBuilder, queue: &Queue) {
    let before = queue.stat().unwrap();
    assert_eq!(builder.run().code(), 1);
    let after = queue.stat().unwrap();
    assert_eq!((after.uid, after.gid, after.mode), (before.uid, before.gid, before.mode));
}

/// Runs the helper of the unit as root, for a service that runs as this user.
fn take_over(builder: &DaemonBuilder, user: &str) -> Finished {
    builder.clone().arg("--take-over").arg(user).run()
}

/// A configuration that only root may write, all the way.
fn with_a_configuration_of_roots(builder: &DaemonBuilder, lines: &str) -> (tempfile::TempDir, Vec<String>) {
    let directory = tempfile::tempdir_in("/run").unwrap();
    let file = directory.path().join("msgqd.toml");
    std::fs::write(&file, lines).unwrap();
    let arguments = ["--config", &file.display().to_string(), "--key", &builder.key().to_string()].map(str::to_owned);
    (directory, arguments.to_vec())
}

fn run(arguments: &[String], user: &str) -> Finished {
    Process::run(Command::new(msgqd()).args(arguments).args(["--take-over", user]))
}

#[test]
fn the_helper_of_the_unit_gives_a_queue_to_the_services_user_who_then_serves_it() {
    let Some(builder) = builder() else { return };
    let (_directory, arguments) =
        with_a_configuration_of_roots(&builder, &format!("[queue]\ngroup = \"{MAKER}\"\nmode = \"0620\"\n"));
    let nothing = run(&arguments, "nobody").succeeded();
    says(&nothing.stderr, &["nothing to take over", "there is no queue"]);
    assert!(Queue::open(builder.key()).is_err());

    let queue = made(builder.key());
    queue.try_send(REQUEST_MTYPE, &request()).unwrap();
    is_refused_by(&run(&arguments, "nobody"), &["mode 0620"]);
    std::fs::write(&arguments[1], format!("[queue]\ngroup = \"{MAKER}\"\n")).unwrap();
    let before = queue.stat().unwrap();
    let given = run(&arguments, "nobody").succeeded();
    says(&given.stderr, &["gave queue", &format!("uid {MAKER}"), "to nobody (uid 65534)", "1 waiting request"]);
    let after = queue.stat().unwrap();
    assert_eq!((after.uid, after.gid, after.mode), (STRANGER, MAKER, 0o660));
    assert_eq!((after.max_bytes, after.messages, after.cuid), (before.max_bytes, 1, MAKER), "it changed more");
    says(&run(&arguments, "nobody").succeeded().stderr, &["nothing to take over", "belongs to nobody"]);

    let daemon = builder.clone().without_settings_of("queue").user(STRANGER).start();
    let mut answer = MessageBuffer::new();
    let own = i64::from(std::process::id());
    wait_until("the request that waited is answered", || queue.try_receive(own, &mut answer).unwrap());
    says(&daemon.log(), &["took over queue", "made it", "can still read, change and remove it"]);
    says(&run(&arguments, "nobody").succeeded().stderr, &["nothing to take over"]);
    is_refused_by(&run(&arguments, "root"), &[&format!("PID {}", daemon.pid()), "msgqd"]);
    daemon.stop();
}

fn is_refused_by(helper: &Finished, parts: &[&str]) {
    assert_eq!(helper.code(), 1, "{helper:?}");
    says(&helper.stderr, parts);
}

#[test]
fn the_helper_does_nothing_where_the_configuration_says_refuse_and_names_what_else_keeps_it() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    let before = queue.stat().unwrap();
    let (_directory, arguments) = with_a_configuration_of_roots(&builder, "[queue]\ntakeover = \"refuse\"\n");
    says(&run(&arguments, "nobody").succeeded().stderr, &["nothing to take over", "takeover = \"refuse\""]);

    std::fs::write(&arguments[1], "[queue]\nmode = \"0666\"\n").unwrap();
    is_refused_by(&run(&arguments, "no-such-user"), &["there is no user \"no-such-user\""]);
    is_refused_by(&run(&arguments, "nobody:no-such-group"), &["there is no group \"no-such-group\""]);
    std::fs::set_permissions(&arguments[1], PermissionsExt::from_mode(0o664)).unwrap();
    is_refused_by(&run(&arguments, "nobody"), &["may write", "msgqd.toml", "0664"]);
    is_refused_by(&take_over(&builder, "nobody"), &["test.toml"]);
    // Nobody can write settings there; with these the maker is no client.
    let mut built_in = arguments.clone();
    built_in[1] = "/dev/null".to_owned();
    is_refused_by(&run(&built_in, "nobody"), &["made it", "mode 0660"]);
    let (link, file) = (format!("{}.link", arguments[1]), &arguments[1]);
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(file, &link).unwrap();
    let through_link = [arguments[0].clone(), link, arguments[2].clone(), arguments[3].clone()];
    is_refused_by(&run(&through_link, "nobody"), &["a symbolic link", file]);
    assert_eq!(queue.stat().unwrap(), before, "it was changed");
    let _ = run(&arguments, "nobody").succeeded();
}

#[test]
fn the_helper_gives_both_queues_where_there_are_two_and_none_where_one_may_not_be_given() {
    let Some(builder) = builder() else { return };
    let builder = builder.second_queue();
    let (requests, answers) = (made(builder.key()), made(builder.second_key()));
    let settings = |mode: &str| {
        let reply = format!("reply = {{ key = {}, group = \"{MAKER}\", mode = \"{mode}\" }}", builder.second_key());
        format!("[queue]\ngroup = \"{MAKER}\"\n[protocol]\n{reply}\n")
    };
    let (_directory, arguments) = with_a_configuration_of_roots(&builder, &settings("0640"));
    is_refused_by(&run(&arguments, "nobody"), &["protocol.reply", "mode 0640", "made it"]);
    assert_eq!(requests.stat().unwrap().uid, MAKER, "the other was given");
    std::fs::write(&arguments[1], settings("0660")).unwrap();
    assert_eq!(run(&arguments, "nobody").succeeded().stderr.matches("gave queue").count(), 2);
    assert_eq!((requests.stat().unwrap().uid, answers.stat().unwrap().uid), (STRANGER, STRANGER));
}

#[test]
fn root_without_the_capability_is_told_which_one_it_lacks() {
    let Some(builder) = builder() else { return };
    let queue = made(builder.key());
    let plain = builder.command();
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", "--"]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
    let before = queue.stat().unwrap();
    is_refused_by(&Process::run(&mut command), &["belongs to", "CAP_SYS_ADMIN"]);
    assert_eq!(queue.stat().unwrap(), before, "it was changed");
}
