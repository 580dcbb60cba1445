//! The msgqd daemon.
#![forbid(unsafe_code)]

use clap::Parser;
use msgq_core::config::{Config, KeySetting};
use msgqd::Server;
use msgqd::cli::Arguments;
use msgqd::service::StartError;
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
        Err(error) if arguments.after_failure || arguments.remove_left_queues => without_config(&error, &arguments),
        Err(error) => fail(&error),
    }
}

/// What must be done although the configuration has an error.
fn without_config(error: &str, arguments: &Arguments) -> ExitCode {
    if let Err(error) = msgqd::logging::init(arguments.log_level.unwrap_or(log::Level::Info)) {
        return fail(&error.to_string());
    }
    if arguments.remove_left_queues {
        return exit_code(msgqd::service::remove_left_queues());
    }
    log::warn!("{error}");
    log::warn!("the configuration has an error: going by the table that the server left");
    let mut lenient = arguments.config.as_deref().and_then(|path| Config::load_leniently(path).ok());
    if let Some(key) = arguments.key {
        lenient.get_or_insert_default().queue.key = KeySetting::Number(key);
    }
    exit_code(msgqd::service::after_failure_by_tables(lenient.as_ref()))
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
    let ended = if arguments.remove_left_queues {
        msgqd::service::remove_left_queues()
    } else if arguments.after_failure {
        msgqd::service::after_failure(&config)
    } else if arguments.reload {
        msgqd::service::request_reload(&config)
    } else {
        Server::builder().config(config).reload_with(move || load(&arguments)).run()
    };
    exit_code(ended)
}

fn exit_code(ended: Result<(), StartError>) -> ExitCode {
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    };
    msgqd::logging::flush();
    code
}

fn fail(error: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "msgqd: error: {error}");
    ExitCode::FAILURE
}
