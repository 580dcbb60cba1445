//! Calls that never reach a queue: a filter answers in the kernel's place, or the kernel has no queues.
//!
//! Each call is tried on a queue that cannot be there. The kernel answers that with EINVAL or ENOENT, and nothing else.

use crate::proc_text::proc_text;
use crate::sysv;
use nix::errno::Errno;
use nix::libc;
use nix::sys::utsname::uname;
use std::fmt;

/// No queue has this number.
pub(super) const NO_MSQID: i32 = -1;
const SOME_KEY: i32 = 1;

/// Why a call is refused whatever queue it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallRefusal {
    /// EPERM: something between this process and the kernel refuses it.
    Forbidden,
    /// ENOSYS, and a filter is on this process: it may be the filter's answer, or the kernel's.
    MissingBehindFilter,
    /// ENOSYS on the kernel of WSL 1.
    MissingInWsl1,
    /// ENOSYS of the kernel's own.
    Missing,
}

impl CallRefusal {
    /// Why `call` failed with `errno`, if it fails so on every queue.
    pub(super) fn of(call: &str, errno: Errno) -> Option<Self> {
        if !matches!(errno, Errno::EPERM | Errno::ENOSYS) || try_call(call) != Err(errno) {
            return None;
        }
        let release = uname().map(|names| names.release().to_string_lossy().into_owned()).unwrap_or_default();
        Some(match errno {
            Errno::EPERM => Self::Forbidden,
            _ if is_wsl1(&release) => Self::MissingInWsl1,
            _ if has_filter() => Self::MissingBehindFilter,
            _ => Self::Missing,
        })
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Forbidden => "a seccomp filter refuses this call to the process, whatever the queue is",
            Self::MissingBehindFilter => "the seccomp filter on this process, or its kernel, does not know this call",
            Self::MissingInWsl1 | Self::Missing => "this kernel has no System V message queues",
        }
    }

    /// What to do, after a semicolon.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Forbidden => ALLOW,
            Self::MissingBehindFilter => ALLOW_OR_MOVE,
            Self::MissingInWsl1 => "make it a distribution of WSL 2: `wsl --set-version DISTRIBUTION 2`",
            Self::Missing => MOVE,
        }
    }
}

const ALLOW: &str = "allow msgget, msgsnd, msgrcv and msgctl in it (`docker run --security-opt seccomp=PROFILE`, \
                     `securityContext.seccompProfile` in Kubernetes, `SystemCallFilter=@ipc` in a unit of systemd)";
const ALLOW_OR_MOVE: &str = "allow msgget, msgsnd, msgrcv and msgctl in the filter (`docker run --security-opt \
                             seccomp=PROFILE`, `securityContext.seccompProfile` in Kubernetes, `SystemCallFilter=@ipc` in a \
                             unit of systemd); gVisor and WSL 1 have no such calls: there run it with `docker run \
                             --runtime=runc`, or in WSL 2";
const MOVE: &str = "gVisor and WSL 1 have none, nor has a kernel without CONFIG_SYSVIPC: run it on another kernel (`docker run \
                    --runtime=runc`, `wsl --set-version DISTRIBUTION 2`)";

impl fmt::Display for CallRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.describe())
    }
}

pub(super) fn try_call(call: &str) -> Result<(), Errno> {
    let mut mtype_only = 1_i64.to_ne_bytes();
    match call {
        "msgget" => sysv::msgget(SOME_KEY, 0).map(drop),
        "msgsnd" => sysv::msgsnd(NO_MSQID, &mtype_only, libc::IPC_NOWAIT),
        "msgrcv" => sysv::msgrcv(NO_MSQID, &mut mtype_only, 0, libc::IPC_NOWAIT).map(drop),
        _ => sysv::stat(NO_MSQID).map(drop),
    }
}

/// WSL 2 has a kernel of its own, `microsoft-standard`.
fn is_wsl1(release: &str) -> bool {
    release.ends_with("-Microsoft")
}

/// `Seccomp:` of proc_pid_status(5): 2 with a filter.
fn has_filter() -> bool {
    let status = proc_text("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_calls_reach_the_kernel_none_is_refused() {
        for call in ["msgget", "msgctl(IPC_SET)", "msgrcv", "msgsnd"] {
            assert_eq!(CallRefusal::of(call, Errno::EPERM), None, "{call}");
            assert_eq!(CallRefusal::of(call, Errno::ENOSYS), None, "{call}: of MSG_COPY");
        }
    }

    #[test]
    fn the_two_kernels_of_wsl_are_told_apart() {
        assert!(is_wsl1("4.4.0-19041-Microsoft"));
        assert!(!is_wsl1("5.15.90.1-microsoft-standard-WSL2") && !is_wsl1("6.1.0-13-amd64"));
    }
}
