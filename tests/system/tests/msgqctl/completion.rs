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

/// After so long a key is pressed again, and after twice as long once more: a shell that is slow works through every key that
/// was pressed, and a second Tab means something else than the first.
const FIRST_PATIENCE: Duration = Duration::from_secs(3);
const PRESSES: u32 = 6;

const ZSHRC: &str = "fpath=(PLACE $fpath)\nautoload -Uz compinit\ncompinit -u -D\n";

/// Presses the keys until the shell has done what is expected of it.
fn pressed_until(press: impl Fn(), is_done: impl Fn() -> bool) -> bool {
    (0..PRESSES).any(|presses| {
        press();
        msgqd_system_tests::eventually(FIRST_PATIENCE * 2_u32.pow(presses), &is_done)
    })
}

/// The shell in a terminal; `None` where it is missing.
fn start(shell: &Shell, builder: &DaemonBuilder, directory: &Path) -> Option<Terminal> {
    let (needed, package) = shell.needs;
    if !Path::new(needed).exists() {
        eprintln!("not run: completion in {}: {needed} is missing (Debian: {package})", shell.name);
        return None;
    }
    let place = directory.join(shell.script);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, ends_with(OK, builder, &["completions", shell.name]).stdout).unwrap();
    let here = |text: &str| text.replace("PLACE", &directory.display().to_string());
    std::fs::write(directory.join(".zshrc"), here(ZSHRC)).unwrap();
    let programs = msgqd_system_tests::msgqctl().parent().unwrap().display().to_string();
    let home = format!("HOME={0} XDG_DATA_HOME={0} XDG_CONFIG_HOME={0}", directory.display());
    let files = format!("RUNTIME_DIRECTORY={}", builder.runtime_directory().display());
    let terminal = Terminal::run(&format!("export PATH={programs}:$PATH {home} {files}\n{}", here(shell.start)))?;
    // What is typed before the shell reads keys may be lost.
    let is_ready = pressed_until(
        || {
            terminal.tmux(&["send-keys", "echo re''ady", "Enter"]);
        },
        || terminal.screen().contains("\nready"),
    );
    assert!(is_ready, "{} does not start: {}", shell.name, terminal.screen());
    Some(terminal)
}

/// Types a line and presses Tab until the screen shows `expected`.
#[track_caller]
fn completes(terminal: &Terminal, line: &str, expected: &str) {
    // C-u clears the line before; an interrupt could come late and take what was typed since along.
    let is_typed = pressed_until(
        || {
            terminal.tmux(&["send-keys", "C-u"]);
            terminal.tmux(&["send-keys", "C-l"]);
            terminal.tmux(&["send-keys", "-l", line]);
        },
        || terminal.screen().contains(line.trim_end()),
    );
    assert!(is_typed, "{line:?} is not typed:\n{}", terminal.screen());
    let found = pressed_until(
        || {
            terminal.tmux(&["send-keys", "Tab"]);
        },
        || terminal.screen().contains(expected),
    );
    assert!(found, "{line:?} is not completed to {expected:?}:\n{}", terminal.screen());
}

#[test]
fn commands_options_and_the_clients_of_the_queue_are_completed_in_each_shell() {
    let (builder, queue) = queue_of_dead_msgqd();
    let client = Sleeper::start();
    let pid = client.pid().to_string();
    put(&queue, client.pid().into(), 2);
    let named = format!("msgqctl --key {}", builder.key());
    for shell in &SHELLS {
        let directory = tempfile::tempdir().unwrap();
        let Some(terminal) = start(shell, &builder, directory.path()) else { continue };
        completes(&terminal, &format!("{named} expl"), "explain");
        completes(&terminal, &format!("{named} purge --dry"), "--dry-run");
        completes(&terminal, &format!("{named} layout --requ"), "layout --request");
        // Of no digit at all the shell would make a list, with the options in it.
        let begun = &pid[..1];
        completes(&terminal, &format!("{named} explain {begun}"), &format!("explain {pid}"));
        completes(&terminal, &format!("{named} peek --pid {begun}"), &format!("--pid {pid}"));
        completes(&terminal, &format!("{named} purge --dry-run --pid {begun}"), &format!("--pid {pid}"));
        let letter = dead::leave_a_letter(directory.path(), builder.key());
        completes(&terminal, &format!("{named} dead ret"), "dead retry");
        completes(&terminal, &format!("{named} dead retry {}", &letter[..2]), &format!("retry {letter}"));
        // bash makes three words of it, and clap's script does not join them.
        if shell.name == "bash" {
            continue;
        }
        let key = builder.key();
        completes(&terminal, &format!("msgqctl explain --key={key} {begun}"), &format!("{key} {pid}"));
    }
}

#[test]
fn a_process_whose_name_is_a_trap_is_offered_and_nothing_happens() {
    let (builder, queue) = queue_of_dead_msgqd();
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
        let Some(terminal) = start(shell, &builder, place.path()) else { continue };
        terminal.tmux(&["send-keys", &format!("cd {}", place.path().display()), "Enter"]);
        for client in &clients {
            completes(&terminal, &format!("msgqctl --key {} explain ", builder.key()), &client.pid().to_string());
        }
        assert!(!place.path().join("a").exists() && !place.path().join("b").exists(), "{}", shell.name);
    }
}

#[test]
fn the_queues_of_the_machine_are_offered_where_one_is_to_be_removed() {
    let (key, queue) = idle_queue();
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env("MSGQCTL_COMPLETE", "fish").args(["--", "msgqctl", "remove", &queue.id().to_string()]);
    let finished = Process::run(&mut command).succeeded();
    let is_it = |line: &str| line.starts_with(&format!("{}\t{}", queue.id(), key.key()));
    assert!(finished.stdout.lines().any(is_it), "{finished:?}");
}

#[test]
fn every_shell_has_a_script_and_of_no_queue_or_another_programs_no_client_is_offered() {
    let (none, (other, queue)) = (ScratchKey::new(), idle_queue());
    put(&queue, std::process::id().into(), 1);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ends_with(OK, none.key(), &["completions", shell]).stdout;
        assert!(script.contains("msgqctl") && script.contains("MSGQCTL_COMPLETE"), "{shell}: {script}");
    }
    for key in [none.key(), other.key()] {
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        command.env("MSGQCTL_COMPLETE", "fish").args(["--", "msgqctl", "--key", &key.to_string(), "explain", ""]);
        let finished = Process::run(&mut command).succeeded();
        assert!(!finished.stdout.lines().any(|line| line.starts_with(|it: char| it.is_ascii_digit())), "{finished:?}");
        assert_eq!(finished.stderr, "");
    }
}
