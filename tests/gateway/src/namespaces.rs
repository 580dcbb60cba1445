use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use msgqd_system_tests::{is_root, wait_until};

const INSIDE: &str = "MSGQD_TEST_IN_NAMESPACES";

/// Debian's nats-server, which `tests/run` may have unpacked beside the other tools.
#[must_use]
pub fn nats_server() -> Option<PathBuf> {
    let runs = |path: &PathBuf| Command::new(path).arg("--version").output().is_ok_and(|it| it.status.success());
    ["nats-server", "/usr/sbin/nats-server"].map(PathBuf::from).into_iter().find(runs)
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--ipc", "--net", "--"]);
    command
}

/// Why no test can run here.
fn obstacle() -> Option<&'static str> {
    if nats_server().is_none() {
        return Some("there is no nats-server; apt-get install nats-server");
    }
    let mut command = unshare();
    let output = command.args(["ip", "link", "set", "lo", "up"]).output();
    output.map_or(true, |output| !output.status.success()).then_some("a network of its own cannot be had here")
}

/// Runs `body` in an IPC namespace and a network of its own: the test program is started anew there, for the test of this name
/// alone, and what it reports is shown.
#[track_caller]
pub fn in_namespaces(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        run("ip link set lo up");
        return body();
    }
    if let Some(obstacle) = obstacle() {
        return println!("not run: {test}: {obstacle}");
    }
    let mut command = unshare();
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(INSIDE, test);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let [said, reported] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    for line in reported.lines() {
        println!("{line}");
    }
    assert!(output.status.success(), "{test} failed; what it reported stands above");
    assert!(said.contains("1 passed"), "there is no test {test}: {said}");
}

/// Runs a command of words that blanks separate; it must succeed.
#[track_caller]
pub(crate) fn run(words: &str) {
    succeeds(&mut command_of(words));
}

pub(crate) fn command_of(words: &str) -> Command {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

#[track_caller]
pub(crate) fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An IPC namespace, and a network too where that is asked for, held by a process that ends with the test.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
    kinds: &'static [&'static str],
}

impl Namespace {
    /// An IPC namespace.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        Self::of(&["ipc"])
    }

    /// An IPC namespace and a network without any link.
    #[must_use]
    #[track_caller]
    pub fn with_network() -> Self {
        Self::of(&["ipc", "net"])
    }

    fn of(kinds: &'static [&'static str]) -> Self {
        let mut command = Command::new("unshare");
        command.args(kinds.iter().map(|kind| format!("--{kind}"))).args(["--", "cat"]);
        let holder = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let namespace = Self { holder, kinds };
        let of = |who: &str, kind: &str| std::fs::read_link(format!("/proc/{who}/ns/{kind}")).ok();
        let pid = namespace.pid().to_string();
        wait_until("the namespace is there", || kinds.iter().all(|kind| of(&pid, kind) != of("self", kind)));
        namespace
    }

    /// Of the process that holds it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// The same command, run inside; the PID of what is started is the program's.
    #[must_use]
    pub fn enter(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(self.kinds.iter().map(|kind| format!("--{kind}=/proc/{}/ns/{kind}", self.pid())));
        inside.arg("--").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
