//! The processes that are the clients.

use super::arguments::BenchArguments;
use super::client::{self, Role};
use super::report::ClientResult;
use crate::failure::{Failure, Status};
use crate::target::Target;
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
    pub(super) fn start(options: &BenchArguments, target: &Target, tells: bool) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| cannot_start(&error))?;
        let mut clients = Self(Vec::new());
        for number in 0..options.clients {
            let mut command = Command::new(&program);
            command.args(["--json", "--key", &target.key.to_string(), "bench"]);
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
            let mut text = OsString::from("--text=");
            text.push(&options.text);
            let spawned = command.arg(text).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            clients.0.push(spawned.map_err(|error| cannot_start(&error))?);
        }
        Ok(clients)
    }

    /// Lets them go and waits for their end; `show` is told often how many requests were sent since it was last told.
    pub(super) fn run(mut self, mut show: impl FnMut(u64)) -> Result<Vec<Result<ClientResult, Failure>>, Failure> {
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
        loop {
            match told.recv_timeout(TICK) {
                Ok((_, Told::Progress(requests))) => show(requests),
                Ok((index, Told::Result(result))) => {
                    if let Some(place) = results.get_mut(index) {
                        *place = Some(*result);
                    }
                }
                Err(RecvTimeoutError::Timeout) => show(0),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(std::mem::take(&mut self.0).into_iter().zip(results).map(|(client, result)| ended(client, result)).collect())
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
