//! What is measured.

use serde::Serialize;

/// The size of a queue on which even 1000 clients never wait for room, in bytes.
pub const ROOMY: u64 = 1 << 20;
/// The size of a queue where nobody changed the kernel's settings, in bytes.
pub const DEFAULT: u64 = 16384;

/// How requests are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// A loop of one msgrcv and one msgsnd.
    Bare {
        /// Processes that receive from the queue.
        processes: u32,
        /// How long each looks for a request before it blocks.
        spin_us: u32,
    },
    /// A loop of one msgrcv and one msgsnd to the client's own queue.
    BarePrivate,
    /// The daemon, with lines for tables of its configuration.
    Msgqd {
        /// As in `workers = 2`.
        service: Vec<String>,
        /// Where the answers go.
        replies: Replies,
    },
    /// A Unix socket that keeps message boundaries, with epoll.
    Seqpacket,
    /// POSIX message queues, one for the requests and one for each client.
    PosixMq,
    /// REQ and REP over ipc.
    Zeromq,
    /// ECHO over a Unix socket.
    Redis,
    /// Request and reply over TCP, a responder behind the server.
    Nats,
}

/// Where the daemon's answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replies {
    /// To the queue of the requests.
    Shared,
    /// To a queue of each client's own.
    Private,
}

impl Replies {
    /// The lines of the table `protocol` of the daemon's configuration.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Shared => "",
            Self::Private => {
                r#"request = "struct { long mtype; int msqid; char text[256]; }"
response = "struct { long mtype; int status; char text[256]; }"
status = "status"
reply = "private"
reply_to = "msqid"
"#
            }
        }
    }
}

/// One thing that answers requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    /// What tables and plots call it.
    pub name: String,
    /// How it serves.
    #[serde(flatten)]
    pub kind: Kind,
    /// `msg_qbytes` of its queue; without meaning for the kinds that have none.
    pub queue_bytes: u64,
    /// Whether it has a session of its own, and with it a scheduling group where the kernel makes them by session. systemd
    /// gives every service one.
    pub own_group: bool,
}

impl Server {
    fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, queue_bytes: ROOMY, own_group: false }
    }

    /// The C loop with that many processes on one queue.
    #[must_use]
    pub fn bare(processes: u32) -> Self {
        let name = if processes == 1 { "bare C loop".to_owned() } else { format!("bare C loop, {processes} servers") };
        Self::new(&name, Kind::Bare { processes, spin_us: 0 })
    }

    /// The same once more, to see how much a thing differs from itself.
    #[must_use]
    pub fn bare_again() -> Self {
        Self::bare(1).named("bare C loop again")
    }

    /// The C loop that looks for a request for a while before it blocks.
    #[must_use]
    pub fn bare_spinning(spin_us: u32) -> Self {
        Self::new(&format!("bare C loop, spins {spin_us} µs"), Kind::Bare { processes: 1, spin_us })
    }

    /// The C loop that answers to a queue of each client's own.
    #[must_use]
    pub fn bare_private() -> Self {
        Self::new("bare C loop, private queues", Kind::BarePrivate)
    }

    /// The daemon with the built-in settings.
    #[must_use]
    pub fn msgqd() -> Self {
        Self::new("msgqd", Kind::Msgqd { service: Vec::new(), replies: Replies::Shared })
    }

    /// The daemon that answers to a queue of each client's own.
    #[must_use]
    pub fn msgqd_private() -> Self {
        Self::new("msgqd, private queues", Kind::Msgqd { service: Vec::new(), replies: Replies::Private })
    }

    /// The daemon with a setting of the table `service`.
    #[must_use]
    pub fn msgqd_with(line: &str) -> Self {
        let kind = Kind::Msgqd { service: vec![line.to_owned()], replies: Replies::Shared };
        Self::new(&format!("msgqd, {line}"), kind)
    }

    /// On a queue of that size.
    #[must_use]
    pub fn on_queue_of(self, queue_bytes: u64) -> Self {
        let name = format!("{}, queue of {}", self.name, bytes(queue_bytes));
        Self { name, queue_bytes, ..self }
    }

    /// Apart from the clients for the scheduler.
    #[must_use]
    pub fn in_own_group(self) -> Self {
        Self { name: format!("{}, own group", self.name), own_group: true, ..self }
    }

    /// With another name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Other ways for a request and an answer on one machine that need nothing installed.
    #[must_use]
    pub fn other_ways() -> Vec<Self> {
        vec![Self::new("Unix seqpacket, epoll", Kind::Seqpacket), Self::new("POSIX mq", Kind::PosixMq)]
    }

    /// Message brokers of Debian.
    #[must_use]
    pub fn brokers() -> Vec<Self> {
        vec![Self::new("ZeroMQ ipc", Kind::Zeromq), Self::new("Redis ECHO", Kind::Redis), Self::new("NATS", Kind::Nats)]
    }

    /// The name of the load driver's source.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        match self.kind {
            Kind::Bare { .. } | Kind::Msgqd { replies: Replies::Shared, .. } => "sysv",
            Kind::BarePrivate | Kind::Msgqd { replies: Replies::Private, .. } => "private",
            Kind::Seqpacket => "seqpacket",
            Kind::PosixMq => "mq",
            Kind::Zeromq => "zmq",
            Kind::Redis => "redis",
            Kind::Nats => "nats",
        }
    }
}

/// As people write it: `16 KiB`, `1 MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    match count {
        _ if count.is_multiple_of(1 << 20) => format!("{} MiB", count >> 20),
        _ if count.is_multiple_of(1024) => format!("{} KiB", count >> 10),
        _ => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_do() {
        assert_eq!([bytes(ROOMY), bytes(DEFAULT), bytes(1000)], ["1 MiB", "16 KiB", "1000 bytes"]);
    }

    #[test]
    fn a_name_says_what_differs() {
        assert_eq!(Server::msgqd_with("spin_us = 0").on_queue_of(DEFAULT).name, "msgqd, spin_us = 0, queue of 16 KiB");
        assert_eq!(Server::bare(4).name, "bare C loop, 4 servers");
        assert_eq!(Server::msgqd().in_own_group().name, "msgqd, own group");
    }
}
