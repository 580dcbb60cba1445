//! The queue against its configuration, and what an ordinary user can see of it.

use super::*;

#[test]
fn a_queue_that_somebody_changed_differs_from_its_configuration_in_size_mode_and_group() {
    let daemon = configured().set("queue", "max_bytes = 16000").start();
    let changed = QueueSettings { max_bytes: Some(8000), mode: Some(0o600), ..QueueSettings::default() };
    daemon.queue().set(&changed).unwrap();
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["queue_size", "queue_mode"]);
    diagnosis.says("queue_size", "warning", &["takes 8000 bytes", "16000 are configured", "ps -f -p"]);
    diagnosis.says("queue_mode", "problem", &["has mode 0600", "says 0660", "EACCES"]);
    if is_root() {
        let changed = QueueSettings { gid: Some(OTHER_GROUP), mode: Some(0o666), ..QueueSettings::default() };
        daemon.queue().set(&changed).unwrap();
        let diagnosis = doctor(daemon.builder());
        diagnosis.says("queue_mode", "problem", &["has mode 0666", "users who should not"]);
        diagnosis.says("queue_group", "problem", &["belongs to group daemon", "says 0", "EACCES"]);
    }
}

#[track_caller]
fn without_configuration(builder: &DaemonBuilder) -> Diagnosis {
    let mut command = msgqctl(builder.key(), &["--json", "doctor"]);
    Diagnosis::of(command.env("RUNTIME_DIRECTORY", builder.runtime_directory()))
}

#[test]
fn a_queue_open_to_all_is_a_warning_only_where_it_was_not_asked_for() {
    let (builder, queue) = queue_of_dead_msgqd();
    queue.set(&QueueSettings { mode: Some(0o666), ..QueueSettings::default() }).unwrap();
    let diagnosis = without_configuration(&builder);
    diagnosis.says("queue_mode", "warning", &["every user may write", "0666"]);
    let daemon = DaemonBuilder::new().set("queue", "mode = \"0666\"").start();
    doctor(daemon.builder()).says("queue_mode", "fine", &["0666, as configured"]);
    daemon.stop();
}

#[test]
fn a_queue_too_small_for_one_message_is_a_problem_without_a_configuration_too() {
    let (builder, queue) = queue_of_dead_msgqd();
    queue.set(&QueueSettings { max_bytes: Some(200), ..QueueSettings::default() }).unwrap();
    let diagnosis = without_configuration(&builder);
    diagnosis.says("queue_size", "problem", &["takes 200 bytes", "264", "for ever"]);
}

#[test]
fn a_group_that_does_not_exist_is_found_before_the_daemon_stumbles_over_it() {
    let (key, _queue) = idle_queue();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("msgqd.toml");
    std::fs::write(&config, "[queue]\ngroup = \"no-such-group\"\n").unwrap();
    let mut command = msgqctl(key.key(), &["--json", "doctor", "--config"]);
    Diagnosis::of(command.arg(&config)).says(
        "queue_group",
        "problem",
        &["no such group", "groupadd --system no-such-group"],
    );
}

#[test]
fn a_configuration_that_cannot_be_used_is_a_problem_and_without_its_key_the_rest_is_not_checked() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("its name.toml");
    std::fs::write(&config, "[queue]\nkye = 1\n").unwrap();
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    let diagnosis = Diagnosis::of(command.args(["--json", "doctor", "--config"]).arg(&config));
    diagnosis.finds(&["configuration"]);
    diagnosis.says("configuration", "problem", &["its name.toml:2:1", "kye", "does not start with it"]);
    diagnosis.says("queue_size", "not_checked", &["key is not known"]);
    assert_eq!(diagnosis.report["key"], Value::Null);
    let check =
        diagnosis.mend("configuration").replacen("msgqd", &msgqd_system_tests::msgqd().display().to_string(), 1);
    let checked = Process::run(Command::new("sh").args(["-c", &check]));
    assert!(!checked.status.success() && checked.stderr.contains("kye"), "{checked:?}");
    std::fs::remove_file(&config).unwrap();
    let diagnosis = Diagnosis::of(command.args::<[&str; 0], _>([]));
    diagnosis.says("configuration", "problem", &["cannot read the configuration"]);
}

#[test]
fn an_ordinary_user_reads_which_checks_could_not_be_made_and_why() {
    if !is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let daemon = configured().start();
    let (_directory, program) = surroundings::for_everybody();
    let diagnose = |key: QueueKey| {
        let mut command = as_user(STRANGER, &program);
        command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
        Diagnosis::of(command.args(["--json", "--key", &key.to_string(), "doctor"]))
    };
    let diagnosis = diagnose(daemon.key());
    diagnosis.finds(&[]);
    assert_eq!(diagnosis.code, 1, "{}", diagnosis.report);
    diagnosis.says("daemon", "not_checked", &["may not read the lock file", "root may"]);
    diagnosis.says("table", "not_checked", &["may not read"]);
    diagnosis.says("other_programs", "not_checked", &["hidden from this user"]);
    diagnosis.says("queue_size", "not_checked", &["permission denied"]);
    diagnosis.says("pid_namespace", "not_checked", &["may not see whether a daemon runs"]);
    diagnosis.says("replaced_program", "not_checked", &["root may"]);
    diagnosis.says("msg_copy", "fine", &[]);
    daemon.stop();
}

#[test]
fn who_is_locked_out_by_a_wrong_mode_still_reads_that_it_is_wrong() {
    if !is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let (builder, queue) = queue_of_dead_msgqd();
    queue.set(&QueueSettings { mode: Some(0o600), ..QueueSettings::default() }).unwrap();
    let (directory, program) = surroundings::for_everybody();
    let config = directory.path().join("msgqd.toml");
    std::fs::write(&config, "[queue]\nmode = \"0666\"\n").unwrap();
    let mut command = as_user(STRANGER, &program);
    command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
    command.args(["--json", "--key", &builder.key().to_string(), "doctor", "--config"]);
    let diagnosis = Diagnosis::of(command.arg(&config));
    diagnosis.says("queue_mode", "problem", &["has mode 0600", "says 0666", "EACCES"]);
}
