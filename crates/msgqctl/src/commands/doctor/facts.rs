//! What several checks need to know, gathered once before the first of them. Knows nothing of checks and of their outcomes.

mod configuration;
mod daemon;
mod programs;
mod systemd_files;
mod unit;

pub(super) use configuration::Configuration;
pub(super) use daemon::{DaemonElsewhere, Identification};
pub(super) use programs::{CommandError, FILES_LIMIT, ask_program};
pub(super) use systemd_files::{effective_setting, files_of_logind};
pub(super) use unit::{SystemdUnit, is_systemd_init};

use crate::condition::Condition;
use crate::failure::Failure;
use crate::instances::instance_of_queue;
use crate::target::QueueOptions;
use configuration::read_configuration;
use daemon::DaemonFacts;
use msgq_core::config::SYSTEM_CONFIG;
use msgq_core::instance::{InstanceName, LockState};
use msgq_core::queue::{ListedQueue, Queue, QueueError, QueueKey, QueueName, QueueStat, find_refused_call};
use msgq_core::table::Table;
use msgq_core::time::unix_time_s;
use std::path::Path;
use unit::{PACKAGED, find_unit, unit_of_daemon_elsewhere};

/// What `stat` says first of the queue.
pub(super) struct SeenVerdict {
    pub(super) condition: Condition,
    pub(super) sentence: String,
    /// The command that lets a deadlocked queue run on.
    pub(super) cure: Option<String>,
}

/// The machine, the queue and its server at one moment.
pub(super) struct Facts {
    /// `None` where only a configuration that cannot be used would tell it.
    pub(super) key: Option<QueueKey>,
    /// As the command line names it.
    msqid: Option<i32>,
    pub(super) configuration: Configuration,
    /// The command line says what the messages mean.
    pub(super) is_protocol_named: bool,
    /// The first call on queues that is refused to this process, whatever the queue is.
    pub(super) refused_call: Option<QueueError>,
    /// The queue as everybody may see it; `None` when there is none.
    pub(super) queue: Option<ListedQueue>,
    /// The queue as its users may see it.
    pub(super) stat: Option<Result<QueueStat, QueueError>>,
    pub(super) daemon: DaemonFacts,
    /// `None` without a queue; the error says why there is no verdict.
    pub(super) verdict: Option<Result<SeenVerdict, String>>,
    /// The error says why there is none to look at.
    pub(super) unit: Result<SystemdUnit, String>,
    /// Seconds since 1970.
    pub(super) now_s: i64,
}

impl Facts {
    /// `look` has `stat` look at the queue.
    pub(super) fn gather(
        options: &QueueOptions,
        look: impl FnOnce(Queue) -> Option<Result<SeenVerdict, String>>,
    ) -> Result<Self, Failure> {
        let (key, configuration) = look_for_settings(options)?;
        let opened = match options.msqid {
            Some(msqid) => Some(Queue::known(key, msqid)),
            None => key.and_then(|key| Queue::open(key).ok()),
        };
        let stat = opened.map(|queue| queue.stat());
        let queue = match (&stat, opened) {
            (Some(Ok(stat)), _) => Some(listed(stat)),
            (Some(Err(error)), Some(queue)) if !error.is_gone() => queue.listed(),
            _ => None,
        };
        let owner_uid = queue.map_or_else(|| nix::unistd::geteuid().as_raw(), |queue| queue.uid);
        let daemon = key.map_or_else(DaemonFacts::none, |key| DaemonFacts::gather(key, owner_uid));
        let unit = find_unit(&daemon, unit_of_settings(configuration.path(), key));
        let verdict = opened.and_then(look);
        let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
        let refused_call = find_refused_call();
        let (msqid, is_protocol_named) = (options.msqid, options.protocol.is_some());
        Ok(Self {
            key,
            msqid,
            configuration,
            is_protocol_named,
            refused_call,
            queue,
            stat,
            daemon,
            verdict,
            unit,
            now_s,
        })
    }

    /// The key in words, for sentences.
    pub(super) fn key_name(&self) -> String {
        match (self.key, self.msqid) {
            (Some(key), _) => key.to_string(),
            (None, Some(msqid)) => QueueName::Msqid(msqid).to_string(),
            (None, None) => "with an unknown key".to_owned(),
        }
    }

    /// Whether the queue is that of a msgqd, alive or dead; `None` where this user may not see that. Of any other it is not
    /// known who should take its messages.
    pub(super) fn is_queue_of_msgqd(&self) -> Option<bool> {
        let names_it = |table: &Table| self.queue.is_some_and(|queue| table.header().msqid() == queue.msqid);
        let table = self.daemon.good_table();
        match self.daemon.lock() {
            LockState::Held(pid) => Some(table.is_none_or(|it| names_it(it) || it.header().about().owner != pid)),
            LockState::Free => Some(table.is_some_and(names_it)),
            LockState::Hidden => table.is_some_and(names_it).then_some(true),
        }
    }

    /// True for a queue that msgqd neither serves nor served, as far as can be seen: what is right there knows its own
    /// program alone.
    pub(super) fn is_foreign_queue(&self) -> bool {
        self.queue.is_some() && self.is_queue_of_msgqd() == Some(false)
    }

    /// True for one of which no configuration tells either that msgqd is meant: a type is a type there, and nothing more.
    pub(super) fn is_unknown_queue(&self) -> bool {
        self.is_foreign_queue() && matches!(self.configuration, Configuration::Unknown(_))
    }

    /// The daemon that should serve here and does so in another IPC namespace. Where a unit should run it, that is one of
    /// this unit: any other is somebody else's business.
    pub(super) fn misplaced_daemon(&self) -> Option<DaemonElsewhere> {
        let elsewhere = self.daemon.elsewhere?;
        if self.is_unknown_queue() && self.unit_name().is_none() {
            return None;
        }
        let is_of_unit = |name| unit_of_daemon_elsewhere(elsewhere).as_deref() == Some(name);
        self.unit_name().is_none_or(is_of_unit).then_some(elsewhere)
    }

    /// The unit that systemctl can work on, where there is one.
    pub(super) fn unit_name(&self) -> Option<&str> {
        Some(&self.unit.as_ref().ok()?.name)
    }
}

/// The unit of the package that should serve the queue: the instance whose configuration this is or which names the key, or the
/// server without a name.
fn unit_of_settings(path: Option<&Path>, key: Option<QueueKey>) -> Option<String> {
    if path == Some(Path::new(SYSTEM_CONFIG)) || (path.is_none() && key == Some(QueueKey::DEFAULT)) {
        return Some(PACKAGED.to_owned());
    }
    let of_file = path.and_then(InstanceName::of_config);
    let instance = of_file.or_else(|| instance_of_queue(None, key));
    let by_default = || (key == Some(QueueKey::DEFAULT)).then(|| PACKAGED.to_owned());
    instance.map(|name| name.unit()).or_else(by_default)
}

/// The key, where it is known, and the settings.
fn look_for_settings(options: &QueueOptions) -> Result<(Option<QueueKey>, Configuration), Failure> {
    if options.msqid.is_none() {
        return Ok(read_configuration(&QueueOptions { key: options.named_key()?, ..options.clone() }));
    }
    let Some(key) = options.key()? else {
        let reason = "no configuration is about a queue without a key (IPC_PRIVATE)".to_owned();
        return Ok((None, Configuration::Unknown(reason)));
    };
    Ok(read_configuration(&QueueOptions { key: Some(key), ..options.clone() }))
}

fn listed(stat: &QueueStat) -> ListedQueue {
    ListedQueue {
        key: stat.key.map_or(0, QueueKey::raw),
        msqid: stat.msqid,
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        cuid: stat.cuid,
        cgid: stat.cgid,
        bytes: stat.bytes,
        messages: stat.messages,
        last_send_pid: stat.last_send_pid,
        last_receive_pid: stat.last_receive_pid,
        last_send_time: stat.last_send_time,
        last_receive_time: stat.last_receive_time,
        last_change_time: stat.last_change_time,
    }
}
