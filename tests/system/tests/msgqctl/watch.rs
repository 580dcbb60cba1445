//! `stat --watch` in a real terminal, and in none.

use super::terminal::Terminal;
use super::*;
use msgqd_system_tests::{Language, load_client};
use nix::sys::signal::Signal;

/// `stat --watch` in a terminal; `None` where there is none to be had.
fn watch(builder: &DaemonBuilder, environment: &str, interval: &str) -> Option<Terminal> {
    let (program, key) = (msgqd_system_tests::msgqctl().display().to_string(), builder.key());
    let directory = builder.runtime_directory().display();
    Terminal::run(&format!("RUNTIME_DIRECTORY={directory} {environment} {program} --key {key} stat --watch={interval}"))
}

#[test]
fn the_screen_follows_the_daemon_from_load_to_death_and_q_leaves_the_terminal_as_it_was() {
    let mut daemon = Daemon::start();
    let Some(terminal) = watch(daemon.builder(), "", "0.1") else { return };
    terminal.shows("verdict       serving");
    terminal.shows("q ends");
    let _ = Process::run(&mut load_client(Language::C, daemon.key(), 1000, "x")).succeeded();
    terminal.shows("served        1000 answers");
    terminal.shows("now,");
    daemon.signal(Signal::SIGKILL);
    terminal.shows("verdict       down since");
    daemon.queue().remove().unwrap();
    terminal.shows("verdict       not there");
    terminal.tmux(&["send-keys", "x", "q"]);
    terminal.is_as_before();
}

#[test]
fn control_c_and_sigterm_leave_the_terminal_as_it_was_too() {
    let daemon = Daemon::start();
    let Some(terminal) = watch(daemon.builder(), "", "600") else { return };
    terminal.shows("verdict");
    // A stop would leave the shell with this screen.
    terminal.tmux(&["send-keys", "C-z"]);
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.is_as_before();
    let terminal = watch(daemon.builder(), "", "600").unwrap();
    terminal.shows("verdict");
    let shell: i32 = terminal.tmux(&["display", "-p", "#{pane_pid}"]).trim().parse().unwrap();
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
    let watcher: i32 = children.trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(watcher), Signal::SIGTERM).unwrap();
    terminal.is_as_before();
    daemon.stop();
}

#[test]
fn a_resized_terminal_is_drawn_anew_and_what_does_not_fit_is_left_out() {
    let daemon = Daemon::start();
    let Some(terminal) = watch(daemon.builder(), "", "600") else { return };
    terminal.shows("orphans");
    terminal.tmux(&["resize-window", "-x", "45", "-y", "6"]);
    terminal.shows("more lines");
    let screen = terminal.screen();
    assert!(screen.starts_with("verdict       serving\n") && screen.lines().count() <= 6, "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 45) && screen.contains("..."), "{screen}");
    terminal.tmux(&["resize-window", "-x", "120", "-y", "50"]);
    terminal.shows("orphans");
    assert!(!terminal.screen().contains("more lines"), "{}", terminal.screen());
    terminal.tmux(&["send-keys", "q"]);
    terminal.is_as_before();
    daemon.stop();
}

#[test]
fn a_terminal_gets_colours_unless_they_are_forbidden() {
    let daemon = Daemon::start();
    for (environment, has_colours) in [("", true), ("NO_COLOR=1", false), ("TERM=dumb", false)] {
        let Some(terminal) = watch(daemon.builder(), environment, "600") else { return };
        terminal.shows("orphans");
        let screen = terminal.tmux(&["capture-pane", "-p", "-e"]);
        assert_eq!(screen.contains("\u{1b}[32m"), has_colours, "{environment}: {screen:?}");
    }
    let piped = run(daemon.key(), &["stat"]).succeeded().stdout;
    assert!(!piped.contains('\u{1b}'), "{piped:?}");
    daemon.stop();
}

#[test]
fn without_a_terminal_one_report_follows_the_other_until_nobody_reads_them() {
    let daemon = Daemon::start();
    let mut watcher = Process::start(&mut msgqctl(daemon.key(), &["stat", "--watch=0.1"]));
    wait_until("it looked three times", || watcher.stdout().matches("verdict").count() >= 3);
    assert!(!watcher.stdout().contains('\u{1b}'), "{}", watcher.stdout());
    watcher.signal(Signal::SIGTERM);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut watcher = msgqctl(daemon.key(), &["--json", "stat", "--watch=0.1"]).stdout(writer).spawn().unwrap();
    let mut reports = serde_json::Deserializer::from_reader(&reader).into_iter::<Value>();
    let (first, second) = (reports.next().unwrap().unwrap(), reports.next().unwrap().unwrap());
    assert_eq!((&first["schema_version"], &second["schema_version"]), (&Value::from(1), &Value::from(1)));
    drop(reports);
    drop(reader);
    assert!(watcher.wait().unwrap().success());
    daemon.stop();
}
