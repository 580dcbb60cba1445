//! The instances of msgqd on this machine: who has a configuration, who runs, and the unit that is to be named in advice.

use clap_complete::CompletionCandidate;
use msgq_core::config::{Config, SYSTEM_CONFIG};
use msgq_core::instance::{InstanceName, configured_instances, instance_of_directory, service_directory};
use msgq_core::queue::QueueKey;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the service manager has the control groups of msgqd@.service: everybody may see who runs.
const RUNNING: &str = "/sys/fs/cgroup/system.slice/system-msgqd.slice";

/// The instances that run as units, in the order of their names.
pub(crate) fn running_instances() -> BTreeSet<InstanceName> {
    let groups = std::fs::read_dir(RUNNING).into_iter().flatten().flatten();
    let name_of = |group: &str| group.strip_prefix("msgqd@")?.strip_suffix(".service")?.parse().ok();
    groups.filter_map(|entry| name_of(entry.file_name().to_str()?)).collect()
}

/// In words, for somebody who named one that there is not.
pub(crate) fn known_instances_in_words() -> String {
    let (configured, running) = (configured_instances(), running_instances());
    let all: BTreeSet<&InstanceName> = configured.iter().chain(&running).collect();
    let words: Vec<String> = all
        .into_iter()
        .map(|name| match (configured.contains(name), running.contains(name)) {
            (true, true) => format!("{name} (runs)"),
            (true, false) => name.to_string(),
            (false, _) => format!("{name} (runs, but its file is gone)"),
        })
        .collect();
    if words.is_empty() { "there are none".to_owned() } else { format!("there are {}", words.join(", ")) }
}

/// The names as a shell offers them, each with its queue.
pub(crate) fn instance_candidates() -> Vec<CompletionCandidate> {
    let candidate = |name: &InstanceName| {
        let key = Config::load_leniently(&name.config_path()).ok().and_then(|config| config.queue.key.resolve().ok());
        let help = key.map_or_else(|| name.config_path().display().to_string(), |key| format!("queue {key}"));
        CompletionCandidate::new(name.as_str()).help(Some(help.into()))
    };
    configured_instances().iter().map(candidate).collect()
}

/// The instance whose server keeps its files in this directory, or whose configuration alone names the queue.
pub(crate) fn instance_of_queue(directory: Option<&Path>, key: Option<QueueKey>) -> Option<InstanceName> {
    let of_files = directory.and_then(instance_of_directory);
    of_files.or_else(|| {
        let key = key?;
        let names =
            |path: &Path| Config::load_leniently(path).is_ok_and(|config| config.queue.key.resolve().ok() == Some(key));
        if directory.is_some() || names(Path::new(SYSTEM_CONFIG)) {
            return None;
        }
        configured_instances().into_iter().find(|name| names(&name.config_path()))
    })
}

/// Where the next start of the server keeps its files that a configuration in the usual place names for this queue.
pub(crate) fn directory_of_next_start(key: QueueKey) -> Option<PathBuf> {
    let instance = instance_of_queue(None, Some(key));
    let is_unnamed = || {
        Config::load_leniently(Path::new(SYSTEM_CONFIG))
            .is_ok_and(|config| config.queue.key.resolve().ok() == Some(key))
    };
    let directory = service_directory(instance.as_ref());
    (directory.is_dir() && (instance.is_some() || is_unnamed())).then_some(directory)
}

/// What systemctl(1) and journalctl(1) call the server: of the instance, or of the one without a name.
pub(crate) fn unit_name(instance: Option<&InstanceName>) -> String {
    instance.map_or_else(|| "msgqd".to_owned(), |name| format!("msgqd@{name}"))
}
