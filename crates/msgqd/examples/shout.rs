//! A server with logic of its own: answers in capitals. All that msgqd does around a handler comes with it.
//!
//! Run it with `cargo run --release --example shout -- 0x1234`, and ask it with
//! `cargo run --release --bin msgqctl -- --key 0x1234 send hello`.

use msgqd::Server;
use msgqd::handler::{Handler, HandlerRequest, Reply};
use std::process::ExitCode;

struct Shout;

impl Handler for Shout {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        let mut reply = Reply::new();
        reply.push(&request.text.to_ascii_uppercase());
        reply
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        "shout"
    }
}

fn main() -> ExitCode {
    let Some(key) = std::env::args().nth(1).and_then(|key| key.parse().ok()) else {
        eprintln!("usage: shout KEY");
        return ExitCode::from(2);
    };
    if msgqd::logging::init(log::Level::Info).is_err() {
        return ExitCode::FAILURE;
    }
    match Server::builder().key(key).handler(Shout).run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
