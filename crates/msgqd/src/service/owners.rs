//! Groups and users by their names.

use msgq_core::escape::escape;
use msgq_core::instance::{own_instance, service_directory};
use nix::unistd::{Gid, Group, Uid, User};
use std::os::unix::fs::MetadataExt;

/// `setting` is what names the group.
pub(super) fn find_group(name: &str, setting: &str) -> Result<Gid, String> {
    match name.parse() {
        Ok(u32::MAX) => return Err(format!("{setting} = {name:?} is no group: {} stands for none (-1)", u32::MAX)),
        Ok(number) => return Ok(Gid::from_raw(number)),
        Err(_) => {}
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(format!(
            "there is no group {name:?} to own the queue; create it with: groupadd --system {name}, or change \
             {setting} in the configuration"
        )),
        Err(errno) => Err(format!("cannot look up group {name:?}: {}", errno.desc())),
    }
}

/// The group of a queue of which the configuration names none: that of this process. An instance runs in a group of nobody, so it
/// goes by the directory that was made for it.
pub(super) fn default_group() -> Gid {
    let directory = own_instance().and_then(|name| service_directory(Some(name)).symlink_metadata().ok());
    match directory {
        Some(it) if it.is_dir() && it.uid() == Uid::effective().as_raw() => Gid::from_raw(it.gid()),
        _ => Gid::effective(),
    }
}

/// `alice (uid 1000)`, or `uid 1000` where nobody has a name for it.
pub(super) fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("{} (uid {uid})", escape(user.name.as_bytes())),
        _ => format!("uid {uid}"),
    }
}
