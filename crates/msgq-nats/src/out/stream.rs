//! The stream of a route with one-way messages.

use crate::config::{OutRoute, OutStream};
use crate::connection::Gateway;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use msgq_core::config::KeySetting;
use msgq_core::escape::escape;
use std::time::Duration;
use tokio::sync::watch;

/// Until a stream that could not be made is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Where its messages go.
#[derive(Debug)]
pub(super) struct Stream {
    route: String,
    settings: OutStream,
    gateway: Gateway,
    /// What a stream that is made takes.
    filter: String,
    /// Before the number of a request: together they are the id of its message.
    id_prefix: String,
    is_there: watch::Sender<bool>,
}

impl Stream {
    pub(super) fn new(route: &OutRoute, settings: OutStream, gateway: Gateway) -> Self {
        let queue = match &route.local.key {
            Some(KeySetting::Number(key)) => key.to_string(),
            Some(KeySetting::Path { path, id }) => format!("{}:{id}", path.display()),
            None => route.name.clone(),
        };
        Self {
            route: route.name.clone(),
            filter: route.subject.filter_of_all_hosts(),
            id_prefix: format!("{}/{queue}", gateway.host()),
            is_there: watch::Sender::new(!settings.create),
            settings,
            gateway,
        }
    }

    /// Makes the stream where it is missing and may be made, as soon as there is a connection.
    pub(super) async fn prepare(&self) {
        while !*self.is_there.borrow() {
            self.gateway.connected().await;
            match self.make().await {
                Ok(()) => _ = self.is_there.send_replace(true),
                Err(reason) => {
                    let (route, name) = (&self.route, &self.settings.name);
                    log::warn!("route {route}: stream {name} is not there yet: {reason}; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn make(&self) -> Result<(), String> {
        let jetstream = self.gateway.jetstream();
        let name = &self.settings.name;
        match jetstream.get_stream(name).await.map_err(|error| (error.kind(), error)) {
            Ok(_) => return Ok(()),
            Err((GetStreamErrorKind::JetStream(error), _)) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
            Err((_, error)) => return Err(escape(error.to_string().as_bytes())),
        }
        let config = Config {
            name: name.clone(),
            subjects: vec![self.filter.clone()],
            retention: RetentionPolicy::WorkQueue,
            duplicate_window: self.settings.duplicate_window,
            ..Config::default()
        };
        jetstream.create_stream(config).await.map_err(|error| escape(error.to_string().as_bytes()))?;
        log::info!("route {}: made stream {name} for the subjects {}", self.route, self.filter);
        Ok(())
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// The id of the message of a request; the same each time that msgqd hands it over.
    pub(super) fn message_id(&self, request: u64) -> String {
        one_word(&format!("{}/{request}", self.id_prefix))
    }

    /// Waits until there is a connection, and the stream is there as far as that is known.
    pub(super) async fn ready(&self) {
        // The sender is in this very struct.
        let _ = self.is_there.subscribe().wait_for(|is_there| *is_there).await;
        self.gateway.connected().await;
    }
}

/// The name of a host may have anything in it.
fn one_word(id: &str) -> String {
    id.chars().map(|char| if char.is_ascii_graphic() { char } else { '_' }).collect()
}
