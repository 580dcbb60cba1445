//! The gateway that runs, as whom it uses queues.

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A process, as the kernel asks for permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) pid: i32,
    pub(super) uid: u32,
    groups: Vec<u32>,
    /// May use all queues.
    is_privileged: bool,
}

/// CAP_IPC_OWNER, see capabilities(7).
const IPC_OWNER: u32 = 15;

/// The gateway that has this socket; `None` where there is none.
pub(super) fn find(metrics_socket: &Path) -> Option<Identity> {
    let connection = UnixStream::connect(metrics_socket).ok()?;
    let peer = getsockopt(&connection, PeerCredentials).ok()?;
    of_process(peer.pid())
}

/// This process.
pub(super) fn own() -> Option<Identity> {
    of_process(std::process::id().cast_signed())
}

fn of_process(pid: i32) -> Option<Identity> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    read_status(pid, &status)
}

fn read_status(pid: i32, status: &str) -> Option<Identity> {
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // Real, effective, saved and of the file system.
    let effective = |name| line(name)?.split_whitespace().nth(1)?.parse().ok();
    let (uid, gid): (u32, u32) = (effective("Uid")?, effective("Gid")?);
    let more = line("Groups").unwrap_or_default().split_whitespace().filter_map(|group| group.parse().ok());
    let capabilities = line("CapEff").and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    let is_privileged = capabilities >> IPC_OWNER & 1 == 1;
    Some(Identity { pid, uid, groups: std::iter::once(gid).chain(more).collect(), is_privileged })
}

impl Identity {
    /// The permission bits that it has on a queue with these owners: 4 to read, 2 to write.
    pub(super) fn bits(&self, users: [u32; 2], groups: [u32; 2], mode: u32) -> u32 {
        if self.is_privileged {
            return 0o6;
        }
        let class = if users.contains(&self.uid) {
            mode >> 6
        } else if groups.iter().any(|group| self.groups.contains(group)) {
            mode >> 3
        } else {
            mode
        };
        class & 0o6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_group_and_others_have_their_own_bits_and_a_capability_has_all() {
        let status = "Name:\tx\nUid:\t5\t7\t5\t5\nGid:\t8\t9\t8\t8\nGroups:\t20 21 \nCapEff:\t0000000000000000\n";
        let identity = read_status(1, status).unwrap();
        assert_eq!((identity.uid, identity.bits([7, 0], [0, 0], 0o400)), (7, 4));
        assert_eq!(identity.bits([0, 7], [9, 9], 0o260), 2);
        assert_eq!(identity.bits([0, 0], [9, 0], 0o046), 4);
        assert_eq!(identity.bits([0, 0], [0, 21], 0o067), 6);
        assert_eq!(identity.bits([0, 0], [0, 0], 0o662), 2);
        let privileged = read_status(1, &status.replace("0000000000000000", "0000000000008000")).unwrap();
        assert_eq!(privileged.bits([0, 0], [0, 0], 0), 6);
        assert_eq!(read_status(1, "Name:\tx\n"), None);
    }
}
