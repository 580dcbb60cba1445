//! Completion in real shells, at a key press.

use super::terminal::Terminal;
use super::*;
use std::path::Path;
use std::time::Duration;

/// A shell that finds msgqctl and its completion where the package would put it.
struct Shell {
    name: &'static str,
    /// The script's place below the directory that the test made for it.
    script: &'static str,
    /// Starts the shell; `PLACE` is that directory.
    start: &'static str,
    /// What the shell needs beside itself, and the Debian package that has it.
    needs: (&'static str, &'static str),
}

const SHELLS: [Shell; 3] = [
    Shell {
        name: "bash",
        script: "completions/msgqctl",
        start: "BASH_COMPLETION_USER_DIR=PLACE bash --rcfile /usr/share/bash-completion/bash_completion -i",
        needs: ("/usr/share/bash-completion/bash_completion", "bash-completion"),
    },
    Shell { name: "zsh", script: "_msgqctl", start: "ZDOTDIR=PLACE zsh -i", needs: ("/usr/bin/zsh", "zsh") },
    Shell {
        name: "fish",
        script: "msgqctl.fish",
        start: "fish --no-config --init-command 'set --prepend fish_complete_path PLACE'",
        needs: ("/usr/bin/fish", "fish"),
    },
];

/// After so long a key is pressed again.
const PATIENCE: Duration = Duration::from_secs(3);

const ZSHRC: &str = "fpath=(PLACE $fpath)\nautoload -Uz compinit\ncompinit -u -D\n";

/// The shell in a terminal; `None` where it is missing.
fn start(shell: &Shell, key: QueueKey, directory: &Path) -> Option<Terminal> {
    let (needed, package) = shell.needs;
    if !Path::new(needed).exists() {
        eprintln!("not run: completion in {}: {needed} is missing (Debian: {package})", shell.name);
        return None;
    }
    let place = directory.join(shell.script);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, ends_with(OK, key, &["completions", shell.name]).stdout).unwrap();
    let here = |text: &str| text.replace("PLACE", &directory.display().to_string());
    std::fs::write(directory.join(".zshrc"), here(ZSHRC)).unwrap();
    let programs = msgqd_system_tests::msgqctl().parent().unwrap().display().to_string();
    let home = format!("HOME={0} XDG_DATA_HOME={0} XDG_CONFIG_HOME={0}", directory.display());
    let terminal = Terminal::run(&format!("export PATH={programs}:$PATH {home}\n{}", here(shell.start)))?;
    // What is typed before the shell reads keys may be lost.
    let is_ready = msgqd_system_tests::eventually(msgqd_system_tests::LIMIT, || {
        terminal.tmux(&["send-keys", "echo re''ady", "Enter"]);
        msgqd_system_tests::eventually(PATIENCE, || terminal.screen().contains("\nready"))
    });
    assert!(is_ready, "{} does not start: {}", shell.name, terminal.screen());
    Some(terminal)
}

/// Types a line and presses Tab until the screen shows `expected`.
#[track_caller]
fn completes(terminal: &Terminal, line: &str, expected: &str) {
    terminal.tmux(&["send-keys", "C-u"]);
    terminal.tmux(&["send-keys", "C-l"]);
    terminal.tmux(&["send-keys", "-l", line]);
    terminal.shows(line.trim_end());
    let found = msgqd_system_tests::eventually(msgqd_system_tests::LIMIT, || {
        terminal.tmux(&["send-keys", "Tab"]);
        msgqd_system_tests::eventually(PATIENCE, || terminal.screen().contains(expected))
    });
    assert!(found, "{line:?} is not completed to {expected:?}:\n{}", terminal.screen());
    terminal.tmux(&["send-keys", "C-c"]);
}

#[test]
fn commands_options_and_the_clients_of_the_queue_are_completed_in_each_shell() {
    let (key, queue) = idle_queue();
    let client = Sleeper::start();
    let pid = client.pid().to_string();
    put(&queue, client.pid().into(), 2);
    let named = format!("msgqctl --key {}", key.key());
    for shell in &SHELLS {
        let directory = tempfile::tempdir().unwrap();
        let Some(terminal) = start(shell, key.key(), directory.path()) else { continue };
        completes(&terminal, &format!("{named} expl"), "explain");
        completes(&terminal, &format!("{named} purge --dry"), "--dry-run");
        // Of no digit at all the shell would make a list, with the options in it.
        let begun = &pid[..1];
        completes(&terminal, &format!("{named} explain {begun}"), &format!("explain {pid}"));
        completes(&terminal, &format!("{named} peek --pid {begun}"), &format!("--pid {pid}"));
        completes(&terminal, &format!("{named} purge --dry-run --pid {begun}"), &format!("--pid {pid}"));
        // bash makes three words of it, and clap's script does not join them.
        if shell.name == "bash" {
            continue;
        }
        completes(&terminal, &format!("msgqctl explain --key={} {begun}", key.key()), &format!("{} {pid}", key.key()));
    }
}

#[test]
fn a_process_whose_name_is_a_trap_is_offered_and_nothing_happens() {
    let (key, queue) = idle_queue();
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("$(>a)`>b`;%{:'\"");
    msgqd_system_tests::copy_program("/bin/sleep".as_ref(), &program);
    let clients: Vec<_> = (0..2).map(|_| Process::start(Command::new(&program).arg("600"))).collect();
    for client in &clients {
        let comm = format!("/proc/{}/comm", client.pid());
        wait_until("it has its name", || std::fs::read_to_string(&comm).unwrap().starts_with("$(>a)"));
        put(&queue, client.pid().into(), 1);
    }
    for shell in &SHELLS {
        let place = tempfile::tempdir().unwrap();
        let Some(terminal) = start(shell, key.key(), place.path()) else { continue };
        terminal.tmux(&["send-keys", &format!("cd {}", place.path().display()), "Enter"]);
        for client in &clients {
            completes(&terminal, &format!("msgqctl --key {} explain ", key.key()), &client.pid().to_string());
        }
        assert!(!place.path().join("a").exists() && !place.path().join("b").exists(), "{}", shell.name);
    }
}

#[test]
fn every_shell_has_a_script_and_without_a_queue_no_client_is_offered() {
    let key = ScratchKey::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ends_with(OK, key.key(), &["completions", shell]).stdout;
        assert!(script.contains("msgqctl") && script.contains("MSGQCTL_COMPLETE"), "{shell}: {script}");
    }
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env("MSGQCTL_COMPLETE", "fish").args(["--", "msgqctl", "--key", &key.key().to_string(), "explain", ""]);
    let finished = Process::run(&mut command).succeeded();
    assert!(!finished.stdout.lines().any(|line| line.starts_with(|it: char| it.is_ascii_digit())), "{finished:?}");
    assert_eq!(finished.stderr, "");
}
