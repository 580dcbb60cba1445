//! The user and group of the service, as its unit names them.

use super::owners::find_group;
use msgq_core::config::QueueConfig;
use nix::unistd::{Gid, Uid, User};

/// As whom the server runs.
pub(super) struct ServiceUser {
    pub(super) user: Uid,
    pub(super) group: Gid,
}

impl ServiceUser {
    /// Who is named as `USER` or `USER:GROUP`.
    pub(super) fn find(service: &str) -> Result<Self, String> {
        let (name, group) = service.split_once(':').map_or((service, None), |(user, group)| (user, Some(group)));
        let by_number = || name.parse().ok().and_then(|uid| User::from_uid(Uid::from_raw(uid)).ok().flatten());
        let user = User::from_name(name).map_err(|errno| format!("cannot look up user {name:?}: {}", errno.desc()))?;
        let user = user.or_else(by_number).ok_or_else(|| {
            format!("there is no user {name:?} to own the queue; name the one that the unit has as User=")
        })?;
        let group = group.map_or(Ok(user.gid), |group| find_group(group, "--take-over"))?;
        Ok(Self { user: user.uid, group })
    }

    /// The group of the clients of a queue.
    pub(super) fn group_of(&self, settings: &QueueConfig, setting: &str) -> Result<Gid, String> {
        settings.group.as_deref().map_or(Ok(self.group), |name| find_group(name, setting))
    }
}
