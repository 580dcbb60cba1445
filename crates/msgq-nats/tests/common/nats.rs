use super::wait_until;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Debian's server; `None`, and a line that says so, where it is missing.
fn find_nats_server(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/bin"].map(PathBuf::from));
    let found = directories.map(|directory| directory.join("nats-server")).find(|program| program.exists());
    if found.is_none() {
        println!("not run: {test}: nats-server is missing");
    }
    found
}

/// A server on a port of 127.0.0.1, with a directory of its own.
pub struct NatsServer {
    program: PathBuf,
    directory: TempDir,
    port: u16,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one with JetStream and these lines of configuration; `None` where there is no program.
    pub fn start(test: &str, settings: &str) -> Option<Self> {
        Self::bare(test, &format!("jetstream {{ store_dir: STORE }}\n{settings}"))
    }

    /// As [`Self::start`], without JetStream.
    pub fn bare(test: &str, settings: &str) -> Option<Self> {
        let program = find_nats_server(test)?;
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let store = directory.path().join("jetstream");
        let settings = settings.replace("STORE", &format!("{store:?}"));
        let text = format!("listen: \"127.0.0.1:{port}\"\n{settings}\n");
        std::fs::write(directory.path().join("nats.conf"), text).unwrap();
        let mut server = Self { program, directory, port, child: None };
        server.restart();
        Some(server)
    }

    /// Starts it again, with what its directory has.
    pub fn restart(&mut self) {
        self.kill();
        let log = File::options().create(true).append(true).open(self.directory.path().join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.directory.path().join("nats.conf")).stdin(Stdio::null());
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let log = self.directory.path().join("log");
        let child = self.child.as_mut().unwrap();
        wait_until("nats-server listens", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "nats-server ended:\n{}", std::fs::read_to_string(&log).unwrap());
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A client of the test's own.
    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.unwrap()
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
