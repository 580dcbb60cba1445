//! Who asks over NATS, and how routes in are written.

use super::ScratchKey;
use crate::common::PATIENCE;
use async_nats::{Client, HeaderMap, Message};

/// A route of the plain protocol with these further lines.
pub fn route(key: &ScratchKey, lines: &str) -> String {
    format!("[[in]]\nname = \"far\"\nsubject = \"far.*\"\nkey = {}\n{lines}\n", key.key())
}

/// Status, `Msgq-Error` and text of a reply.
fn told(message: &Message) -> (i32, String, String) {
    let header = |name| message.headers.as_ref().unwrap().get(name).map_or("", |value| value.as_str()).to_owned();
    let text = String::from_utf8_lossy(&message.payload).into_owned();
    (header("Msgq-Status").parse().unwrap(), header("Msgq-Error"), text)
}

/// Asks with these headers, and waits long for the reply.
pub async fn ask(client: &Client, text: &str, headers: &[(&str, &str)]) -> (i32, String, String) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, *value);
    }
    let request = async_nats::Request::new().headers(map).payload(text.to_owned().into()).timeout(Some(PATIENCE));
    told(&client.send_request("far.x", request).await.unwrap())
}

/// What the echo replies.
pub fn done(text: &str) -> (i32, String, String) {
    (0, String::new(), format!("Processed: {text}"))
}
