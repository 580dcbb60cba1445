//! Servers with a directory of their own, as a second instance has it: msgqctl finds each by its key alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

#[path = "instances/named.rs"]
mod named;

use msgq_core::instance::{lock_path, table_path, whole_file};
use msgq_core::queue::{Queue, QueueSettings};
use msgqd_system_tests::{
    DaemonBuilder, Finished, Process, STRANGER, as_user, good_request_is_answered, is_root, msgqctl, wait_until,
    wrapped,
};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::{Uid, chown};
use serde_json::Value;
use std::fs::{File, Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A mount namespace whose /run is empty and in memory, for as long as this lives.
struct PrivateRun(Process);

impl PrivateRun {
    /// `None`, and said so, where the test is not run by root.
    fn new() -> Option<Self> {
        if !is_root() {
            eprintln!("not run: only root can have a /run of its own");
            return None;
        }
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--",
            "sh",
            "-ec",
            "mount -t tmpfs -o mode=755 run /run; echo mounted; exec sleep 600",
        ]);
        let mut holder = Process::start(&mut command);
        holder.wait_for_stdout("mounted");
        Some(Self(holder))
    }

    /// As in the root of this process, where the directories of units are made.
    fn path(&self, directory: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{directory}", self.0.pid()))
    }

    fn make(&self, directory: &str, user: u32, mode: u32) {
        let path = self.path(directory);
        std::fs::create_dir(&path).unwrap();
        chown(&path, Some(Uid::from_raw(user)), None).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    fn inside(&self, command: &Command) -> Command {
        wrapped(&["nsenter", "--target", &self.0.pid().to_string(), "--mount", "--"], command)
    }

    fn run(&self, builder: &DaemonBuilder, arguments: &[&str]) -> Finished {
        Process::run(&mut self.inside(&by_key(builder, arguments)))
    }

    fn stat(&self, builder: &DaemonBuilder) -> Value {
        serde_json::from_str(&self.run(builder, &["--json", "stat"]).succeeded().stdout).unwrap()
    }

    fn start(&self, builder: &DaemonBuilder, directory: &str) -> Process {
        let mut server = Process::start(self.inside(&builder.command()).env("RUNTIME_DIRECTORY", directory));
        server.wait_for_stderr("serving queue");
        server
    }
}

impl Drop for PrivateRun {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGKILL);
    }
}

/// msgqctl without a word on where the server keeps its files.
fn by_key(builder: &DaemonBuilder, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").env_remove("XDG_RUNTIME_DIR");
    command.args(["--key", &builder.key().to_string()]).args(arguments);
    command
}

fn run(builder: &DaemonBuilder, arguments: &[&str]) -> Finished {
    Process::run(&mut by_key(builder, arguments))
}

fn mode(builder: &DaemonBuilder) -> u32 {
    Queue::open(builder.key()).unwrap().stat().unwrap().mode
}

fn end(mut server: Process, signal: Signal) {
    server.signal(signal);
    let _ = server.finish();
}

/// Every command knows the server with this PID; `ask` runs msgqctl.
#[track_caller]
fn is_found_by_its_key(builder: &DaemonBuilder, pid: i32, ask: &dyn Fn(&[&str]) -> Finished) {
    let stat = || -> Value { serde_json::from_str(&ask(&["--json", "stat"]).succeeded().stdout).unwrap() };
    let seen = stat();
    assert_eq!((&seen["condition"], &seen["server"]["inside"]["pid"]), (&"serving".into(), &pid.into()), "{seen}");
    let before = mode(builder);
    let closed = ask(&["drain", "--wait", "--reason", "new disk"]).succeeded().stdout;
    assert!(closed.contains("closed for new requests since") && closed.contains("new disk"), "{closed}");
    assert_eq!(mode(builder), before & !0o022);
    assert_eq!(stat()["condition"], "closed");
    assert_eq!(ask(&["resume"]).succeeded().stdout, "open: new requests are welcome\n");
    assert_eq!(mode(builder), before);
    assert_eq!(ask(&["resume"]).succeeded().stdout, "the door was open\n");
    good_request_is_answered(builder.key());
    let explained = ask(&["explain", &std::process::id().to_string()]).succeeded().stdout;
    assert!(!explained.contains("is not shown"), "{explained}");
    let doctor = ask(&["--json", "doctor"]).stdout;
    assert!(doctor.contains(&pid.to_string()), "{doctor}");
}

#[test]
fn an_instance_in_run_is_found_by_its_key_alone_alive_and_dead() {
    let Some(private) = PrivateRun::new() else { return };
    for (directory, user) in [("/run/msgqd-second", STRANGER), ("/run/second", STRANGER), ("/run/third", 0)] {
        private.make(directory, user, 0o750);
        let builder = DaemonBuilder::new();
        let builder = if user == 0 { builder } else { builder.user(user) };
        let server = private.start(&builder, directory);
        is_found_by_its_key(&builder, server.pid(), &|arguments| private.run(&builder, arguments));
        end(server, Signal::SIGKILL);
        assert_eq!(private.stat(&builder)["server"]["inside"]["phase"], "died");
        let closed = private.run(&builder, &["drain"]).succeeded().stdout;
        assert!(closed.ends_with("the next start comes up with the door closed\n"), "{closed}");
        let server = private.start(&builder, directory);
        assert_eq!(mode(&builder), 0o640);
        assert_eq!(private.run(&builder, &["resume"]).succeeded().stdout, "open: new requests are welcome\n");
        end(server, Signal::SIGTERM);
    }
}

#[test]
fn a_member_of_the_group_finds_an_instance_in_run_that_is_somebody_elses() {
    let Some(private) = PrivateRun::new() else { return };
    private.make("/run/second", STRANGER, 0o755);
    let builder = DaemonBuilder::new().set("queue", "mode = \"0644\"").user(STRANGER);
    let server = private.start(&builder, "/run/second");
    let table = table_path(&private.path("/run/second"), builder.key());
    set_permissions(table, Permissions::from_mode(0o644)).unwrap();
    let asked = by_key(&builder, &["--json", "stat"]);
    let mut somebody = as_user(1, &builder.copy_for_everyone(asked.get_program().as_ref()));
    somebody.args(asked.get_args()).env_remove("RUNTIME_DIRECTORY");
    let seen: Value = serde_json::from_str(&Process::run(&mut private.inside(&somebody)).succeeded().stdout).unwrap();
    assert_eq!(seen["server"]["inside"]["pid"], server.pid(), "{seen}");
    end(server, Signal::SIGTERM);
}

#[test]
fn a_living_instance_is_found_wherever_its_directory_is() {
    let daemon = DaemonBuilder::new().start();
    is_found_by_its_key(daemon.builder(), daemon.pid(), &|arguments| run(daemon.builder(), arguments));
    daemon.stop();
}

#[test]
fn the_note_of_a_stopped_instance_is_found_and_a_doubt_which_instance_is_meant_is_told() {
    let Some(private) = PrivateRun::new() else { return };
    private.make("/run/msgqd-second", STRANGER, 0o750);
    let builder = DaemonBuilder::new().user(STRANGER);
    let server = private.start(&builder, "/run/msgqd-second");
    let _ = private.run(&builder, &["drain"]).succeeded();
    end(server, Signal::SIGTERM);
    let opened = private.run(&builder, &["resume"]).succeeded().stdout;
    assert_eq!(opened, "the next start comes up with the door open\n");
    private.make("/run/msgqd", STRANGER, 0o750);
    let doubtful = private.run(&builder, &["drain"]);
    assert_eq!(doubtful.code(), 3, "{doubtful:?}");
    assert!(doubtful.stderr.contains("/run/msgqd, /run/msgqd-second"), "{doubtful:?}");
    assert!(doubtful.stderr.contains("or set RUNTIME_DIRECTORY to the one"), "{doubtful:?}");
}

#[test]
fn the_mode_stays_where_the_files_of_a_daemon_are_out_of_reach() {
    if !is_root() {
        return eprintln!("not run: needs root, to give up the right to look into processes");
    }
    let builder = DaemonBuilder::new();
    // A user that nobody else has: of several that are hidden one is named.
    let owner = 0x4000_0000 + (builder.key().raw().cast_unsigned() & 0x0fff_ffff);
    let daemon = builder.user(owner).start();
    let builder = daemon.builder();
    let before = mode(builder);
    let asked = by_key(builder, &["drain"]);
    let mut blind = Command::new("setpriv");
    blind.args(["--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", "--"]);
    blind.arg(asked.get_program()).args(asked.get_args()).env_remove("RUNTIME_DIRECTORY");
    let refused = Process::run(&mut blind);
    assert_eq!(refused.code(), 5, "{refused:?}");
    let names_it = refused.stderr.contains(&format!("PID {}", daemon.pid()));
    assert!(names_it && refused.stderr.contains("set RUNTIME_DIRECTORY"), "{refused:?}");
    assert_eq!(mode(builder), before);
    let found = Process::run(blind.env("RUNTIME_DIRECTORY", builder.runtime_directory())).succeeded();
    assert!(found.stdout.contains("closed for new requests"), "{found:?}");
    let _ = run(builder, &["resume"]).succeeded();
    daemon.stop();
}

#[test]
fn a_daemon_that_sees_another_run_is_left_alone_with_its_door() {
    let Some(private) = PrivateRun::new() else { return };
    private.make("/run/second", 0, 0o750);
    let builder = DaemonBuilder::new();
    let server = private.start(&builder, "/run/second");
    let before = mode(&builder);
    let refused = run(&builder, &["drain"]);
    assert_eq!(refused.code(), 5, "{refused:?}");
    let names_it = refused.stderr.contains(&format!("PID {}", server.pid()));
    assert!(
        names_it && refused.stderr.contains("/run/second") && refused.stderr.contains("mount namespace"),
        "{refused:?}"
    );
    assert_eq!(run(&builder, &["resume"]).code(), 5);
    assert_eq!(mode(&builder), before);
    end(server, Signal::SIGTERM);
}

/// The same file above all descriptors that other tests open meanwhile: of a process that has locks of one name open in many places
/// the one with the lowest is looked at.
fn above_all_others(file: &File) -> i32 {
    fcntl(file, FcntlArg::F_DUPFD_CLOEXEC(500)).unwrap()
}

#[test]
fn what_a_stranger_has_in_run_is_no_instance() {
    let Some(private) = PrivateRun::new() else { return };
    let left = DaemonBuilder::new().start().crash();
    let own = std::process::id();
    let locks = [("/run/strangers", STRANGER, 0o755), ("/run/everybodys", 0, 0o1777), ("/run/roots", 0, 0o755)].map(
        |(directory, user, mode)| {
            private.make(directory, user, mode);
            let path = lock_path(&private.path(directory), left.key());
            std::fs::write(&path, format!("{own}\n")).unwrap();
            std::fs::copy(table_path(left.runtime_directory(), left.key()), path.with_extension("table")).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))).unwrap();
            if directory == "/run/roots" {
                for path in [path.clone(), path.with_extension("table")] {
                    chown(&path, Some(Uid::from_raw(STRANGER)), None).unwrap();
                }
            }
            above_all_others(&file)
        },
    );
    let seen = private.stat(&left);
    assert_eq!(seen["server"]["state"], "not_found", "{seen}");
    assert!(seen["server"]["inside"].is_null(), "{seen}");
    private.make("/run/known", 0, 0o755);
    for end in ["lock", "table"] {
        let trap = lock_path(&private.path("/run/everybodys"), left.key()).with_extension(end);
        std::fs::rename(&trap, private.path("/run/known").join(trap.file_name().unwrap())).unwrap();
    }
    assert_eq!(private.stat(&left)["server"]["state"], "msgqd", "the same files are believed in a place of root's");
    locks.into_iter().for_each(|number| nix::unistd::close(number).unwrap());
}

#[test]
fn doctor_sees_an_instance_of_another_ipc_namespace_in_a_directory_of_its_own() {
    let Some(private) = PrivateRun::new() else { return };
    private.make("/run/third", 0, 0o755);
    let builder = DaemonBuilder::new();
    let given = builder.command();
    let mut isolated = Command::new("unshare");
    isolated.args(["--ipc", "--"]).arg(given.get_program()).args(given.get_args());
    let mut server = Process::start(private.inside(&isolated).env("RUNTIME_DIRECTORY", "/run/third"));
    server.wait_for_stderr("serving queue");
    let told = private.run(&builder, &["doctor"]).stdout;
    assert!(told.contains(&format!("PID {}", server.pid())) && told.contains("namespace"), "{told}");
    end(server, Signal::SIGTERM);
}

#[test]
fn a_door_that_nobody_drained_is_not_called_open_when_its_mode_lets_nobody_send() {
    let daemon = DaemonBuilder::new().start();
    let builder = daemon.builder();
    let settings = QueueSettings { mode: Some(0o640), ..QueueSettings::default() };
    daemon.queue().set(&settings).unwrap();
    let told = run(builder, &["resume"]).succeeded().stdout;
    assert!(told.contains("no `drain` closes it") && told.contains("0640"), "{told}");
    assert!(told.contains("msgqctl resume --mode 0660"), "{told}");
    let _ = run(builder, &["resume", "--mode", "0660"]).succeeded();
    assert_eq!(mode(builder), 0o660);
    let _ = run(builder, &["drain"]).succeeded();
    let refused = run(builder, &["resume", "--mode", "0660"]);
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(refused.stderr.contains("without --mode"), "{refused:?}");
    assert_eq!(mode(builder), 0o640);
    assert_eq!(run(builder, &["resume"]).succeeded().stdout, "open: new requests are welcome\n");
    wait_until("it is open", || mode(builder) == 0o660);
    daemon.stop();
}
