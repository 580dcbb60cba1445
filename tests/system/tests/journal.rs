//! What the journal gets beside the text of a line: fields by which an operator finds and alerts on it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::Queue;
use msgqd_system_tests::{
    DaemonBuilder, Process, ask, good_request_is_answered, hostile, is_root, wait_until, wrapped,
};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

// Rules of operators name these: an id never changes.
const SERVING: &str = "ad6cf6c0a8554b1093a6c213c31a7bd1";
const STOPPED: &str = "43ffba02c8714642afd63796d65f9d03";
const QUEUE_LOST: &str = "f8d1b68e1d1a4410922f4525e7bb11b2";
const QUEUE_MADE_ANEW: &str = "dc761f1e8ef44fa39f2d395ad1ef40d3";
const CLIENT_DIED: &str = "0a942064d53e48a687ab1c08572c4c64";
const HANDLER_DOWN: &str = "b3dd3d3a9e864314acfa500a6eb701e8";
const HANDLER_UP: &str = "fc95626fc4d14a89a41dff93ed8d0938";
const RELOAD_REFUSED: &str = "f5e1038c22d741e585cca412396cf8dd";
const START_FAILED: &str = "a42f086cde9b45ffa6d249e53e3b2523";

/// One entry as the journal would keep it.
type Entry = BTreeMap<String, String>;

/// A journal that only this test's daemon sees: both ends of its standard error, and a socket for entries with fields.
struct Journal {
    socket: UnixDatagram,
    lines: UnixStream,
    entries: Vec<Entry>,
}

impl Journal {
    /// The daemon, whose standard error is a socket of this journal. `name` is that of the socket for entries, which is
    /// `socket` where it is to be found.
    fn start(builder: &DaemonBuilder, name: &str) -> (Self, Process) {
        let directory = builder.directory().join("journal");
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (lines, stderr) = UnixStream::pair().unwrap();
        lines.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let stderr = OwnedFd::from(stderr);
        let place = std::fs::File::from(stderr.try_clone().unwrap()).metadata().unwrap();
        // In a mount namespace of its own the socket stands where journald has its own.
        let script = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind \"$JOURNAL\" \
                      /run/systemd/journal && exec \"$@\" 2>&0 </dev/null";
        let as_root: &[&str] = if is_root() { &[] } else { &["--map-root-user"] };
        let words = [&["unshare"], as_root, &["--mount", "--", "sh", "-c", script, "sh"]].concat();
        let mut command = wrapped(&words, &builder.command());
        command.env("JOURNAL", &directory).env("JOURNAL_STREAM", format!("{}:{}", place.dev(), place.ino()));
        (Self { socket, lines, entries: Vec::new() }, Process::start_with_input(&mut command, stderr))
    }

    fn entries(&mut self) -> &[Entry] {
        let mut datagram = vec![0; 256 * 1024];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            if length > 0 {
                self.entries.push(fields_of(&datagram[..length]));
            }
        }
        &self.entries
    }

    /// Waits for an entry whose text contains `text`.
    #[track_caller]
    fn entry(&mut self, text: &str) -> Entry {
        let found = |entries: &[Entry]| entries.iter().find(|entry| entry["MESSAGE"].contains(text)).cloned();
        wait_until(&format!("the journal has {text:?}"), || found(self.entries()).is_some());
        found(&self.entries).unwrap()
    }
}

/// The protocol of systemd's journal: `NAME=VALUE` or `NAME`, length and value, each with a newline at its end.
fn fields_of(mut datagram: &[u8]) -> Entry {
    let mut fields = Entry::new();
    while !datagram.is_empty() {
        let end = datagram.iter().position(|byte| *byte == b'\n').unwrap();
        let line = std::str::from_utf8(&datagram[..end]).unwrap();
        datagram = &datagram[end + 1..];
        let (name, value) = if let Some((name, value)) = line.split_once('=') {
            (name, value.to_owned())
        } else {
            let length = usize::try_from(u64::from_le_bytes(datagram[..8].try_into().unwrap())).unwrap();
            let value = String::from_utf8(datagram[8..8 + length].to_vec()).unwrap();
            datagram = &datagram[8 + length + 1..];
            (line, value)
        };
        assert!(fields.insert(name.to_owned(), value).is_none(), "{name} twice");
    }
    fields
}

#[track_caller]
fn has(entry: &Entry, name: &str, value: &str) {
    assert_eq!(entry.get(name).map(String::as_str), Some(value), "{name} in {entry:?}");
}

#[test]
fn an_entry_of_the_journal_has_its_priority_the_queue_and_the_id_of_its_event() {
    let builder = DaemonBuilder::new();
    let (mut journal, mut daemon) = Journal::start(&builder, "socket");
    let key = builder.key().to_string();
    let serving = journal.entry("serving queue");
    for (name, value) in [("PRIORITY", "6"), ("MSGQD_QUEUE_KEY", &key), ("SYSLOG_IDENTIFIER", "msgqd")] {
        has(&serving, name, value);
    }
    has(&serving, "MESSAGE_ID", SERVING);
    Queue::open(builder.key()).unwrap().remove().unwrap();
    let lost = journal.entry("somebody removed the queue");
    has(&lost, "PRIORITY", "3");
    has(&lost, "MESSAGE_ID", QUEUE_LOST);
    let anew = journal.entry("serving the new queue");
    has(&anew, "PRIORITY", "4");
    has(&anew, "MESSAGE_ID", QUEUE_MADE_ANEW);
    good_request_is_answered(builder.key());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.finish().code(), 0);
    let stopped = journal.entry("stopped:");
    has(&stopped, "MESSAGE_ID", STOPPED);
    let mut rest = String::new();
    let _ = journal.lines.read_to_string(&mut rest);
    assert_eq!(rest, "", "nothing is said twice");
}

/// It asks /proc, after it has read the entry.
#[test]
fn a_process_that_ends_at_once_lives_until_the_journal_can_have_asked_whose_it_is() {
    let outlives_its_entry = || {
        let broken = DaemonBuilder::new().set("service", "no_such_setting = 1");
        let (mut journal, mut daemon) = Journal::start(&broken, "socket");
        journal.entry("no_such_setting");
        std::thread::sleep(Duration::from_millis(50));
        daemon.is_running()
    };
    assert!((0..20).any(|_| outlives_its_entry()));
}

#[test]
fn an_entry_about_a_client_names_it_in_a_field() {
    let builder = DaemonBuilder::new();
    let (mut journal, mut daemon) = Journal::start(&builder, "socket");
    journal.entry("serving queue");
    let client = Process::start(&mut hostile(builder.key(), &["never_read", "20"]));
    let pid = client.pid().to_string();
    wait_until("answers rest", || Queue::open(builder.key()).unwrap().has_message(client.pid().into()).unwrap());
    drop(client);
    let died = journal.entry("died before it read");
    has(&died, "MSGQD_CLIENT_PID", &pid);
    has(&died, "MESSAGE_ID", CLIENT_DIED);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.finish().code(), 0);
}

#[test]
fn a_handler_that_goes_down_and_comes_back_is_two_entries_also_where_it_is_a_command() {
    let builder = DaemonBuilder::new();
    let place = builder.directory().join("place");
    let handler = format!("kind = \"exec\"\ncommand = [\"/bin/cat\"]\nworking_directory = \"{}\"", place.display());
    std::fs::create_dir(&place).unwrap();
    let builder = builder.set("handler", &handler);
    let (mut journal, mut daemon) = Journal::start(&builder, "socket");
    journal.entry("serving queue");
    let queue = Queue::open(builder.key()).unwrap();
    std::fs::remove_dir(&place).unwrap();
    for _ in 0..2 {
        assert_eq!(ask(&queue, b"x").0, -1);
    }
    has(&journal.entry("cannot start the program"), "MESSAGE_ID", HANDLER_DOWN);
    std::fs::create_dir(&place).unwrap();
    for _ in 0..2 {
        assert_eq!(ask(&queue, b"x").0, 0);
    }
    has(&journal.entry("can be started again"), "MESSAGE_ID", HANDLER_UP);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.finish().code(), 0);
    let is_back = |entry: &&Entry| entry.get("MESSAGE_ID").is_some_and(|id| id == HANDLER_UP);
    assert_eq!(journal.entries().iter().filter(is_back).count(), 1, "it is said once");
}

#[test]
fn a_mistake_in_the_configuration_is_one_entry_of_a_start_that_failed_or_a_reload_that_was_refused() {
    let builder = DaemonBuilder::new().workers(1);
    let (mut journal, mut daemon) = Journal::start(&builder, "socket");
    journal.entry("serving queue");
    let _ = builder.clone().set("service", "no_such_setting = 1").write_config();
    daemon.signal(Signal::SIGHUP);
    let refused = journal.entry("no_such_setting");
    has(&refused, "MESSAGE_ID", RELOAD_REFUSED);
    has(&refused, "PRIORITY", "3");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.finish().code(), 0);
    let broken = DaemonBuilder::new().set("service", "no_such_setting = 1");
    let (mut journal, daemon) = Journal::start(&broken, "socket");
    assert_eq!(daemon.finish().code(), 1);
    let failed = journal.entry("no_such_setting");
    has(&failed, "MESSAGE_ID", START_FAILED);
    // With the excerpt of the file, which has lines of its own.
    assert!(failed["MESSAGE"].lines().count() > 1, "{failed:?}");
}

#[test]
fn a_journal_without_its_socket_gets_lines_with_priorities() {
    let builder = DaemonBuilder::new();
    let (mut journal, mut daemon) = Journal::start(&builder, "elsewhere");
    let mut said = Vec::new();
    wait_until("it serves", || {
        let mut some = [0; 4096];
        let length = journal.lines.read(&mut some).unwrap_or(0);
        said.extend_from_slice(&some[..length]);
        String::from_utf8_lossy(&said).contains("<6>serving queue")
    });
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.finish().code(), 0);
    assert!(journal.entries().is_empty());
}

#[test]
fn a_journal_that_does_not_read_holds_nobody_up() {
    let builder = DaemonBuilder::new();
    let (journal, mut daemon) = Journal::start(&builder, "socket");
    wait_until("it serves", || Queue::open(builder.key()).is_ok());
    let queue = Queue::open(builder.key()).unwrap();
    // More lines than a socket takes that nobody reads.
    for _ in 0..20 {
        daemon.signal(Signal::SIGHUP);
        queue.send(1, b"bad").unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    good_request_is_answered(builder.key());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.finish().code(), 0);
    drop(journal);
}
