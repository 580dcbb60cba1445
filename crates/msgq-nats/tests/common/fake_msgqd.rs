use super::PATIENCE;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The side of msgqd in the handler protocol.
pub struct FakeMsgqd {
    socket: BufReader<UnixStream>,
    version: u8,
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub id: u64,
    pub status: i32,
    pub payload: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

impl FakeMsgqd {
    /// Connects, says hello, and waits for the service's.
    #[track_caller]
    pub fn connect(path: &Path, version: u8) -> Self {
        let mut it = Self::silent(path, version);
        assert_eq!(it.line().unwrap(), format!("msgqd-handler {version}\n"));
        it
    }

    /// Connects and says hello, but does not wait.
    #[track_caller]
    pub fn silent(path: &Path, version: u8) -> Self {
        let mut socket = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(socket, "msgqd-handler {version}").unwrap();
        Self { socket: BufReader::new(socket), version }
    }

    /// Writes a request of client 4711.
    pub fn send(&mut self, id: u64, deadline_ms: u64, mtype: i64, payload: &[u8]) {
        let length = payload.len();
        let header = match self.version {
            1 => format!("request {id} 4711 {deadline_ms} {length}\n"),
            _ => format!("request {id} 4711 {deadline_ms} {mtype} {length}\n"),
        };
        self.socket.get_mut().write_all(&[header.as_bytes(), payload].concat()).unwrap();
    }

    /// Reads an answer; an error where there is none.
    pub fn receive(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["answer", id, status, length] = words[..] else { return Err(io::Error::other(format!("read {line:?}"))) };
        let mut payload = vec![0; length.parse().unwrap()];
        self.socket.read_exact(&mut payload)?;
        Ok(Answer { id: id.parse().unwrap(), status: status.parse().unwrap(), payload })
    }

    /// Asks and waits for the answer, which must be to this request.
    #[track_caller]
    pub fn ask(&mut self, id: u64, deadline_ms: u64, payload: &[u8]) -> Answer {
        self.send(id, deadline_ms, 1, payload);
        let answer = self.receive().unwrap();
        assert_eq!(answer.id, id);
        answer
    }

    /// The next line; an error at the end.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.socket.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }
}
