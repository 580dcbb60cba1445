use super::NatsServer;
use async_nats::{HeaderMap, Message};
use futures_util::StreamExt;
use tokio::runtime::Runtime;

/// A route of the plain protocol.
pub const PLAIN: &str = "[[out]]\nname = \"plain\"\nsocket = \"DIR/plain\"\nsubject = \"plain.{host}.{type}\"\n";

/// Answers all that comes on these subjects.
pub fn answer_all(
    runtime: &Runtime,
    nats: &NatsServer,
    subjects: &str,
    answer: impl Fn(&Message) -> Option<(HeaderMap, Vec<u8>)> + Send + 'static,
) {
    let client = runtime.block_on(nats.client());
    let mut requests = runtime.block_on(client.subscribe(subjects.to_owned())).unwrap();
    runtime.block_on(client.flush()).unwrap();
    runtime.spawn(async move {
        while let Some(request) = requests.next().await {
            if let (Some((headers, payload)), Some(to)) = (answer(&request), request.reply.clone()) {
                client.publish_with_headers(to, headers, payload.into()).await.unwrap();
            }
        }
    });
}

/// The text in capitals.
pub fn upper(request: &Message) -> Option<(HeaderMap, Vec<u8>)> {
    Some((HeaderMap::new(), request.payload.to_ascii_uppercase()))
}

/// Writes a configuration of msgqd beside the test, and returns the line that names it.
pub fn msgqd(directory: &tempfile::TempDir, text: &str) -> String {
    let file = directory.path().join("msgqd.toml");
    std::fs::write(&file, text).unwrap();
    format!("config = {file:?}\n")
}
