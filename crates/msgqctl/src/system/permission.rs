//! What a user who lacks permission on a queue can do about it, in a sentence. Changes nothing.

use crate::system::names::Named;
use msgq_core::escape::escape;
use msgq_core::queue::ListedQueue;
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgroups};

/// In one of the three digits of a mode.
const READ: u32 = 0o4;
const WRITE: u32 = 0o2;

const ROOT_GROUP: u32 = 0;

/// The user who runs msgqctl, as the queue's group sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asker {
    /// Escaped.
    name: String,
    /// The session has the queue's group.
    is_member: bool,
    /// The group database names the user as a member.
    is_listed: bool,
}

/// A sentence that says what to do for one who could not send, or else not read.
pub(crate) fn permission_advice(queue: Option<ListedQueue>, is_of_sending: bool) -> String {
    let needed = if is_of_sending { WRITE } else { READ };
    match queue {
        Some(row) => {
            advise(&row, &Named::user(row.uid).label(), &Named::group(row.gid).label(), &asker(row.gid), needed)
        }
        None => "become a member of the queue's group; `ipcs -q -c` shows which that is".to_owned(),
    }
}

fn asker(gid: u32) -> Asker {
    let gid = Gid::from_raw(gid);
    let uid: Uid = geteuid();
    let user = User::from_uid(uid).ok().flatten().map(|user| user.name);
    let members = Group::from_gid(gid).ok().flatten().map(|group| group.mem).unwrap_or_default();
    Asker {
        is_member: getegid() == gid || getgroups().is_ok_and(|groups| groups.contains(&gid)),
        is_listed: user.as_ref().is_some_and(|name| members.contains(name)),
        name: user.map_or_else(|| uid.to_string(), |name| escape(name.as_bytes())),
    }
}

fn advise(owner: &ListedQueue, user: &str, group: &str, asker: &Asker, needed: u32) -> String {
    let who = format!("the queue belongs to user {user} and group {group} with mode {:04o}", owner.mode);
    let name = &asker.name;
    let of_group = owner.mode >> 3;
    if needed == READ && of_group & (READ | WRITE) == WRITE {
        return format!("{who}, which lets its group send to it and not look into it: run this as {user}");
    }
    if of_group & needed == 0 {
        return format!(
            "{who}, which keeps its group out: run this as {user}; a server that is stopping shuts writers out too; \
             otherwise set `mode = \"0660\"` in the server's configuration"
        );
    }
    if owner.gid == ROOT_GROUP {
        return format!(
            "{who}, a group that nobody should join for this: set `group` in the server's configuration to one that \
             its clients are in, or run this as {user}"
        );
    }
    if asker.is_member {
        return format!("{who}, and {name} is a member of that group: the permission was just changed, try again");
    }
    if asker.is_listed {
        return format!(
            "{who}, and {name} was made a member of that group after this session began: log in again, or run \
             `newgrp {group}`"
        );
    }
    format!("{who}: join the group with `sudo usermod -aG {group} {name}` and log in again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(mode: u32, uid: u32, gid: u32) -> ListedQueue {
        ListedQueue { mode, uid, gid, ..ListedQueue::default() }
    }

    fn asker(is_member: bool, is_listed: bool) -> Asker {
        Asker { name: "bob".into(), is_member, is_listed }
    }

    #[test]
    fn a_stranger_is_told_which_group_to_join() {
        let row = owner(0o660, 990, 991);
        let advice = advise(&row, "msgq", "clients", &asker(false, false), READ);
        assert!(advice.contains("usermod -aG clients bob"), "{advice}");
    }

    #[test]
    fn nobody_is_told_to_join_the_group_of_root() {
        let advice = advise(&owner(0o660, 0, 0), "root", "root", &asker(false, false), WRITE);
        assert!(advice.contains("set `group`") && !advice.contains("usermod"), "{advice}");
    }

    #[test]
    fn a_new_member_is_told_to_log_in_again() {
        let row = owner(0o660, 990, 991);
        let advice = advise(&row, "msgq", "clients", &asker(false, true), READ);
        assert!(advice.contains("newgrp clients") && !advice.contains("usermod"), "{advice}");
    }

    #[test]
    fn where_the_mode_keeps_the_group_out_nobody_is_told_to_join_it() {
        let row = owner(0o640, 990, 991);
        let advice = advise(&row, "msgq", "clients", &asker(false, false), WRITE);
        assert!(advice.contains("run this as msgq") && !advice.contains("usermod"), "{advice}");
    }
    #[test]
    fn where_the_mode_lets_the_group_only_send_nobody_is_told_to_change_it() {
        let row = owner(0o620, 990, 991);
        let advice = advise(&row, "msgq", "clients", &asker(true, true), READ);
        assert!(advice.ends_with("run this as msgq") && !advice.contains("0660"), "{advice}");
        let advice = advise(&row, "msgq", "clients", &asker(false, false), WRITE);
        assert!(advice.contains("usermod -aG clients bob"), "{advice}");
    }
}
