//! The life of the daemon: lock, queue, engine, ready, serve, drain, remove.
//!
//! The only room that knows signals and systemd. Decides when things happen; how they are done is the engine's.

mod acquire;
mod drain;
mod instance;
mod manager;
mod signals;
mod storage;

use crate::engine::{Engine, EngineSettings};
use crate::handler::{Echo, Handler};
use crate::ratelimit::RateLimit;
use acquire::QueuePlan;
use instance::{ClaimError, Instance};
use manager::Manager;
use msgq_core::config::{Config, QueueFate, Workers};
use msgq_core::limits;
use msgq_core::queue::{Queue, QueueKey};
use signals::Signals;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A reason not to start, as a sentence for the person who reads the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// How often the daemon looks after itself when nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// Serves until a signal ends it.
///
/// # Errors
/// When the service cannot start: another instance, no permission, a limit of the kernel.
pub fn run(config: &Config) -> Result<(), StartError> {
    let client_limit = client_limit();
    let key = config.queue.key.resolve().map_err(|error| StartError(error.to_string()))?;
    let signals = Signals::install().map_err(|error| StartError(format!("cannot install signal handlers: {error}")))?;
    let instance = Instance::claim(key).map_err(|error| StartError(error.to_string()))?;
    let plan = Arc::new(QueuePlan::new(key, &config.queue).map_err(StartError)?);
    let queue = plan.acquire().map_err(StartError)?;
    let handler: Arc<dyn Handler> = Arc::new(Echo);
    let settings = EngineSettings {
        workers: match config.service.workers {
            Workers::Auto => handler.concurrency(),
            Workers::Fixed(workers) => workers,
        },
        worker_room: WORKER_ROOM,
        outbox_capacity: config.service.outbox_capacity,
        response_ttl: config.service.response_ttl,
        message_room: limits::msgmax().max(limits::DEFAULT_MSGMAX),
        client_limit,
    };
    let storage =
        storage::prepare(&instance, &settings, &queue, handler.name(), config.service.on_crash).map_err(StartError)?;
    let recreate = Arc::clone(&plan);
    let engine = Engine::start(queue, settings, Arc::clone(&handler), Box::new(move || recreate.acquire()), storage)
        .map_err(|error| StartError(format!("cannot start the engine: {error}")))?;
    announce(&engine, key, handler.name(), settings.workers);
    let mut manager = Manager::new();
    manager.ready(&engine);
    serve(&engine, &signals, &mut manager);
    let limit = config.service.drain_timeout;
    match config.service.on_stop {
        QueueFate::Remove => {
            drain::end(engine, limit, &plan, &signals, &mut manager);
            instance.remove_table();
        }
        QueueFate::Keep => drain::hand_over(engine, limit, &signals, &mut manager),
    }
    Ok(())
}

/// The service manager has given up on the daemon: does with the queue what `on_failure` says, so that clients who
/// still wait learn of it. Nothing while a server runs.
///
/// # Errors
/// When the queue cannot be removed.
pub fn after_failure(config: &Config) -> Result<(), StartError> {
    let key = config.queue.key.resolve().map_err(|error| StartError(error.to_string()))?;
    let _instance = match Instance::claim(key) {
        Ok(instance) => instance,
        Err(error @ ClaimError::Taken { .. }) => {
            log::info!("nothing to do: {error}");
            return Ok(());
        }
        Err(error) => return Err(StartError(error.to_string())),
    };
    let Ok(queue) = Queue::open(key) else {
        log::info!("nothing to do: there is no queue {key}");
        return Ok(());
    };
    if config.service.on_failure == QueueFate::Keep {
        log::warn!("the service failed; queue {key} stays (on_failure = \"keep\"), and its clients wait");
        return Ok(());
    }
    let waiting = queue.stat().map_or(0, |stat| stat.messages);
    queue.remove().map_err(|error| StartError(error.to_string()))?;
    log::warn!(
        "the service failed: removed queue {key} with {waiting} waiting messages (on_failure = \"remove\"), so that \
         clients who wait get EIDRM"
    );
    Ok(())
}

fn announce(engine: &Engine, key: QueueKey, handler: &str, workers: usize) {
    let queue = engine.queue();
    let (mode, max_bytes) = queue.stat().map_or((0, 0), |stat| (stat.mode, stat.max_bytes));
    let plural = if workers == 1 { "" } else { "s" };
    let hint = if key == QueueKey::DEFAULT { String::new() } else { format!("--key {key} ") };
    log::info!(
        "serving queue {key} (msqid {}, mode {mode:04o}, {max_bytes} bytes) with {workers} worker{plural}, handler \
         {handler}; try: msgqctl {hint}send hello",
        queue.id()
    );
}

/// Returns when a signal asks for the end.
fn serve(engine: &Engine, signals: &Signals, manager: &mut Manager) {
    let reloads = RateLimit::new("reload");
    loop {
        signals.wait(manager.tick_interval(TICK));
        if signals.take_stop() {
            return;
        }
        if signals.take_reload() {
            manager.reloading();
            if let Some(suppressed) = reloads.admit(Instant::now()) {
                log::info!(
                    "reload asked for ({suppressed} times more since the last such line): no setting can change at \
                     run time, nothing was changed; restart to apply the configuration"
                );
            }
            manager.ready(engine);
        }
        engine.flush_events();
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

/// Slots for workers that a reload may add.
const WORKER_ROOM: usize = 32;
/// For logs, signals, the table and the handler.
const RESERVED_DESCRIPTORS: u64 = 64;
const MOST_CLIENTS: u64 = 16_384;
