//! Who made a queue: the creator keeps the rights of an owner for as long as the queue is there.

use super::foreign_queue::{ForeignQueue, Objection};
use crate::service::owners::user_name;
use msgq_core::queue::QueueStat;
use nix::unistd::{Gid, Uid, User, getgrouplist};
use std::ffi::CString;

/// A creator who would not have these rights as a client.
pub(super) fn objection(foreign: &ForeignQueue<'_>) -> Option<Objection> {
    let creator = foreign.stat.cuid;
    let is_trusted = creator == 0 || creator == foreign.user.as_raw();
    let is_client = is_open_to_all(foreign.mode) || foreign.mode & READ_AND_WRITE_OF_GROUP == READ_AND_WRITE_OF_GROUP;
    if is_trusted || is_open_to_all(foreign.mode) || (is_client && is_member(&foreign.stat, foreign.group)) {
        return None;
    }
    let name = user_name(creator);
    Some(Objection {
        what: format!(
            "{name} made it and so has the rights of an owner for ever, to read all and to remove it, which mode {:04o} and group \
             {} would not give to that user",
            foreign.mode, foreign.group
        ),
        cure: format!(
            "make {name} a member of the group that the configuration gives the queue, or have it removed: {}",
            foreign.inspection()
        ),
    })
}

/// What to tell of the creator of a queue that was taken over; empty where that is its user or root.
pub(in crate::service) fn rights_of_creator(stat: &QueueStat, user: Uid) -> String {
    if stat.cuid == 0 || stat.cuid == user.as_raw() {
        return String::new();
    }
    format!("; {} made it and can still read, change and remove it", user_name(stat.cuid))
}

fn is_open_to_all(mode: u32) -> bool {
    mode & READ_AND_WRITE_OF_OTHERS == READ_AND_WRITE_OF_OTHERS
}

fn is_member(stat: &QueueStat, group: Gid) -> bool {
    if stat.cgid == group.as_raw() {
        return true;
    }
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(stat.cuid)) else { return false };
    let groups = CString::new(user.name).ok().and_then(|name| getgrouplist(&name, user.gid).ok());
    groups.is_some_and(|groups| groups.contains(&group))
}

const READ_AND_WRITE_OF_GROUP: u32 = 0o060;
const READ_AND_WRITE_OF_OTHERS: u32 = 0o006;
