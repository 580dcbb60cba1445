//! `[nats]` and `[gateway]`, and the whole.

use super::settings::{Authentication, Config, GatewayConfig, NatsConfig, TlsConfig};
use super::values::{absolute, milliseconds};
use super::{raw, routes};
use msgq_core::config::check::Invalid;
use std::path::PathBuf;
use toml::Spanned;

const SERVER: &str = "nats://127.0.0.1:4222";
const CONNECT_TIMEOUT_MS: u64 = 5000;
const RECONNECT_MAX_PAUSE_MS: u64 = 4000;
const DRAIN_TIMEOUT_MS: u64 = 10_000;
const METRICS_SOCKET: &str = "/run/msgqd-nats/metrics.socket";

pub(super) fn checked(raw: &raw::Config) -> Result<Config, Invalid> {
    let config = Config {
        nats: nats(&raw.nats)?,
        gateway: gateway(&raw.gateway)?,
        out: raw.out.iter().map(routes::out).collect::<Result<_, _>>()?,
        inward: raw.r#in.iter().map(routes::inward).collect::<Result<_, _>>()?,
    };
    if config.out.is_empty() && config.inward.is_empty() {
        return Err(Invalid::new(0..0, "there is no route", "write a table [[out]] or [[in]]; nats.toml(5) has both"));
    }
    routes::refuse_same(raw)?;
    Ok(config)
}

fn nats(raw: &raw::Nats) -> Result<NatsConfig, Invalid> {
    let connect_timeout = milliseconds(raw.connect_timeout_ms.as_ref(), "connect_timeout_ms", CONNECT_TIMEOUT_MS)?;
    let reconnect_max_pause =
        milliseconds(raw.reconnect_max_pause_ms.as_ref(), "reconnect_max_pause_ms", RECONNECT_MAX_PAUSE_MS)?;
    Ok(NatsConfig {
        servers: servers(raw.servers.as_ref())?,
        authentication: authentication(raw)?,
        tls: tls(raw)?,
        connect_timeout,
        reconnect_max_pause,
    })
}

fn servers(setting: Option<&Spanned<Vec<Spanned<String>>>>) -> Result<Vec<String>, Invalid> {
    let Some(setting) = setting else { return Ok(vec![SERVER.to_owned()]) };
    let servers = setting.get_ref();
    let help = format!("write URLs, for example servers = [\"{SERVER}\"]");
    if servers.is_empty() {
        return Err(Invalid::new(setting.span(), "there is no server", help));
    }
    for server in servers.iter().map(Spanned::get_ref) {
        let is_known = ["nats://", "tls://"].iter().any(|scheme| server.starts_with(scheme));
        let parsed = server.parse::<async_nats::ServerAddr>();
        if !is_known || parsed.as_ref().map_or(true, |address| address.host().is_empty()) {
            return Err(Invalid::new(setting.span(), format!("{server:?} is no URL of a server"), help));
        }
        if parsed.is_ok_and(|address| address.has_user_pass() || address.username().is_some()) {
            let help = "write user = and password_file =, so that the log can show the URL";
            return Err(Invalid::new(setting.span(), "a URL holds a user or a password", help));
        }
    }
    Ok(servers.iter().map(|server| server.get_ref().clone()).collect())
}

fn authentication(raw: &raw::Nats) -> Result<Authentication, Invalid> {
    let ways =
        [("credentials", &raw.credentials), ("nkey", &raw.nkey), ("user", &raw.user), ("token_file", &raw.token_file)];
    let mut given = ways.iter().filter_map(|(name, setting)| setting.as_ref().map(|setting| (*name, setting)));
    let (first, second) = (given.next(), given.next());
    if let (Some((first, _)), Some((second, setting))) = (first, second) {
        let message = format!("{second} and {first} are two ways to say who the gateway is");
        return Err(Invalid::new(setting.span(), message, "leave one of them"));
    }
    if let (None, Some(password)) = (&raw.user, &raw.password_file) {
        return Err(Invalid::new(password.span(), "password_file is for a user", "write user = \"NAME\" beside it"));
    }
    let Some((name, setting)) = first else { return Ok(Authentication::None) };
    Ok(match name {
        "credentials" => Authentication::Credentials(absolute(setting, name)?),
        "nkey" => Authentication::NKey(absolute(setting, name)?),
        "token_file" => Authentication::Token(absolute(setting, name)?),
        _ => {
            let Some(password) = &raw.password_file else {
                let help = "write password_file = \"/etc/msgqd/nats.password\", which only the gateway may read";
                return Err(Invalid::new(setting.span(), "a user needs a password", help));
            };
            let password_file = absolute(password, "password_file")?;
            Authentication::Password { user: setting.get_ref().clone(), password_file }
        }
    })
}

fn tls(raw: &raw::Nats) -> Result<TlsConfig, Invalid> {
    let file = |setting: &Option<Spanned<String>>, name| setting.as_ref().map(|it| absolute(it, name)).transpose();
    let identity = match (file(&raw.tls_certificate, "tls_certificate")?, file(&raw.tls_key, "tls_key")?) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let span = raw.tls_certificate.as_ref().or(raw.tls_key.as_ref()).map_or(0..0, Spanned::span);
            let message = "tls_certificate and tls_key go together";
            return Err(Invalid::new(span, message, "write both, or none"));
        }
    };
    let is_required = raw.tls_required.as_ref().is_some_and(|setting| *setting.get_ref());
    Ok(TlsConfig { ca: file(&raw.tls_ca, "tls_ca")?, identity, is_required })
}

fn gateway(raw: &raw::Gateway) -> Result<GatewayConfig, Invalid> {
    let host = match &raw.host {
        Some(host) if host.get_ref().is_empty() || host.get_ref().chars().any(char::is_control) => {
            let message = "the name of the host is empty or holds a control character";
            return Err(Invalid::new(host.span(), message, "write a name, or leave host out"));
        }
        Some(host) => host.get_ref().clone(),
        None => nix::unistd::gethostname().map_or_else(|_| "localhost".to_owned(), |name| name.display().to_string()),
    };
    let address = |setting: &Spanned<String>| {
        let parsed = setting.get_ref().parse();
        let help = "write an address and a port, for example metrics = \"127.0.0.1:9443\"";
        parsed.map_err(|_| Invalid::new(setting.span(), format!("{:?} is no address", setting.get_ref()), help))
    };
    let socket = raw.metrics_socket.as_ref().map(|setting| absolute(setting, "metrics_socket")).transpose()?;
    Ok(GatewayConfig {
        host,
        drain_timeout: milliseconds(raw.drain_timeout_ms.as_ref(), "drain_timeout_ms", DRAIN_TIMEOUT_MS)?,
        metrics: raw.metrics.as_ref().map(address).transpose()?,
        metrics_socket: socket.unwrap_or_else(|| PathBuf::from(METRICS_SOCKET)),
    })
}
