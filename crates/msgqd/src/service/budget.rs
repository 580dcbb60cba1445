//! What server and handler take of the limits that their unit sets, beside what there is: told before requests fail.

use super::current::worker_count;
use super::engine_settings::{MOST_CLIENTS, engine_settings};
use super::unit_limits::{how_to_raise, lowest_memory_limit, narrowest_task_limit};
use crate::handler::{Demand, raise_descriptor_limit};
use msgq_core::config::{Config, Overlong};
use msgq_core::words::counted;
use nix::unistd::geteuid;
use rustix::process::{Resource, getrlimit};

/// Courier, janitor, and one that sees off what a reload replaces.
const THREADS_BESIDE_WORKERS: usize = 3;
/// For logs, signals, notifications, lock files, the table, and the clients that are watched at the least.
const OWN_DESCRIPTORS: u64 = 64;
/// Program, heap and the stack of the main thread; and what of its stack another thread uses.
const OWN_MEMORY: u64 = 8 << 20;
const THREAD_MEMORY: u64 = 64 << 10;
/// What is in hand of a request while the handler works: of an answer in parts all of it.
const REQUEST_MEMORY: u64 = 64 << 10;
const LONG_REQUEST_MEMORY: u64 = 2 << 20;

/// How many descriptors are not for clients.
pub(super) fn reserved_descriptors(demand: Demand) -> u64 {
    OWN_DESCRIPTORS + demand.descriptors
}

/// How many clients the engine watches beside such a handler: it holds a descriptor for each, and takes as many as it may have.
pub(super) fn client_limit(demand: Demand) -> usize {
    let clients = raise_descriptor_limit().saturating_sub(reserved_descriptors(demand)).clamp(1, MOST_CLIENTS);
    usize::try_from(clients).unwrap_or(usize::MAX)
}

/// What a configuration takes at the most. What a handler's programs take beside a process each, nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    demand: Demand,
    /// Beside the main thread.
    threads: u64,
    /// The table, all of which is locked in memory.
    table_bytes: u64,
    /// The table, and what the server has beside it.
    memory_bytes: u64,
    outbox_capacity: u32,
}

impl Needs {
    pub(super) fn of(config: &Config, demand: Demand) -> Self {
        let clients = usize::try_from(MOST_CLIENTS).unwrap_or(usize::MAX);
        let table = engine_settings(config, demand.concurrency, clients).geometry().table_len();
        let table_bytes = table.and_then(|len| u64::try_from(len).ok()).unwrap_or(u64::MAX);
        let threads = number(worker_count(config, demand.concurrency) + THREADS_BESIDE_WORKERS);
        let is_long = config.handler.overlong() == Overlong::Parts;
        let request_memory = if is_long { LONG_REQUEST_MEMORY } else { REQUEST_MEMORY };
        let beside = OWN_MEMORY + threads * THREAD_MEMORY + number(demand.concurrency) * request_memory;
        let memory_bytes = table_bytes.saturating_add(beside);
        Self { demand, threads, table_bytes, memory_bytes, outbox_capacity: config.service.outbox_capacity }
    }

    /// Descriptors, with one for each client that can be watched.
    #[cfg(test)]
    fn descriptors(&self) -> u64 {
        reserved_descriptors(self.demand) + MOST_CLIENTS
    }

    /// Why a server cannot start here, or would be killed as soon as it did.
    pub(super) fn refuse_what_cannot_work(&self) -> Result<(), String> {
        self.check_own_threads()?;
        self.check_memory()
    }

    fn check_own_threads(&self) -> Result<(), String> {
        let Some(limit) = narrowest_task_limit().filter(|limit| limit.free < self.threads) else { return Ok(()) };
        let needed = limit.max.saturating_sub(limit.free) + self.threads + self.demand.tasks;
        Err(format!(
            "the server needs {} (service.workers and {THREADS_BESIDE_WORKERS} more), and {} are free of the {} tasks in {}: \
             {}, or lower service.workers or max_concurrency",
            counted(self.threads, "thread"),
            limit.free,
            limit.max,
            limit.file,
            how_to_raise("TasksMax", &needed.to_string(), None)
        ))
    }

    fn check_memory(&self) -> Result<(), String> {
        let least = self.table_bytes.saturating_add(OWN_MEMORY);
        let Some(limit) = lowest_memory_limit().filter(|limit| limit.max < least) else { return Ok(()) };
        Err(format!(
            "server and table need {} MiB of memory at the least, the table for service.outbox_capacity = {} alone {} MiB, and \
             the kernel kills what takes more than the {} MiB in {}: {}, or lower service.outbox_capacity",
            mib(least),
            self.outbox_capacity,
            mib(self.table_bytes),
            limit.max >> 20,
            limit.file,
            how_to_raise("MemoryMax", &format!("{}M", mib(self.memory_bytes)), None)
        ))
    }

    /// What may not be enough: a sentence for each.
    pub(super) fn shortages(&self) -> Vec<String> {
        let tight = [check(self.threads, self.demand), self.check_spare_memory()];
        tight.into_iter().filter_map(Result::err).collect()
    }

    fn check_spare_memory(&self) -> Result<(), String> {
        let Some(limit) = lowest_memory_limit().filter(|limit| limit.max < self.memory_bytes) else { return Ok(()) };
        Err(format!(
            "the server needs up to {} MiB of memory, without the programs of its handler, and {} allows {} MiB: {}, or lower \
             max_concurrency or service.outbox_capacity",
            mib(self.memory_bytes),
            limit.file,
            limit.max >> 20,
            how_to_raise("MemoryMax", &format!("{}M", mib(self.memory_bytes)), None)
        ))
    }

    /// Whether all of the table can be locked in memory. A server that cannot do it says so itself, and works.
    pub(super) fn check_locked_memory(&self) -> Result<(), String> {
        // Root may exceed it.
        let limit = getrlimit(Resource::Memlock).current.filter(|limit| *limit < self.table_bytes);
        let Some(limit) = limit.filter(|_| !geteuid().is_root()) else { return Ok(()) };
        Err(format!(
            "the table takes {} KiB of locked memory, and this process may lock {} KiB; what is swapped out when the server is \
             killed could be lost: {}, or lower service.outbox_capacity",
            self.table_bytes >> 10,
            limit >> 10,
            how_to_raise("LimitMEMLOCK", &format!("{}M", mib(self.table_bytes)), Some("ulimit -l, in KiB,"))
        ))
    }
}

/// Why so many threads more and such a handler may not get what they need; the error is a sentence with the number and the
/// setting.
pub(super) fn check(threads: u64, demand: Demand) -> Result<(), String> {
    let needed = reserved_descriptors(demand);
    if let Some(limit) = getrlimit(Resource::Nofile).maximum.filter(|limit| *limit < needed) {
        return Err(format!(
            "server and handler need {needed} open descriptors at the most, and may have {limit}: {}, or lower max_concurrency",
            how_to_raise("LimitNOFILE", &needed.to_string(), Some("ulimit -n"))
        ));
    }
    let needed = demand.tasks.saturating_add(threads);
    let advice = "or lower max_concurrency or workers";
    if let Some(limit) = narrowest_task_limit().filter(|limit| limit.free < needed) {
        let value = limit.max.saturating_sub(limit.free) + needed;
        return Err(format!(
            "server and handler need {needed} more tasks at the most ({}, {} for the handler), and {} are free of the {} in \
             {}: {}, {advice}",
            counted(threads, "thread"),
            demand.tasks,
            limit.free,
            limit.max,
            limit.file,
            how_to_raise("TasksMax", &value.to_string(), None)
        ));
    }
    // Root may exceed it.
    let processes = getrlimit(Resource::Nproc).current.filter(|limit| *limit < needed && !geteuid().is_root());
    processes.map_or(Ok(()), |limit| {
        let raise = how_to_raise("LimitNPROC", "infinity", Some("ulimit -u"));
        Err(format!("server and handler need {needed} more tasks at the most, and their user may have {limit}: {raise}, {advice}"))
    })
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
