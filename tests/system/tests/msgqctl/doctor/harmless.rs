//! Advice about what may be alive: every line of every report in these tests is looked at.

use super::*;
use msgq_core::time::monotonic_ns;

/// Where the header of a table has the daemon's last sign of life.
const BEAT_AT: u64 = 80;

/// No command ends a process but that of a daemon that hangs, and none removes a table or a queue.
#[track_caller]
pub(crate) fn assert_harmless(check: &Value) {
    let hangs = check["check"] == "daemon" && check["what"].as_str().is_some_and(|what| what.contains("hangs"));
    for command in check["mend"].as_array().into_iter().flatten() {
        let words: Vec<&str> = command.as_str().unwrap().split([' ', ';', '&', '|', '\n']).collect();
        let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
        assert!(!has(&["rm", "ipcrm", "pkill", "killall"]), "{check}");
        assert!(hangs || !has(&["kill"]), "{check}");
    }
}

/// The daemon's last sign of life, as its table shows it from now on. The daemon itself goes on in the file that was
/// there.
fn last_seen(builder: &DaemonBuilder, seconds_ago: u64) {
    let (table, copy) = (table_of(builder), builder.runtime_directory().join("copy"));
    std::fs::copy(&table, &copy).unwrap();
    let at_ns = monotonic_ns().saturating_sub(seconds_ago * 1_000_000_000);
    tables::write_at(&copy, &at_ns.to_ne_bytes(), BEAT_AT);
    std::fs::rename(copy, table).unwrap();
}

#[test]
fn a_daemon_is_named_to_be_killed_only_after_a_long_silence_and_when_it_is_surely_the_one() {
    let daemon = configured().start();
    let pid = daemon.pid().to_string();
    last_seen(daemon.builder(), 10);
    let diagnosis = doctor(daemon.builder());
    diagnosis.says("daemon", "problem", &["hangs", &pid, "no sign of life"]);
    let under_systemd = diagnosis.mend("daemon").starts_with("systemctl restart ");
    assert!(!diagnosis.mend("daemon").contains("kill"), "it may go on: {}", diagnosis.report);
    last_seen(daemon.builder(), 100);
    let diagnosis = doctor(daemon.builder());
    assert!(under_systemd || diagnosis.mend("daemon").contains(&format!("kill -KILL {pid}")), "{}", diagnosis.report);
    tables::write_at(&table_of(daemon.builder()), &1_u64.to_ne_bytes(), tables::IDENTITY_AT);
    let diagnosis = doctor(daemon.builder());
    diagnosis.says("daemon", "problem", &["hangs"]);
    assert!(!diagnosis.mend("daemon").contains("kill"), "another process has its number: {}", diagnosis.report);
    daemon.stop();
}

#[test]
fn how_a_daemon_ran_is_told_from_its_command_line_and_never_guessed() {
    let daemon = configured().start();
    let (key, directory) = (daemon.key(), daemon.builder().runtime_directory());
    let without_configuration = || {
        let mut command = msgqctl(key, &["--json", "doctor"]);
        Diagnosis::of(command.env("RUNTIME_DIRECTORY", directory))
    };
    last_seen(daemon.builder(), 100);
    let diagnosis = without_configuration();
    let mend = diagnosis.mend("daemon");
    assert!(mend.starts_with("systemctl ") || mend.contains(" --config "), "{mend}");
    let builder = daemon.crash();
    let mend = Diagnosis::of(msgqctl(key, &["--json", "doctor"]).env("RUNTIME_DIRECTORY", builder.runtime_directory()));
    assert_eq!(mend.mend("daemon"), "msgqd --config FILE    # as it ran before, or: systemctl start UNIT");
}

#[test]
fn a_healthy_daemon_with_its_files_elsewhere_is_shown_at_most() {
    let (daemon, other) = (configured().start(), configured());
    let mut command = msgqctl(daemon.key(), &["--json", "doctor"]);
    let diagnosis = Diagnosis::of(command.env("RUNTIME_DIRECTORY", other.runtime_directory()));
    let mend = diagnosis.mend("other_programs");
    assert!(mend.is_empty() || mend.starts_with(&format!("ps -f -p {}", daemon.pid())), "{mend}");
    daemon.stop();
}
