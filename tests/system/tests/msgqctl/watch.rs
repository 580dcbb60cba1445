//! `stat --watch` in a real terminal, and in none.

use super::*;
use msgqd_system_tests::{DaemonBuilder, Language, load_client};
use nix::sys::signal::Signal;

/// A terminal of its own with a shell that runs one command; ended when dropped.
struct Terminal {
    directory: TempDir,
}

impl Terminal {
    /// `None` without tmux.
    fn run(builder: &DaemonBuilder, environment: &str, interval: &str) -> Option<Self> {
        if !Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok_and(|it| it.success()) {
            eprintln!("not run: tmux is missing (Debian: tmux)");
            return None;
        }
        let terminal = Self { directory: tempfile::tempdir().unwrap() };
        let path = |name: &str| terminal.directory.path().join(name).display().to_string();
        let (program, key) = (msgqd_system_tests::msgqctl().display().to_string(), builder.key());
        let script = format!(
            "trap : INT\nstty -g >{}\nRUNTIME_DIRECTORY={} {environment} {program} --key {key} stat --watch={interval}\n\
             echo \"ended with $?\"\nstty -g >{}\nexec sleep 600\n",
            path("before"),
            builder.runtime_directory().display(),
            path("after")
        );
        std::fs::write(path("script"), script).unwrap();
        let shell = format!("sh {}", path("script"));
        let _ = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", &shell]);
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").arg("-S").arg(self.directory.path().join("socket"));
        Process::run(command.args(arguments)).succeeded().stdout
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        wait_until(&format!("the screen shows {text:?}"), || self.screen().contains(text));
    }

    #[track_caller]
    fn is_as_before(&self) {
        self.shows("ended with 0");
        let path = |name: &str| self.directory.path().join(name);
        wait_until("the shell looked", || std::fs::read(path("after")).is_ok_and(|after| !after.is_empty()));
        assert_eq!(std::fs::read(path("before")).unwrap(), std::fs::read(path("after")).unwrap());
        assert_eq!(self.tmux(&["display", "-p", "#{alternate_on} #{cursor_flag}"]), "0 1\n");
        assert!(!self.screen().contains("verdict"), "{}", self.screen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        let _ = command.arg("-S").arg(self.directory.path().join("socket")).arg("kill-server").output();
    }
}

#[test]
fn the_screen_follows_the_daemon_from_load_to_death_and_q_leaves_the_terminal_as_it_was() {
    let mut daemon = Daemon::start();
    let Some(terminal) = Terminal::run(daemon.builder(), "", "0.1") else { return };
    terminal.shows("verdict       serving");
    terminal.shows("q ends");
    let _ = Process::run(&mut load_client(Language::C, daemon.key(), 1000, "x")).succeeded();
    terminal.shows("served        1000 answers");
    terminal.shows("now,");
    daemon.signal(Signal::SIGKILL);
    terminal.shows("verdict       down: since");
    daemon.queue().remove().unwrap();
    terminal.shows("verdict       not there");
    terminal.tmux(&["send-keys", "x", "q"]);
    terminal.is_as_before();
}

#[test]
fn control_c_and_sigterm_leave_the_terminal_as_it_was_too() {
    let daemon = Daemon::start();
    let Some(terminal) = Terminal::run(daemon.builder(), "", "600") else { return };
    terminal.shows("verdict");
    // A stop would leave the shell with this screen.
    terminal.tmux(&["send-keys", "C-z"]);
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.is_as_before();
    let terminal = Terminal::run(daemon.builder(), "", "600").unwrap();
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
    let Some(terminal) = Terminal::run(daemon.builder(), "", "600") else { return };
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
        let Some(terminal) = Terminal::run(daemon.builder(), environment, "600") else { return };
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
    let mut watch = Process::start(&mut msgqctl(daemon.key(), &["stat", "--watch=0.1"]));
    wait_until("it looked three times", || watch.stdout().matches("verdict").count() >= 3);
    assert!(!watch.stdout().contains('\u{1b}'), "{}", watch.stdout());
    watch.signal(Signal::SIGTERM);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut watch = msgqctl(daemon.key(), &["--json", "stat", "--watch=0.1"]).stdout(writer).spawn().unwrap();
    let mut reports = serde_json::Deserializer::from_reader(&reader).into_iter::<Value>();
    let (first, second) = (reports.next().unwrap().unwrap(), reports.next().unwrap().unwrap());
    assert_eq!((&first["schema_version"], &second["schema_version"]), (&Value::from(1), &Value::from(1)));
    drop(reports);
    drop(reader);
    assert!(watch.wait().unwrap().success());
    daemon.stop();
}

#[test]
fn rates_come_with_the_second_look() {
    let daemon = Daemon::start();
    let mut command = msgqctl(daemon.key(), &["--json", "stat", "--watch=0.1"]);
    command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    let mut watch = Process::start(&mut command);
    let load = Process::start(&mut load_client(Language::C, daemon.key(), 2000, "x"));
    let _ = load.finish().succeeded();
    wait_until("it looked after the load", || watch.stdout().contains("\"served\": 2000"));
    watch.signal(Signal::SIGTERM);
    let text = watch.stdout();
    let reports = serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok);
    let rates: Vec<Value> = reports.map(|report| report["server"]["inside"]["rates"].clone()).collect();
    assert_eq!(rates[0]["now_per_s"], Value::Null, "{rates:?}");
    let is_positive = |rate: &Value, name: &str| rate[name].as_f64().is_some_and(|rate| rate > 0.0);
    assert!(rates.iter().any(|rate| is_positive(rate, "now_per_s") && is_positive(rate, "minute_per_s")), "{rates:?}");
    daemon.stop();
}
