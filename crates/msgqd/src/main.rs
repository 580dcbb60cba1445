//! The msgqd daemon.
#![forbid(unsafe_code)]

use clap::Parser;
use msgq_core::config::{Config, KeySetting};
use msgqd::Server;
use msgqd::cli::Arguments;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match load(&arguments) {
        Ok(_) if arguments.check_config => {
            let name =
                arguments.config.map_or_else(|| "built-in defaults".to_owned(), |path| path.display().to_string());
            let _ = writeln!(std::io::stdout(), "{name}: ok");
            ExitCode::SUCCESS
        }
        Ok(config) => serve(config, arguments),
        Err(error) => fail(&error),
    }
}

fn load(arguments: &Arguments) -> Result<Config, String> {
    let loaded = arguments.config.as_deref().map(Config::load).transpose().map_err(|error| error.to_string())?;
    let mut config = loaded.unwrap_or_default();
    if let Some(key) = arguments.key {
        config.queue.key = KeySetting::Number(key);
    }
    if let Some(level) = arguments.log_level {
        config.log.level = level;
    }
    Ok(config)
}

fn serve(config: Config, arguments: Arguments) -> ExitCode {
    if let Err(error) = msgqd::logging::init(config.log.level) {
        return fail(&error.to_string());
    }
    msgqd::service::take_over_process();
    let ended = if arguments.after_failure {
        msgqd::service::after_failure(&config)
    } else {
        Server::builder().config(config).reload_with(move || load(&arguments)).run()
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn fail(error: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "msgqd: error: {error}");
    ExitCode::FAILURE
}
