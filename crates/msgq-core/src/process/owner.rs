//! Whose a client is: the process that a thread belongs to, and its user.

use super::{ClientHandle, ClientNumber};
use crate::proc_text::proc_text;
use crate::sysv;
use std::os::fd::AsFd;
use std::sync::OnceLock;

/// Process and user behind a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientOwner {
    /// PID of the process; 0 stands for all threads of which nothing says whose they are. A number without a process
    /// behind it stands for itself.
    pub process: i64,
    /// Real user id; `None` where nothing tells it.
    pub uid: Option<u32>,
    /// A thread of the kernel, which never asks anything.
    pub is_kernel_thread: bool,
}

/// As which user a client runs, and with whose rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientUsers {
    /// Real user id.
    pub real: u32,
    /// Effective user id: what it makes belongs to this one.
    pub effective: u32,
}

/// The inode of the first PID namespace, `PROC_PID_INIT_INO` of `include/linux/proc_ns.h`. Only there is PID 2 kthreadd, the
/// parent of the kernel's threads; in a container it is a process like others.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
const KTHREADD: u32 = 2;

impl ClientHandle {
    /// Whose this client is: by `PIDFD_GET_INFO` (Linux 6.13), else by /proc as far as it is visible, else by the number
    /// alone.
    #[must_use]
    pub fn owner(&self, pid: ClientNumber) -> ClientOwner {
        let told = self.told_by_pidfd().or_else(|| told_by_proc(pid));
        let Some(Told { process, parent, uid, .. }) = told else {
            let process = if self.is_thread { 0 } else { pid.get() };
            return ClientOwner { process, uid: None, is_kernel_thread: false };
        };
        let is_kernel_thread = (process == KTHREADD || parent == KTHREADD) && is_first_pid_namespace();
        ClientOwner { process: process.into(), uid: Some(uid), is_kernel_thread }
    }

    /// As which user this client runs, and with whose rights; `None` where nothing tells it, as with [`ClientHandle::owner`].
    #[must_use]
    pub fn users(&self, pid: ClientNumber) -> Option<ClientUsers> {
        let told = self.told_by_pidfd().or_else(|| told_by_proc(pid))?;
        Some(ClientUsers { real: told.uid, effective: told.effective_uid })
    }

    fn told_by_pidfd(&self) -> Option<Told> {
        let info = sysv::pidfd_info(self.pidfd.as_ref()?.as_fd()).ok()?;
        // 0 is a process that this PID namespace does not show.
        let told = Told { process: info.tgid, parent: info.ppid, uid: info.ruid, effective_uid: info.euid };
        (info.tgid != 0).then_some(told)
    }
}

struct Told {
    process: u32,
    parent: u32,
    uid: u32,
    effective_uid: u32,
}

fn told_by_proc(pid: ClientNumber) -> Option<Told> {
    read_status(&proc_text(&format!("/proc/{pid}/status")).ok()?)
}

fn read_status(status: &str) -> Option<Told> {
    let number = |name: &str, place: usize| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().nth(place)?.parse().ok()
    };
    Some(Told {
        process: number("Tgid:", 0)?,
        parent: number("PPid:", 0)?,
        uid: number("Uid:", 0)?,
        effective_uid: number("Uid:", 1)?,
    })
}

/// A process stays in its PID namespace for as long as it lives.
fn is_first_pid_namespace() -> bool {
    static IS_FIRST: OnceLock<bool> = OnceLock::new();
    *IS_FIRST.get_or_init(|| {
        std::fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link.as_os_str() == FIRST_PID_NAMESPACE)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    #[test]
    fn a_thread_and_its_process_have_one_owner() {
        let process = i32::try_from(std::process::id()).unwrap();
        let own = ClientNumber::new(process).unwrap();
        let owner = ClientHandle::open(own).unwrap().unwrap().owner(own);
        assert_eq!(owner.process, i64::from(process));
        assert_eq!(owner.uid, Some(nix::unistd::getuid().as_raw()));
        let users = ClientHandle::open(own).unwrap().unwrap().users(own).unwrap();
        assert_eq!(users.real, nix::unistd::getuid().as_raw());
        assert_eq!(users.effective, nix::unistd::geteuid().as_raw());
        std::thread::spawn(move || {
            let thread = ClientNumber::new(nix::unistd::gettid().as_raw()).unwrap();
            assert_ne!(thread, own);
            assert_eq!(ClientHandle::open(thread).unwrap().unwrap().owner(thread), owner);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn all_threads_of_which_nothing_says_whose_they_are_count_as_one_process() {
        let nobody = ClientNumber::new(i32::MAX).unwrap();
        let unknown = |is_thread| ClientHandle { pidfd: None, is_thread }.owner(nobody);
        assert_eq!(unknown(true), ClientOwner { process: 0, uid: None, is_kernel_thread: false });
        assert_eq!(unknown(false), ClientOwner { process: nobody.get(), uid: None, is_kernel_thread: false });
    }

    #[test]
    fn what_proc_says_of_a_thread_is_read() {
        let status = "Name:\tshop\nTgid:\t4321\nNgid:\t0\nPid:\t4325\nPPid:\t17\nUid:\t1000\t0\t0\t0\n";
        let told = read_status(status).unwrap();
        assert_eq!((told.process, told.parent, told.uid, told.effective_uid), (4321, 17, 1000, 0));
        assert!(read_status("Tgid:\tx\n").is_none());
    }

    #[test]
    fn kthreadd_is_a_kernel_thread_where_it_can_be_seen() {
        let kthreadd = ClientNumber::new(2).unwrap();
        if !is_first_pid_namespace() {
            return eprintln!("not in the first PID namespace: kernel threads have no numbers here");
        }
        assert!(ClientHandle::open(kthreadd).unwrap().unwrap().owner(kthreadd).is_kernel_thread);
    }
}
