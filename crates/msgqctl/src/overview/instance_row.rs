//! The instances of msgqd, also those that have no queue now.

use super::facts::QueueFacts;
use super::server::QueueServerState;
use crate::instances::{running_instances, unit_name};
use crate::output::shown_path;
use msgq_core::config::Config;
use msgq_core::instance::{InstanceName, configured_instances};
use msgq_core::queue::QueueKey;
use serde::Serialize;
use std::collections::BTreeSet;

/// How an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InstanceState {
    /// It serves its queue.
    Serving,
    /// It shows no sign of life.
    Hangs,
    /// It ended, and left its queue.
    Down,
    /// Its unit runs, and it does not serve the queue that its file names.
    Running,
    /// It has a file, and its unit does not run.
    NotRunning,
    /// Its file cannot be used.
    Broken,
    /// This user may not look.
    Hidden,
}

impl InstanceState {
    /// Nothing is to be done, as far as can be seen.
    pub(crate) fn is_fine(self) -> bool {
        matches!(self, Self::Serving | Self::Running | Self::Hidden)
    }
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct InstanceRow {
    pub(crate) name: String,
    /// The unit that runs it.
    pub(crate) unit: String,
    pub(crate) state: InstanceState,
    /// `null` where its file does not tell it to this user.
    pub(crate) key: Option<String>,
    /// `null` without a queue.
    pub(crate) msqid: Option<i32>,
    /// How it does and what to do, in one sentence.
    pub(crate) sentence: String,
}

/// All that have a file or run, in the order of their names.
pub(super) fn instance_rows(queues: &[QueueFacts]) -> Vec<InstanceRow> {
    let running = running_instances();
    let all: BTreeSet<InstanceName> = configured_instances().into_iter().chain(running.iter().cloned()).collect();
    all.iter().map(|name| instance_row(name, running.contains(name), queues)).collect()
}

fn instance_row(name: &InstanceName, runs: bool, queues: &[QueueFacts]) -> InstanceRow {
    let path = name.config_path();
    let is_hidden = std::fs::File::open(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
    let loaded = Config::load(&path);
    let lenient = || Config::load_leniently(&path).ok();
    let configured = loaded.as_ref().ok().cloned().or_else(lenient);
    let key = configured.and_then(|config| config.queue.key.resolve().ok());
    let served = |queue: &&QueueFacts| {
        queue.server.instance.as_deref() == Some(name.as_str()) && queue.server.answers_of.is_none()
    };
    let queue =
        queues.iter().find(served).or_else(|| queues.iter().find(|queue| key.is_some() && queue.stat.key == key));
    let state = queue.map(|queue| queue.server.state);
    let unit = unit_name(Some(name));
    let (state, sentence) = match (state, queue) {
        (Some(QueueServerState::Serving), Some(queue)) => (InstanceState::Serving, serving(queue)),
        (Some(QueueServerState::Hangs), _) => (
            InstanceState::Hangs,
            format!("it hangs: systemctl restart {unit} has it start anew, and it finishes what is in hand"),
        ),
        (Some(QueueServerState::Gone), Some(queue)) => {
            (InstanceState::Down, format!("it ended and left queue {}: systemctl start {unit}", of(queue)))
        }
        (Some(QueueServerState::Hidden), _) => {
            (InstanceState::Hidden, "whether it serves is hidden from this user".to_owned())
        }
        _ if is_hidden => (InstanceState::Hidden, format!("this user may not read {}", shown_path(&path))),
        _ => without_server(name, runs, key, loaded.err().map(|error| error.to_string())),
    };
    InstanceRow {
        name: name.to_string(),
        unit: name.unit(),
        state,
        key: key.map(|key| key.to_string()),
        msqid: queue.map(|queue| queue.stat.msqid),
        sentence,
    }
}

fn of(queue: &QueueFacts) -> String {
    let key = queue.stat.key.map_or_else(|| "without a key".to_owned(), |key| key.to_string());
    format!("{key} (msqid {})", queue.stat.msqid)
}

fn serving(queue: &QueueFacts) -> String {
    format!("{}: serves queue {}", queue.verdict().label(), of(queue))
}

fn without_server(
    name: &InstanceName,
    runs: bool,
    key: Option<QueueKey>,
    error: Option<String>,
) -> (InstanceState, String) {
    let unit = unit_name(Some(name));
    if let Some(error) = error {
        let first = error.lines().next().unwrap_or_default();
        let sentence =
            format!("its file cannot be used: {first}; msgqd --instance {name} --check-config shows the place");
        return (InstanceState::Broken, sentence);
    }
    let queue = key.map_or_else(String::new, |key| format!(" queue {key}"));
    if runs {
        let sentence = format!("its unit runs, and does not serve{queue} yet: systemctl status {unit}");
        return (InstanceState::Running, sentence);
    }
    (InstanceState::NotRunning, format!("configured for{queue}, and not running: systemctl start {unit}"))
}
