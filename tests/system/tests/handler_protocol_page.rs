//! What docs/handler-protocol.md says of version 2 is what its example does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{DaemonBuilder, examples_dir, wait_until};
use std::io::Write;
use std::process::{Command, Stdio};

fn version_2() -> String {
    let page = std::fs::read_to_string(examples_dir().parent().unwrap().join("handler-protocol.md")).unwrap();
    let start = page.find("\n## Version 2\n").unwrap();
    page[start..page.find("\n## Versions\n").unwrap()].to_owned()
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
    let page = version_2();
    let settings = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let example = examples_dir().join("body_worker.py");
    let mut builder = DaemonBuilder::new();
    let mut table = "";
    for line in settings.lines().filter(|line| !line.is_empty()) {
        match line {
            "[protocol]" => table = "protocol",
            "[handler]" => table = "handler",
            _ => {
                let installed = "/usr/local/lib/answers/body_worker.py";
                builder = builder.set(table, &line.replace(installed, example.to_str().unwrap()));
            }
        }
    }
    let daemon = builder.start();
    let (queue, own_pid) = (daemon.queue(), std::process::id().cast_signed());
    let request = [own_pid, 40, 2, 0].map(i32::to_ne_bytes).concat();
    queue.send(1, &request).unwrap();
    let mut buffer = MessageBuffer::new();
    wait_until("it is answered", || queue.try_receive(own_pid.into(), &mut buffer).unwrap());
    assert_eq!(buffer.body(), [[0; 8], 42_i64.to_ne_bytes()].concat());
    daemon.stop();
}
