use crate::process::Process;
use crate::users::is_root;
use std::process::Command;

const INSIDE: &str = "MSGQD_TEST_IN_NAMESPACE";

/// Runs `body` in an IPC namespace of its own, whose limits it may change: the test program is started anew there, for the
/// test of this name alone. Needs root.
#[track_caller]
pub fn in_an_ipc_namespace(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return body();
    }
    if !is_root() {
        return eprintln!("not shown: only root can make an IPC namespace for {test}");
    }
    let mut command = Command::new("unshare");
    command.args(["--ipc", "--"]).arg(std::env::current_exe().unwrap());
    let finished = Process::run(command.args(["--exact", test, "--nocapture"]).env(INSIDE, test));
    assert!(finished.status.success(), "{}\n{}", finished.stdout, finished.stderr);
    assert!(finished.stdout.contains("1 passed"), "there is no test {test}: {}", finished.stdout);
}

/// Sets `kernel.NAME` of the namespace that the test runs in.
#[track_caller]
pub fn set_kernel_limit(name: &str, value: u64) {
    std::fs::write(format!("/proc/sys/kernel/{name}"), value.to_string()).unwrap();
}
