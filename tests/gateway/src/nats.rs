use crate::limits::PATIENCE;
use crate::namespaces::nats_server;
use msgqd_system_tests::{Process, eventually};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const CLIENT_PORT: usize = 4222;
const CLUSTER_PORT: usize = 6222;
const MONITOR_PORT: usize = 8222;

/// One nats-server, which can be killed and started again on the same files.
#[derive(Debug)]
pub struct NatsServer {
    number: usize,
    config: PathBuf,
    process: Option<Process>,
    logs: String,
}

impl NatsServer {
    fn new(number: usize, directory: &Path, text: &str) -> Self {
        let config = directory.join(format!("nats{number}.conf"));
        std::fs::write(&config, text).unwrap();
        Self { number, config, process: None, logs: String::new() }
    }

    /// Starts it and does not wait.
    #[track_caller]
    pub fn spawn(&mut self) {
        let mut command = Command::new(nats_server().unwrap());
        self.process = Some(Process::start(command.arg("--config").arg(&self.config)));
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(&mut self) {
        self.spawn();
        self.await_ready();
    }

    /// Waits until it listens.
    #[track_caller]
    pub fn await_ready(&mut self) {
        self.process.as_mut().unwrap().wait_for_stderr("Server is ready");
    }

    /// Kills it.
    #[track_caller]
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.signal(Signal::SIGKILL);
        self.logs += &process.finish().stderr;
    }

    /// Stops it as by SIGSTOP: what comes waits in its sockets.
    #[track_caller]
    pub fn freeze(&mut self) {
        self.process.as_mut().unwrap().freeze();
    }

    /// Lets it go on.
    #[track_caller]
    pub fn thaw(&mut self) {
        self.process.as_mut().unwrap().thaw();
    }

    /// What it has logged, over its restarts.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map_or(String::new(), Process::stderr) + &self.logs
    }

    /// Where clients find it, as URL without a scheme.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", CLIENT_PORT + self.number)
    }

    /// What its monitoring port says, as [`http`].
    #[must_use]
    pub fn monitor(&self, path: &str) -> String {
        http(&format!("127.0.0.1:{}", MONITOR_PORT + self.number), path).unwrap_or_default()
    }
}

/// The body of an answer with status 200 to GET; `None` for anything else.
#[must_use]
pub fn http(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200").then(|| body.to_owned())
}

/// Servers of NATS with JetStream: a cluster, or one alone.
#[derive(Debug)]
pub struct NatsServers {
    servers: Vec<NatsServer>,
    _directory: TempDir,
}

impl NatsServers {
    /// A cluster of three, with these further settings in each.
    #[must_use]
    #[track_caller]
    pub fn cluster(settings: &str) -> Self {
        let servers = Self::start(3, settings);
        servers.await_whole();
        servers
    }

    /// One alone, with these further settings.
    #[must_use]
    #[track_caller]
    pub fn one(settings: &str) -> Self {
        Self::start(1, settings)
    }

    #[track_caller]
    fn start(count: usize, settings: &str) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let server =
            |number| NatsServer::new(number, directory.path(), &text(number, count, directory.path(), settings));
        let mut servers: Vec<_> = (0..count).map(server).collect();
        servers.iter_mut().for_each(NatsServer::spawn);
        servers.iter_mut().for_each(NatsServer::await_ready);
        Self { servers, _directory: directory }
    }

    /// Waits until each has found all others and JetStream works.
    #[track_caller]
    pub fn await_whole(&self) {
        let others = format!("\"num_routes\": {}", self.servers.len() - 1);
        let is_whole = |server: &NatsServer| {
            server.monitor("/routez").contains(&others) && server.monitor("/healthz").contains("\"ok\"")
        };
        let whole = eventually(PATIENCE, || {
            std::thread::sleep(Duration::from_millis(50));
            self.servers.iter().all(is_whole)
        });
        assert!(whole, "the cluster does not come together: {:#?}", self.logs());
    }

    fn logs(&self) -> Vec<String> {
        self.servers.iter().map(NatsServer::log).collect()
    }

    /// All.
    pub fn all(&mut self) -> &mut [NatsServer] {
        &mut self.servers
    }

    /// The one of that number.
    pub fn get(&mut self, number: usize) -> &mut NatsServer {
        &mut self.servers[number]
    }

    /// What each says of its streams and consumers.
    #[must_use]
    pub fn streams(&self) -> String {
        self.servers.iter().map(|server| server.monitor("/jsz?streams=1&consumers=1")).collect()
    }

    /// All logs, one after the other.
    #[must_use]
    pub fn log(&self) -> String {
        self.logs().concat()
    }

    /// Their URLs as seen from an address of the test, beginning with number `first`.
    #[must_use]
    pub fn urls(&self, address: &str, first: usize) -> Vec<String> {
        let count = self.servers.len();
        (0..count).map(|number| format!("nats://{address}:{}", CLIENT_PORT + (first + number) % count)).collect()
    }
}

fn text(number: usize, count: usize, directory: &Path, settings: &str) -> String {
    let store = directory.join(format!("store{number}"));
    let mut text = format!(
        "server_name: n{number}\n\
         listen: \"0.0.0.0:{}\"\n\
         http: \"127.0.0.1:{}\"\n\
         jetstream {{ store_dir: {store:?}, max_memory_store: 64MB, max_file_store: 1GB }}\n\
         {settings}\n",
        CLIENT_PORT + number,
        MONITOR_PORT + number,
    );
    if count > 1 {
        let routes = (0..count).map(|other| format!("\"nats-route://127.0.0.1:{}\"", CLUSTER_PORT + other));
        text += &format!(
            "cluster {{ name: c, listen: \"127.0.0.1:{}\", no_advertise: true, routes: [{}] }}\n",
            CLUSTER_PORT + number,
            routes.collect::<Vec<_>>().join(", "),
        );
    }
    text
}
