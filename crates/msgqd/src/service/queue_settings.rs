//! What a queue is set to, and why the kernel refuses it.

use super::acquire::QueuePlan;
use super::queue_size::{TooLarge, above_limit, size_lowered};
use msgq_core::escape::escape;
use msgq_core::limits;
use msgq_core::queue::{Queue, QueueError, QueueKey, QueueSettings, QueueStat};
use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid};
use std::sync::atomic::Ordering;

/// The kernel did not set it.
struct Refused {
    error: QueueError,
    /// For its size alone, as far as can be told.
    is_for_size: bool,
}

impl QueuePlan {
    /// Sets owner group, mode and size of a queue; returns what it was before.
    pub(super) fn apply(&self, queue: &Queue, too_large: TooLarge) -> Result<QueueStat, String> {
        let before = queue.stat().map_err(|error| error.to_string())?;
        self.set(queue, &before, None, too_large).map_err(|refused| self.explain(&refused))?;
        Ok(before)
    }

    /// As [`QueuePlan::apply`], and makes it this user's.
    pub(super) fn apply_and_own(&self, queue: &Queue, too_large: TooLarge) -> Result<QueueStat, String> {
        let before = queue.stat().map_err(|error| error.to_string())?;
        let set = self.set(queue, &before, Some(Uid::effective().as_raw()), too_large);
        set.map_err(|refused| match refused.is_for_size {
            false if refused.error.errno() == Errno::EPERM => self.foreign(*queue, before).without_right(),
            _ => self.explain(&refused),
        })?;
        Ok(before)
    }

    fn set(&self, queue: &Queue, before: &QueueStat, uid: Option<u32>, too_large: TooLarge) -> Result<(), Refused> {
        let max_bytes = self.wanted_bytes();
        let settings = QueueSettings {
            mode: Some(self.mode()),
            uid,
            gid: Some(self.group().as_raw()),
            max_bytes: (max_bytes != before.max_bytes).then_some(max_bytes),
        };
        match queue.set(&settings) {
            Ok(None) => self.is_smaller.store(false, Ordering::Relaxed),
            Ok(Some(limit)) => {
                self.is_smaller.store(self.max_bytes.is_some(), Ordering::Relaxed);
                log::warn!("{}", size_lowered(queue, before.max_bytes, limit));
            }
            Err(error) => {
                let limit = limits::msgmnb();
                let is_for_size = error.errno() == Errno::EPERM && settings.max_bytes.is_some() && max_bytes > limit;
                if !is_for_size || too_large == TooLarge::Refuse {
                    return Err(Refused { error, is_for_size });
                }
                let smaller = QueueSettings { max_bytes: Some(limit), ..settings };
                queue.set(&smaller).map_err(|error| Refused { error, is_for_size: false })?;
                self.note_smaller(queue, limit);
            }
        }
        Ok(())
    }

    /// The size that is configured.
    pub(super) fn wanted_bytes(&self) -> u64 {
        self.max_bytes.unwrap_or_else(limits::msgmnb)
    }

    /// True when the queue got less than is configured, and the kernel would allow it by now.
    pub(super) fn may_grow(&self, stat: &QueueStat) -> bool {
        let wanted = self.wanted_bytes();
        self.is_smaller.load(Ordering::Relaxed) && stat.max_bytes < wanted && wanted <= limits::msgmnb()
    }

    /// True when the kernel would set the size back that the queue has now, after this plan was in effect.
    pub(super) fn can_be_taken_back(&self, queue: &Queue) -> bool {
        let limit = limits::msgmnb();
        let is_lowered = |stat: QueueStat| stat.max_bytes > limit && self.max_bytes.unwrap_or(limit) < stat.max_bytes;
        !queue.stat().is_ok_and(is_lowered)
    }

    fn explain(&self, refused: &Refused) -> String {
        if refused.is_for_size {
            return above_limit(self.key, self.wanted_bytes(), limits::msgmnb());
        }
        match refused.error.errno() {
            Errno::EINVAL if !has_number_here(self.group()) => {
                let group = Group::from_gid(self.group()).ok().flatten();
                without_number(self.key, self.group(), group.map(|it| it.name))
            }
            _ => refused.error.to_string(),
        }
    }

    /// It got no more than this, which is said once until it has its size.
    pub(super) fn note_smaller(&self, queue: &Queue, limit: u64) {
        if self.is_smaller.swap(true, Ordering::Relaxed) {
            return;
        }
        let wanted = self.wanted_bytes();
        log::warn!(
            "the {} {} (msqid {}) has {limit} bytes instead of max_bytes = {wanted}: kernel.msgmnb is {limit} now, and this \
             process lacks CAP_SYS_RESOURCE; it is served all the same, and gets its size once the limit is raised with: {}",
            self.name(),
            self.key,
            queue.id(),
            limits::how_to_set_limit("kernel.msgmnb", wanted)
        );
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
