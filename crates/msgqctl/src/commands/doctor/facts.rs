//! What several checks need to know, gathered once before the first of them. Knows nothing of checks and of their outcomes.

mod configuration;
mod daemon;
mod programs;
mod systemd_files;
mod unit;

pub(super) use configuration::Configuration;
pub(super) use daemon::{DaemonElsewhere, Identification};
pub(super) use programs::{CommandError, ask_program};
pub(super) use systemd_files::{effective_setting, files_of_logind};
pub(super) use unit::SystemdUnit;

use crate::system::sysvipc::{ListedQueue, find_listed_queue};
use crate::target::{QueueOptions, SYSTEM_CONFIG};
use configuration::read_configuration;
use daemon::DaemonFacts;
use msgq_core::queue::{Queue, QueueError, QueueKey, QueueStat};
use msgq_core::time::unix_time_s;
use std::path::Path;
use unit::find_unit;

/// The machine, the queue and its server at one moment.
pub(super) struct Facts {
    /// `None` where only a configuration that cannot be used would tell it.
    pub(super) key: Option<QueueKey>,
    pub(super) configuration: Configuration,
    /// The queue as everybody may see it; `None` when there is none.
    pub(super) queue: Option<ListedQueue>,
    /// The queue as its users may see it.
    pub(super) stat: Option<Result<QueueStat, QueueError>>,
    pub(super) daemon: DaemonFacts,
    /// The error says why there is none to look at.
    pub(super) unit: Result<SystemdUnit, String>,
    /// Seconds since 1970.
    pub(super) now_s: i64,
}

impl Facts {
    pub(super) fn gather(options: &QueueOptions) -> Self {
        let (key, configuration) = read_configuration(options);
        let stat = key.and_then(|key| Queue::open(key).ok()).map(|queue| queue.stat());
        let queue = match (&stat, key) {
            (Some(Ok(stat)), Some(key)) => Some(listed(key, stat)),
            (Some(Err(error)), Some(key)) if !error.is_gone() => find_listed_queue(key),
            _ => None,
        };
        let owner_uid = queue.map_or_else(|| nix::unistd::geteuid().as_raw(), |queue| queue.uid);
        let daemon = key.map_or_else(DaemonFacts::none, |key| DaemonFacts::gather(key, owner_uid));
        let is_packaged = configuration.path() == Some(Path::new(SYSTEM_CONFIG)) || key == Some(QueueKey::DEFAULT);
        let unit = find_unit(&daemon, is_packaged);
        let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
        Self { key, configuration, queue, stat, daemon, unit, now_s }
    }

    /// The key in words, for sentences.
    pub(super) fn key_name(&self) -> String {
        self.key.map_or_else(|| "with an unknown key".to_owned(), |key| key.to_string())
    }

    /// The unit that systemctl can work on, where there is one.
    pub(super) fn unit_name(&self) -> Option<&str> {
        Some(&self.unit.as_ref().ok()?.name)
    }
}

fn listed(key: QueueKey, stat: &QueueStat) -> ListedQueue {
    ListedQueue {
        key: key.raw(),
        msqid: stat.msqid,
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        last_receive_pid: stat.last_receive_pid,
        last_send_time: stat.last_send_time,
        last_receive_time: stat.last_receive_time,
        last_change_time: stat.last_change_time,
    }
}
