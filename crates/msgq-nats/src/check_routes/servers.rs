//! The servers of NATS, address by address.

use super::report::Report;
use crate::config::{Authentication, Config, NatsConfig};
use crate::connection::{Gateway, Link};
use crate::metrics::Metrics;
use msgq_core::escape::escape;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// What a connection takes beside its own limit: looking up the name, and the words of the server.
const MORE: Duration = Duration::from_secs(1);

/// Tries each address, and whether there is one connection for the routes.
pub(super) async fn check(config: &Config, gateway: &Gateway, report: &mut Report<'_>) -> io::Result<bool> {
    let mut failed = 0;
    for url in &config.nats.servers {
        let shown = escape(url.as_bytes());
        match probe(&config.nats, url, gateway.host()).await {
            Ok(seen) => report.ok("nats", &format!("{shown}: {seen}"))?,
            Err(reason) => {
                failed += 1;
                let advice = advice(&reason, &config.nats);
                report.fail("nats", &format!("{shown}: {reason}"), advice)?;
            }
        }
    }
    if failed == config.nats.servers.len() {
        return Ok(false);
    }
    let limit = config.nats.connect_timeout + MORE;
    if timeout(limit, gateway.connected()).await.is_ok() {
        return Ok(true);
    }
    let reason = gateway.trouble().unwrap_or_default();
    report.fail("nats", &format!("no connection within {} ms: {reason}", limit.as_millis()), "")?;
    Ok(false)
}

/// Connects to this address alone, and tells who is there.
async fn probe(config: &NatsConfig, url: &str, host: &str) -> Result<String, String> {
    let alone = NatsConfig { servers: vec![url.to_owned()], ..config.clone() };
    let gateway = Gateway::connect(&alone, host, &Metrics::default()).await.map_err(|error| error.to_string())?;
    let limit = config.connect_timeout + MORE;
    let outcome = timeout(limit, outcome(&gateway, url)).await;
    let seen = match outcome {
        Ok(Ok(())) => Ok(seen(&gateway, config).await),
        Ok(Err(reason)) => Err(without_url(&reason, url)),
        Err(_) => Err(match gateway.trouble() {
            Some(reason) => format!("no connection within {} ms ({reason})", limit.as_millis()),
            None => "the connection came too late".to_owned(),
        }),
    };
    // Tries go on for as long as there is a client.
    let _ = timeout(MORE, gateway.client().drain()).await;
    seen
}

/// The first word on the connection: that it is there, or why it is not, with the address.
async fn outcome(gateway: &Gateway, url: &str) -> Result<(), String> {
    let mut link = gateway.link();
    loop {
        match &*link.borrow_and_update() {
            Link::Up(_) => return Ok(()),
            // Before the next try all is told that is known of this one; what is told before is only its kind.
            Link::Down(reason) if reason.contains(url) => return Err(reason.clone()),
            Link::Down(_) => {}
        }
        if link.changed().await.is_err() {
            return Err("the connection was closed".to_owned());
        }
    }
}

fn without_url(reason: &str, url: &str) -> String {
    reason.strip_prefix(url).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(reason).to_owned()
}

async fn seen(gateway: &Gateway, config: &NatsConfig) -> String {
    // Once that is through, what is known of the server is of this connection.
    let _ = timeout(MORE, gateway.client().flush()).await;
    let who = match &config.authentication {
        Authentication::None => "without authentication".to_owned(),
        Authentication::Credentials(path) => format!("with the credentials of {}", path.display()),
        Authentication::NKey(path) => format!("with the NKEY of {}", path.display()),
        Authentication::Password { user, .. } => format!("as user {}", escape(user.as_bytes())),
        Authentication::Token(path) => format!("with the token of {}", path.display()),
    };
    match gateway.client().try_server_info() {
        Some(info) => {
            let (name, version) = (escape(info.server_name.as_bytes()), escape(info.version.as_bytes()));
            format!("connected {who}: server {name}, version {version}, max_payload {}", info.max_payload)
        }
        None => format!("connected {who}"),
    }
}

fn advice(reason: &str, config: &NatsConfig) -> &'static str {
    let reason = reason.to_ascii_lowercase();
    if reason.contains("authorization") || reason.contains("authentication") {
        return match config.authentication {
            Authentication::None => {
                "the server wants to know who the gateway is: write credentials, nkey, user or token_file"
            }
            _ => "the server does not take who the gateway says it is: compare it with the server's configuration",
        };
    }
    if reason.contains("certificate") {
        return "compare nats.tls_ca with who signed the server's certificate, and the address with the names in it";
    }
    if reason.contains("refused") {
        return "is a server of NATS running there, and does it listen on this address and port?";
    }
    if reason.contains("resolve") || reason.contains("lookup") || reason.contains("name or service") {
        return "this name is unknown here: look at /etc/resolv.conf and the URL";
    }
    "is the address right, and does a firewall let it through?"
}

#[cfg(test)]
mod tests {
    use super::without_url;

    #[test]
    fn the_address_is_said_once() {
        assert_eq!(without_url("nats://a:1: refused", "nats://a:1"), "refused");
        assert_eq!(without_url("refused", "nats://a:1"), "refused");
    }
}
