//! How to connect: servers, certificates, and who the gateway says it is.

use super::backoff::pause;
use super::events::Listener;
use super::link::ConnectError;
use crate::config::{Authentication, NatsConfig};
use async_nats::{ConnectOptions, ServerAddr};
use std::path::Path;
use std::time::Duration;

/// A link that is cut tells nothing; after two of these without an answer it counts as ended.
const PING_INTERVAL: Duration = Duration::from_secs(5);

pub(super) fn server_addresses(config: &NatsConfig) -> Result<Vec<ServerAddr>, ConnectError> {
    let parsed =
        |url: &String| url.parse().map_err(|error| ConnectError(format!("{url:?} is no URL of a server: {error}")));
    config.servers.iter().map(parsed).collect()
}

pub(super) async fn connect_options(
    config: &NatsConfig,
    host: &str,
    listener: &Listener,
) -> Result<ConnectOptions, ConnectError> {
    let (servers, longest) = (config.servers.len(), config.reconnect_max_pause);
    let (events, pools) = (listener.clone(), listener.clone());
    let mut options = authenticated(ConnectOptions::new(), &config.authentication)?
        .name(format!("msgq-nats on {host}"))
        .connection_timeout(config.connect_timeout)
        .ping_interval(PING_INTERVAL)
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(move |attempt| pause(attempt, servers, longest))
        .event_callback(move |event| {
            events.take(event);
            std::future::ready(())
        })
        .reconnect_to_server_callback(move |pool, _| {
            pools.take_pool(&pool);
            // The library chooses.
            std::future::ready(None)
        })
        .require_tls(config.tls.is_required);
    // The library reads the files at each try, so they may be replaced; one that is missing now is a mistake.
    if let Some(authority) = &config.tls.ca {
        readable(authority, "tls_ca")?;
        options = options.add_root_certificates(authority.clone());
    }
    if let Some((certificate, key)) = &config.tls.identity {
        readable(certificate, "tls_certificate")?;
        readable(key, "tls_key")?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

fn authenticated(options: ConnectOptions, authentication: &Authentication) -> Result<ConnectOptions, ConnectError> {
    Ok(match authentication {
        Authentication::None => options,
        Authentication::Credentials(path) => {
            let text = read(path, "credentials")?;
            let wrong = |error| ConnectError(format!("{} holds no credentials of NATS: {error}", path.display()));
            options.credentials(&text).map_err(wrong)?
        }
        Authentication::NKey(path) => {
            let text = read(path, "nkey")?;
            let seed = text.lines().map(str::trim).find(|line| line.starts_with('S'));
            let missing = || ConnectError(format!("{} holds no seed of an NKEY, which begins with S", path.display()));
            options.nkey(seed.ok_or_else(missing)?.to_owned())
        }
        Authentication::Password { user, password_file } => {
            options.user_and_password(user.clone(), first_line(password_file, "password_file")?)
        }
        Authentication::Token(path) => options.token(first_line(path, "token_file")?),
    })
}

fn first_line(path: &Path, setting: &str) -> Result<String, ConnectError> {
    let text = read(path, setting)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(ConnectError(format!("{} (nats.{setting}) has an empty first line", path.display()))),
    }
}

fn read(path: &Path, setting: &str) -> Result<String, ConnectError> {
    std::fs::read_to_string(path).map_err(|error| cannot_read(path, setting, &error))
}

fn readable(path: &Path, setting: &str) -> Result<(), ConnectError> {
    std::fs::File::open(path).map(drop).map_err(|error| cannot_read(path, setting, &error))
}

fn cannot_read(path: &Path, setting: &str, error: &std::io::Error) -> ConnectError {
    ConnectError(format!("cannot read {} (nats.{setting}): {error}", path.display()))
}
