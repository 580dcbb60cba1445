//! Local queues for tests of routes in: keys that nobody uses, and servers of several kinds.
#![allow(dead_code, unused_imports, reason = "each test program uses its part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod asking;
mod mail;

pub use asking::{ask, done, route};
pub use mail::{Mail, eventually, number};

use msgq_core::layout::{BODY_LEN_LP64, decode_request};
use msgq_core::queue::{MessageBuffer, Queue, QueueKey};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// A key; its queue is removed with it.
pub struct ScratchKey {
    key: QueueKey,
}

impl ScratchKey {
    pub fn new() -> Self {
        loop {
            let random = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap().cast_signed();
            let Some(key) = QueueKey::new(random) else { continue };
            if Queue::open(key).is_err() {
                return Self { key };
            }
        }
    }

    pub fn key(&self) -> QueueKey {
        self.key
    }

    pub fn create(&self) -> Queue {
        Queue::create(self.key, 0o600).unwrap()
    }

    pub fn remove(&self) {
        if let Ok(queue) = Queue::open(self.key) {
            let _ = queue.remove();
        }
    }
}

impl Drop for ScratchKey {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Takes requests of type 1 in a thread until the queue is removed; `answer` makes type and body of the answer from a body.
pub fn serve(queue: Queue, mut answer: impl FnMut(&[u8]) -> Option<(i64, Vec<u8>)> + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = MessageBuffer::with_body_room(65536);
        while queue.receive(1, &mut buffer).is_ok() {
            if let Some((mtype, body)) = answer(buffer.body()) {
                let _ = queue.send(mtype, &body);
            }
        }
    })
}

/// Status and text for a text, in the plain protocol.
pub fn plain(
    mut answer: impl FnMut(&str) -> Option<(i32, String)> + Send + 'static,
) -> impl FnMut(&[u8]) -> Option<(i64, Vec<u8>)> + Send + 'static {
    move |body| {
        let request = decode_request(body).unwrap();
        let (status, text) = answer(std::str::from_utf8(request.text).unwrap())?;
        let mut body = [&status.to_ne_bytes(), text.as_bytes()].concat();
        body.resize(BODY_LEN_LP64, 0);
        Some((request.claimed_pid.into(), body))
    }
}

pub fn echo() -> impl FnMut(&[u8]) -> Option<(i64, Vec<u8>)> + Send + 'static {
    plain(|text| Some((0, format!("Processed: {text}"))))
}

/// A program that serves a queue; killed at the end.
pub struct Server {
    child: Child,
    _directory: TempDir,
}

impl Server {
    /// The plain server in C, which makes its queue itself; `None` where it cannot be compiled.
    pub fn in_c(test: &str, key: &ScratchKey) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("server");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/server.c");
        let compiled = Command::new("cc").arg("-o").arg(&program).arg(source).status();
        if !compiled.is_ok_and(|status| status.success()) {
            println!("not run: {test}: there is no compiler for C");
            return None;
        }
        let mut command = Command::new(program);
        command.arg(key.key().to_string());
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "serving\n");
        Some(Self { child, _directory: directory })
    }

    /// The built msgqd with its echo, and these further tables; `None` where it was not built.
    pub fn msgqd(test: &str, key: &ScratchKey, settings: &str) -> Option<Self> {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_msgq-nats")).with_file_name("msgqd");
        if !program.exists() {
            println!("not run: {test}: msgqd is not built: cargo build -p msgqd");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("msgqd.toml");
        std::fs::write(&config, format!("[queue]\nkey = {}\n{settings}", key.key())).unwrap();
        let mut command = Command::new(program);
        command.arg("--config").arg(&config).env("RUNTIME_DIRECTORY", directory.path());
        for name in ["JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
            command.env_remove(name);
        }
        let mut child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving queue") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "msgqd ended");
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Some(Self { child, _directory: directory })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
