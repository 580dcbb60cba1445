//! The configuration as it is written.

use serde::Deserialize;
use toml::Spanned;

type Setting<T> = Option<Spanned<T>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    pub(super) nats: Nats,
    pub(super) gateway: Gateway,
    pub(super) out: Vec<Out>,
    pub(super) r#in: Vec<In>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Nats {
    pub(super) servers: Setting<Vec<String>>,
    pub(super) credentials: Setting<String>,
    pub(super) nkey: Setting<String>,
    pub(super) user: Setting<String>,
    pub(super) password_file: Setting<String>,
    pub(super) token_file: Setting<String>,
    pub(super) tls_ca: Setting<String>,
    pub(super) tls_certificate: Setting<String>,
    pub(super) tls_key: Setting<String>,
    pub(super) tls_required: Setting<bool>,
    pub(super) connect_timeout_ms: Setting<i64>,
    pub(super) reconnect_max_pause_ms: Setting<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Gateway {
    pub(super) host: Setting<String>,
    pub(super) drain_timeout_ms: Setting<i64>,
    pub(super) metrics: Setting<String>,
    pub(super) metrics_socket: Setting<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Out {
    pub(super) name: Spanned<String>,
    pub(super) socket: Spanned<String>,
    pub(super) user: Setting<String>,
    pub(super) config: Setting<String>,
    pub(super) subject: Spanned<String>,
    pub(super) format: Setting<String>,
    pub(super) max_in_flight: Setting<i64>,
    pub(super) fields: Setting<Vec<Spanned<String>>>,
    pub(super) stream: Setting<String>,
    pub(super) create_stream: Setting<bool>,
    pub(super) duplicate_window_s: Setting<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct In {
    pub(super) name: Spanned<String>,
    pub(super) subject: Spanned<String>,
    pub(super) queue_group: Setting<String>,
    pub(super) config: Setting<String>,
    pub(super) key: Setting<i64>,
    pub(super) clients: Setting<i64>,
    pub(super) timeout_ms: Setting<i64>,
    pub(super) format: Setting<String>,
    pub(super) mtype: Setting<i64>,
    pub(super) max_pending: Setting<i64>,
    pub(super) stream: Setting<String>,
    pub(super) consumer: Setting<String>,
}
