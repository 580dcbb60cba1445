//! `doctor --fix`: limits of the kernel are raised, now and for every boot, and never lowered.

use super::*;
use crate::terminal::Terminal;

/// What a script sees that runs in namespaces of its own, where /etc has no sysctl.d but an empty one; `fix` is the command,
/// and `now` and `files` show what it changed. `None`, and said so, where that cannot be had.
fn seen_by(script: &str) -> Option<String> {
    if !is_root() {
        eprintln!("not shown: only root can have limits of the kernel of its own");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--ipc", "--", "sh", "-c", &format!("{PRELUDE}\n{script}")])
        .arg("sh")
        .arg(directory.path());
    let finished = Process::run(command.env("MSGQCTL", msgqd_system_tests::msgqctl()));
    Some(finished.succeeded().stdout)
}

const PRELUDE: &str = r#"
    cp -a /etc "$1/etc" && rm -rf "$1/etc/sysctl.d" "$1/etc/sysctl.conf" "$1/etc/msgqd" || exit 9
    mkdir "$1/etc/sysctl.d" "$1/etc/msgqd" && mount --bind "$1/etc" /etc || exit 9
    mkdir "$1/run" "$1/run/sysctl.d" && mount --bind "$1/run" /run || exit 9
    if [ -d /usr/lib/sysctl.d ]; then mount -t tmpfs tmpfs /usr/lib/sysctl.d || exit 9; fi
    config() { printf "$1" >/etc/msgqd/msgqd.toml; }
    fix() { "$MSGQCTL" doctor --fix "$@" </dev/null >/dev/null 2>/run/said; code=$?; cat /run/said; echo "code $code"; }
    now() { echo "now $(cat /proc/sys/kernel/msgmnb) $(cat /proc/sys/kernel/msgmax) $(cat /proc/sys/kernel/msgmni)"; }
    files() { grep -v '^#' /etc/sysctl.d/*.conf /dev/null; }
"#;

#[track_caller]
fn says(seen: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(seen.contains(part), "{part:?} is missing: {seen}"));
}

#[test]
fn what_the_configurations_need_is_set_and_written_and_looked_at_again() {
    let script = r#"
        config '[queue]\nmax_bytes = "64K"\n'
        mkdir /etc/msgqd/orders.d
        printf '[queue]\nkey = 7\n' >/etc/msgqd/orders.toml
        printf '[protocol]\nrequest = "struct { long mtype; pid_t pid; char text[9000]; }"\n' >/etc/msgqd/orders.d/1.toml
        fix --yes; now; files; ls -A /etc/sysctl.d; stat -c 'mode %a' /etc/sysctl.d/60-msgqd.conf
        echo again; fix --yes; files
    "#;
    let Some(seen) = seen_by(script) else { return };
    says(&seen, &["kernel.msgmnb from 16384 to 65536", "/etc/msgqd/msgqd.toml", "kernel.msgmax from 8192 to 9016"]);
    says(&seen, &["/etc/msgqd/orders.toml", "now 65536 9016 32000", "60-msgqd.conf:kernel.msgmnb = 65536"]);
    says(&seen, &["60-msgqd.conf:kernel.msgmax = 9016", "\n60-msgqd.conf\nmode 644\n"]);
    let (first, again) = seen.split_once("again\n").unwrap();
    assert!(again.contains("nothing to raise") && !first.contains("kernel.msgmni ="), "{seen}");
}

#[test]
fn nothing_is_lowered_whoever_set_it() {
    let script = r#"
        config '[queue]\nmax_bytes = "64K"\n'
        echo 100000 >/proc/sys/kernel/msgmnb
        echo in force; fix --yes; now; files
        rm /etc/sysctl.d/60-msgqd.conf
        echo '-kernel/msgmnb=70000' >/run/sysctl.d/10-run.conf
        echo earlier; fix --yes; now; ls -A /etc/sysctl.d
        echo 'kernel.msgmnb = 65000' >/etc/sysctl.d/90-late.conf
        echo 30000 >/proc/sys/kernel/msgmnb
        echo later; fix --yes; now; files
        echo 'kernel.msgmnb = 66000' >/etc/sysctl.d/90-late.conf
        echo later and enough; fix --yes; now; files
        rm /etc/sysctl.d/90-late.conf; ln -s /dev/null /etc/sysctl.d/10-run.conf
        printf '# own\nkernel.msgmnb = 5\nkernel.shmmax = 6\n' >/etc/sysctl.d/60-msgqd.conf
        echo masked; fix --yes; now; files
    "#;
    let Some(seen) = seen_by(script) else { return };
    let part = |from: &str, to: &str| {
        let rest = seen.split_once(&format!("{from}\n")).unwrap().1;
        rest.split_once(&format!("{to}\n")).map_or(rest, |(part, _)| part).to_owned()
    };
    says(&part("in force", "earlier"), &["now 100000", "kernel.msgmnb = 100000"]);
    says(&part("earlier", "later"), &["nothing to raise", "now 100000"]);
    assert!(!part("earlier", "later").contains("60-msgqd.conf"), "{seen}");
    let late = part("later", "later and enough");
    says(&late, &["from 30000 to 65536", "/etc/sysctl.d/90-late.conf:1", "65000", "now 65536", "code 1"]);
    assert!(!late.contains("60-msgqd.conf:"), "{seen}");
    says(&part("later and enough", "masked"), &["nothing to raise", "now 65536"]);
    says(&part("masked", "the end"), &["60-msgqd.conf:kernel.msgmnb = 65536", "60-msgqd.conf:kernel.shmmax = 6"]);
}

#[test]
fn it_asks_and_without_an_answer_changes_nothing() {
    let script = r#"
        config '[queue]\nmax_bytes = "64K"\n'
        fix; now; ls -A /etc/sysctl.d
        config '[queue]\nmax_bytes = "64Q"\n'
        echo broken; fix --yes; now
        config '[queue]\nmax_bytes = "64K"\n'
        echo linked; ln -s /etc/passwd /etc/sysctl.d/60-msgqd.conf; fix --yes; now; test -L /etc/sysctl.d/60-msgqd.conf && echo a link
        echo read-only; rm /etc/sysctl.d/60-msgqd.conf; mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys
        fix --yes; ls -A /etc/sysctl.d; now
    "#;
    let Some(seen) = seen_by(script) else { return };
    let (asked, rest) = seen.split_once("broken\n").unwrap();
    says(asked, &["needs --yes", "kernel.msgmnb from 16384 to 65536", "60-msgqd.conf", "code 2", "now 16384"]);
    let (broken, rest) = rest.split_once("linked\n").unwrap();
    says(broken, &["/etc/msgqd/msgqd.toml:2:13", "nothing was changed", "now 16384"]);
    let (linked, read_only) = rest.split_once("read-only\n").unwrap();
    says(linked, &["symbolic link", "nothing was changed", "now 16384", "a link"]);
    says(read_only, &["read-only", "kernel.msgmnb=65536", "code 6", "now 16384"]);

    let builder = DaemonBuilder::new();
    let mut as_another = as_user(STRANGER, &builder.copy_for_everyone(&msgqd_system_tests::msgqctl()));
    let refused = Process::run(as_another.args(["--config", "/dev/null", "doctor", "--fix", "--yes"]));
    assert!(refused.code() == 5 && refused.stderr.contains("root"), "{refused:?}");
}

#[test]
fn on_a_terminal_the_answer_decides() {
    if !is_root() {
        return eprintln!("not shown: only root can have limits of the kernel of its own");
    }
    for (answer, expected) in [("n", "now 16384"), ("y", "now 65536")] {
        let directory = tempfile::tempdir().unwrap();
        let script = format!(
            "{PRELUDE}\nconfig '[queue]\\nmax_bytes = \"64K\"\\n'\n\"$MSGQCTL\" doctor --fix >/dev/null; echo \"code $?\"; now"
        );
        let path = directory.path().join("script");
        std::fs::write(&path, script).unwrap();
        let program = msgqd_system_tests::msgqctl();
        let Some(terminal) = Terminal::run(&format!(
            "MSGQCTL={} unshare --mount --ipc -- sh {} {}",
            program.display(),
            path.display(),
            directory.path().display()
        )) else {
            return;
        };
        terminal.shows("[y/N]");
        let _ = terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.shows(expected);
    }
}
