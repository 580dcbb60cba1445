//! Limits and features of the kernel, the clock, and logind; each in namespaces of its own.

use super::*;
use msgqd_system_tests::set_modified;

#[test]
fn a_limit_of_messages_below_a_request_is_a_problem_and_the_command_mends_it() {
    let text = r#"echo 100 >/proc/sys/kernel/msgmax; "$MSGQCTL" --json doctor"#;
    let Some(finished) = script(&["--ipc"], &[], text) else { return };
    let diagnosis = Diagnosis::read(&finished);
    diagnosis.says("msgmax", "problem", &["kernel.msgmax = 100", "264", "EINVAL"]);
    let mend = diagnosis.mend("msgmax");
    let now = mend.lines().next().unwrap();
    let mended = format!("echo 100 >/proc/sys/kernel/msgmax; {now} >/dev/null; \"$MSGQCTL\" --json doctor");
    Diagnosis::read(&script(&["--ipc"], &[], &mended).unwrap()).says("msgmax", "fine", &["8192"]);
}

#[test]
fn a_size_above_the_kernels_limit_is_a_problem_before_and_after_the_start() {
    let builder = configured().set("queue", "max_bytes = 16384");
    let config = builder.write_config().display().to_string();
    let key = builder.key().to_string();
    let runtime = builder.runtime_directory().display().to_string();
    let environment = [("KEY", key.as_str()), ("CONFIG", &config), ("RUNTIME_DIRECTORY", &runtime)];
    let text = r#"echo 8000 >/proc/sys/kernel/msgmnb; "$MSGQCTL" --json --key $KEY doctor --config "$CONFIG""#;
    let Some(finished) = script(&["--ipc"], &environment, text) else { return };
    let diagnosis = Diagnosis::read(&finished);
    let words = ["max_bytes = 16384", "above kernel.msgmnb = 8000", "sysctl -w kernel.msgmnb=16384", "/etc/sysctl.d/"];
    diagnosis.says("queue_size", "problem", &words);
    let text = r#"
        "$MSGQD" --key $KEY --config "$CONFIG" 2>"$RUNTIME_DIRECTORY/log" &
        for i in $(seq 600); do grep -q 'serving queue' "$RUNTIME_DIRECTORY/log" && break; sleep 0.1; done
        echo 8000 >/proc/sys/kernel/msgmnb
        "$MSGQCTL" --json --key $KEY doctor --config "$CONFIG" || true
        kill $!"#;
    let finished = script(&["--ipc"], &[&environment[..], &[("RUNTIME_DIRECTORY", &runtime)]].concat(), text).unwrap();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    let diagnosis = Diagnosis { code: 1, report };
    diagnosis.finds(&["queue_size"]);
    diagnosis.says("queue_size", "problem", &words);
}

#[test]
fn a_full_list_of_queues_is_a_problem_and_a_nearly_full_one_a_warning() {
    let text = r#"for i in 1 2 3 4 5 6 7 8 9; do ipcmk -Q >/dev/null; done
        echo $LIMIT >/proc/sys/kernel/msgmni; "$MSGQCTL" --json doctor"#;
    for (limit, state) in [("9", "problem"), ("10", "warning"), ("11", "fine")] {
        let Some(finished) = script(&["--ipc"], &[("LIMIT", limit)], text) else { return };
        Diagnosis::read(&finished).says("msgmni", state, &["9 queues exist", &format!("allows {limit}")]);
    }
}

#[test]
fn a_kernel_without_msg_copy_is_a_warning_and_no_queue_is_needed_to_see_it() {
    let key = ScratchKey::new();
    let mut command = purge::without_msg_copy(key.key(), &["--json", "doctor"]);
    let diagnosis = Diagnosis::of(&mut command);
    diagnosis.says("msg_copy", "warning", &["no MSG_COPY", "without taking them", "CONFIG_CHECKPOINT_RESTORE"]);
}

#[test]
fn a_clock_before_the_build_is_a_problem() {
    let (_directory, program) = surroundings::for_everybody();
    set_modified(&program, "tomorrow");
    let key = ScratchKey::new();
    let mut command = Command::new(&program);
    let diagnosis = Diagnosis::of(command.args(["--json", "--key", &key.key().to_string(), "doctor"]));
    diagnosis.says("clock", "problem", &["the clock says", "msgqctl was built", "ages"]);
}

#[test]
fn a_clock_that_went_back_since_the_queue_was_made_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let (source, library) = (directory.path().join("clock.c"), directory.path().join("clock.so"));
    // A day and a bit back, but not before the build: that is another finding.
    let code = r"
        #define _GNU_SOURCE
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>
        int clock_gettime(clockid_t id, struct timespec *now) {
            int result = (int)syscall(SYS_clock_gettime, id, now);
            if (result == 0 && id == CLOCK_REALTIME) now->tv_sec -= 3600;
            return result;
        }";
    std::fs::write(&source, code).unwrap();
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    let _ = Process::run(compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source)).succeeded();
    let (_copy, program) = surroundings::for_everybody();
    set_modified(&program, "yesterday");
    let daemon = configured().start();
    let mut command = Command::new(&program);
    command.args(["--json", "--key", &daemon.key().to_string(), "doctor"]).env("LD_PRELOAD", &library);
    command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    let diagnosis = Diagnosis::of(&mut command);
    diagnosis.finds(&["clock"]);
    diagnosis.says("clock", "problem", &["the clock says", "but", "at 2"]);
    daemon.stop();
}

/// A machine on which logind runs, with `$FILES` in /etc/systemd; the daemon is that of the test.
const WITH_LOGIND: &str = r#"
    mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/seats
    mount -t tmpfs tmpfs /etc/systemd && mkdir -p /etc/systemd/logind.conf.d
    eval "$FILES"
    "$MSGQCTL" --json --key "$KEY" doctor"#;

#[test]
fn logind_removes_the_queue_of_an_ordinary_user_unless_it_is_told_not_to() {
    if !is_root() {
        eprintln!("not run: only root can become another user and mount");
        return;
    }
    let daemon = DaemonBuilder::new().user(STRANGER).start();
    let (key, runtime) = (daemon.key().to_string(), daemon.builder().runtime_directory().display().to_string());
    let diagnose = |files: &str| {
        let environment = [("KEY", key.as_str()), ("RUNTIME_DIRECTORY", &runtime), ("FILES", files)];
        Diagnosis::read(&script(&["--mount", "--propagation", "private"], &environment, WITH_LOGIND).unwrap())
    };
    let diagnosis = diagnose("");
    diagnosis.finds(&["logind"]);
    diagnosis.says("logind", "problem", &["RemoveIPC=yes (the default)", "nobody", "ordinary user", "last session"]);
    let mend = diagnosis.mend("logind");
    let file = mend.lines().next().unwrap();
    diagnose(file).says("logind", "fine", &["zz-msgqd.conf"]);
    diagnose("printf '[Login]\\nRemoveIPC=no\\n' >/etc/systemd/logind.conf").says("logind", "fine", &["logind.conf"]);
    let drop_in = "printf '[Login]\\nRemoveIPC=no\\n' >/etc/systemd/logind.conf
        printf '[Login]\\nRemoveIPC=yes\\n' >/etc/systemd/logind.conf.d/10.conf";
    diagnose(drop_in).says("logind", "problem", &["set in /etc/systemd/logind.conf.d/10.conf"]);
    let no_logind = "rmdir /run/systemd/seats";
    diagnose(no_logind).says("logind", "not_applicable", &["logind does not run"]);
    daemon.stop();
}
