use crate::builder::DaemonBuilder;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// A service manager, as far as a daemon tells it things: the receiving end of NOTIFY_SOCKET.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    heard: Vec<String>,
    /// Whole datagrams.
    messages: Vec<String>,
}

impl ServiceManager {
    /// Listens, and what has the daemon talk to it.
    #[must_use]
    pub fn listen(builder: DaemonBuilder) -> (Self, DaemonBuilder) {
        let path = builder.directory().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        (Self { socket, heard: Vec::new(), messages: Vec::new() }, builder.env("NOTIFY_SOCKET", path))
    }

    /// All assignments so far, in their order.
    pub fn heard(&mut self) -> &[String] {
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
            self.heard.extend(text.lines().map(ToOwned::to_owned));
            self.messages.push(text);
        }
        &self.heard
    }

    /// What [`ServiceManager::heard`] returned last.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.heard
    }

    /// All messages so far, each of which has one assignment or several in its lines.
    pub fn messages(&mut self) -> &[String] {
        self.heard();
        &self.messages
    }

    /// Whether an assignment starts so.
    pub fn has_heard(&mut self, start: &str) -> bool {
        self.heard().iter().any(|line| line.starts_with(start))
    }

    /// How often the watchdog was fed so far.
    pub fn feeds(&mut self) -> usize {
        self.heard().iter().filter(|line| *line == "WATCHDOG=1").count()
    }

    /// Where the first such assignment stands.
    #[must_use]
    #[track_caller]
    pub fn position(&self, start: &str) -> usize {
        self.heard.iter().position(|line| line.starts_with(start)).unwrap()
    }
}
