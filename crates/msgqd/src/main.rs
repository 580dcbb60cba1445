//! The msgqd daemon.
#![forbid(unsafe_code)]

use clap::Parser;
use msgq_core::config::{Config, KeySetting, SYSTEM_CONFIG, drop_in_files};
use msgq_core::instance::{become_instance, configured_instances, own_instance};
use msgqd::Server;
use msgqd::alerts;
use msgqd::cli::Arguments;
use msgqd::service::StartError;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    let is_named = arguments.config.is_some() || arguments.instance.is_some();
    if let Some(name) = arguments.instance.clone() {
        arguments.config = Some(name.config_path());
        msgqd::logging::set_instance(name.as_str());
        become_instance(name);
    }
    // Once: a file that is removed later is an error of the next reload, not a reason for the built-in settings.
    arguments.config = arguments.config.or_else(system_config);
    match load(&arguments) {
        Ok(config) if arguments.check_config => check(&config, arguments.config.as_deref()),
        Ok(config) => serve(config, arguments, is_named),
        Err(error) if arguments.after_failure || arguments.remove_left_queues => without_config(&error, &arguments),
        Err(error) if arguments.take_over.is_some() => left_to_the_server(&error, &arguments),
        Err(error) if !is_named && arguments.config.is_some() => without_start(
            &arguments,
            &format!(
                "{error}\nThis file is read since no --config names another; --config /dev/null has the built-in settings."
            ),
        ),
        Err(error) => without_start(&arguments, &error),
    }
}

/// The system's configuration, unless there is none. One that cannot be read, or of which there are only the files that come
/// after the main one, is an error: a server with other settings than the configured ones would answer its clients wrongly.
fn system_config() -> Option<PathBuf> {
    let path = PathBuf::from(SYSTEM_CONFIG);
    let is_missing = |error: &std::io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    let has_drop_ins = drop_in_files(&path).map_or(true, |files| !files.is_empty());
    let is_none = path.symlink_metadata().is_err_and(|error| is_missing(&error)) && !has_drop_ins;
    (!is_none).then_some(path)
}

/// All files of a configuration, as `FILE` or `FILE, with DROP_IN and DROP_IN`.
fn names_of_files(path: &Path) -> String {
    // Whoever wants to hear of an error has heard it when they were read.
    let drop_ins = drop_in_files(path).unwrap_or_default();
    let names: Vec<String> = drop_ins.iter().map(|file| file.display().to_string()).collect();
    match names.split_last() {
        None => path.display().to_string(),
        Some((last, [])) => format!("{}, with {last}", path.display()),
        Some((last, others)) => format!("{}, with {} and {last}", path.display(), others.join(", ")),
    }
}

fn check(config: &Config, path: Option<&Path>) -> ExitCode {
    let name = path.map_or_else(|| "built-in defaults".to_owned(), names_of_files);
    let missing = msgqd::service::missing_on_this_machine(config);
    if missing.is_empty() {
        let odd = msgqd::service::odd_settings(config).into_iter().chain(msgqd::service::odd_keys(config, path));
        for sentence in odd {
            let _ = writeln!(std::io::stderr(), "msgqd: {name}: odd, but possible: {sentence}");
        }
        let _ = writeln!(std::io::stdout(), "{name}: ok");
        return ExitCode::SUCCESS;
    }
    missing.iter().for_each(|sentence| {
        let _ = fail(&format!("{name}: {sentence}"));
    });
    ExitCode::FAILURE
}

/// What must be done although the configuration has an error.
fn without_config(error: &str, arguments: &Arguments) -> ExitCode {
    if let Err(error) = msgqd::logging::init(arguments.log_level.unwrap_or(log::Level::Info)) {
        return fail(&error.to_string());
    }
    if arguments.remove_left_queues {
        return exit_code(msgqd::service::remove_left_queues(), failure_id(arguments));
    }
    log::warn!("{error}");
    log::warn!("the configuration has an error: going by the table that the server left");
    let mut lenient = arguments.config.as_deref().and_then(|path| Config::load_leniently(path).ok());
    if let Some(key) = arguments.key {
        lenient.get_or_insert_default().queue.key = KeySetting::Number(key);
    }
    exit_code(msgqd::service::after_failure_by_tables(lenient.as_ref()), failure_id(arguments))
}

fn left_to_the_server(error: &str, arguments: &Arguments) -> ExitCode {
    if let Err(error) = msgqd::logging::init(log::Level::Info) {
        return fail(&error.to_string());
    }
    let service = arguments.take_over.as_deref().unwrap_or_default();
    let ended = msgqd::service::give_nothing_to(service, arguments.config.as_deref(), error);
    exit_code(ended, failure_id(arguments))
}

/// The log may be the journal's, which is to know what kind of line this is.
fn without_start(arguments: &Arguments, error: &str) -> ExitCode {
    if arguments.check_config || msgqd::logging::init(log::Level::Info).is_err() {
        return fail(error);
    }
    let serves = !(arguments.reload || arguments.after_failure || arguments.remove_left_queues);
    if serves && arguments.take_over.is_none() {
        msgqd::service::tell_not_started(error);
    }
    failed(error, failure_id(arguments))
}

/// What it means that this command fails.
fn failure_id(arguments: &Arguments) -> u128 {
    if arguments.reload { alerts::RELOAD_REFUSED } else { alerts::START_FAILED }
}

fn failed(error: &str, message_id: u128) -> ExitCode {
    log::error!(message_id = message_id; "{error}");
    msgqd::logging::flush();
    ExitCode::FAILURE
}

fn load(arguments: &Arguments) -> Result<Config, String> {
    let loaded = arguments.config.as_deref().map(Config::load).transpose();
    let loaded = loaded.map_err(|error| without_instance(arguments).unwrap_or_else(|| error.to_string()))?;
    let mut config = loaded.unwrap_or_default();
    if let Some(key) = arguments.key {
        config.queue.key = KeySetting::Number(key);
    }
    if let Some(level) = arguments.log_level {
        config.log.level = level;
    }
    Ok(config)
}

/// What to do where an instance has no configuration.
fn without_instance(arguments: &Arguments) -> Option<String> {
    let (path, name) = (arguments.config.as_deref()?, own_instance()?);
    let is_missing = path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let others: Vec<String> = configured_instances().iter().map(ToString::to_string).collect();
    let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
    is_missing.then(|| {
        format!(
            "there is no {path}, from which the instance {name} has its settings: write it, with the key of its queue and the group \
             of its clients, as in\n\n    [queue]\n    key = 0x6f726431\n    group = \"{name}\"\n\nmsgqd.toml(5) has the rest. \
             Instances with a file: {others}",
            path = path.display()
        )
    })
}

fn serve(config: Config, arguments: Arguments, is_named: bool) -> ExitCode {
    if let Err(error) = msgqd::logging::init(config.log.level) {
        return fail(&error.to_string());
    }
    if let Some(path) = &arguments.config {
        let files = names_of_files(path);
        if !is_named {
            log::info!("settings of {files}, since no --config was given");
        } else if files.len() > path.as_os_str().len() {
            log::info!("settings of {files}");
        }
    }
    let message_id = failure_id(&arguments);
    msgqd::service::take_over_process();
    let ended = if let Some(service) = &arguments.take_over {
        msgqd::service::give_queues_to(service, &config, arguments.config.as_deref())
    } else if arguments.remove_left_queues {
        msgqd::service::remove_left_queues()
    } else if arguments.after_failure {
        msgqd::service::after_failure(&config)
    } else if arguments.reload {
        msgqd::service::request_reload(&config)
    } else {
        for sentence in msgqd::service::odd_keys(&config, arguments.config.as_deref()) {
            log::warn!("{sentence}");
        }
        Server::builder().config(config).reload_with(move || load(&arguments)).run()
    };
    exit_code(ended, message_id)
}

fn exit_code(ended: Result<(), StartError>, message_id: u128) -> ExitCode {
    match ended {
        Ok(()) => {
            msgqd::logging::flush();
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error.to_string(), message_id),
    }
}

fn fail(error: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "msgqd: error: {error}");
    ExitCode::FAILURE
}
