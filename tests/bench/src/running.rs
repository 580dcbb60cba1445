//! Servers that run: each round has a fresh one, so that nothing of another round is left in it.

use crate::child::{Child, command};
use crate::failure::{Failure, Result};
use crate::programs::Programs;
use crate::server::{Kind, Replies, Server};
use msgq_core::queue::{Queue, QueueKey};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// How long a server may take until it serves.
const READY: Duration = Duration::from_secs(20);

/// A server, until this value goes.
#[derive(Debug)]
pub struct Running {
    children: Vec<Child>,
    /// What the clients connect to.
    pub address: String,
    /// All processes that do the work.
    pub pids: Vec<u32>,
    // After the children, which use all three.
    _queue: Option<QueueAtKey>,
    _answered: QueuesAnsweredBy,
    directory: TempDir,
}

/// A queue that is removed when this value goes, whoever made it.
#[derive(Debug)]
struct QueueAtKey(QueueKey);

impl QueueAtKey {
    fn unused() -> Result<Self> {
        let pid = std::process::id().cast_signed() & 0xf_ffff;
        let keys = (0..256).filter_map(|number| QueueKey::new(0x4000_0000 + (pid << 8) + number));
        let unused = keys.into_iter().find(|key| Queue::open(*key).is_err_and(|error| error.is_gone()));
        unused.map(Self).ok_or_else(|| Failure::NotRun("no key is free: ipcs -q".to_owned()))
    }
}

impl Drop for QueueAtKey {
    fn drop(&mut self) {
        if let Ok(queue) = Queue::open(self.0) {
            let _ = queue.remove();
        }
    }
}

/// The queues without a key where one of these processes sent the last message: clients that were killed left them. They are
/// removed when this value goes.
#[derive(Debug)]
struct QueuesAnsweredBy(Vec<u32>);

impl Drop for QueuesAnsweredBy {
    fn drop(&mut self) {
        let list = std::fs::read_to_string("/proc/sysvipc/msg").unwrap_or_default();
        for line in list.lines() {
            let columns: Vec<i64> = line.split_whitespace().map_while(|column| column.parse().ok()).collect();
            let [0, msqid, _permissions, _bytes, _messages, last_sender, ..] = columns[..] else { continue };
            if let Ok(msqid) = i32::try_from(msqid)
                && self.0.iter().any(|pid| i64::from(*pid) == last_sender)
            {
                let _ = Queue::from_msqid(msqid).remove();
            }
        }
    }
}

impl Running {
    /// Starts it and waits until it serves, on one CPU where one is named.
    ///
    /// # Errors
    /// `NotRun` with the reason.
    pub fn start(server: &Server, programs: &mut Programs, cpu: Option<u32>) -> Result<Self> {
        let directory = tempfile::tempdir_in(crate::memory_directory());
        let directory = directory.map_err(|source| Failure::Io { what: "make a directory".to_owned(), source })?;
        let has_key = ["sysv", "private"].contains(&server.transport());
        let queue = if has_key { Some(QueueAtKey::unused()?) } else { None };
        let key = queue.as_ref().map(|queue| queue.0.to_string()).unwrap_or_default();
        let starter = Starter { path: directory.path(), cpu, own_session: server.own_group };
        let (children, address, pids) = match &server.kind {
            Kind::Bare { processes, spin_us } => {
                let numbers = [server.queue_bytes, (*processes).into(), (*spin_us).into()].map(|it| it.to_string());
                let arguments: Vec<&str> =
                    [key.as_str()].into_iter().chain(numbers.iter().map(String::as_str)).collect();
                starter.ours(&programs.server("bare")?, &key, &arguments)?
            }
            Kind::BarePrivate => {
                let arguments = [key.as_str(), &server.queue_bytes.to_string()];
                starter.ours(&programs.server("private")?, &key, &arguments)?
            }
            Kind::Msgqd { service, replies } => starter.msgqd(&key, server.queue_bytes, service, *replies)?,
            Kind::Seqpacket => {
                let socket = starter.file("socket");
                starter.ours(&programs.server("seqpacket")?, &socket, &[&socket])?
            }
            Kind::PosixMq => {
                let name = "/msgqd-bench";
                starter.ours(&programs.server("mq")?, name, &[name, "512"])?
            }
            Kind::Zeromq => {
                let endpoint = format!("ipc://{}", starter.file("socket"));
                starter.ours(&programs.server("zmq")?, &endpoint, &[&endpoint])?
            }
            Kind::Redis => starter.redis()?,
            Kind::Nats => starter.nats(&programs.server("nats")?)?,
        };
        let answered = QueuesAnsweredBy(pids.clone());
        Ok(Self { children, address, pids, _queue: queue, _answered: answered, directory })
    }

    /// A directory in memory that goes with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// # Errors
    /// `NotRun` when a process of it has ended.
    pub fn still_serves(&mut self) -> Result<()> {
        for child in &mut self.children {
            if let Some(status) = child.status()? {
                let output = child.output();
                let last = output.lines().last().unwrap_or_default();
                return Err(Failure::NotRun(format!("the server ended while it served, {status}: {last}")));
            }
        }
        Ok(())
    }
}

type Started = (Vec<Child>, String, Vec<u32>);

struct Starter<'a> {
    path: &'a Path,
    cpu: Option<u32>,
    own_session: bool,
}

impl Starter<'_> {
    fn file(&self, name: &str) -> String {
        self.path.join(name).to_string_lossy().into_owned()
    }

    fn spawn(&self, program: &Path, arguments: &[&str], name: &str) -> Result<Child> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let mut command = command(program, &arguments, self.cpu, self.own_session);
        command.env("RUNTIME_DIRECTORY", self.path).env_remove("NOTIFY_SOCKET").env_remove("RUST_LOG");
        let file = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
        Child::start(command, &file, &self.path.join(name))
    }

    /// A server of this benchmark: it says which processes serve.
    fn ours(&self, program: &Path, address: &str, arguments: &[&str]) -> Result<Started> {
        let mut child = self.spawn(program, arguments, "log")?;
        let line = child.wait_for("serving", READY)?;
        let pids = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        Ok((vec![child], address.to_owned(), pids))
    }

    fn msgqd(&self, key: &str, queue_bytes: u64, service: &[String], replies: Replies) -> Result<Started> {
        let program = beside_this("msgqd")?;
        let config = self.path.join("msgqd.toml");
        let (service, protocol) = (service.join("\n"), replies.protocol());
        let text = format!("[queue]\nmax_bytes = {queue_bytes}\n[service]\n{service}\n[protocol]\n{protocol}");
        std::fs::write(&config, text).map_err(Failure::on("write", &config))?;
        let config = config.to_string_lossy();
        let mut check = self.spawn(&program, &["--config", &config, "--check-config"], "check")?;
        if !check.wait(READY)?.is_some_and(|status| status.success()) {
            let output = check.output();
            let settings = [service.as_str(), protocol].concat().trim().replace('\n', ", ");
            return Err(Failure::NotRun(format!("this msgqd refuses {settings}: {}", output.trim())));
        }
        let mut child = self.spawn(&program, &["--config", &config, "--key", key], "log")?;
        child.wait_for("serving queue", READY)?;
        let pid = child.pid();
        Ok((vec![child], key.to_owned(), vec![pid]))
    }

    fn redis(&self) -> Result<Started> {
        let socket = self.file("socket");
        let arguments = ["--port", "0", "--unixsocket", &socket, "--save", "", "--maxclients", "2000"];
        let mut child = self.spawn(Path::new("redis-server"), &arguments, "log")?;
        child.wait_for("onnections", READY)?;
        let pid = child.pid();
        Ok((vec![child], socket, vec![pid]))
    }

    fn nats(&self, responder: &Path) -> Result<Started> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
        let port = listener.and_then(|it| it.local_addr()).map(|address| address.port().to_string());
        let port = port.map_err(|source| Failure::Io { what: "find a free port".to_owned(), source })?;
        let mut broker =
            self.spawn(Path::new("nats-server"), &["--addr", "127.0.0.1", "--port", &port], "broker-log")?;
        broker.wait_for("Server is ready", READY)?;
        let (mut children, address, mut pids) = self.ours(responder, &port, &[&port])?;
        pids.push(broker.pid());
        children.push(broker);
        Ok((children, address, pids))
    }
}

/// A program that cargo put beside this one.
fn beside_this(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Failure::on("find", Path::new("/proc/self/exe")))?;
    let program = own.with_file_name(name);
    if program.exists() {
        Ok(program)
    } else {
        Err(Failure::NotRun(format!("{name} is not built: cargo build --release")))
    }
}
