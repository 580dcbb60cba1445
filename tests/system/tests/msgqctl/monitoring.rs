//! The examples for monitoring: units, alert rules and dashboard, against the metrics that there are.

use super::*;
use msgqd_system_tests::{Language, examples_dir, load_client, promtool};
use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

const COLLECTOR: &str = "/var/lib/prometheus/node-exporter";
/// Of the node exporter: when it last saw the file change.
const METRICS_OF_OTHERS: [&str; 1] = ["node_textfile_mtime_seconds"];

fn example(name: &str) -> String {
    std::fs::read_to_string(examples_dir().join(name)).unwrap()
}

/// Every family of a daemon that has served.
fn exported() -> (String, HashSet<String>) {
    let daemon = Daemon::start();
    let _ = Process::run(&mut load_client(Language::C, daemon.key(), 10, "x")).succeeded();
    let text = Process::run(&mut beside(daemon.builder(), &["stat", "--prometheus"])).succeeded().stdout;
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned));
    (text.clone(), names.collect())
}

/// The words of an expression that name metrics.
fn metrics_in(expression: &str) -> Vec<&str> {
    let words = expression.split(|character: char| character != '_' && !character.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with("msgqd_") || word.starts_with("node_")).collect()
}

#[track_caller]
fn names_what_there_is(what: &str, expression: &str, names: &HashSet<String>) {
    let metrics = metrics_in(expression);
    assert!(!metrics.is_empty(), "{what} names no metric: {expression}");
    for metric in metrics {
        assert!(names.contains(metric) || METRICS_OF_OTHERS.contains(&metric), "{what}: there is no {metric}");
    }
}

/// All values of `field` anywhere below.
fn values_of<'a>(value: &'a Value, field: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get(field).and_then(Value::as_str));
            object.values().for_each(|part| values_of(part, field, found));
        }
        Value::Array(parts) => parts.iter().for_each(|part| values_of(part, field, found)),
        _ => {}
    }
}

fn expressions_of_the_dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&example("grafana-dashboard.json")).unwrap();
    let mut expressions = Vec::new();
    values_of(&dashboard, "expr", &mut expressions);
    // As Grafana fills them in.
    expressions.iter().map(|it| it.replace("$__rate_interval", "1m").replace("$key", "0x12345678")).collect()
}

#[test]
fn alerts_and_dashboard_name_metrics_that_there_are() {
    let (_, names) = exported();
    // Without the words for people.
    let rules: String = example("alerts.yaml").lines().filter(|line| !line.contains("summary:")).collect();
    let expressions: Vec<&str> =
        rules.split("expr:").skip(1).map(|rest| rest.split("labels:").next().unwrap()).collect();
    assert!(expressions.len() > 5, "{rules}");
    for expression in expressions {
        names_what_there_is("alerts.yaml", expression, &names);
    }
    let dashboard = expressions_of_the_dashboard();
    assert!(dashboard.len() > 20, "{dashboard:?}");
    for expression in &dashboard {
        names_what_there_is("grafana-dashboard.json", expression, &names);
    }
    let on_it: HashSet<&str> = dashboard.iter().flat_map(|expression| metrics_in(expression)).collect();
    let missing: Vec<_> = names.iter().filter(|name| !on_it.contains(name.as_str())).collect();
    // Counted for the books and told in words elsewhere.
    assert!(missing.len() <= 3, "the dashboard does not show {missing:?}");
}

#[test]
fn promtool_finds_nothing_wrong_with_metrics_alerts_and_expressions() {
    let Some(promtool) = promtool() else {
        eprintln!("not run: promtool is missing (Debian: prometheus)");
        return;
    };
    let check = |what: &str, path: &Path| {
        let finished = Process::run(Command::new(&promtool).args(["check", what]).arg(path));
        assert_eq!(finished.code(), 0, "{finished:?}");
    };
    check("rules", &examples_dir().join("alerts.yaml"));
    let directory = tempfile::tempdir().unwrap();
    let rules = expressions_of_the_dashboard().into_iter().enumerate();
    let rules: String = rules.map(|(number, it)| format!("  - record: rule{number}\n    expr: '{it}'\n")).collect();
    let path = directory.path().join("rules.yaml");
    std::fs::write(&path, format!("groups:\n- name: dashboard\n  rules:\n{rules}")).unwrap();
    check("rules", &path);
    let (metrics, _) = exported();
    let mut checker = Command::new(&promtool);
    let mut checker = checker.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    checker.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = checker.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if Command::new("systemd-analyze").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("not run: systemd-analyze is missing (Debian: systemd)");
        return;
    }
    let units = ["msgqd-metrics.service", "msgqd-metrics.timer"].map(|name| examples_dir().join(name));
    let finished = Process::run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(units)).succeeded();
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("", ""));
}

/// What the service runs, with another directory and the built msgqctl.
fn collect(builder: &DaemonBuilder, directory: &Path) -> Finished {
    collect_with(&msgqd_system_tests::msgqctl(), builder, directory)
}

fn collect_with(program: &Path, builder: &DaemonBuilder, directory: &Path) -> Finished {
    let unit = example("msgqd-metrics.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/bin/sh -c '")?.strip_suffix('\'')).unwrap();
    let msgqctl = format!("{} --key {}", program.display(), builder.key());
    let line =
        line.replace("$$", "$").replace(COLLECTOR, &directory.display().to_string()).replace("msgqctl", &msgqctl);
    let mut command = Command::new("/bin/sh");
    Process::run(command.arg("-c").arg(line).env("RUNTIME_DIRECTORY", builder.runtime_directory()))
}

#[test]
fn the_service_writes_whole_files_also_without_a_queue_and_keeps_the_last_one_where_it_fails() {
    let daemon = Daemon::start();
    let builder = daemon.builder().clone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("msgqd.prom");
    let up = || {
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix("msgqd_up{")?.split_once("} ").map(|(_, value)| value.to_owned()))
    };
    let entries = || std::fs::read_dir(directory.path()).unwrap().count();
    let _ = collect(&builder, directory.path()).succeeded();
    assert_eq!((up().as_deref(), entries()), (Some("1"), 1));
    daemon.stop();
    let _ = collect(&builder, directory.path()).succeeded();
    assert_eq!((up().as_deref(), entries()), (Some("0"), 1));
    // Without permission, say: the last measurement stays, and gets old.
    let before = std::fs::read_to_string(&path).unwrap();
    assert_ne!(collect_with(Path::new("/bin/false"), &builder, directory.path()).code(), 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}
