//! The configuration as the program uses it.

use crate::subject::Template;
use msgq_core::config::{KeySetting, Pass};
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[nats]`: which servers, and as whom.
    pub nats: NatsConfig,
    /// `[gateway]`: what all routes share.
    pub gateway: GatewayConfig,
    /// `[[out]]`: from local queues to NATS.
    pub out: Vec<OutRoute>,
    /// `[[in]]`: from NATS to local queues.
    pub inward: Vec<InRoute>,
}

/// Which servers of NATS, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsConfig {
    /// URLs, at least one; tried in turn.
    pub servers: Vec<String>,
    /// Who the gateway says it is.
    pub authentication: Authentication,
    /// Certificates.
    pub tls: TlsConfig,
    /// Time for one try to connect.
    pub connect_timeout: Duration,
    /// The longest pause between two tries.
    pub reconnect_max_pause: Duration,
}

/// Who the gateway says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// Nobody, or who its certificate says.
    None,
    /// A file with a JWT and a seed.
    Credentials(PathBuf),
    /// A file with a seed.
    NKey(PathBuf),
    /// A user.
    Password {
        /// Its name.
        user: String,
        /// A file with its password.
        password_file: PathBuf,
    },
    /// A file with a token.
    Token(PathBuf),
}

/// Certificates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// The authorities that are believed beside the system's.
    pub ca: Option<PathBuf>,
    /// The gateway's own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Refuse servers without TLS.
    pub is_required: bool,
}

/// What all routes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Stands in subjects and headers.
    pub host: String,
    /// Time for what is in hand when the gateway stops.
    pub drain_timeout: Duration,
    /// Where `GET /metrics` is answered.
    pub metrics: Option<SocketAddr>,
    /// Where `msgq-nats metrics` reads.
    pub metrics_socket: PathBuf,
}

/// What a body is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Bytes as they are.
    #[default]
    Raw,
    /// One JSON object.
    Json,
}

/// The protocol of the local side of a route.
#[derive(Debug, Clone)]
pub struct LocalSide {
    /// What messages look like.
    pub protocol: Arc<Protocol>,
    /// `handler.pass` of msgqd's configuration.
    pub pass: Pass,
    /// The key of the queue; `None` where a route out names no configuration.
    pub key: Option<KeySetting>,
    /// That of the second queue, where answers go into one.
    pub reply_key: Option<KeySetting>,
}

impl LocalSide {
    /// True where nobody gets an answer.
    #[must_use]
    pub fn is_one_way(&self) -> bool {
        self.protocol.route() == ReplyRoute::Nowhere
    }

    /// The type of a request that says none: the first of those that the protocol has.
    #[must_use]
    pub fn usual_type(&self) -> i64 {
        let types = self.protocol.request_types();
        let first = types.ranges().first().map(|range| *range.start());
        types.only().or(first).filter(|mtype| *mtype > 0).unwrap_or(REQUEST_MTYPE)
    }
}

/// A route from a local msgqd to NATS.
#[derive(Debug, Clone)]
pub struct OutRoute {
    /// Its name, of no other route.
    pub name: String,
    /// The socket on which it is a service for msgqd.
    pub socket: PathBuf,
    /// The user, by name or number, whose connections are served beside root's.
    pub user: String,
    /// What msgqd passes.
    pub local: LocalSide,
    /// Where requests go.
    pub subject: Template,
    /// What they are there.
    pub format: Format,
    /// How many may be under way.
    pub max_in_flight: usize,
    /// Fields that travel as headers.
    pub fields: Vec<String>,
    /// Where one-way messages go.
    pub stream: Option<OutStream>,
}

/// The stream that one-way messages are published to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutStream {
    /// Its name.
    pub name: String,
    /// Make it where it is missing.
    pub create: bool,
    /// How long it remembers the ids of messages, where it is made.
    pub duplicate_window: Duration,
}

/// A route from NATS to a local queue.
#[derive(Debug, Clone)]
pub struct InRoute {
    /// Its name, of no other route.
    pub name: String,
    /// What it subscribes to; may have wildcards.
    pub subject: String,
    /// Who shares the load.
    pub queue_group: String,
    /// The local queue and its protocol; always with a key.
    pub local: LocalSide,
    /// Requests that are with the local server at a time.
    pub clients: usize,
    /// Time for a request that names none.
    pub timeout: Duration,
    /// What requests are on the wire.
    pub format: Format,
    /// The type of a request that names none.
    pub mtype: i64,
    /// Requests that may wait for a client.
    pub max_pending: usize,
    /// Where one-way messages come from.
    pub stream: Option<InStream>,
}

/// The stream that one-way messages are consumed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InStream {
    /// Its name.
    pub name: String,
    /// The durable consumer.
    pub consumer: String,
}
