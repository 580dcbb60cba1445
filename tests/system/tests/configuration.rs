//! What `--check-config` and errors of the configuration say, and where the configuration comes from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{DaemonBuilder, Finished, Process, STRANGER, is_root, msgqd};
use std::process::Command;

/// `--check-config` with these lines of this section.
#[track_caller]
fn check(section: &'static str, lines: &str) -> Finished {
    DaemonBuilder::new().without_key_argument().set(section, lines).arg("--check-config").run()
}

#[track_caller]
fn is_refused(section: &'static str, lines: &str, parts: &[&str]) {
    let finished = check(section, lines);
    assert_eq!((finished.code(), finished.stdout.as_str()), (1, ""), "{lines}: {finished:?}");
    for part in parts {
        assert!(finished.stderr.contains(part), "{lines}: {part:?} is missing: {}", finished.stderr);
    }
}

#[test]
fn check_config_tells_of_what_the_machine_lacks() {
    for kind in ["exec", "worker"] {
        let of_kind = |lines: &str| format!("kind = {kind:?}\n{lines}");
        is_refused("handler", &of_kind("command = [\"/no/such/program\"]"), &["/no/such/program", "No such file"]);
        is_refused("handler", &of_kind("command = [\"no-such-program\"]"), &["no-such-program", "PATH"]);
        is_refused("handler", &of_kind("command = [\"/etc/passwd\"]"), &["/etc/passwd", "execute"]);
        is_refused("handler", &of_kind("command = [\"/\"]"), &["it is a directory"]);
        let nowhere = of_kind("command = [\"true\"]\nworking_directory = \"/no/such\"");
        is_refused("handler", &nowhere, &["working directory", "/no/such"]);
        let _ = check("handler", &of_kind("command = [\"true\", \"/no/such/argument\"]")).succeeded();
    }
    is_refused("queue", "group = \"no-such-group\"", &["there is no group \"no-such-group\"", "groupadd"]);
    is_refused("queue", "group = \"4294967295\"", &["is no group"]);
    is_refused("queue", "key = { path = \"/no/such/file\", id = 65 }", &["/no/such/file"]);
    let socket = "kind = \"unix\"\nsocket = \"/run/answers.socket\"\n";
    is_refused("handler", &format!("{socket}user = \"no-such-user\""), &["there is no user \"no-such-user\""]);
    if is_root() {
        let as_another = DaemonBuilder::new().user(STRANGER).set("queue", "max_bytes = \"1G\"").arg("--check-config");
        let finished = as_another.run();
        assert!(finished.code() == 1 && finished.stderr.contains("kernel.msgmnb"), "{finished:?}");
    }
    // The service may be started later, or by a request.
    let _ = check("handler", socket).succeeded();
}

#[test]
fn a_value_of_another_type_is_told_in_plain_words() {
    for (section, line, help) in [
        ("queue", "key = true", "key = 0x12345678"),
        ("queue", "key = 1.5", "key = 0x12345678"),
        ("queue", "key = ", "there is no value"),
        ("queue", "key = abc", "abc is no value"),
        ("queue", "key = 0x", "0x is no number"),
        ("queue", "mode = 0660", "mode = \"0660\", and numbers without a zero before them"),
        ("queue", "max_bytes = 2.5", "write a number from 264 to 2147483647"),
        ("queue", "max_bytes = true", "\"256K\""),
        ("queue", "group = 5", "write it as text, in quotes"),
        ("service", "drain_timeout_ms = \"5s\"", "write a number from 0 to 3600000"),
        ("service", "drain_timeout_ms = 1e3", "write a number from 0 to 3600000"),
        ("service", "outbox_capacity = \"64\"", "write a number from 64 to 65536"),
        ("service", "response_ttl_s = \"1h\"", "write a number from 1 to 31536000"),
        ("service", "workers = [1]", "\"auto\" or a number from 1 to 256"),
        ("service", "on_stop = true", "write \"remove\" or \"keep\""),
        ("handler", "kind = \"exec\"\ncommand = \"/bin/true\"", "command = [\"/bin/true\"]"),
        ("handler", "kind = \"exec\"\ncommand = [1]", "write the program and its arguments"),
        ("handler", "kind = \"exec\"\ncommand = [\"true\"]\nenvironment = { X = 1 }", "{ X = \"1\" }"),
        ("handler", "kind = \"exec\"\ncommand = [\"true\"]\nenvironment = \"X=1\"", "environment = { LANG = \"C\" }"),
        ("handler", "kind = \"exec\"\ncommand = [\"true\"]\ntimeout_ms = \"30\"", "write a number from 1 to 86400000"),
        ("handler", "kind = \"worker\"\ncommand = [\"true\"]\nidempotent = \"yes\"", "write true or false"),
        ("protocol", "request = \"struct { long mtype; pid_t pid; }\"\nclient = true", "write the name of an integer"),
        ("handler", "kind = 1", "write \"echo\" or \"exec\""),
        ("log", "level = 3", "error, warn, info, debug, trace"),
    ] {
        is_refused(section, line, &[help]);
        let said = check(section, line).stderr;
        let jargon = ["i64", "expected", "invalid type", "float", "sequence", "boolean", "struct", "digit", "string"];
        for jargon in jargon {
            assert!(!said.contains(jargon), "{line}: {jargon:?} in {said}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sections.toml");
    for (text, help) in [
        ("queue = 1\n", "[queue]"),
        ("[[queue]]\n", "[queue]"),
        ("[service]\nworkers = 99999999999999999999\n", "no setting takes such a number"),
    ] {
        std::fs::write(&file, text).unwrap();
        let finished = Process::run(Command::new(msgqd()).arg("--config").arg(&file).arg("--check-config"));
        assert_eq!(finished.code(), 1, "{finished:?}");
        for jargon in ["struct", "i64", "expected"] {
            assert!(!finished.stderr.contains(jargon), "{text}: {jargon:?} in {}", finished.stderr);
        }
        assert!(finished.stderr.contains(help), "{text}: {}", finished.stderr);
    }
}

#[test]
fn the_size_of_the_queue_may_be_written_with_a_unit() {
    for (written, bytes) in [("\"8K\"", 8192), ("\"12 KiB\"", 12_288), ("\"9000\"", 9000), ("8000", 8000)] {
        let daemon = DaemonBuilder::new().set("queue", &format!("max_bytes = {written}")).start();
        assert_eq!(daemon.queue().stat().unwrap().max_bytes, bytes, "{written}");
        daemon.stop();
    }
    for bad in ["\"\"", "\"K\"", "\"256k8\"", "\"-1K\"", "\"1.5K\"", "\"99999999999999999999G\"", "\"2G\""] {
        is_refused("queue", &format!("max_bytes = {bad}"), &["write a number from 264 to 2147483647", "\"256K\""]);
    }
}

/// The daemon without `--config`, in a mount and IPC namespace where /etc/msgqd/msgqd.toml is this.
fn with_system_config(configuration: Option<&str>, arguments: &[&str]) -> Command {
    let script = "set -e
        cp -a /etc \"$1/etc\"; rm -rf \"$1/etc/msgqd\"
        mount --bind \"$1/etc\" /etc
        if [ \"$2\" != none ]; then mkdir /etc/msgqd; printf '%b' \"$2\" >/etc/msgqd/msgqd.toml; fi
        shift 2; exec \"$@\"";
    let directory = tempfile::tempdir().unwrap().keep();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--ipc", "--", "sh", "-c", script, "sh"]);
    command.arg(&directory).arg(configuration.unwrap_or("none")).arg(msgqd()).args(arguments);
    command.env("RUNTIME_DIRECTORY", &directory);
    command
}

fn directory_of(command: &Command) -> std::path::PathBuf {
    command.get_envs().find(|(name, _)| *name == "RUNTIME_DIRECTORY").unwrap().1.unwrap().into()
}

#[test]
fn the_systems_configuration_is_found_without_being_named() {
    if !is_root() {
        return eprintln!("not shown: only root can put a configuration into a mount namespace");
    }
    let run = |configuration, arguments: &[&str]| {
        let mut command = with_system_config(configuration, arguments);
        let finished = Process::run(&mut command);
        std::fs::remove_dir_all(directory_of(&command)).unwrap();
        finished
    };
    let check = ["--check-config"];
    assert_eq!(run(Some("[service]\\nworkers = 2\\n"), &check).succeeded().stdout, "/etc/msgqd/msgqd.toml: ok\n");
    let broken = run(Some("[service]\\nwrokers = 2\\n"), &check);
    assert!(broken.code() == 1 && broken.stderr.contains("/etc/msgqd/msgqd.toml:2:1"), "{broken:?}");
    assert!(broken.stderr.contains("--config /dev/null"), "{broken:?}");
    assert_eq!(run(None, &check).succeeded().stdout, "built-in defaults: ok\n");
    let named = ["--config", "/dev/null", "--check-config"];
    assert_eq!(run(Some("broken"), &named).succeeded().stdout, "/dev/null: ok\n");

    let mut command = with_system_config(Some("[queue]\\nkey = 0x7a7a\\n"), &[]);
    let mut daemon = Process::start(&mut command);
    daemon.wait_for_stderr("serving queue 0x00007a7a");
    assert!(daemon.stderr().contains("settings of /etc/msgqd/msgqd.toml"), "{}", daemon.stderr());
    drop(daemon);
    std::fs::remove_dir_all(directory_of(&command)).unwrap();
}
