use super::*;

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let (builder, queue) = queue_of_dead_msgqd();
    let long = "x".repeat(257);
    let wrong: [&[&str]; 18] = [
        &[],
        &["frobnicate"],
        &["send"],
        &["send", &long],
        &["send", "x", "--timeout", "soon"],
        &["send", "x", "--count", "0"],
        &["purge", "--pid", "1"],
        &["purge", "--force"],
        &["purge", "--pid", "--force"],
        &["explain"],
        &["explain", "1"],
        &["peek", "--type", "-1"],
        &["stat", "--watch=0"],
        &["stat", "--watch", "soon"],
        &["stat", "--watch", "--prometheus"],
        &["bench", "--clients", "0"],
        &["bench", "--duration", "2h"],
        &["bench", "--text", &long],
    ];
    for arguments in wrong {
        ends_with(USAGE, &builder, arguments);
    }
    assert_eq!(queue.stat().unwrap().last_send_pid, 0);
    let bad_key = Process::run(Command::new(msgqd_system_tests::msgqctl()).args(["--key", "0", "stat"]));
    assert_eq!(bad_key.code(), USAGE, "{bad_key:?}");
}

#[test]
fn a_missing_queue_is_exit_code_3_and_the_message_says_which_and_what_to_do() {
    let key = ScratchKey::new();
    for arguments in [
        ["stat"].as_slice(),
        &["stat", "--prometheus"],
        &["peek"],
        &["explain", "7"],
        &["purge"],
        &["purge", "--pid", "7"],
        &["purge", "--type", "7"],
        &["purge", "--requests", "--yes"],
        &["send", "x"],
        &["bench"],
    ] {
        let finished = ends_with(NO_QUEUE, key.key(), arguments);
        assert!(finished.stderr.contains(&key.key().to_string()), "{finished:?}");
        assert!(finished.stderr.contains("start its server"), "{finished:?}");
        // That would be an echo, whatever it was before.
        assert!(!finished.stderr.contains("msgqd --key"), "{finished:?}");
    }
}

/// A program that any user can execute, wherever this repository lies.
pub(crate) fn for_everybody() -> (TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = directory.path().join("msgqctl");
    msgqd_system_tests::copy_program(&msgqd_system_tests::msgqctl(), &program);
    (directory, program)
}

#[test]
fn missing_permission_is_exit_code_5_and_the_message_names_the_group_to_join() {
    if !is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let (_directory, program) = for_everybody();
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { gid: Some(OTHER_GROUP), ..QueueSettings::default() }).unwrap();
    for arguments in [
        ["stat"].as_slice(),
        &["stat", "--prometheus"],
        &["stat", "--watch"],
        &["peek"],
        &["explain", "7"],
        &["purge"],
        &["purge", "--pid", "7"],
        &["purge", "--type", "7"],
        &["purge", "--requests", "--yes"],
        &["send", "x"],
        &["bench"],
    ] {
        let mut command = as_user(STRANGER, &program);
        let finished = Process::run(command.args(["--key", &key.key().to_string()]).args(arguments));
        assert_eq!(finished.code(), PERMISSION, "{finished:?}");
        assert!(finished.stderr.contains("usermod -aG daemon nobody"), "{finished:?}");
        assert!(finished.stdout.is_empty(), "{finished:?}");
    }
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn a_member_of_the_group_may_do_everything() {
    if !is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let (_directory, program) = for_everybody();
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { gid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
    put(&queue, dead_pid().into(), 1);
    let server = answer_once(queue, 0, b"welcome");
    for (arguments, expected) in [
        (["send", "x"].as_slice(), "welcome\n"),
        (&["stat"], "1 message of 1 type"),
        (&["peek"], "unknown"),
        (&["explain", &dead_pid().to_string()], "does not exist"),
        (&["purge", "--type", &dead_pid().to_string(), "--yes"], "removed 1"),
    ] {
        let mut command = as_user(STRANGER, &program);
        let finished = Process::run(command.args(["--key", &key.key().to_string()]).args(arguments)).succeeded();
        assert!(finished.stdout.contains(expected), "{finished:?}");
    }
    server.join().unwrap();
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let server = PlainServer::start();
    for arguments in [
        ["stat"].as_slice(),
        &["--json", "stat"],
        &["stat", "--prometheus"],
        &["stat", "--watch=600"],
        &["peek"],
        &["explain", "7"],
        &["send", "x"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = msgqctl(server.key(), arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(OK), b"".as_slice()), "{arguments:?}");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = msgqctl(server.key(), &["stat"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(OTHER), "{output:?}");
}

#[test]
fn the_key_comes_from_the_configuration_unless_it_is_given() {
    let (key, _queue) = idle_queue();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("msgqd.toml");
    let stat = |arguments: &[&str]| {
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        Process::run(command.arg("--config").arg(&config).arg("stat").args(arguments))
    };
    assert_eq!(stat(&[]).code(), OTHER);
    std::fs::write(&config, format!("[queue]\nkey = \"{}\"\n", key.key())).unwrap();
    assert!(stat(&[]).succeeded().stdout.contains(&key.key().to_string()));
    let unused = ScratchKey::new();
    assert_eq!(stat(&["--key", &unused.key().to_string()]).code(), NO_QUEUE);
    std::fs::write(&config, format!("[queue]\nkey = \"{}\"\n[service]\nno_such_setting = 1\n", key.key())).unwrap();
    assert!(stat(&[]).succeeded().stdout.contains(&key.key().to_string()), "what is wrong elsewhere does not matter");
    std::fs::write(&config, "[service]\nno_such_setting = 1\n").unwrap();
    assert!(!stat(&["--json"]).stderr.contains("no_such_setting"), "it is the built-in key then");
    std::fs::write(&config, "[queue]\nkye = 1\n").unwrap();
    let broken = stat(&[]);
    assert_eq!(broken.code(), OTHER);
    assert!(broken.stderr.contains("msgqd.toml:2:1") && broken.stderr.contains("kye"), "{broken:?}");
}
