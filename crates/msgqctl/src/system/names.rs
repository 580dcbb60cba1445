//! Numbers of users, groups and processes in words.

use msgq_core::escape::escape;
use msgq_core::process::{ClientNumber, Liveness, liveness};
use nix::unistd::{Gid, Group, Uid, User};
use serde::Serialize;

/// A user or group with its name, where it has one: as the user database has it, so for JSON and notes only.
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

    /// The name, escaped, for people; a directory service may say anything.
    pub(crate) fn shown_name(&self) -> Option<String> {
        self.name.as_ref().map(|name| escape(name.as_bytes()))
    }

    /// The name as it is shown to people, or the number where there is none.
    pub(crate) fn label(&self) -> String {
        self.shown_name().unwrap_or_else(|| self.id.to_string())
    }
}

/// Whether the process or thread behind a client's number lives, in a word; `number` where there is none behind it.
pub(crate) fn client_state(client: Option<ClientNumber>) -> &'static str {
    match client.map(liveness) {
        None => "impossible",
        Some(_) if client.is_some_and(|client| client.pid().is_none()) => "number",
        Some(Ok(Liveness::Alive)) => "alive",
        Some(Ok(Liveness::Zombie)) => "zombie",
        Some(Ok(Liveness::Dead)) => "dead",
        Some(Ok(Liveness::KernelThread)) => "kernel",
        Some(Err(_)) => "unknown",
    }
}

/// A client in a sentence.
pub(crate) fn client_label(number: i64, state: &str) -> String {
    if state == "number" { format!("client {number}") } else { format!("PID {number}") }
}

/// What is given up where clients are numbers: a sentence.
pub(crate) const WITHOUT_PROCESSES: &str = "numbers without processes (client_is = \"number\"): nobody knows who asked or who lives; an answer that nobody reads \
     stays for response_ttl_s, and whoever uses a number again can find an answer that was left for it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_name_is_its_own_label() {
        assert_eq!(Named::user(0).label(), "root");
        assert_eq!(Named { id: 4_000_000_000, name: None }.label(), "4000000000");
        assert_eq!(Named { id: 7, name: Some("a\u{1b}[31m".to_owned()) }.label(), r"a\u{1b}[31m");
    }
}
