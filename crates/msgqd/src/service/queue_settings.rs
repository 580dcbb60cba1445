//! What a queue is set to, and why the kernel refuses it.

use super::acquire::QueuePlan;
use msgq_core::escape::escape;
use msgq_core::limits;
use msgq_core::queue::{Queue, QueueError, QueueKey, QueueSettings, QueueStat};
use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid};

impl QueuePlan {
    /// Sets owner group, mode and size of a queue; returns what it was before.
    pub(super) fn apply(&self, queue: &Queue) -> Result<QueueStat, String> {
        let before = queue.stat().map_err(|error| error.to_string())?;
        self.set(queue, &before, None).map_err(|error| self.explain(&error, &before))?;
        Ok(before)
    }

    /// As [`QueuePlan::apply`], and makes it this user's.
    pub(super) fn apply_and_own(&self, queue: &Queue) -> Result<QueueStat, String> {
        let before = queue.stat().map_err(|error| error.to_string())?;
        let set = self.set(queue, &before, Some(Uid::effective().as_raw()));
        set.map_err(|error| match self.is_above_limit(&error, &before) {
            false if error.errno() == Errno::EPERM => self.foreign(*queue, before).without_right(),
            _ => self.explain(&error, &before),
        })?;
        Ok(before)
    }

    fn set(&self, queue: &Queue, before: &QueueStat, uid: Option<u32>) -> Result<(), QueueError> {
        let max_bytes = self.wanted_bytes();
        let settings = QueueSettings {
            mode: Some(self.mode()),
            uid,
            gid: Some(self.group().as_raw()),
            max_bytes: (max_bytes != before.max_bytes).then_some(max_bytes),
        };
        if let Some(limit) = queue.set(&settings)? {
            log::warn!("{}", size_lowered(queue, before.max_bytes, limit));
        }
        Ok(())
    }

    fn wanted_bytes(&self) -> u64 {
        self.max_bytes.unwrap_or_else(limits::msgmnb)
    }

    /// True when the kernel would set the size back that the queue has now, after this plan was in effect.
    pub(super) fn can_be_taken_back(&self, queue: &Queue) -> bool {
        let limit = limits::msgmnb();
        let is_lowered = |stat: QueueStat| stat.max_bytes > limit && self.max_bytes.unwrap_or(limit) < stat.max_bytes;
        !queue.stat().is_ok_and(is_lowered)
    }

    fn is_above_limit(&self, error: &QueueError, before: &QueueStat) -> bool {
        let max_bytes = self.wanted_bytes();
        error.errno() == Errno::EPERM && max_bytes > before.max_bytes && max_bytes > limits::msgmnb()
    }

    fn explain(&self, error: &QueueError, before: &QueueStat) -> String {
        if self.is_above_limit(error, before) {
            return above_limit(self.key, self.wanted_bytes(), limits::msgmnb());
        }
        match error.errno() {
            Errno::EINVAL if !has_number_here(self.group()) => {
                let group = Group::from_gid(self.group()).ok().flatten();
                without_number(self.key, self.group(), group.map(|it| it.name))
            }
            _ => error.to_string(),
        }
    }
}

/// A user namespace knows some groups only, those of gid_map (user_namespaces(7)), and msgctl refuses all others.
fn has_number_here(group: Gid) -> bool {
    let Ok(map) = std::fs::read_to_string("/proc/self/gid_map") else { return true };
    map.lines().any(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let (Some(Ok(first)), _, Some(Ok(count))) = (numbers.next(), numbers.next(), numbers.next()) else {
            return true;
        };
        group.as_raw().checked_sub(first).is_some_and(|place| place < count)
    })
}

fn without_number(key: QueueKey, group: Gid, name: Option<String>) -> String {
    let name = name.map_or_else(|| group.to_string(), |name| escape(name.as_bytes()));
    format!(
        "queue {key} cannot be given to group {name} ({group}), which has no number in the user namespace of this process; \
         set PrivateUsers=no in a drop-in of the unit (systemctl edit), or Group={name} if clients use no other group's queue"
    )
}

/// A size that only a privileged process may set.
pub(super) fn above_limit(key: QueueKey, max_bytes: u64, limit: u64) -> String {
    format!(
        "max_bytes = {max_bytes} for queue {key} is above the kernel's limit of {limit} (kernel.msgmnb), and this process \
         lacks CAP_SYS_RESOURCE; lower max_bytes, or raise the limit with: {}",
        limits::how_to_set_limit("kernel.msgmnb", max_bytes)
    )
}

/// The kernel made no other change of the queue than with a smaller size.
pub(super) fn size_lowered(queue: &Queue, before: u64, limit: u64) -> String {
    format!(
        "the size of queue msqid {} went from {before} to {limit} bytes: kernel.msgmnb was lowered to that, and this process \
         lacks CAP_SYS_RESOURCE, so the kernel refuses every change of a larger queue; raise it again with: {}",
        queue.id(),
        limits::how_to_set_limit("kernel.msgmnb", before)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_group_reaches_no_log_as_it_is() {
        let (key, group) = (QueueKey::new(5).unwrap(), Gid::from_raw(7));
        let told = without_number(key, group, Some("a\u{1b}[31m".to_owned()));
        assert!(told.contains("a\\u{1b}[31m (7)") && !told.contains('\u{1b}'), "{told}");
        assert!(without_number(key, group, None).contains("to group 7 (7)"));
    }
}
