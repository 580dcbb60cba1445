//! A reload: what the new configuration changes is put into effect while requests come in, or nothing is.

use super::acquire::QueuePlan;
use super::current::{Reconfigurable, spin_limit, worker_count};
use super::signals::Signals;
use crate::engine::Engine;
use crate::handler::build_handler;
use crate::ratelimit::RateLimit;
use msgq_core::config::{Config, HandlerConfig, QueueFate};
use std::time::{Duration, Instant};

/// Reads the configuration and puts it into effect, or says why not: in the log, in the table, and as the result.
pub(super) fn follow(
    engine: &mut Engine,
    current: &mut Reconfigurable,
    reload: Option<&dyn Fn() -> Result<Config, String>>,
    signals: &Signals,
    idle_reloads: &RateLimit,
) -> String {
    // Whoever waits for the outcome must not take that of a reload that read the file before.
    engine.table().header().begin_reload();
    let new = reload.map_or_else(|| Ok(current.config.clone()), |reload| reload());
    await_earlier(engine, signals);
    let refusal = match new.and_then(|new| apply(engine, current, new)) {
        Ok(Some(changed)) => {
            log::info!("reloaded the configuration: changed {changed}");
            String::new()
        }
        Ok(None) => {
            if let Some(suppressed) = idle_reloads.admit(Instant::now()) {
                log::info!(
                    "reloaded the configuration: nothing differs from before ({suppressed} times more since the last \
                     such line)"
                );
            }
            String::new()
        }
        Err(error) => {
            log::error!("the reload was refused and nothing was changed: {error}");
            error
        }
    };
    engine.table().header().end_reload(&refusal);
    refusal
}

/// Puts `new` into effect and says what changed, `None` when nothing did; the error says why nothing was changed.
fn apply(engine: &mut Engine, current: &mut Reconfigurable, new: Config) -> Result<Option<String>, String> {
    if new == current.config {
        return Ok(None);
    }
    refuse_what_is_fixed(&current.config, &new)?;
    let key = engine.queue().key().unwrap_or(msgq_core::queue::QueueKey::DEFAULT);
    let plan = QueuePlan::new(key, &new.queue, current.door.closed())?;
    let handler_changes = !current.own_handler && new.handler != current.config.handler;
    let handler = handler_changes.then(|| build_handler(&new.handler)).transpose()?;
    let concurrency = handler.as_ref().map_or_else(|| engine.handler().concurrency(), |handler| handler.concurrency());
    let change = engine.prepare(worker_count(&new, concurrency)).map_err(|error| error.to_string())?;
    // The last that can fail, in one call: the kernel takes all of it or nothing.
    if new.queue != current.config.queue
        && let Err(reason) = current.change_queue(&engine.queue(), plan)
    {
        engine.call_off(change);
        return Err(reason);
    }
    engine.carry_out(change, handler, new.service.response_ttl, spin_limit(&new));
    crate::logging::set_level(new.log.level);
    let changed = changes(&current.config, &new);
    engine.table().header().set_keeps_queue_on_failure(new.service.on_failure == QueueFate::Keep);
    current.config = new;
    Ok(Some(changed))
}

/// Gives what an earlier reload replaced some time to come to its end, unless a stop is asked for.
fn await_earlier(engine: &Engine, signals: &Signals) {
    let deadline = Instant::now() + EARLIER_LIMIT;
    while !engine.is_settled() && !signals.is_stop_asked() && Instant::now() < deadline {
        signals.wait(PAUSE);
    }
}

const EARLIER_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

fn refuse_what_is_fixed(old: &Config, new: &Config) -> Result<(), String> {
    let key = |config: &Config| config.queue.key.resolve().map_err(|error| error.to_string());
    if key(old)? != key(new)? {
        return Err(
            "queue.key cannot change while the server runs, since its clients wait at the old queue; restart to \
                    serve another"
                .to_owned(),
        );
    }
    if old.service.outbox_capacity != new.service.outbox_capacity {
        return Err("service.outbox_capacity cannot change while the server runs, since the table has a fixed size; \
                    restart to apply it"
            .to_owned());
    }
    Ok(())
}

/// The names of the sections that differ.
fn changes(old: &Config, new: &Config) -> String {
    let kind = match &new.handler {
        HandlerConfig::Echo => "echo",
        HandlerConfig::Exec(_) => "exec",
        HandlerConfig::Worker(_) => "worker",
        HandlerConfig::Unix(_) => "unix",
    };
    let differing = [
        (old.queue != new.queue, "[queue]".to_owned()),
        (old.service != new.service, "[service]".to_owned()),
        (old.handler != new.handler, format!("[handler] (now {kind})")),
        (old.log != new.log, "[log]".to_owned()),
    ];
    let names: Vec<String> = differing.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name).collect();
    names.join(", ")
}
