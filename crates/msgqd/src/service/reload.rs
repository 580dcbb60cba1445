//! A reload: what the new configuration changes is put into effect while requests come in, or nothing is.

use super::acquire::QueuePlan;
use super::budget;
use super::current::{Reconfigurable, spin_limit, worker_count};
use super::signals::Signals;
use crate::alerts;
use crate::engine::{Engine, ReloadableLimits};
use crate::handler::{Demand, build_handler};
use crate::ratelimit::RateLimit;
use msgq_core::config::{Config, HandlerConfig, Overlong, QueueFate};
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
            log::info!(message_id = alerts::RELOADED; "reloaded the configuration: changed {changed}");
            String::new()
        }
        Ok(None) => {
            if let Some(note) = idle_reloads.admit_with_note("more since the last such line") {
                log::info!(
                    message_id = alerts::RELOADED;
                    "reloaded the configuration: nothing differs from before{note}"
                );
            }
            String::new()
        }
        Err(error) => {
            engine.limit_clients(budget::client_limit(current.demand()));
            log::error!(message_id = alerts::RELOAD_REFUSED; "the reload was refused and nothing was changed: {error}");
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
    refuse_what_is_fixed(current, &new)?;
    let keys = current.keys;
    let plan = QueuePlan::new(keys.requests, &new.queue, &new.protocol, current.door.closed())?;
    let second = keys.answers.zip(new.reply_queue.as_ref());
    let second_plan = second.map(|(key, queue)| QueuePlan::of_answers(key, queue, &new.protocol, None)).transpose()?;
    let handler_differs = new.handler != current.config.handler || new.pass != current.config.pass;
    let handler_changes = !current.own_handler && handler_differs;
    if handler_changes {
        // The old handler has what it needs until the new one is there.
        let demand = Demand::of(&new.handler);
        let more_workers = worker_count(&new, demand.concurrency).saturating_sub(engine.workers());
        budget::check(u64::try_from(more_workers + 1).unwrap_or(u64::MAX), demand)?;
        // Its programs may start at once, and clients of the old one have the descriptors that they need.
        engine.limit_clients(budget::client_limit(demand).min(budget::client_limit(current.demand())));
    }
    let handler = handler_changes.then(|| build_handler(&new.handler, new.pass, &new.protocol)).transpose()?;
    let concurrency = handler.as_ref().map_or_else(|| engine.handler().concurrency(), |handler| handler.concurrency());
    let change = engine.prepare(worker_count(&new, concurrency)).map_err(|error| error.to_string())?;
    // The last that can fail, in one call for each queue: the kernel takes all of it or nothing.
    let queue_change = (new.queue != current.config.queue).then(|| (engine.queue(), plan));
    let second_change =
        engine.second_queue().zip(second_plan).filter(|_| new.reply_queue != current.config.reply_queue);
    // A size that the queue has for a moment must not be taken for the one to set back, or for the one that is wanted.
    let sizes = engine.hold_sizes();
    let replaced = current.plans.replace(queue_change, second_change);
    drop(sizes);
    if let Err(reason) = replaced {
        engine.call_off(change);
        return Err(reason);
    }
    let limits = ReloadableLimits {
        response_ttl: new.service.response_ttl,
        spin_limit: spin_limit(&new),
        attempts: new.service.attempts,
    };
    engine.carry_out(change, handler, limits);
    crate::logging::set_level(new.log.level);
    let changed = changes(&current.config, &new);
    engine.table().header().set_keeps_queue_on_failure(new.service.on_failure == QueueFate::Keep);
    current.config = new;
    engine.limit_clients(budget::client_limit(current.demand()));
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

fn refuse_what_is_fixed(current: &Reconfigurable, new: &Config) -> Result<(), String> {
    let old = &current.config;
    // What the same file gives by now is for the next start.
    let is_changed = old.queue.key != new.queue.key;
    if is_changed && new.queue.key.resolve().map_err(|error| error.to_string())? != current.keys.requests {
        return Err(
            "queue.key cannot change while the server runs, since its clients wait at the old queue; restart to \
                    serve another"
                .to_owned(),
        );
    }
    let second_key = |config: &Config| config.reply_queue.as_ref().map(|queue| queue.key.clone());
    if second_key(old) != second_key(new) && old.protocol == new.protocol {
        return Err(
            "the key in protocol.reply cannot change while the server runs, since its clients wait at the old queue; restart \
                    to use another"
                .to_owned(),
        );
    }
    if old.protocol != new.protocol {
        return Err(
            "[protocol] cannot change while the server runs, since what waits in the table has its form; restart \
                    to apply it"
                .to_owned(),
        );
    }
    let sends_parts = |config: &Config| config.handler.overlong() == Overlong::Parts;
    if sends_parts(old) != sends_parts(new) {
        return Err("handler.overlong cannot change to or from \"parts\" while the server runs, since the table has a fixed size; \
                    restart to apply it"
            .to_owned());
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
        (old.reply_queue != new.reply_queue, "protocol.reply".to_owned()),
        (old.service != new.service, "[service]".to_owned()),
        (old.handler != new.handler || old.pass != new.pass, format!("[handler] (now {kind})")),
        (old.log != new.log, "[log]".to_owned()),
    ];
    let names: Vec<String> = differing.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name).collect();
    names.join(", ")
}
