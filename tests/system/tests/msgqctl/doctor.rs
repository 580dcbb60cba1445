//! `doctor`: each condition is made real, and its sentence read.

mod daemon;
mod fix;
mod harmless;
mod machine;
mod program;
mod queue;
mod routes;
mod tables;
mod units;
mod verdict;

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

/// What `doctor` said, and how it ended.
pub(crate) struct Diagnosis {
    code: i32,
    report: Value,
}

impl Diagnosis {
    #[track_caller]
    fn of(command: &mut Command) -> Self {
        Self::read(&Process::run(command))
    }

    #[track_caller]
    fn read(finished: &Finished) -> Self {
        let report = serde_json::from_str(&finished.stdout);
        let report: Value = report.unwrap_or_else(|error| panic!("{error}: {finished:?}"));
        report["checks"].as_array().unwrap().iter().for_each(harmless::assert_harmless);
        Self { code: finished.code(), report }
    }

    #[track_caller]
    fn check(&self, name: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no check {name}: {}", self.report))
    }

    /// The check ended so, and says all of these words somewhere.
    #[track_caller]
    fn says(&self, name: &str, state: &str, words: &[&str]) {
        let check = self.check(name);
        assert_eq!(check["state"], state, "{check}");
        let said = [&check["what"], &check["why"], &check["reason"]].map(ToString::to_string).concat();
        for word in words {
            assert!(said.contains(word) || self.mend(name).contains(word), "{word:?} is missing: {check}");
        }
        assert_eq!(self.code, i32::from(!self.is_all_well()), "{}", self.report);
    }

    fn is_all_well(&self) -> bool {
        let bad = ["problems", "warnings", "not_checked"];
        bad.iter().all(|counted| self.report["summary"][counted] == 0)
    }

    /// The commands of a finding, as root's shell takes them.
    fn mend(&self, name: &str) -> String {
        let commands = self.check(name)["mend"].as_array().cloned().unwrap_or_default();
        commands.iter().map(|command| command.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    fn findings(&self) -> BTreeSet<&str> {
        let checks = self.report["checks"].as_array().unwrap().iter();
        let bad = checks.filter(|check| check["state"] == "problem" || check["state"] == "warning");
        bad.map(|check| check["check"].as_str().unwrap()).collect()
    }

    /// These findings and no others.
    #[track_caller]
    fn finds(&self, names: &[&str]) {
        assert_eq!(self.findings(), names.iter().copied().collect(), "{}", self.report);
    }
}

/// `doctor` for a daemon with a configuration and a runtime directory of its own.
fn command_for(builder: &DaemonBuilder) -> Command {
    let mut command = msgqctl(builder.key(), &["--json", "doctor", "--config"]);
    command.arg(builder.write_config()).env("RUNTIME_DIRECTORY", builder.runtime_directory());
    command
}

#[track_caller]
fn doctor(builder: &DaemonBuilder) -> Diagnosis {
    Diagnosis::of(&mut command_for(builder))
}

/// One that has settings, so that there is something to compare with.
fn configured() -> DaemonBuilder {
    DaemonBuilder::new().set("queue", "mode = \"0660\"").set("queue", "group = \"0\"")
}

/// Runs a shell script with namespaces of its own; `None` where that is refused. `$MSGQCTL` and `$MSGQD` are there.
#[track_caller]
fn script(namespaces: &[&str], environment: &[(&str, &str)], text: &str) -> Option<Finished> {
    if !is_root() {
        eprintln!("not run: only root can make namespaces and limits of its own");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(namespaces).args(["--", "sh", "-ec", text]).env_remove("RUNTIME_DIRECTORY");
    command.env("MSGQCTL", msgqd_system_tests::msgqctl()).env("MSGQD", msgqd_system_tests::msgqd());
    Some(Process::run(command.envs(environment.iter().copied())))
}

#[test]
fn a_healthy_service_has_no_finding_and_exit_code_0() {
    if !is_root() {
        eprintln!("not run: only root gets every check");
        return;
    }
    let daemon = configured().start();
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&[]);
    assert_eq!((diagnosis.code, &diagnosis.report["schema_version"]), (OK, &Value::from(1)), "{}", diagnosis.report);
    let fine = [
        "configuration",
        "daemon",
        "verdict",
        "ipc_namespace",
        "pid_namespace",
        "other_programs",
        "table",
        "queue_size",
    ];
    let more = ["queue_mode", "queue_group", "msgmax", "msgmni", "msg_copy", "replaced_program", "versions", "clock"];
    for name in fine.iter().chain(&more) {
        assert_eq!(diagnosis.check(name)["state"], "fine", "{}", diagnosis.report);
    }
    let mut command = msgqctl(daemon.key(), &["doctor", "--config"]);
    command.arg(daemon.builder().write_config()).env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    let text = Process::run(&mut command).succeeded().stdout;
    assert!(text.ends_with("0 problems, 0 warnings, 18 checks fine, 0 not checked\n"), "{text}");
    daemon.stop();
}

#[test]
fn the_text_has_80_columns_but_for_commands_and_ends_with_the_count() {
    let key = ScratchKey::new();
    let finished = run(key.key(), &["doctor"]);
    assert_eq!((finished.code(), finished.stderr.as_str()), (1, ""), "{finished:?}");
    let text = &finished.stdout;
    assert!(text.starts_with("problem       nobody serves queue"), "{text}");
    let command = "mend          msgqd --config FILE    # as it ran before, or: systemctl start UNIT";
    assert!(text.contains(command), "{text}");
    assert!(text.lines().filter(|line| !line.starts_with("mend")).all(|line| line.len() <= 80), "{text}");
    assert!(text.lines().last().unwrap().starts_with("1 problem, 0 warnings, "), "{text}");
}

#[test]
fn every_finding_of_a_report_has_a_reason_and_a_command() {
    let daemon = configured().start();
    let builder = daemon.crash();
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["daemon", "table"]);
    for name in diagnosis.findings() {
        let check = diagnosis.check(name);
        for text in ["what", "why"] {
            assert!(check[text].as_str().is_some_and(|text| text.len() > 20), "{check}");
        }
        assert!(!diagnosis.mend(name).is_empty(), "{check}");
    }
}
