use msgqd_system_tests::{Process, msgqd, wait_until};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The built gateway.
#[must_use]
pub fn msgq_nats() -> PathBuf {
    built("msgq-nats")
}

/// The built program of `examples/plain_nats.rs`.
#[must_use]
pub fn plain_nats() -> PathBuf {
    built("examples/plain_nats")
}

fn built(name: &str) -> PathBuf {
    let path = msgqd().with_file_name(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

/// What a test says about a gateway.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The host's name.
    pub host: String,
    /// URLs.
    pub servers: Vec<String>,
    /// More lines of `[nats]`.
    pub nats: String,
    /// More lines of `[gateway]`.
    pub gateway: String,
    /// The tables of its routes.
    pub routes: String,
}

impl GatewayConfig {
    /// A gateway of that host to these servers, with no routes yet.
    #[must_use]
    pub fn new(host: &str, servers: Vec<String>) -> Self {
        let [nats, gateway, routes] = [const { String::new() }; 3];
        Self { host: host.to_owned(), servers, nats, gateway, routes }
    }

    /// Writes it.
    #[must_use]
    pub fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join("nats.toml");
        let Self { host, servers, nats, gateway, routes } = self;
        let socket = directory.join("metrics.socket");
        let text = format!(
            "[nats]\nservers = {servers:?}\nreconnect_max_pause_ms = 1000\n{nats}\n\
             [gateway]\nhost = \"{host}\"\nmetrics_socket = {socket:?}\n{gateway}\n{routes}"
        );
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// A gateway at work.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
}

impl Gateway {
    /// Starts what `command` makes of the program and its configuration, and waits until it says that it is ready.
    #[must_use]
    #[track_caller]
    pub fn start(config: &Path, command: impl FnOnce(&Command) -> Command) -> Self {
        let notify = config.with_file_name("notify");
        let _ = std::fs::remove_file(&notify);
        let socket = UnixDatagram::bind(&notify).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut bare = Command::new(msgq_nats());
        bare.arg("--config").arg(config).env("NOTIFY_SOCKET", &notify);
        for name in ["JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID", "RUST_LOG", "INVOCATION_ID"] {
            bare.env_remove(name);
        }
        let mut process = Process::start(&mut command(&bare));
        let mut datagram = [0; 4096];
        wait_until("the gateway is ready", || {
            assert!(process.is_running(), "the gateway has ended: {process:?}");
            let length = socket.recv(&mut datagram).unwrap_or(0);
            String::from_utf8_lossy(&datagram[..length]).lines().any(|line| line == "READY=1")
        });
        Self { process }
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    /// Kills it, and returns what it had logged.
    #[track_caller]
    pub fn kill(mut self) -> String {
        self.process.signal(Signal::SIGKILL);
        self.process.finish().stderr
    }

    /// Stops it in order; it must end well.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.process.signal(Signal::SIGTERM);
        self.process.finish().succeeded().stderr
    }
}

/// The command `msgq-nats check` for that configuration.
#[must_use]
pub fn check(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgq_nats());
    command.arg("--config").arg(config).arg("check").args(arguments);
    command
}
