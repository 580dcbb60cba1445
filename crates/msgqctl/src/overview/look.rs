//! One look at all queues.

use super::configurations::Configurations;
use super::facts::QueueFacts;
use super::finding::{Finding, QueueVerdict};
use super::instance_row::{InstanceRow, instance_rows};
use super::names::Names;
use super::server::{QueueServerState, Servers};
use super::stale::StaleWaiter;
use super::verdict::judge;
use super::waiting::{UnseenWaiters, hidden_processes, waiting_on};
use crate::deadlock::{oldest_messages, verdict_on_deadlock};
use crate::target::{QueueOptions, Target};
use msgq_core::queue::{BrowseLimits, Queue, QueueStat, stat_of_every_queue};
use msgq_core::time::unix_time_s;
use msgq_core::waiters::Waiters;
use std::io;
use std::time::{Duration, Instant};

/// All queues, and who waits on such as are no more.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) queues: Vec<QueueFacts>,
    /// The instances of msgqd that have a file or run.
    pub(crate) instances: Vec<InstanceRow>,
    pub(crate) stale_waiters: Vec<StaleWaiter>,
    /// Processes of which this user may not see in which call they wait.
    pub(crate) hidden_processes: usize,
    /// Seconds since 1970.
    pub(crate) now_s: i64,
}

impl Overview {
    /// `idle_for` is how long nothing must have moved in a queue for it to be idle.
    ///
    /// # Errors
    /// Where the kernel's list cannot be read.
    pub(crate) fn look(options: &QueueOptions, idle_for: Duration) -> io::Result<Self> {
        // Before the look: a queue is not idle because the looking took long.
        let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
        let stats = stat_of_every_queue()?;
        let mut sources = Sources {
            options,
            servers: Servers::look(&stats),
            configurations: Configurations::read(options),
            waiters_seen_at_s: unix_time_s(),
            waiters: Waiters::look(),
            looks_end: Instant::now() + BrowseLimits::default().time,
            names: Names::new(),
        };
        let hidden_processes = hidden_processes(&sources.waiters);
        let queues = stats.into_iter().map(|stat| {
            let mut facts = sources.facts(stat);
            let idle_for_s = i64::try_from(idle_for.as_secs()).unwrap_or(i64::MAX);
            facts.findings = judge(&facts, now_s, idle_for_s);
            facts
        });
        let queues: Vec<QueueFacts> = queues.collect();
        let instances = instance_rows(&queues);
        let stale_waiters = StaleWaiter::all_of(&sources.waiters, &mut sources.names);
        Ok(Self { queues, instances, stale_waiters, hidden_processes, now_s })
    }
}

/// All that is asked of many queues at once.
struct Sources<'a> {
    options: &'a QueueOptions,
    servers: Servers,
    configurations: Configurations,
    waiters: Waiters,
    waiters_seen_at_s: u64,
    /// For all looks at messages: any user can have a thousand queues in which somebody waits.
    looks_end: Instant,
    names: Names,
}

impl Sources<'_> {
    fn facts(&mut self, stat: QueueStat) -> QueueFacts {
        let deadlock = self.deadlock_of(&stat);
        let Self { servers, configurations, waiters, names, .. } = self;
        let server = servers.of(stat.msqid);
        let is_served = matches!(server.state, QueueServerState::Serving | QueueServerState::Hangs);
        let changed_path = stat.key.zip(server.pid).filter(|_| is_served && server.answers_of.is_none());
        let changed_path = changed_path.and_then(|(key, pid)| configurations.changed_path(pid, key));
        let (senders, receivers) = waiting_on(stat.msqid, waiters, |uid| names.user(uid));
        QueueFacts {
            stat,
            owner: names.user(stat.uid),
            group: names.group(stat.gid),
            last_send: names.last_use(stat.last_send_pid, stat.last_send_time),
            last_receive: names.last_use(stat.last_receive_pid, stat.last_receive_time),
            is_sent_to_by_msgqd: servers.is_msgqd(stat.last_send_pid),
            senders,
            receivers,
            unseen_waiters: UnseenWaiters::of(waiters, &stat),
            deadlock,
            server,
            configurations: stat.key.map(|key| configurations.files_of(key)).unwrap_or_default(),
            collision: stat.key.map(|key| configurations.collision(key)).unwrap_or_default(),
            changed_path: changed_path.map(|(path, key)| (path, key.to_string())),
            findings: Vec::new(),
        }
    }

    /// Looks at messages only where somebody waits for room.
    fn deadlock_of(&self, stat: &QueueStat) -> Option<Finding> {
        let Self { options, waiters, waiters_seen_at_s, looks_end, .. } = self;
        if !waiters.of(stat.msqid).iter().any(|waiter| waiter.call.is_send()) {
            return None;
        }
        let target = Target::new(Queue::known(stat.key, stat.msqid), options.known_protocol(stat.key));
        let time = looks_end.saturating_duration_since(Instant::now());
        let found = verdict_on_deadlock(&target, waiters, *waiters_seen_at_s, || oldest_messages(&target, time))?;
        let sentence = found.sentence.strip_prefix("deadlocked: ").unwrap_or(&found.sentence);
        let finding = Finding::new(QueueVerdict::Deadlocked, sentence);
        Some(match found.cure {
            Some(cure) => finding.with_advice("it runs on with").with_command(cure),
            None => finding,
        })
    }
}
