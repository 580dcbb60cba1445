//! Users, groups and processes, each looked up once: a thousand queues may be of one, and the look-up may go over a network.

use super::last_use::{LastUse, UserLookup};
use crate::system::names::Named;
use std::collections::HashMap;

pub(super) struct Names {
    users: HashMap<u32, Named>,
    groups: HashMap<u32, Named>,
    processes: UserLookup,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { users: HashMap::new(), groups: HashMap::new(), processes: UserLookup::new() }
    }

    pub(super) fn user(&mut self, uid: u32) -> Named {
        self.users.entry(uid).or_insert_with(|| Named::user(uid)).clone()
    }

    pub(super) fn group(&mut self, gid: u32) -> Named {
        self.groups.entry(gid).or_insert_with(|| Named::group(gid)).clone()
    }

    pub(super) fn last_use(&mut self, pid: i32, at_s: i64) -> Option<LastUse> {
        self.processes.last_use(pid, at_s)
    }
}
