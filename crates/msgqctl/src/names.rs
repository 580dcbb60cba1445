//! Numbers of users, groups and processes in words.

use msgq_core::process::{ClientPid, Liveness, liveness};
use nix::unistd::{Gid, Group, Uid, User};
use serde::Serialize;

/// A user or group with its name, where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Named {
    pub(crate) id: u32,
    pub(crate) name: Option<String>,
}

impl Named {
    pub(crate) fn user(id: u32) -> Self {
        let name = User::from_uid(Uid::from_raw(id)).ok().flatten().map(|user| user.name);
        Self { id, name }
    }

    pub(crate) fn group(id: u32) -> Self {
        let name = Group::from_gid(Gid::from_raw(id)).ok().flatten().map(|group| group.name);
        Self { id, name }
    }

    /// The name, or the number where there is none.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// Whether the process or thread behind a number lives, in a word.
pub(crate) fn process_state(pid: i32) -> &'static str {
    match ClientPid::new(pid).map(liveness) {
        None => "impossible",
        Some(Ok(Liveness::Alive)) => "alive",
        Some(Ok(Liveness::Zombie)) => "zombie",
        Some(Ok(Liveness::Dead)) => "dead",
        Some(Err(_)) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_name_is_its_own_label() {
        assert_eq!(Named::user(0).label(), "root");
        assert_eq!(Named { id: 4_000_000_000, name: None }.label(), "4000000000");
    }
}
