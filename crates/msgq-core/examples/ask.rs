//! A client: sends one text and prints the answer, but never waits for longer than five seconds.
//!
//! Run it with `cargo run --release --package msgq-core --example ask -- hello`, or with a key before the text.

use msgq_core::client::{CallError, Client};
use msgq_core::queue::{Queue, QueueKey};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    match ask() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("ask: {error}");
            ExitCode::from(2)
        }
    }
}

/// The status of the answer.
fn ask() -> Result<i32, Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = arguments.pop().ok_or("usage: ask [KEY] TEXT")?;
    let key = arguments.pop().map_or(Ok(QueueKey::DEFAULT), |key| key.parse())?;
    let client = Client::new(Queue::open(key)?);
    match client.call(text.as_bytes(), Duration::from_secs(5)) {
        Ok(answer) => {
            println!("{}", String::from_utf8_lossy(&answer.text));
            Ok(answer.status)
        }
        // Whether the work was done is not known: ask again only if it may be done twice.
        Err(error @ CallError::Timeout { .. }) => Err(format!("{error} (not asked again)").into()),
        Err(error) => Err(error.into()),
    }
}
