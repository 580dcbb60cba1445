//! `stat --prometheus`, read by parsers that are not ours.

use super::*;
use msgqd_system_tests::{Language, load_client};
use nix::sys::signal::Signal;
use std::collections::{HashMap, HashSet};
use std::io::Write as _;

fn metrics(builder: &DaemonBuilder) -> String {
    Process::run(&mut beside(builder, &["stat", "--prometheus"])).succeeded().stdout
}

/// The value of each sample by its name with its labels. Strict where the format is: each family has its HELP and TYPE
/// in front, once, its samples together, and a name that fits its type.
fn parse(text: &str) -> HashMap<String, f64> {
    assert!(text.ends_with('\n') && text.is_ascii() && !text.contains('\r'), "{text}");
    let (mut samples, mut families) = (HashMap::new(), HashSet::new());
    let (mut family, mut kind) = (String::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, meaning) = help.split_once(' ').unwrap();
            assert!(!meaning.trim().is_empty() && families.insert(name.to_owned()), "{line}");
            family = name.to_owned();
        } else if let Some(of_type) = line.strip_prefix("# TYPE ") {
            let (name, named_kind) = of_type.split_once(' ').unwrap();
            assert_eq!(name, family, "{line}");
            assert!(["counter", "gauge", "summary"].contains(&named_kind), "{line}");
            kind = named_kind.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap();
            assert!(name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()), "{line}");
            let own = name == family || (kind == "summary" && name == format!("{family}_count"));
            assert!(own && name.starts_with("msgqd_"), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(labels.starts_with("key=\"0x") && labels.ends_with("\"}"), "{line}");
            assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line}");
        }
    }
    samples
}

fn value(samples: &HashMap<String, f64>, key: QueueKey, name: &str) -> f64 {
    samples[&format!("{name}{{key=\"{key}\"}}")]
}

#[test]
fn what_was_served_is_exported_with_every_counter_of_the_json() {
    let daemon = Daemon::start();
    let _ = Process::run(&mut load_client(Language::C, daemon.key(), 321, "x")).succeeded();
    let of = |name: &str| value(&parse(&metrics(daemon.builder())), daemon.key(), name);
    wait_until("all are counted", || of("msgqd_answered_total") >= 321.0);
    let samples = parse(&metrics(daemon.builder()));
    let is = |name: &str, expected: f64| {
        let found = value(&samples, daemon.key(), name);
        assert!((found - expected).abs() < 1e-9, "{name}: {found}");
    };
    is("msgqd_received_total", 321.0);
    is("msgqd_answered_total", 321.0);
    is("msgqd_latency_seconds_count", 321.0);
    is("msgqd_up", 1.0);
    is("msgqd_queue_max_bytes", 16384.0);
    let report = stat_json(daemon.builder());
    for name in report["server"]["counters"].as_object().unwrap().keys() {
        assert!(samples.contains_key(&format!("msgqd_{name}_total{{key=\"{}\"}}", daemon.key())), "{name}");
    }
    daemon.stop();
}

#[test]
fn the_parser_of_prometheus_own_client_library_reads_it() {
    let script = "import sys\nfrom prometheus_client.parser import text_string_to_metric_families as parse\n\
                  families = list(parse(sys.stdin.read()))\n\
                  assert all(f.type in ('counter', 'gauge', 'summary') for f in families), families\n\
                  print(len(families), sum(len(f.samples) for f in families))";
    let python = || {
        let mut command = Command::new("/usr/bin/python3");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let can_import =
        python().args(["-c", "import prometheus_client.parser"]).output().is_ok_and(|it| it.status.success());
    if !can_import {
        return eprintln!("not run: the parser is missing (Debian: python3-prometheus-client)");
    }
    let daemon = Daemon::start();
    let _ = Process::run(&mut load_client(Language::C, daemon.key(), 5, "x")).succeeded();
    let text = metrics(daemon.builder());
    let mut parser = python().args(["-c", script]).spawn().unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}\n{text}");
    let counted = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<usize> = counted.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers, [text.matches("# TYPE").count(), parse(&text).len()]);
    daemon.stop();
}

#[test]
fn a_daemon_that_died_and_a_queue_that_is_gone_are_not_up() {
    let mut daemon = Daemon::start();
    let builder = daemon.builder().clone();
    let is_up = || value(&parse(&metrics(&builder)), builder.key(), "msgqd_up") > 0.5;
    assert!(is_up());
    daemon.signal(Signal::SIGKILL);
    wait_until("it is not up any more", || !is_up());
    assert!(metrics(&builder).contains("msgqd_received_total"));
    daemon.queue().remove().unwrap();
    let gone = ends_with(NO_QUEUE, builder.key(), &["stat", "--prometheus"]);
    assert_eq!(parse(&gone.stdout).into_values().collect::<Vec<_>>(), [0.0]);
}

#[test]
fn of_another_program_the_queue_alone_is_exported() {
    let other = PlainServer::start();
    let samples = parse(&ends_with(OK, other.key(), &["stat", "--prometheus"]).stdout);
    assert!(value(&samples, other.key(), "msgqd_up") < 0.5);
    assert!(value(&samples, other.key(), "msgqd_queue_max_bytes") > 0.0);
    assert!(!samples.keys().any(|name| name.contains("_total")), "{samples:?}");
    ends_with(USAGE, other.key(), &["--json", "stat", "--prometheus"]);
    ends_with(USAGE, other.key(), &["stat", "--prometheus", "--watch"]);
}
