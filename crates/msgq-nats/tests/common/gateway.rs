use super::{FakeMsgqd, PATIENCE, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// The program at work, with a directory of its own.
pub struct RunningGateway {
    directory: TempDir,
    child: Child,
}

impl RunningGateway {
    /// Starts it for that server, and waits until it says that it is ready. In `routes`, `DIR` is its directory.
    pub fn start(url: &str, routes: &str) -> Self {
        Self::start_with(url, "", routes)
    }

    /// As [`Self::start`], with more lines of `[gateway]`. Routes out serve the user of the test.
    pub fn start_with(url: &str, gateway: &str, routes: &str) -> Self {
        Self::start_as(url, "", gateway, routes)
    }

    /// As [`Self::start_with`], with more lines of `[nats]` before.
    pub fn start_as(url: &str, nats: &str, gateway: &str, routes: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Self::write_config(directory.path(), url, &format!("{nats}\n[gateway]\n{gateway}"), routes);
        let child = Self::spawn(directory.path(), &config);
        let mut gateway = Self { directory, child };
        gateway.await_ready();
        gateway
    }

    fn write_config(directory: &Path, url: &str, sections: &str, routes: &str) -> PathBuf {
        let routes = routes
            .replace("DIR", directory.to_str().unwrap())
            .replace("[[out]]", &format!("[[out]]\nuser = \"{}\"", nix::unistd::getuid()));
        let text = format!(
            "[nats]\nservers = [\"{url}\"]\nconnect_timeout_ms = 2000\nreconnect_max_pause_ms = 500\n\
             {sections}\nhost = \"a\"\nmetrics_socket = {:?}\n{routes}",
            directory.join("metrics.socket")
        );
        let config = directory.join("nats.toml");
        std::fs::write(&config, text).unwrap();
        config
    }

    fn spawn(directory: &Path, config: &Path) -> Child {
        let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_msgq-nats"));
        command.arg("--config").arg(config).arg("--log-level").arg("debug").stdin(Stdio::null());
        for name in ["JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    fn await_ready(&mut self) {
        wait_until("the gateway is ready", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the gateway ended ({ended:?}):\n{}", self.log());
            self.log().contains("msgq-nats: ready: ")
        });
    }

    /// What it has logged, of all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A connection to the socket with this name.
    pub fn connect(&self, socket: &str) -> FakeMsgqd {
        FakeMsgqd::connect(&self.path(socket), 1)
    }

    /// What a command of the program prints, and its status.
    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_msgq-nats"));
        let output = command.arg("--config").arg(self.path("nats.toml")).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    pub fn terminate(&self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
    }

    /// Waits for its end, which must be a good one.
    #[track_caller]
    pub fn await_end(&mut self) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}:\n{}", self.log());
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the gateway does not end:\n{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Kills it, and starts it again with the same configuration.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::fs::remove_file(self.path("log")).unwrap();
        self.child = Self::spawn(self.directory.path(), &self.path("nats.toml"));
        self.await_ready();
    }
}

impl Drop for RunningGateway {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("log of the gateway:\n{}", self.log());
        }
    }
}
