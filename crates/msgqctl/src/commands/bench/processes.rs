//! The processes that are the clients.

use super::arguments::BenchArguments;
use super::client::{self, Role};
use super::progress::Progress;
use super::report::ClientResult;
use crate::commands::interrupt::Interrupt;
use crate::failure::{Failure, Status};
use crate::output::complain;
use crate::target::{QueueOptions, Target};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::Builder;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
/// There may be a thousand threads, and each of them only reads numbers.
const STACK_LEN: usize = 256 << 10;

/// The clients; killed when dropped before they have ended.
pub(super) struct ClientProcesses(Vec<Child>);

/// What a client writes: how many requests it sent since it last told, again and again, and in the end its result.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Progress(u64),
    Result(Box<ClientResult>),
}

impl ClientProcesses {
    pub(super) fn start(
        options: &BenchArguments,
        queue: &QueueOptions,
        target: &Target,
        tells: bool,
    ) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| cannot_start(&error))?;
        let mut clients = Self(Vec::new());
        for number in 0..options.clients {
            let mut command = Command::new(&program);
            command.args(["--json", "--msqid", &target.queue.id().to_string()]);
            command.args(queue.config.iter().flat_map(|path| ["--config".as_ref(), path.as_os_str()])).arg("bench");
            command.env(client::ROLE, Role { number, counter: std::process::id(), tells }.to_string());
            command.args(["--clients", &options.clients.to_string()]);
            command.arg("--timeout").arg(format!("{}ms", options.timeout.as_millis().max(1)));
            match options.count {
                Some(count) => command.args(["--count", &count.to_string()]),
                None => command.arg("--duration").arg(format!("{}ms", options.duration.as_millis().max(1))),
            };
            if let Some(rate) = options.rate {
                command.args(["--rate", &rate.to_string()]);
            }
            if let Some(given) = &options.text {
                let mut text = OsString::from("--text=");
                text.push(given);
                command.arg(text);
            }
            if let Some(mtype) = options.r#type {
                command.args(["--type", &mtype.to_string()]);
            }
            command.args(options.set.iter().map(|(name, value)| format!("--set={name}={value}")));
            let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            clients.0.push(spawned.map_err(|error| cannot_start(&error))?);
        }
        Ok(clients)
    }

    /// Lets them go and waits for their end, showing how far they are. Where it is asked for, they end once they are
    /// answered.
    pub(super) fn run(
        mut self,
        progress: &mut Progress,
        interrupt: &Interrupt,
    ) -> Result<Vec<Result<ClientResult, Failure>>, Failure> {
        let (sender, told) = mpsc::channel();
        for (index, client) in self.0.iter_mut().enumerate() {
            let Some(stdout) = client.stdout.take() else { continue };
            let sender = sender.clone();
            let listener = Builder::new().stack_size(STACK_LEN).spawn(move || listen(stdout, index, &sender));
            let _ = listener.map_err(|error| cannot_start(&error))?;
        }
        drop(sender);
        self.go();
        let mut results: Vec<Option<ClientResult>> = self.0.iter().map(|_| None).collect();
        let mut is_ending = false;
        loop {
            if !is_ending && interrupt.signal().is_some() {
                is_ending = true;
                progress.clear();
                complain("ends once the requests under way are answered; a second signal ends it at once");
                self.ask_to_end();
            }
            match told.recv_timeout(TICK) {
                Ok((_, Told::Progress(requests))) => progress.show(requests),
                Ok((index, Told::Result(result))) => {
                    if let Some(place) = results.get_mut(index) {
                        *place = Some(*result);
                    }
                }
                Err(RecvTimeoutError::Timeout) => progress.show(0),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(std::mem::take(&mut self.0).into_iter().zip(results).map(|(client, result)| ended(client, result)).collect())
    }

    /// Each ends after the answer that it waits for.
    fn ask_to_end(&self) {
        for client in &self.0 {
            // Nobody has waited for it yet, so the number is still its own.
            let _ = kill(Pid::from_raw(client.id().cast_signed()), Signal::SIGTERM);
        }
    }

    /// All wait for a line, so that none is far ahead of the others.
    fn go(&mut self) {
        for client in &mut self.0 {
            if let Some(mut stdin) = client.stdin.take() {
                let _ = stdin.write_all(b"\n");
            }
        }
    }
}

impl Drop for ClientProcesses {
    fn drop(&mut self) {
        for client in &mut self.0 {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

fn cannot_start(error: &std::io::Error) -> Failure {
    Failure::new(Status::Other, format!("cannot start a client: {error}"))
}

/// To the end of what the client writes.
fn listen(stdout: ChildStdout, index: usize, sender: &Sender<(usize, Told)>) {
    let told = serde_json::Deserializer::from_reader(BufReader::new(stdout)).into_iter::<Told>();
    for told in told.map_while(Result::ok) {
        if sender.send((index, told)).is_err() {
            return;
        }
    }
}

fn ended(mut client: Child, result: Option<ClientResult>) -> Result<ClientResult, Failure> {
    let pid = client.id();
    let failed = |message| Failure::new(Status::Other, message);
    let status = client.wait().map_err(|error| failed(format!("client {pid} cannot be waited for: {error}")))?;
    result.ok_or_else(|| failed(format!("client {pid} ended with {status}")))
}
