use crate::gateway::{Gateway, GatewayConfig};
use crate::limits::PATIENCE;
use crate::namespaces::Namespace;
use msgq_core::queue::QueueKey;
use msgqd_system_tests::{DaemonBuilder, Process, eventually, msgqctl};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A machine, as far as queues are concerned: an IPC namespace with one msgqd or two, and a gateway.
#[derive(Debug)]
pub struct Host {
    /// Where its programs run.
    pub namespace: Namespace,
    directory: TempDir,
    gateway_config: GatewayConfig,
    /// The msgqd that asks the gateway, and the one that the gateway asks.
    daemons: [Option<(DaemonBuilder, Option<Process>)>; 2],
    gateway: Option<Gateway>,
}

/// Which of a host's servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Its handler is the gateway: that of the `out` route.
    Front = 0,
    /// It answers what the gateway puts into its queue.
    Back = 1,
}

impl Host {
    /// In this namespace, with nothing in it yet.
    #[must_use]
    pub fn new(namespace: Namespace, gateway_config: GatewayConfig) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        Self { namespace, directory, gateway_config, daemons: [None, None], gateway: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.gateway_config.host
    }

    /// A directory for sockets and other files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The socket of the `out` route of that name.
    #[must_use]
    pub fn socket(&self, route: &str) -> PathBuf {
        self.directory().join(route).with_extension("socket")
    }

    /// A builder for a msgqd whose handler is that `out` route.
    #[must_use]
    pub fn asks(&self, route: &str) -> DaemonBuilder {
        DaemonBuilder::new().set("handler", &format!("kind = 'unix'\nsocket = {:?}\nuser = '0'", self.socket(route)))
    }

    /// Adds to the tables of routes.
    pub fn add_route(&mut self, table: &str) {
        self.gateway_config.routes += table;
    }

    /// The `out` route of that name, with further lines.
    pub fn add_out(&mut self, name: &str, lines: &str) {
        let socket = self.socket(name);
        self.add_route(&format!("[[out]]\nname = {name:?}\nsocket = {socket:?}\nuser = \"root\"\n{lines}\n"));
    }

    /// What it knows of the gateway.
    pub fn gateway_config(&mut self) -> &mut GatewayConfig {
        &mut self.gateway_config
    }

    /// Writes the gateway's configuration.
    #[must_use]
    pub fn write_gateway_config(&self) -> PathBuf {
        self.gateway_config.write(self.directory())
    }

    /// A command of the host.
    #[must_use]
    pub fn enter(&self, command: &Command) -> Command {
        self.namespace.enter(command)
    }

    /// What this server is, once it is known.
    #[track_caller]
    pub fn builder(&self, side: Side) -> &DaemonBuilder {
        &self.daemons[side as usize].as_ref().unwrap().0
    }

    /// The key of its queue.
    #[must_use]
    #[track_caller]
    pub fn key(&self, side: Side) -> QueueKey {
        self.builder(side).key()
    }

    /// Says what a server is.
    pub fn set(&mut self, side: Side, builder: DaemonBuilder) {
        self.daemons[side as usize] = Some((builder, None));
    }

    /// Starts it and waits until it serves.
    #[track_caller]
    pub fn start(&mut self, side: Side) {
        let mut process = Process::start(&mut self.enter(&self.builder(side).command()));
        process.wait_for_stderr("serving queue");
        self.daemons[side as usize].as_mut().unwrap().1 = Some(process);
    }

    /// The process of this server.
    #[track_caller]
    pub fn daemon(&mut self, side: Side) -> &mut Process {
        self.daemons[side as usize].as_mut().unwrap().1.as_mut().unwrap()
    }

    /// Whether it has such a server.
    #[must_use]
    pub fn has(&self, side: Side) -> bool {
        self.daemons[side as usize].is_some()
    }

    /// Kills this server.
    #[track_caller]
    pub fn kill(&mut self, side: Side) {
        let mut process = self.daemons[side as usize].as_mut().unwrap().1.take().unwrap();
        process.signal(Signal::SIGKILL);
        let _ = process.finish();
    }

    /// Stops this server in order, and returns what it had logged.
    #[track_caller]
    pub fn stop(&mut self, side: Side) -> String {
        let mut process = self.daemons[side as usize].as_mut().unwrap().1.take().unwrap();
        process.signal(Signal::SIGTERM);
        process.finish().succeeded().stderr
    }

    /// Starts its gateway and waits until that is ready.
    #[track_caller]
    pub fn start_gateway(&mut self) {
        let config = self.write_gateway_config();
        self.gateway = Some(Gateway::start(&config, |command| self.enter(command)));
    }

    /// Its gateway.
    #[track_caller]
    pub fn gateway(&mut self) -> &mut Gateway {
        self.gateway.as_mut().unwrap()
    }

    /// Kills its gateway.
    #[track_caller]
    pub fn kill_gateway(&mut self) -> String {
        self.gateway.take().unwrap().kill()
    }

    /// Stops its gateway in order.
    #[track_caller]
    pub fn stop_gateway(&mut self) -> String {
        self.gateway.take().unwrap().stop()
    }

    /// Starts all that it has.
    #[track_caller]
    pub fn start_all(&mut self) {
        if self.has(Side::Back) {
            self.start(Side::Back);
        }
        self.start_gateway();
        if self.has(Side::Front) {
            self.start(Side::Front);
        }
    }

    /// Kills all that runs.
    #[track_caller]
    pub fn kill_all(&mut self) {
        self.kill_gateway();
        for side in [Side::Front, Side::Back] {
            if self.has(side) {
                self.kill(side);
            }
        }
    }

    /// Asks the server in front once, as an operator would: status and text, or why there was no answer.
    #[must_use]
    pub fn ask(&self, text: &str) -> String {
        let mut command = Command::new(msgqctl());
        let builder = self.builder(Side::Front);
        command.args(["--key", &builder.key().to_string(), "--config"]).arg(builder.write_config());
        command.args(["send", "--timeout", "60", "--", text]).env("RUNTIME_DIRECTORY", builder.runtime_directory());
        let finished = Process::run(&mut self.enter(&command));
        finished.stdout.trim_end().to_owned() + finished.stderr.trim_end()
    }

    /// What runs on it and what that has logged.
    #[must_use]
    pub fn logs(&self) -> String {
        let daemons = self.daemons.iter().flatten().flat_map(|(_, process)| process);
        let gateway = self.gateway.as_ref().map(Gateway::log);
        let logs = daemons.map(Process::stderr).chain(gateway);
        logs.map(|log| format!("\n{}: {log}", self.name())).collect()
    }

    /// Waits until the server in front gives right answers.
    #[track_caller]
    pub fn await_service(&self) {
        let mut said = String::new();
        let is_back = eventually(PATIENCE, || {
            said = self.ask("are you there");
            said == "Processed: are you there"
        });
        assert!(is_back, "{} gives no right answers: {said}", self.name());
    }
}
