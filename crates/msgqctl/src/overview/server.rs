//! Which msgqd serves a queue, or served it.

use crate::daemon::{DaemonFiles, ServerPhase};
use crate::output::program_label;
use msgq_core::instance::LockState;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::{QueueKey, QueueStat};
use msgq_core::serving::ServerOverview;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// What is known of a msgqd for a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueServerState {
    /// It serves the queue, starts or ends.
    Serving,
    /// It is there, and shows no sign of life.
    Hangs,
    /// It was killed or crashed, or ended and kept the queue: its table names the queue still.
    Gone,
    /// This user may not look whether there is one.
    Hidden,
    /// None is known to serve it, or to have served it.
    None,
}

/// The msgqd of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct QueueServer {
    pub(crate) state: QueueServerState,
    /// Of the msgqd, alive or not; `null` where it is not known.
    pub(crate) pid: Option<i32>,
    /// Its name; escaped.
    pub(crate) program: Option<String>,
    /// The key of its queue of requests, where this is that of its answers.
    pub(crate) answers_of: Option<String>,
    /// Its instance; `null` for the one without a name.
    pub(crate) instance: Option<String>,
}

impl QueueServer {
    pub(super) const NONE: Self =
        Self { state: QueueServerState::None, pid: None, program: None, answers_of: None, instance: None };

    /// True of a queue of msgqd's, whether that lives or not.
    pub(crate) fn is_of_msgqd(&self) -> bool {
        matches!(self.state, QueueServerState::Serving | QueueServerState::Hangs | QueueServerState::Gone)
    }

    /// What systemctl calls it.
    pub(crate) fn unit(&self) -> String {
        self.instance.as_ref().map_or_else(|| "msgqd".to_owned(), |name| format!("msgqd@{name}"))
    }

    /// Who serves it, in a table; `None` where nobody is known to.
    pub(crate) fn label(&self) -> Option<String> {
        let pid = self.pid.map_or_else(|| "PID hidden".to_owned(), |pid| pid.to_string());
        let name = match &self.instance {
            Some(_) => self.unit(),
            None => program_label(self.program.as_deref().or(Some("msgqd"))),
        };
        match self.state {
            QueueServerState::Serving => Some(format!("{name} ({pid})")),
            QueueServerState::Hangs => Some(format!("{name} ({pid}), which hangs")),
            QueueServerState::Gone => Some(format!("{}, which ended", self.unit())),
            QueueServerState::Hidden => Some("hidden".to_owned()),
            QueueServerState::None => None,
        }
    }
}

/// The servers of all these queues.
pub(super) struct Servers {
    by_msqid: HashMap<i32, QueueServer>,
    /// PIDs of msgqds that serve one of them.
    living: BTreeSet<i32>,
}

impl Servers {
    pub(super) fn look(queues: &[QueueStat]) -> Self {
        let owners: BTreeSet<u32> = queues.iter().filter(|queue| queue.key.is_some()).map(|queue| queue.uid).collect();
        let overview = ServerOverview::look(&owners);
        let mut servers = Self { by_msqid: HashMap::new(), living: BTreeSet::new() };
        for queue in queues {
            let Some(key) = queue.key else { continue };
            let Some(files) = DaemonFiles::find_in(&overview, key, queue.uid) else { continue };
            servers.note(queue, &files, queues);
        }
        servers
    }

    fn note(&mut self, queue: &QueueStat, files: &DaemonFiles, queues: &[QueueStat]) {
        let server = server_of(queue, files);
        if !server.is_of_msgqd() {
            let _ = self.by_msqid.entry(queue.msqid).or_insert(server);
            return;
        }
        if server.state != QueueServerState::Gone {
            self.living.extend(server.pid);
        }
        let second = files.table(queue).ok().and_then(|table| QueueKey::new(table.header().about().reply_key));
        if let Some(answers) = second.and_then(|second| queues.iter().find(|queue| queue.key == Some(second))) {
            let of_answers = QueueServer { answers_of: queue.key.map(|key| key.to_string()), ..server.clone() };
            self.by_msqid.insert(answers.msqid, of_answers);
        }
        // It holds the lock of its second queue too, which may come before or behind the first in the kernel's list.
        let is_told = |known: &QueueServer| known.answers_of.is_some() && known.pid == server.pid;
        if !self.by_msqid.get(&queue.msqid).is_some_and(is_told) {
            self.by_msqid.insert(queue.msqid, server);
        }
    }

    pub(super) fn of(&self, msqid: i32) -> QueueServer {
        self.by_msqid.get(&msqid).cloned().unwrap_or(QueueServer::NONE)
    }

    /// True for a msgqd that serves one of the queues.
    pub(super) fn is_msgqd(&self, pid: i32) -> bool {
        self.living.contains(&pid)
    }
}

fn server_of(queue: &QueueStat, files: &DaemonFiles) -> QueueServer {
    let with_pid = |state, pid: i32| QueueServer {
        state,
        pid: (pid > 0).then_some(pid),
        program: ClientNumber::new(pid).and_then(process_name),
        answers_of: None,
        instance: files.instance().map(|name| name.to_string()),
    };
    let table = files.table(queue).ok();
    match files.lock {
        LockState::Held(pid) if files.serves_another(pid, queue) => QueueServer::NONE,
        LockState::Held(pid) => match table.map(|table| ServerPhase::read(&table, files.lock)) {
            Some(ServerPhase::Hangs) => with_pid(QueueServerState::Hangs, pid),
            _ => with_pid(QueueServerState::Serving, pid),
        },
        LockState::Free | LockState::Hidden if table.is_some() => {
            let pid = table.map_or(0, |table| table.header().about().owner);
            QueueServer { program: None, ..with_pid(QueueServerState::Gone, pid) }
        }
        LockState::Free => QueueServer::NONE,
        LockState::Hidden => QueueServer { state: QueueServerState::Hidden, ..QueueServer::NONE },
    }
}
