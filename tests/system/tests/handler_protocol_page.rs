//! What docs/handler-protocol.md says is what its examples do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{DaemonBuilder, Process, examples_dir, msgqctl, wait_until};
use std::io::Write;
use std::process::{Command, Stdio};

/// What stands on the page between these headings.
fn section(heading: &str, next: &str) -> String {
    let page = std::fs::read_to_string(examples_dir().parent().unwrap().join("handler-protocol.md")).unwrap();
    let start = page.find(&format!("\n## {heading}\n")).unwrap();
    page[start..page.find(&format!("\n## {next}\n")).unwrap()].to_owned()
}

fn version_2() -> String {
    section("Version 2", "Versions")
}

/// The text of each block of TOML.
fn blocks(section: &str) -> Vec<String> {
    section.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// With the settings of a block, where `replace` puts what a test has in the place of what is installed.
fn configured(block: &str, replace: impl Fn(&str) -> String) -> DaemonBuilder {
    let (mut builder, mut table) = (DaemonBuilder::new(), "");
    for line in block.lines().filter(|line| !line.is_empty()) {
        match line {
            "[protocol]" => table = "protocol",
            "[handler]" => table = "handler",
            _ => builder = builder.set(table, &replace(line)),
        }
    }
    builder
}

fn answers_in_capitals(builder: &DaemonBuilder) {
    let daemon = builder.start();
    let mut send = Command::new(msgqctl());
    let sent = Process::run(send.args(["--key", &builder.key().to_string(), "send", "hello"])).succeeded();
    assert_eq!(sent.stdout, "HELLO\n", "{sent:?}");
    daemon.stop();
}

#[test]
fn a_worker_is_behind_the_queue_as_the_page_says() {
    let blocks = blocks(&section("Put it behind the queue", "A conversation, byte by byte"));
    let example = examples_dir().join("worker.py");
    let installed = "/usr/local/lib/answers/worker.py";
    assert!(blocks[0].contains(installed), "{blocks:?}");
    answers_in_capitals(&configured(&blocks[0], |line| line.replace(installed, example.to_str().unwrap())));
}

#[test]
fn a_service_is_behind_the_queue_as_the_page_says() {
    let blocks = blocks(&section("Put it behind the queue", "A conversation, byte by byte"));
    assert_eq!(blocks.len(), 3, "{blocks:?}");
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _service = Process::start(Command::new(examples_dir().join("service.py")).arg(&socket));
    wait_until("the service listens", || socket.exists());
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    for (block, shown) in blocks[1..].iter().zip(["/tmp/answers.socket", "/run/answers/socket"]) {
        assert!(block.contains(shown), "{block}");
        // The user of the unit is the one of this test.
        let replace = |line: &str| {
            let line = line.replace(shown, socket.to_str().unwrap());
            line.replace("user = \"answers\"", &format!("user = {user:?}"))
        };
        answers_in_capitals(&configured(block, replace));
    }
}

/// The bytes of a line in which `\n` and octal numbers are written out.
fn bytes_of(line: &str) -> Vec<u8> {
    let mut rest = line;
    let mut bytes = Vec::new();
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        if let Some(behind) = behind.strip_prefix('n') {
            bytes.push(b'\n');
            rest = behind;
        } else {
            bytes.push(u8::from_str_radix(&behind[..3], 8).unwrap());
            rest = &behind[3..];
        }
    }
    bytes.extend(rest.bytes());
    bytes
}

fn said_by(mark: &str) -> Vec<u8> {
    version_2().lines().filter_map(|line| line.strip_prefix(mark)).flat_map(bytes_of).collect()
}

#[test]
#[cfg_attr(target_endian = "big", ignore = "the page shows the bytes of a little-endian machine")]
fn the_conversation_is_that_of_the_example() {
    let mut command = Command::new(examples_dir().join("body_worker.py"));
    let mut worker = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    worker.stdin.take().unwrap().write_all(&said_by("> ")).unwrap();
    let output = worker.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout.escape_ascii().to_string(), said_by("< ").escape_ascii().to_string());
}

#[test]
fn the_configuration_serves_a_client_with_the_example() {
    let example = examples_dir().join("body_worker.py");
    let installed = "/usr/local/lib/answers/body_worker.py";
    let builder = configured(&blocks(&version_2())[0], |line| line.replace(installed, example.to_str().unwrap()));
    let daemon = builder.start();
    let (queue, own_pid) = (daemon.queue(), std::process::id().cast_signed());
    let request = [own_pid, 40, 2, 0].map(i32::to_ne_bytes).concat();
    queue.send(1, &request).unwrap();
    let mut buffer = MessageBuffer::new();
    wait_until("it is answered", || queue.try_receive(own_pid.into(), &mut buffer).unwrap());
    assert_eq!(buffer.body(), [[0; 8], 42_i64.to_ne_bytes()].concat());
    daemon.stop();
}
