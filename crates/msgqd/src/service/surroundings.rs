//! What a configuration needs of the machine, looked at before anything is started.

use super::budget::Needs;
use super::owners::find_group;
use super::queue_size::above_limit;
use super::queues::QueueKeys;
use crate::handler::{Demand, check_handler};
use msgq_core::config::{Config, QueueConfig};
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::layout::protocol::OPEN_TEXT_LIMIT;
use msgq_core::limits;
use msgq_core::queue::{QueueKey, find_refused_call};
use msgq_core::table::LONGEST_TABLE;
use msgq_core::words::counted;
use nix::unistd::Uid;

/// What would keep a server with this configuration from its start, or its clients from answers, as far as this user can
/// see: a sentence for each.
#[must_use]
pub fn missing_on_this_machine(config: &Config) -> Vec<String> {
    let keys = QueueKeys::of(config);
    let (key, second_key) = keys.as_ref().map_or((None, None), |keys| (Some(keys.requests), keys.answers));
    let second = config.reply_queue.as_ref();
    let checks = [
        keys.map(drop),
        check_calls(),
        check_size(&config.queue, key),
        check_group(&config.queue, "queue.group"),
        second.map_or(Ok(()), |queue| check_size(queue, second_key)),
        second.map_or(Ok(()), |queue| check_group(queue, "protocol.reply.group")),
        check_messages(config, limits::msgmax()),
        check_handler(&config.handler),
        needs(config).refuse_what_cannot_work(),
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// Whether the calls on queues reach the kernel: a filter that refuses one of them would be noticed by a client only.
pub(super) fn check_calls() -> Result<(), String> {
    find_refused_call().map_or(Ok(()), |refused| Err(refused.to_string()))
}

fn check_size(queue: &QueueConfig, key: Option<QueueKey>) -> Result<(), String> {
    let limit = limits::msgmnb();
    match queue.max_bytes {
        // Whether a service of root's keeps its capabilities is not known here.
        Some(max_bytes) if max_bytes > limit && !Uid::effective().is_root() => {
            Err(above_limit(key.unwrap_or(QueueKey::DEFAULT), max_bytes, limit))
        }
        _ => Ok(()),
    }
}

fn check_group(queue: &QueueConfig, setting: &str) -> Result<(), String> {
    queue.group.as_deref().map_or(Ok(()), |name| find_group(name, setting).map(drop))
}

fn needs(config: &Config) -> Needs {
    Needs::of(config, Demand::of(&config.handler))
}

/// What works and is hardly meant, or may not be enough: a sentence for each.
#[must_use]
pub fn odd_settings(config: &Config) -> Vec<String> {
    let second = config.reply_queue.as_ref().map(|queue| (queue, "protocol.reply.max_bytes"));
    let queues = [Some((&config.queue, "queue.max_bytes")), second].into_iter().flatten();
    let crowded = queues.filter_map(|(queue, setting)| crowded(queue, setting, longest_message(config)));
    let needs = needs(config);
    crowded.chain(needs.shortages()).chain(needs.check_locked_memory().err()).collect()
}

/// A sentence for a queue that holds only few messages.
fn crowded(queue: &QueueConfig, setting: &str, longest: usize) -> Option<String> {
    let size = queue.max_bytes.unwrap_or_else(limits::msgmnb);
    let places = size / u64::try_from(longest.max(1)).unwrap_or(u64::MAX);
    let is_crowded = places < FEW_PLACES;
    let sentence = format!(
        "a queue of {size} bytes holds {}, which have up to {longest} bytes: clients will wait for each other; raise \
         {setting} (and kernel.msgmnb)",
        counted(places, "message")
    );
    is_crowded.then_some(sentence)
}

const FEW_PLACES: u64 = 10;

fn longest_message(config: &Config) -> usize {
    let declared = config.protocol.shapes_of_machine();
    declared.map_or(BODY_LEN_LP64, |(request, response)| request.body_len().max(response.body_len()))
}

/// Whether the kernel takes the declared messages at all, and a table holds their answers.
fn check_messages(config: &Config, msgmax: usize) -> Result<(), String> {
    let (protocol, longest) = (&config.protocol, longest_message(config));
    if protocol.is_plain() {
        return Ok(());
    }
    if longest > msgmax {
        return Err(format!(
            "a message of [protocol] has {longest} bytes, and the kernel takes none of more than {msgmax} (kernel.msgmax); \
             raise it with: {}",
            limits::how_to_set_limit("kernel.msgmax", longest)
        ));
    }
    check_outbox_size(config)
}

/// Whether a table holds as many answers as it is to.
pub(super) fn check_outbox_size(config: &Config) -> Result<(), String> {
    let protocol = &config.protocol;
    let capacity = usize::try_from(config.service.outbox_capacity).unwrap_or(usize::MAX);
    let answers = protocol.longest_response(OPEN_TEXT_LIMIT).saturating_mul(capacity);
    if answers > LONGEST_TABLE / 2 {
        return Err(format!(
            "{capacity} answers (service.outbox_capacity) of {} bytes take {} MiB of locked memory, and a server keeps at \
             most {} MiB for them; lower outbox_capacity",
            protocol.longest_response(OPEN_TEXT_LIMIT),
            answers >> 20,
            LONGEST_TABLE >> 21
        ));
    }
    Ok(())
}
