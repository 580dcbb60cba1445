//! `--json` against the schemas of the documentation, by a validator that is none of ours.

use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::{Language, load_client, schema_dir, sources_dir};
use nix::sys::signal::Signal;
use std::io::Write;

const PYTHON: &str = "/usr/bin/python3";

pub(crate) fn has_validator() -> bool {
    let has = Command::new(PYTHON).args(["-c", "import jsonschema"]).stderr(Stdio::null()).status();
    let has = has.is_ok_and(|it| it.success());
    if !has {
        eprintln!("not run: no validator of JSON schemas (Debian: python3-jsonschema)");
    }
    has
}

/// What the validator says against `json`; empty when nothing.
fn errors(schema: &str, json: &str) -> String {
    let mut command = Command::new(PYTHON);
    command.arg(sources_dir().join("check_schema.py")).arg(schema_dir().join(format!("{schema}.v1.json")));
    let mut checker = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    checker.stdin.take().unwrap().write_all(json.as_bytes()).unwrap();
    let output = checker.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

/// For other tests; nothing where there is no validator.
#[track_caller]
pub(crate) fn fits_if_checkable(schema: &str, report: &Value) {
    if has_validator() {
        fits(schema, &report.to_string());
    }
}

#[track_caller]
pub(crate) fn fits(schema: &str, json: &str) {
    let errors = errors(schema, json);
    assert!(errors.is_empty(), "{schema}:\n{errors}\n{json}");
}

#[track_caller]
fn output_fits(schema: &str, builder: &DaemonBuilder, arguments: &[&str]) {
    let finished = Process::run(&mut beside(builder, &[&["--json"], arguments].concat()));
    fits(schema, &finished.stdout);
}

#[test]
fn stat_fits_its_schema_with_a_daemon_that_serves_hangs_is_dead_and_with_none() {
    if !has_validator() {
        return;
    }
    let handler = r#"command = ["/bin/sleep", "20"]"#;
    let exec = DaemonBuilder::new().set("handler", "kind = \"exec\"").set("handler", "max_concurrency = 2");
    let mut daemon = exec.set("handler", handler).start();
    let builder = daemon.builder().clone();
    output_fits("stat", &builder, &["stat"]);
    let waiting: Vec<_> = (0..4).map(|_| Process::start(&mut load_client(Language::C, daemon.key(), 1, "x"))).collect();
    wait_until("requests are in hand and wait", || daemon.queue().stat().unwrap().messages == 2);
    output_fits("stat", &builder, &["stat"]);
    output_fits("explain", &builder, &["explain", &waiting[0].pid().to_string()]);
    daemon.freeze();
    output_fits("stat", &builder, &["stat"]);
    daemon.signal(Signal::SIGKILL);
    output_fits("stat", &builder, &["stat"]);
    let (other, queue) = idle_queue();
    put(&queue, dead_pid().into(), 1);
    put(&queue, 1 << 40, 1);
    fits("stat", &run(other.key(), &["--json", "stat"]).stdout);
}

#[test]
fn every_other_command_fits_its_schema_with_answers_resting_in_the_queue_and_in_the_outbox() {
    if !has_validator() {
        return;
    }
    let mut daemon = Daemon::start();
    let builder = daemon.builder().clone();
    let enemy = Process::start(&mut msgqd_system_tests::hostile(daemon.key(), &["never_read", "200"]));
    let pid = enemy.pid().to_string();
    output_fits("send", &builder, &["send", "hello"]);
    output_fits("send-count", &builder, &["send", "hello", "--count", "5"]);
    output_fits("bench", &builder, &["bench", "--count", "50", "--clients", "2"]);
    output_fits("bench", &builder, &["bench", "--count", "5", "--clients", "2", "--rate", "100"]);
    output_fits("stat", &builder, &["stat"]);
    output_fits("explain", &builder, &["explain", &pid]);
    daemon.freeze();
    let queue = daemon.queue();
    queue.try_send(REQUEST_MTYPE, &encode_request(enemy.pid(), b"\xff\x1b")).unwrap();
    queue.try_send(1 << 40, b"junk").unwrap();
    output_fits("peek", &builder, &["peek"]);
    output_fits("purge", &builder, &["purge", "--dry-run"]);
    output_fits("purge", &builder, &["purge", "--dry-run", "--pid", &pid]);
    output_fits("purge", &builder, &["purge", "--dry-run", "--older-than", "1ms"]);
    output_fits("purge-requests", &builder, &["purge", "--dry-run", "--requests"]);
    output_fits("completions", &builder, &["completions", "bash"]);
    output_fits("client", &builder, &["client", "python"]);
    let declaration = "struct { long mtype; long n[2]; struct { float f; bool b[2][2]; } s[2]; char t[]; }";
    output_fits("layout", &builder, &["layout", "--request", declaration]);
    output_fits("layout", &builder, &["layout", "--request", declaration, "--response", "struct { long mtype; }"]);
    let timed_out = run(ScratchKey::new().key(), &["--json", "send", "x"]);
    assert!(timed_out.stdout.is_empty(), "{timed_out:?}");
}

#[test]
fn what_a_schema_does_not_say_is_found() {
    if !has_validator() {
        return;
    }
    let good = r#"{"schema_version": 1, "status": 0, "text": "x", "text_escaped": "x", "latency_ns": 1}"#;
    fits("send", good);
    for bad in [
        good.replace("\"status\": 0", "\"status\": \"0\""),
        good.replace("\"status\": 0, ", ""),
        good.replace("\"schema_version\": 1", "\"schema_version\": 2"),
        good.replace("\"status\": 0", "\"status\": 0, \"other\": 1"),
    ] {
        assert!(!errors("send", &bad).is_empty(), "{bad}");
    }
}
