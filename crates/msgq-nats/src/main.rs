//! The gateway between System V message queues and NATS.
#![forbid(unsafe_code)]

use clap::Parser;
use msgq_nats::cli::{Arguments, Command};
use msgq_nats::config::Config;
use msgq_nats::connection::Gateway;
use msgq_nats::metrics::Metrics;
use msgq_nats::out::PassedSockets;
use msgq_nats::{check_routes, gateway, logging, metrics};
use std::io::{self, Write};
use std::process::ExitCode;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => return fail(&error.to_string()),
    };
    let ended = match &arguments.command {
        _ if arguments.check_config => print(&format!("{}: ok\n", arguments.config.display())),
        None => serve(config, &arguments),
        Some(Command::Check { routes, send }) => return check(&config, routes, send.as_deref()),
        Some(Command::Metrics) => metrics::read(&config.gateway).and_then(|text| print(&text)),
    };
    ended.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn serve(config: Config, arguments: &Arguments) -> Result<(), String> {
    logging::init(arguments.log_level).map_err(|error| error.to_string())?;
    // While there is one thread.
    let passed = PassedSockets::take();
    let runtime = Runtime::new().map_err(|error| format!("cannot start threads: {error}"))?;
    let ended = runtime.block_on(gateway::run(config, passed));
    // Nobody waits for what was dropped.
    runtime.shutdown_background();
    ended
}

fn check(config: &Config, routes: &[String], send: Option<&str>) -> ExitCode {
    let known: Vec<&str> =
        config.out.iter().map(|route| &*route.name).chain(config.inward.iter().map(|route| &*route.name)).collect();
    if let Some(unknown) = routes.iter().find(|name| !known.contains(&name.as_str())) {
        return fail(&format!("there is no route {unknown:?}; routes are {}", known.join(", ")));
    }
    let checked = Runtime::new().map_err(|error| format!("cannot start threads: {error}")).and_then(|runtime| {
        runtime.block_on(async {
            let connected = Gateway::connect(&config.nats, &config.gateway.host, &Metrics::default()).await;
            let gateway = connected.map_err(|error| error.to_string())?;
            let checked = check_routes::check(config, &gateway, routes, send, &mut io::stdout()).await;
            checked.map_err(|error| format!("cannot write: {error}"))
        })
    });
    match checked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}

fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot write: {error}"))
}

fn fail(error: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "msgq-nats: error: {error}");
    ExitCode::FAILURE
}
