//! The life of the daemon: lock, queue, engine, ready, serve, drain, remove.
//!
//! The only room that knows signals and systemd. Decides when things happen; how they are done is the engine's.

mod acquire;
mod budget;
mod current;
mod dead_letters;
mod door;
mod drain;
mod engine_settings;
mod engine_start;
mod given_queues;
mod instance;
mod instance_directory;
mod janitor_watch;
mod key_files;
mod key_notes;
mod left_behind;
mod left_table;
mod leftover;
mod manager;
mod mending;
mod notify_socket;
mod owners;
mod queue_settings;
mod queue_size;
mod queues;
mod reload;
mod reload_request;
mod rival;
mod service_user;
mod signals;
mod start_error;
mod status;
mod storage;
mod surroundings;
mod takeover;
mod trusted_config;
mod unit_limits;

pub use given_queues::{give_nothing_to, give_queues_to};
pub use key_notes::odd_keys;
pub use left_behind::{after_failure, after_failure_by_tables, remove_left_queues};
pub use reload_request::request_reload;

use crate::alerts;
use crate::engine::Engine;
use crate::handler::{Demand, Handler, adopt_strays, build_handler, reap_strays};
use crate::panics::{caught, vital};
use crate::ratelimit::RateLimit;
use current::Reconfigurable;
use door::Door;
use engine_settings::engine_settings;
use engine_start::{EngineStart, Started};
use instance::{ClaimError, Instance};
use key_files::KeyFiles;
use manager::Manager;
use msgq_core::config::{Config, QueueFate};
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use msgq_core::process::keep_descriptors_from_programs;
use msgq_core::queue::{Queue, QueueKey, QueueRole};
use msgq_core::say_on_lost_memory;
use msgq_core::time::unix_time_s;
use msgq_core::words::counted;
use queues::{AcquiredQueues, QueueKeys, QueuePlans};
use signals::Signals;
pub use start_error::StartError;
use std::sync::Arc;
use std::time::Duration;
use surroundings::{check_calls, check_outbox_size};
pub use surroundings::{missing_on_this_machine, odd_settings};

/// For a program that is nothing but a server, before anything else: no descriptor that it inherited is handed on to the
/// programs of handlers, and as PID 1 of a container it reaps what these leave behind.
pub fn take_over_process() {
    if let Err(error) = keep_descriptors_from_programs() {
        log::warn!("programs of handlers get the descriptors that this process inherited: {error}");
    }
    adopt_strays();
}

/// How often the daemon looks after itself when nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// Said by the handler of SIGBUS.
const TABLE_CUT_SHORT: &str = "msgqd: error: SIGBUS: the table was cut short under the running server (by a program that \
    wrote into the runtime directory, or a full tmpfs), so it ends; the queue stays for the next start, and what was in hand \
    is lost\n";

/// Serves until a signal ends it. Without a handler it is the configured one.
///
/// # Errors
/// When the service cannot start: another instance, no permission, a limit of the kernel. When the main thread panicked,
/// after an end in order.
pub(crate) fn run(
    config: Config,
    handler: Option<Arc<dyn Handler>>,
    reload: Option<&dyn Fn() -> Result<Config, String>>,
) -> Result<(), StartError> {
    let (body, _) = vital(|| {
        let mut manager = Manager::new();
        let ended = run_for(&mut manager, config, handler, reload);
        if let Err(error) = &ended {
            manager.failed(&error.to_string());
        }
        ended
    });
    body()
}

/// Has the service manager show why there is no server, where that is known before there is a configuration.
pub fn tell_not_started(reason: &str) {
    Manager::new().failed(reason);
}

fn run_for(
    manager: &mut Manager,
    config: Config,
    handler: Option<Arc<dyn Handler>>,
    reload: Option<&dyn Fn() -> Result<Config, String>>,
) -> Result<(), StartError> {
    let demand = if handler.is_some() { Demand::default() } else { Demand::of(&config.handler) };
    let client_limit = budget::client_limit(demand);
    let keys = QueueKeys::of(&config).map_err(StartError)?;
    crate::logging::set_queue_key(keys.requests);
    manager.starting(keys.requests);
    check_calls().map_err(StartError)?;
    if let Err(error) = say_on_lost_memory(TABLE_CUT_SHORT) {
        log::debug!("a table that is cut short will end this process without a word: {error}");
    }
    let signals = Signals::install().map_err(|error| StartError(format!("cannot install signal handlers: {error}")))?;
    let (instance, _second_instance) = claim(keys).map_err(|error| StartError(error.to_string()))?;
    // From an upgrade that found nothing to restart. A later one is for this server, however far its start is.
    instance.take_keep_once();
    let door = Door::new(instance.closed_path(keys.requests));
    let known = left_table::second_queue_left(&instance, keys.requests);
    let plans = QueuePlans::new(&config, keys, door.closed(), known).map_err(StartError)?;
    let own_handler = handler.is_some();
    let needs = budget::Needs::of(&config, demand);
    needs.refuse_what_cannot_work().map_err(StartError)?;
    for shortage in needs.shortages() {
        log::warn!(message_id = alerts::LIMITS_TOO_SMALL; "{shortage}; requests will fail where something is missing");
    }
    let handler = handler
        .map_or_else(|| build_handler(&config.handler, config.pass, &config.protocol), Ok)
        .map_err(StartError)?;
    let acquired = plans.acquire().map_err(StartError)?;
    let prepared = prepare_start(&config, client_limit, &acquired, handler, &instance, &plans);
    let started = prepared.and_then(|start| start.carry_out(config.service.drain_timeout, &signals, manager));
    let mut engine = match started {
        Ok(Started::Engine(engine)) => *engine,
        Ok(Started::CalledOff) => {
            storage::discard(&instance, acquired.for_answers().is_new());
            let fate = if instance.take_keep_once() { QueueFate::Keep } else { config.service.on_stop };
            drain::end_before_start(&acquired, fate, &instance);
            manager.stopped(status::STOPPED_BEFORE_START);
            return Ok(());
        }
        Err(error) => {
            storage::discard(&instance, acquired.for_answers().is_new());
            acquired.give_back();
            return Err(StartError(error));
        }
    };
    engine.table().header().set_keeps_queue_on_failure(config.service.on_failure == QueueFate::Keep);
    let mut current = Reconfigurable { config, keys, own_handler, plans, door };
    remember_errors(&engine);
    let mut key_files = KeyFiles::of(&current.config, keys);
    announce(&engine, keys, &current.config.protocol);
    left_behind::warn_of_others(keys);
    manager.set_closed(current.door.is_closed());
    manager.ready(&engine);
    let panic = caught(|| serve(&mut engine, &mut current, &mut key_files, reload, &signals, manager)).err();
    if let Some(panic) = &panic {
        log::error!(
            message_id = alerts::PANICKED;
            "the main thread panicked: {panic}; the server ends, and leaves the queue to the next start"
        );
    }
    let limit = current.config.service.drain_timeout;
    let is_kept = instance.take_keep_once() || panic.is_some() || drain::holds_foreign_messages(&engine);
    let fate = if is_kept { QueueFate::Keep } else { current.config.service.on_stop };
    match fate {
        QueueFate::Remove => {
            drain::end(engine, limit, &current.plans.requests.get(), &signals, manager);
            instance.remove_table();
        }
        QueueFate::Keep => drain::hand_over(engine, limit, &signals, manager),
    }
    panic.map_or(Ok(()), |panic| Err(StartError(format!("the main thread panicked: {panic}"))))
}

/// All that the engine needs.
fn prepare_start(
    config: &Config,
    client_limit: usize,
    acquired: &AcquiredQueues,
    handler: Arc<dyn Handler>,
    instance: &Instance,
    plans: &QueuePlans,
) -> Result<EngineStart, String> {
    check_outbox_size(config)?;
    let settings = engine_settings(config, handler.concurrency(), client_limit);
    let mut storage = storage::prepare(instance, &settings, acquired, handler.name(), config.service.on_crash)?;
    if config.protocol.route() == ReplyRoute::Nowhere {
        let key = config.queue.key.resolve().map_err(|error| error.to_string())?;
        storage.write_dead_letter = Some(dead_letters::writer(key)?);
    }
    let (queue, second) = acquired.owned(plans);
    Ok(EngineStart { queue, second, settings, handler, storage })
}

/// The right to serve these queues, for as long as the values live.
fn claim(keys: QueueKeys) -> Result<(Instance, Option<Instance>), ClaimError> {
    let instance = Instance::claim(keys.requests)?;
    let second = keys.answers.map(|key| Instance::claim_as(QueueRole::Answers, key)).transpose()?;
    Ok((instance, second))
}

/// So that `msgqctl stat` can tell the last error of a daemon that died.
fn remember_errors(engine: &Engine) {
    let table = Arc::downgrade(&engine.table_handle());
    crate::logging::on_error(move |text| {
        if let Some(table) = table.upgrade() {
            table.header().set_last_error(unix_time_s(), text);
        }
    });
}

fn announce(engine: &Engine, keys: QueueKeys, protocol: &Protocol) {
    let key = keys.requests;
    let details = |queue: &Queue| {
        let (mode, max_bytes) = queue.stat().map_or((0, 0), |stat| (stat.mode, stat.max_bytes));
        format!("msqid {}, mode {mode:04o}, {max_bytes} bytes", queue.id())
    };
    let second = engine.second_queue().zip(keys.answers);
    let second =
        second.map_or_else(String::new, |(queue, key)| format!(", answers go to queue {key} ({})", details(&queue)));
    let workers = counted(engine.workers(), "worker");
    let hint = match (protocol.is_plain(), key == QueueKey::DEFAULT) {
        _ if protocol.route() != ReplyRoute::Shared && protocol.has_text() => {
            "msgqctl --config FILE send hello, with the same FILE".to_owned()
        }
        (true, true) => "msgqctl send hello".to_owned(),
        (true, false) => format!("msgqctl --key {key} send hello"),
        (false, _) if protocol.has_text() => "msgqctl --config FILE send hello, with the same FILE".to_owned(),
        (false, _) => "msgqctl --config FILE send --set FIELD=VALUE, with the same FILE".to_owned(),
    };
    log::info!(
        message_id = alerts::SERVING;
        "serving queue {key} ({}){second} with {workers}, handler {}; try: {hint}",
        details(&engine.queue()),
        engine.handler().name()
    );
}

/// Returns when a signal asks for the end.
fn serve(
    engine: &mut Engine,
    current: &mut Reconfigurable,
    key_files: &mut KeyFiles,
    reload: Option<&dyn Fn() -> Result<Config, String>>,
    signals: &Signals,
    manager: &mut Manager,
) {
    let idle_reloads = RateLimit::new("reload without a change");
    loop {
        signals.wait(manager.tick_interval(TICK));
        if signals.take_stop() {
            return;
        }
        if signals.take_reload() {
            manager.reloading();
            let refusal = reload::follow(engine, current, reload, signals, &idle_reloads);
            manager.set_refusal(&refusal);
            manager.ready(engine);
        }
        reap_strays();
        engine.flush_events();
        key_files.tend();
        current.door.tend(&engine.queue(), &current.plans.requests.get());
        // A size that the engine gives the queue for a moment is nobody's change.
        if let Some(_sizes) = engine.try_hold_sizes() {
            current.plans.mend(&engine.queue(), engine.second_queue().as_ref());
        }
        manager.set_closed(current.door.is_closed());
        manager.tick(engine);
    }
}
