//! What is typed often is short, and means what users of other tools expect.

use super::*;

/// Without any option that names a queue.
fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").args(arguments);
    command
}

fn is_about(command: &mut Command, queue: &Queue) {
    let finished = Process::run(command).succeeded();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["queue"]["msqid"], queue.id(), "{report}");
}

/// Names this queue.
fn config_of(key: &ScratchKey) -> DaemonBuilder {
    DaemonBuilder::new().set("queue", &format!("key = {}", key.key().raw()))
}

#[test]
fn short_options_mean_what_the_long_ones_do() {
    let (key, queue) = idle_queue();
    let config = config_of(&key);
    let file = config.write_config();
    is_about(&mut bare(&["-j", "-k", &key.key().to_string(), "stat"]), &queue);
    is_about(&mut bare(&["stat", "-jc", file.to_str().unwrap()]), &queue);
    let watcher = Process::start(&mut msgqctl(key.key(), &["stat", "-w", "0.1"]));
    wait_until("it looked three times", || watcher.stdout().matches("verdict").count() >= 3);
}

#[test]
fn status_is_stat() {
    let (key, queue) = idle_queue();
    is_about(&mut bare(&["-j", "-k", &key.key().to_string(), "status"]), &queue);
}

#[test]
fn a_key_in_the_environment_comes_behind_every_option_and_before_the_configuration_of_the_system() {
    let ((of_option, named), (of_variable, meant)) = (idle_queue(), idle_queue());
    let variable = |arguments: &[&str]| {
        let mut command = bare(arguments);
        command.env("MSGQ_KEY", of_variable.key().to_string());
        command
    };
    is_about(&mut variable(&["-j", "stat"]), &meant);
    is_about(&mut variable(&["-j", "-k", &of_option.key().to_string(), "stat"]), &named);
    is_about(&mut variable(&["-j", "--msqid", &named.id().to_string(), "stat"]), &named);
    let config = config_of(&of_option);
    is_about(&mut variable(&["-j", "-c", config.write_config().to_str().unwrap(), "stat"]), &named);
    is_about(bare(&["-j", "stat"]).env("MSGQ_KEY", of_variable.key().raw().to_string()), &meant);
}

#[test]
fn a_key_in_the_environment_that_is_none_is_an_error_that_names_the_variable_and_an_empty_one_is_not_there() {
    for bad in ["0", "nonsense", " 1"] {
        let finished = Process::run(bare(&["stat"]).env("MSGQ_KEY", bad));
        assert_eq!(finished.code(), USAGE, "{finished:?}");
        assert!(finished.stderr.contains("MSGQ_KEY") && finished.stderr.contains(bad), "{finished:?}");
    }
    let finished = Process::run(bare(&["stat"]).env("MSGQ_KEY", ""));
    assert!(!finished.stderr.contains("MSGQ_KEY"), "{finished:?}");
}

#[test]
fn times_are_those_of_the_local_time_zone_or_of_utc_and_programs_get_utc() {
    let (key, queue) = idle_queue();
    put(&queue, 7, 1);
    let sent_at = queue.stat().unwrap().last_send_time;
    let date = |zone: &str, format: &str| {
        let output =
            Command::new("date").env("TZ", zone).args([&format!("--date=@{sent_at}"), format]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    // Such a name needs no database of time zones.
    let (zone, local, utc) = ("TST-5:30", "+%Y-%m-%dT%H:%M:%S%:z", "+%Y-%m-%dT%H:%M:%SZ");
    let shown = |arguments: &[&str], zone: &str| {
        let finished = Process::run(msgqctl(key.key(), arguments).env("TZ", zone)).succeeded().stdout;
        finished.lines().find(|line| line.starts_with("last send")).unwrap().to_owned()
    };
    let in_zone = shown(&["stat"], zone);
    assert!(in_zone.contains(&date(zone, local)) && in_zone.contains("+05:30 ("), "{in_zone}");
    let in_utc = shown(&["stat", "--utc"], zone);
    assert!(in_utc.contains(&date("UTC0", utc)), "{in_utc}");
    assert!(shown(&["stat"], "UTC0").contains(&date("UTC0", utc)));
    let json = Process::run(msgqctl(key.key(), &["-j", "stat"]).env("TZ", zone)).succeeded().stdout;
    assert!(!json.contains("+05:30"), "{json}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["queue"]["last_send"]["at_s"], sent_at);
}

#[test]
fn colours_are_forced_and_forbidden_whatever_the_environment_says() {
    let (key, _queue) = idle_queue();
    let is_coloured = |arguments: &[&str], variable: (&str, &str)| {
        let mut command = msgqctl(key.key(), arguments);
        Process::run(command.env_remove("NO_COLOR").env(variable.0, variable.1)).stdout.contains('\u{1b}')
    };
    let nothing = ("UNUSED", "");
    assert!(is_coloured(&["--color=always", "stat"], nothing));
    assert!(is_coloured(&["stat", "--color"], nothing));
    assert!(is_coloured(&["stat", "--color=always"], ("NO_COLOR", "1")));
    assert!(is_coloured(&["--color=always", "--help"], nothing));
    assert!(!is_coloured(&["--color=auto", "stat"], nothing) && !is_coloured(&["stat"], nothing));
    assert!(!is_coloured(&["--color=always", "-j", "stat"], nothing));
    assert!(!is_coloured(&["--color=never", "stat"], ("CLICOLOR_FORCE", "1")));
    assert!(!is_coloured(&["--color=never", "--help"], ("CLICOLOR_FORCE", "1")));
}

#[test]
fn top_watches_all_queues() {
    let (key, queue) = idle_queue();
    let watcher = Process::start(&mut msgqctl(key.key(), &["top", "-w", "0.1", "--sort", "key"]));
    let msqid = queue.id().to_string();
    let lists = || watcher.stdout().lines().filter(|line| line.split_whitespace().any(|word| word == msqid)).count();
    wait_until("it looked three times", || lists() >= 3);
}

#[test]
fn help_shows_the_other_names_of_commands() {
    let help = Process::run(&mut bare(&["--help"])).succeeded().stdout;
    for (command, other) in [("stat", "status"), ("list", "ls")] {
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{command} "))).unwrap();
        assert!(line.contains(&format!("[alias: {other}]")), "{line}");
    }
    assert!(help.lines().any(|line| line.trim_start().starts_with("top ")), "{help}");
}

#[test]
fn who_names_what_is_not_there_is_told_where_to_look() {
    let (key, queue) = idle_queue();
    let gone = queue.id();
    queue.remove().unwrap();
    let by_number = Process::run(&mut bare(&["--msqid", &gone.to_string(), "stat"]));
    assert_eq!(by_number.code(), NO_QUEUE, "{by_number:?}");
    assert!(by_number.stderr.contains("msgqctl list") && by_number.stderr.contains("another number"), "{by_number:?}");
    // Nobody serves a number: the next queue of that server has another one.
    assert!(!by_number.stderr.contains("start its server"), "{by_number:?}");
    let by_user = ends_with(USAGE, key.key(), &["list", "--user", "nobody-of-this-name"]);
    assert!(by_user.stderr.contains("nobody-of-this-name") && by_user.stderr.contains("msgqctl list"), "{by_user:?}");
}

#[test]
fn a_configuration_that_list_cannot_read_is_told_beside_the_list() {
    let (_key, queue) = idle_queue();
    let finished = Process::run(&mut bare(&["--config", "/nowhere/at-all.toml", "list", "--sort", "key"]));
    assert_eq!(finished.code(), OK, "{finished:?}");
    assert!(finished.stdout.contains(&queue.id().to_string()), "{finished:?}");
    assert!(finished.stderr.contains("/nowhere/at-all.toml"), "{finished:?}");
    let config = config_of(&ScratchKey::new());
    let file = config.write_config();
    let finished = Process::run(&mut bare(&["--config", file.to_str().unwrap(), "list"])).succeeded();
    assert!(!finished.stderr.contains(file.to_str().unwrap()), "{finished:?}");
}

#[test]
fn the_completions_know_other_names_and_new_options() {
    let candidates = |words: &[&str]| {
        let mut command = bare(&["--", "msgqctl"]);
        Process::run(command.args(words).env("MSGQCTL_COMPLETE", "fish")).succeeded().stdout
    };
    for (words, expected) in [
        (["sta"].as_slice(), "stat\t"),
        (&["statu"], "status\t"),
        (&["to"], "top\t"),
        (&["status", "--che"], "--check\t"),
        (&["ls", "--aba"], "--abandoned\t"),
        (&["stat", "--check="], "--check=critical\t"),
        (&["--color="], "--color=always\t"),
        (&["--ut"], "--utc\t"),
    ] {
        let shown = candidates(words);
        assert!(shown.lines().any(|line| line.starts_with(expected)), "{words:?}: {shown}");
    }
}
