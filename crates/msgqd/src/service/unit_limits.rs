//! The limits that the unit of this process sets through its cgroups, and how an operator raises one.

use std::fs;
use std::path::{Path, PathBuf};

/// A limit of a cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CgroupLimit {
    /// Where the limit stands.
    pub(super) file: String,
    pub(super) max: u64,
    /// What is left of it.
    pub(super) free: u64,
}

/// Of the limits on tasks of this process's cgroup and those above it, the one that leaves the fewest free.
pub(super) fn narrowest_task_limit() -> Option<CgroupLimit> {
    narrowest("pids", "pids.max", "pids.max", "pids.current")
}

/// Of the limits on memory the lowest. What is in use says little: the kernel takes most of it back where it is needed.
pub(super) fn lowest_memory_limit() -> Option<CgroupLimit> {
    narrowest("memory", "memory.max", "memory.limit_in_bytes", "")
}

/// `current` names the file with what is in use; empty where that does not count.
fn narrowest(controller: &str, max_file: &str, max_file_of_v1: &str, current: &str) -> Option<CgroupLimit> {
    let groups = own_cgroups(controller);
    let limits = groups.iter().flat_map(|(root, path, is_v1)| {
        let max_file = if *is_v1 { max_file_of_v1 } else { max_file };
        Path::new(path).ancestors().filter_map(move |group| limit_of(&root.join(group), max_file, current))
    });
    limits.min_by_key(|limit| limit.free)
}

/// Where the hierarchies with this controller are mounted, this process's path in each, and whether it is one of version 1.
fn own_cgroups(controller: &str) -> Vec<(PathBuf, String, bool)> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = own.lines().filter_map(|line| {
        let (_, line) = line.split_once(':')?;
        let (controllers, path) = line.split_once(':')?;
        let path = path.trim_start_matches('/').to_owned();
        let root = Path::new("/sys/fs/cgroup");
        match controllers {
            "" => Some((root.to_owned(), path, false)),
            _ if controllers == controller => Some((root.join(controller), path, true)),
            _ => None,
        }
    });
    groups.collect()
}

fn limit_of(group: &Path, max_file: &str, current: &str) -> Option<CgroupLimit> {
    let number = |name| fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    let max = number(max_file)?;
    let used = if current.is_empty() { 0 } else { number(current)? };
    Some(CgroupLimit { file: group.join(max_file).display().to_string(), max, free: max.saturating_sub(used) })
}

/// How `setting` of the unit is raised to `value`; `shell` is what does it without a unit, where something does.
pub(super) fn how_to_raise(setting: &str, value: &str, shell: Option<&str>) -> String {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    match (unit_of(&own), shell) {
        (Some(unit), _) => {
            format!("write {setting}={value} below [Service] with `systemctl edit {unit}` and restart it")
        }
        (None, Some(shell)) => format!("raise {setting}= (or {shell}) to {value}"),
        (None, None) => format!("raise {setting}= to {value}"),
    }
}

/// The service that a process with this /proc/PID/cgroup belongs to. Not the user manager's, in which shells run.
fn unit_of(cgroups: &str) -> Option<&str> {
    let units = cgroups.lines().filter_map(|line| line.rsplit('/').next()).filter(|name| name.ends_with(".service"));
    units.filter(|name| !name.starts_with("user@")).find(|name| name.bytes().all(is_plain))
}

/// What needs no quoting in a shell.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_last_part_of_the_path_where_it_is_a_service() {
        assert_eq!(unit_of("0::/system.slice/msgqd.service\n"), Some("msgqd.service"));
        let instance = "1:name=systemd:/system.slice/system-msgqd.slice/msgqd@orders.service\n0::/\n";
        assert_eq!(unit_of(instance), Some("msgqd@orders.service"));
        assert_eq!(unit_of("0::/user.slice/user-0.slice/user@0.service/app.slice/run-1.scope\n"), None);
        assert_eq!(unit_of("0::/user.slice/user-0.slice/user@0.service\n0::/a b.service\n"), None);
    }
}
