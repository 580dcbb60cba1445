//! What is made by users who have nothing to do with a queue is not believed: files where those of a server would be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::{closed_path, lock_path, table_path, whole_file};
use msgq_core::process::{ClientHandle, ClientNumber};
use msgq_core::queue::{Queue, QueueSettings};
use msgq_core::table::Table;
use msgq_core::time::monotonic_ns;
use msgqd_system_tests::{DaemonBuilder, Finished, Process, STRANGER, as_user, is_root, msgqctl, msgqd, wait_until};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::{Uid, chown, mkfifo};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A queue whose server was killed, and `/dev/shm/msgqd-UID` of its owner, which somebody made first.
struct Trap {
    left: DaemonBuilder,
    owner: u32,
    directory: PathBuf,
    /// The head of the dead server's table, as it was while that lived.
    table: Vec<u8>,
    /// PID and identity that stand in it.
    server: (i32, u64),
}

impl Trap {
    /// `None`, and said so, where the test is not run by root.
    fn of(maker: Maker) -> Option<Self> {
        if !is_root() {
            eprintln!("not shown: only root can make files of several users");
            return None;
        }
        let daemon = DaemonBuilder::new().start();
        let server = (daemon.pid(), identity(daemon.pid()));
        let table = std::fs::read(table_path(daemon.builder().runtime_directory(), daemon.key())).unwrap();
        let left = daemon.crash();
        // A user that nobody else has: each test program has another PID, and each queue another key.
        let owner = 0x4000_0000 + (left.key().raw().cast_unsigned() & 0x0fff_ffff);
        let settings = QueueSettings { uid: Some(owner), ..QueueSettings::default() };
        Queue::open(left.key()).unwrap().set(&settings).unwrap();
        let directory = PathBuf::from(format!("/dev/shm/msgqd-{owner}"));
        std::fs::create_dir(&directory).unwrap();
        let trap = Self { left, owner, directory, table, server };
        trap.give(&trap.directory, maker);
        Some(trap)
    }

    fn give(&self, path: &Path, maker: Maker) {
        let uid = if maker == Maker::Stranger { STRANGER } else { self.owner };
        chown(path, Some(Uid::from_raw(uid)), None).unwrap();
    }

    fn lock_path(&self) -> PathBuf {
        lock_path(&self.directory, self.left.key())
    }

    fn table_path(&self) -> PathBuf {
        table_path(&self.directory, self.left.key())
    }

    /// A lock file that says `pid`, with a lock on it for as long as the file is open.
    fn lock(&self, pid: i32, maker: Maker) -> File {
        std::fs::write(self.lock_path(), format!("{pid}\n")).unwrap();
        self.give(&self.lock_path(), maker);
        let file = OpenOptions::new().read(true).write(true).open(self.lock_path()).unwrap();
        fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))).unwrap();
        file
    }

    /// The dead server's table, with another PID and identity in it.
    fn copy_table(&self, pid: i32, maker: Maker) {
        let mut bytes = self.table.clone();
        replace(&mut bytes, &self.server.1.to_ne_bytes(), &identity(pid).to_ne_bytes());
        replace(&mut bytes, &self.server.0.to_ne_bytes(), &pid.to_ne_bytes());
        std::fs::write(self.table_path(), bytes).unwrap();
        self.give(&self.table_path(), maker);
    }

    fn ask(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(msgqctl());
        command.env_remove("RUNTIME_DIRECTORY").args(["--key", &self.left.key().to_string()]).args(arguments);
        Process::run(&mut command)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Who made the files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Maker {
    /// Somebody who has nothing to do with the queue.
    Stranger,
    /// The queue's owner.
    Owner,
}

fn identity(pid: i32) -> u64 {
    ClientHandle::open(ClientNumber::new(pid).unwrap()).unwrap().unwrap().identity().unwrap()
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
}

/// A process of root that is no server.
fn bystander() -> Process {
    Process::start(Command::new("sleep").arg("600"))
}

fn names(said: &Finished, pid: i32) -> bool {
    let is_pid = |word: &str| word.trim_matches(|it: char| !it.is_ascii_digit()) == pid.to_string();
    said.stdout.split_whitespace().chain(said.stderr.split_whitespace()).any(is_pid)
}

#[test]
fn a_fifo_of_a_stranger_where_a_lock_would_be_holds_nobody_up() {
    let Some(trap) = Trap::of(Maker::Stranger) else { return };
    for path in [trap.lock_path(), trap.table_path(), closed_path(&trap.directory, trap.left.key())] {
        mkfifo(&path, Mode::from_bits_truncate(0o666)).unwrap();
        trap.give(&path, Maker::Stranger);
    }
    for arguments in [["stat"].as_slice(), &["doctor"], &["drain"], &["resume", "--mode", "0660"]] {
        let said = trap.ask(arguments);
        assert!(said.status.code().is_some(), "{arguments:?}: {said:?}");
    }
}

#[test]
fn a_lock_of_a_stranger_does_not_make_a_dead_service_serve() {
    let Some(trap) = Trap::of(Maker::Stranger) else { return };
    let mut bystander = bystander();
    trap.copy_table(bystander.pid(), Maker::Stranger);
    let _lock = trap.lock(bystander.pid(), Maker::Stranger);
    let stat = trap.ask(&["stat", "--json"]).succeeded();
    assert!(!stat.stdout.contains("\"serving\"") && !names(&stat, bystander.pid()), "{stat:?}");
    assert!(bystander.is_running());
}

#[test]
fn a_note_on_a_closed_door_is_not_written_into_a_directory_of_a_stranger() {
    let Some(trap) = Trap::of(Maker::Stranger) else { return };
    let _lock = trap.lock(1, Maker::Stranger);
    let drain = trap.ask(&["drain", "--reason", "for the owner's eyes"]);
    let note = closed_path(&trap.directory, trap.left.key());
    assert!(note.symlink_metadata().is_err(), "{drain:?}");
    // Nor is one of his believed.
    std::fs::write(&note, "by = \"root\"\nat_s = 0\nreason = \"a lie\"\n").unwrap();
    trap.give(&note, Maker::Stranger);
    let stat = trap.ask(&["stat"]);
    assert!(!stat.stdout.contains("a lie"), "{stat:?}");
}

/// True when a line says to send this process a signal.
fn says_to_end(said: &Finished, pid: i32) -> bool {
    let words: Vec<&str> = said.stdout.split_whitespace().collect();
    let ends = |words: &[&str]| {
        words[0] == "kill" && words[1..].iter().any(|word| word.trim_end_matches(';') == pid.to_string())
    };
    words.windows(3).any(ends)
}

#[test]
fn a_copied_table_makes_doctor_name_nobody_as_the_daemon_to_kill() {
    for maker in [Maker::Stranger, Maker::Owner] {
        let Some(trap) = Trap::of(maker) else { return };
        let mut bystander = bystander();
        trap.copy_table(bystander.pid(), maker);
        let without_lock = trap.ask(&["doctor"]);
        assert!(!says_to_end(&without_lock, bystander.pid()), "{without_lock:?}");
        let _lock = trap.lock(bystander.pid(), maker);
        let beat_at_ns = Table::parse(&trap.table).unwrap().header().beat_at_ns();
        wait_until("its daemon would be taken for one that hangs", || monotonic_ns() - beat_at_ns > 5_500_000_000);
        let doctor = trap.ask(&["doctor"]);
        assert!(!says_to_end(&doctor, bystander.pid()), "{doctor:?}");
        assert!(maker == Maker::Owner || !names(&doctor, bystander.pid()), "{doctor:?}");
        assert!(bystander.is_running());
    }
}

#[test]
fn who_is_not_root_looks_at_no_directory_of_another_user_where_everybody_may_make_files() {
    let Some(trap) = Trap::of(Maker::Owner) else { return };
    let anybody = QueueSettings { mode: Some(0o666), ..QueueSettings::default() };
    Queue::open(trap.left.key()).unwrap().set(&anybody).unwrap();
    std::fs::set_permissions(&trap.directory, PermissionsExt::from_mode(0o755)).unwrap();
    let _lock = trap.lock(std::process::id().cast_signed(), Maker::Owner);
    trap.copy_table(std::process::id().cast_signed(), Maker::Owner);
    let mut command = as_user(STRANGER, &trap.left.copy_for_everyone(&msgqctl()));
    command.env_remove("RUNTIME_DIRECTORY").env_remove("XDG_RUNTIME_DIR");
    let stat = Process::run(command.args(["--key", &trap.left.key().to_string(), "stat", "--json"])).succeeded();
    assert!(!stat.stdout.contains(trap.directory.to_str().unwrap()), "{stat:?}");
    assert!(trap.ask(&["stat", "--json"]).stdout.contains(trap.directory.to_str().unwrap()), "root looks there");
}

#[test]
fn a_table_is_not_read_where_its_length_is_not_that_of_a_table() {
    let Some(trap) = Trap::of(Maker::Owner) else { return };
    trap.copy_table(bystander().pid(), Maker::Owner);
    let len = 1_u64 << 40;
    OpenOptions::new().write(true).open(trap.table_path()).unwrap().set_len(len).unwrap();
    let stat = trap.ask(&["stat", "--json"]).succeeded();
    assert!(stat.stdout.contains(&len.to_string()), "it was read to some other end: {stat:?}");
}

#[test]
fn what_stands_in_the_place_of_a_servers_files_does_not_hold_up_its_start() {
    let builder = DaemonBuilder::new();
    for path in [
        table_path(builder.runtime_directory(), builder.key()),
        table_path(builder.runtime_directory(), builder.key()).with_extension("table.new"),
    ] {
        mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    }
    let daemon = builder.start();
    assert!(daemon.log().contains("it is no regular file"), "{}", daemon.log());
    daemon.stop();
}

/// A command with these user and group databases in place of the machine's.
fn with_names(directory: &Path, program: &Path, arguments: &[&str]) -> Command {
    let script = "mount --bind \"$0/passwd\" /etc/passwd && mount --bind \"$0/group\" /etc/group && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", script]).arg(directory).arg(program).args(arguments);
    command
}

#[test]
fn names_of_users_and_groups_reach_no_terminal_and_no_log_as_they_are() {
    if !is_root() {
        return eprintln!("not shown: only root can give itself another user database");
    }
    let builder = DaemonBuilder::new();
    let (uid, gid) = (0x4100_0001, 0x4100_0002);
    let of = |name: &str| std::fs::read_to_string(Path::new("/etc").join(name)).unwrap();
    let (user, group) = ("a\u{1b}[31m", "b\u{1b}[32m");
    std::fs::write(builder.directory().join("passwd"), format!("{}{user}:x:{uid}:{gid}::/:/bin/sh\n", of("passwd")))
        .unwrap();
    std::fs::write(builder.directory().join("group"), format!("{}{group}:x:{gid}:\n", of("group"))).unwrap();
    let (ctl, daemon) = (builder.copy_for_everyone(&msgqctl()), builder.copy_for_everyone(&msgqd()));
    let queue = Queue::create(builder.key(), 0o600).unwrap();
    let settings = QueueSettings { uid: Some(uid), gid: Some(gid), ..QueueSettings::default() };
    queue.set(&settings).unwrap();
    let client = Process::start(as_user(uid, Path::new("/bin/sleep")).arg("600"));
    queue.try_send(client.pid().into(), b"rests").unwrap();
    let (key, client) = (builder.key().to_string(), client.pid().to_string());
    let stranger = STRANGER.to_string();
    let commands: [(&Path, &[&str]); 6] = [
        (&ctl, &["--key", &key, "stat"]),
        (&ctl, &["--key", &key, "explain", &client]),
        (&ctl, &["--key", &key, "doctor"]),
        (
            Path::new("setpriv"),
            &["--reuid", &stranger, "--clear-groups", "--", ctl.to_str().unwrap(), "--key", &key, "stat"],
        ),
        (&daemon, &["--key", &key]),
        (&ctl, &["--key", &key, "drain"]),
    ];
    for (program, arguments) in commands {
        let said = Process::run(with_names(builder.directory(), program, arguments).env_remove("RUNTIME_DIRECTORY"));
        let text = format!("{}{}", said.stdout, said.stderr);
        assert!(!text.contains('\u{1b}'), "{program:?} {arguments:?}: {said:?}");
        let is_named = text.contains("a\\u{1b}") || text.contains("b\\u{1b}");
        assert!(is_named || arguments.contains(&"drain"), "{program:?} {arguments:?} names nobody: {said:?}");
    }
}
