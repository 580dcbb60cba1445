//! The life of the daemon: lock, queue, engine, ready, serve, drain, remove.
//!
//! The only room that knows signals and systemd. Decides when things happen; how they are done is the engine's.

mod acquire;
mod current;
mod door;
mod drain;
mod engine_start;
mod instance;
mod left_behind;
mod leftover;
mod manager;
mod notify_socket;
mod reload;
mod reload_request;
mod signals;
mod start_error;
mod storage;

pub use left_behind::{after_failure, after_failure_by_tables, remove_left_queues};
pub use reload_request::request_reload;

use crate::engine::{Engine, EngineSettings};
use crate::handler::{Handler, adopt_strays, build_handler, reap_strays};
use crate::ratelimit::RateLimit;
use acquire::QueuePlan;
use current::{Reconfigurable, spin_limit, worker_count};
use door::Door;
use engine_start::{EngineStart, Started};
use instance::Instance;
use manager::Manager;
use msgq_core::config::{Config, QueueFate};
use msgq_core::limits;
use msgq_core::process::keep_descriptors_from_programs;
use msgq_core::queue::{Queue, QueueKey};
use msgq_core::say_on_lost_memory;
use msgq_core::time::unix_time_s;
use signals::Signals;
pub use start_error::StartError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
/// When the service cannot start: another instance, no permission, a limit of the kernel.
pub(crate) fn run(
    config: Config,
    handler: Option<Arc<dyn Handler>>,
    reload: Option<&dyn Fn() -> Result<Config, String>>,
) -> Result<(), StartError> {
    let client_limit = client_limit();
    let key = config.queue.key.resolve().map_err(|error| StartError(error.to_string()))?;
    if let Err(error) = say_on_lost_memory(TABLE_CUT_SHORT) {
        log::debug!("a table that is cut short will end this process without a word: {error}");
    }
    let signals = Signals::install().map_err(|error| StartError(format!("cannot install signal handlers: {error}")))?;
    let instance = Instance::claim(key).map_err(|error| StartError(error.to_string()))?;
    // From an upgrade that found nothing to restart. A later one is for this server, however far its start is.
    instance.take_keep_once();
    let door = Door::new(instance.closed_path(key));
    let plan = Arc::new(QueuePlan::new(key, &config.queue, door.closed()).map_err(StartError)?);
    let own_handler = handler.is_some();
    let handler = handler.map_or_else(|| build_handler(&config.handler), Ok).map_err(StartError)?;
    let acquired = plan.acquire().map_err(StartError)?;
    let mut manager = Manager::new();
    let plan = Arc::new(Mutex::new(plan));
    let prepared = prepare_start(&config, client_limit, acquired.queue, handler, &instance, &plan);
    let started = prepared.and_then(|start| start.carry_out(config.service.drain_timeout, &signals, &mut manager));
    let mut engine = match started {
        Ok(Started::Engine(engine)) => *engine,
        Ok(Started::CalledOff) => {
            storage::discard(&instance, acquired.is_new());
            let fate = if instance.take_keep_once() { QueueFate::Keep } else { config.service.on_stop };
            drain::end_before_start(&acquired.queue, fate, &instance);
            return Ok(());
        }
        Err(error) => {
            storage::discard(&instance, acquired.is_new());
            acquired.give_back();
            return Err(StartError(error));
        }
    };
    engine.table().header().set_keeps_queue_on_failure(config.service.on_failure == QueueFate::Keep);
    let mut current = Reconfigurable { config, own_handler, plan, door };
    remember_errors(&engine);
    announce(&engine, key);
    left_behind::warn_of_others(key);
    manager.set_closed(current.door.is_closed());
    manager.ready(&engine);
    serve(&mut engine, &mut current, reload, &signals, &mut manager);
    let limit = current.config.service.drain_timeout;
    let fate = if instance.take_keep_once() { QueueFate::Keep } else { current.config.service.on_stop };
    match fate {
        QueueFate::Remove => {
            drain::end(engine, limit, &current.plan(), &signals, &mut manager);
            instance.remove_table();
        }
        QueueFate::Keep => drain::hand_over(engine, limit, &signals, &mut manager),
    }
    Ok(())
}

/// All that the engine needs.
fn prepare_start(
    config: &Config,
    client_limit: usize,
    queue: Queue,
    handler: Arc<dyn Handler>,
    instance: &Instance,
    plan: &Arc<Mutex<Arc<QueuePlan>>>,
) -> Result<EngineStart, String> {
    let workers = worker_count(config, handler.concurrency());
    let settings = EngineSettings {
        workers,
        worker_room: workers.max(WORKER_ROOM),
        outbox_capacity: config.service.outbox_capacity,
        response_ttl: config.service.response_ttl,
        spin_limit: spin_limit(config),
        message_room: limits::msgmax().clamp(limits::DEFAULT_MSGMAX, MOST_MESSAGE_ROOM),
        client_limit,
    };
    let storage = storage::prepare(instance, &settings, &queue, handler.name(), config.service.on_crash)?;
    let plan = Arc::clone(plan);
    let recreate = Box::new(move || {
        let plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.acquire().map(|acquired| acquired.queue)
    });
    Ok(EngineStart { queue, settings, handler, recreate, storage })
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

fn announce(engine: &Engine, key: QueueKey) {
    let queue = engine.queue();
    let (mode, max_bytes) = queue.stat().map_or((0, 0), |stat| (stat.mode, stat.max_bytes));
    let workers = engine.workers();
    let plural = if workers == 1 { "" } else { "s" };
    let hint = if key == QueueKey::DEFAULT { String::new() } else { format!("--key {key} ") };
    log::info!(
        "serving queue {key} (msqid {}, mode {mode:04o}, {max_bytes} bytes) with {workers} worker{plural}, handler {}; \
         try: msgqctl {hint}send hello",
        queue.id(),
        engine.handler().name()
    );
}

/// Returns when a signal asks for the end.
fn serve(
    engine: &mut Engine,
    current: &mut Reconfigurable,
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
        let plan = current.plan();
        current.door.tend(&engine.queue(), &plan);
        plan.mend(&engine.queue());
        manager.set_closed(current.door.is_closed());
        manager.tick(engine);
    }
}

/// The engine holds a descriptor for each client that it watches, so it takes as many as it may have.
fn client_limit() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::debug!("cannot raise the limit of open descriptors: {error}");
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let clients = descriptors.saturating_sub(RESERVED_DESCRIPTORS).clamp(1, MOST_CLIENTS);
    usize::try_from(clients).unwrap_or(usize::MAX)
}

/// Each landing slot is locked in memory. A wider message is taken through the worker's own memory: its client is told that
/// it is too long.
const MOST_MESSAGE_ROOM: usize = 65_536;
/// Slots for workers that a reload may add.
const WORKER_ROOM: usize = 32;
/// For logs, signals, the table and the handler.
const RESERVED_DESCRIPTORS: u64 = 64;
const MOST_CLIENTS: u64 = 16_384;
