//! The queue itself: every call that the kernel has for one.

use super::buffer::MessageBuffer;
use super::error::QueueError;
use super::framed::framed;
use super::key::QueueKey;
use super::stat::{QueueSettings, QueueStat};
use crate::limits;
use crate::sysv;
use nix::errno::Errno;
use nix::libc;
use std::sync::{Mutex, PoisonError};

/// Held while settings are read, changed and written back, as one thread's change would undo another's.
static SETTING: Mutex<()> = Mutex::new(());

/// A queue that existed when the value was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    key: Option<QueueKey>,
    msqid: i32,
}

impl Queue {
    /// Creates the queue.
    ///
    /// # Errors
    /// EEXIST when the key is taken, ENOSPC when `kernel.msgmni` queues exist.
    pub fn create(key: QueueKey, mode: u32) -> Result<Self, QueueError> {
        let permission = i32::try_from(mode & 0o777).unwrap_or(0);
        Self::get(key, libc::IPC_CREAT | libc::IPC_EXCL | permission)
    }

    /// Creates a queue without a key, which others find by its msqid alone.
    ///
    /// # Errors
    /// ENOSPC when `kernel.msgmni` queues exist.
    pub fn create_private(mode: u32) -> Result<Self, QueueError> {
        let permission = i32::try_from(mode & 0o777).unwrap_or(0);
        let created = sysv::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | permission);
        let failed = |errno| QueueError { call: "msgget", key: None, msqid: None, errno };
        created.map(Self::from_msqid).map_err(failed)
    }

    /// Finds the queue. No permission is asked for here, so that what is missing shows at the call that needs it.
    ///
    /// # Errors
    /// ENOENT when there is none.
    pub fn open(key: QueueKey) -> Result<Self, QueueError> {
        Self::get(key, 0)
    }

    fn get(key: QueueKey, flags: i32) -> Result<Self, QueueError> {
        match sysv::msgget(key.raw(), flags) {
            Ok(msqid) => Ok(Self { key: Some(key), msqid }),
            Err(errno) => Err(QueueError { call: "msgget", key: Some(key), msqid: None, errno }),
        }
    }

    /// A queue of which only the number is known.
    #[must_use]
    pub fn from_msqid(msqid: i32) -> Self {
        Self { key: None, msqid }
    }

    /// A queue of which number and key are known already.
    #[must_use]
    pub fn known(key: Option<QueueKey>, msqid: i32) -> Self {
        Self { key, msqid }
    }

    /// The kernel's number for the queue.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.msqid
    }

    /// The key it was found by, if it was.
    #[must_use]
    pub fn key(&self) -> Option<QueueKey> {
        self.key
    }

    /// The error of a call on this queue, whichever room made it.
    pub(crate) fn failed(&self, call: &'static str, errno: Errno) -> QueueError {
        QueueError { call, key: self.key, msqid: Some(self.msqid), errno }
    }

    /// Sends and waits while the queue is full.
    ///
    /// # Errors
    /// EINTR after any handled signal, EIDRM when the queue is removed, EACCES without write permission, EINVAL for a
    /// body above `kernel.msgmax` or a type below 1.
    pub fn send(&self, mtype: i64, body: &[u8]) -> Result<(), QueueError> {
        self.send_raw(&framed(mtype, body), 0)
    }

    /// Sends unless the queue is full.
    ///
    /// # Errors
    /// EAGAIN when it is full; otherwise as [`Queue::send`].
    pub fn try_send(&self, mtype: i64, body: &[u8]) -> Result<(), QueueError> {
        self.send_raw(&framed(mtype, body), libc::IPC_NOWAIT)
    }

    /// Sends `message` (mtype in native byte order, then the body) and waits while the queue is full. Copies nothing.
    ///
    /// # Errors
    /// As [`Queue::send`].
    pub fn send_framed(&self, message: &[u8]) -> Result<(), QueueError> {
        self.send_raw(message, 0)
    }

    /// Sends `message` (mtype in native byte order, then the body) unless the queue is full. Copies nothing.
    ///
    /// # Errors
    /// As [`Queue::try_send`].
    pub fn try_send_framed(&self, message: &[u8]) -> Result<(), QueueError> {
        self.send_raw(message, libc::IPC_NOWAIT)
    }

    fn send_raw(&self, message: &[u8], flags: i32) -> Result<(), QueueError> {
        sysv::msgsnd(self.msqid, message, flags).map_err(|errno| self.failed("msgsnd", errno))
    }

    /// Receives the first message that `msgtyp` selects as in msgop(2), and waits for one.
    ///
    /// # Errors
    /// EINTR after any handled signal, EIDRM when the queue is removed, EACCES without read permission, E2BIG when the
    /// buffer is too small: the message then stays in the queue.
    pub fn receive(&self, msgtyp: i64, buffer: &mut MessageBuffer) -> Result<(), QueueError> {
        let length = self.receive_framed(msgtyp, buffer.raw())?;
        buffer.set_body_len(length);
        Ok(())
    }

    /// Receives if there is something; false when nothing is there.
    ///
    /// # Errors
    /// As [`Queue::receive`].
    pub fn try_receive(&self, msgtyp: i64, buffer: &mut MessageBuffer) -> Result<bool, QueueError> {
        let received = self.optional(sysv::msgrcv(self.msqid, buffer.raw(), msgtyp, libc::IPC_NOWAIT))?;
        buffer.set_body_len(received.unwrap_or(0));
        Ok(received.is_some())
    }

    /// As [`Queue::try_receive`], with a buffer that grows where a message needs it.
    ///
    /// # Errors
    /// As [`Queue::try_receive`], but for E2BIG.
    pub fn try_receive_any(&self, msgtyp: i64, buffer: &mut MessageBuffer) -> Result<bool, QueueError> {
        match self.try_receive(msgtyp, buffer) {
            Err(error) if error.errno() == Errno::E2BIG => {
                buffer.make_room(self.widest_possible_body()?);
                self.try_receive(msgtyp, buffer)
            }
            received => received,
        }
    }

    /// Receives into `message` (mtype in native byte order, then the body), waits, and returns the body's length.
    ///
    /// # Errors
    /// As [`Queue::receive`].
    pub fn receive_framed(&self, msgtyp: i64, message: &mut [u8]) -> Result<usize, QueueError> {
        sysv::msgrcv(self.msqid, message, msgtyp, 0).map_err(|errno| self.failed("msgrcv", errno))
    }

    /// Copies the message at `index` (0 is the oldest) and leaves it there; false past the end.
    ///
    /// # Errors
    /// ENOSYS on a kernel without MSG_COPY, EACCES without read permission, E2BIG when the buffer is too small.
    pub fn peek(&self, index: usize, buffer: &mut MessageBuffer) -> Result<bool, QueueError> {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let flags = libc::MSG_COPY | libc::IPC_NOWAIT;
        let copied = self.optional(sysv::msgrcv(self.msqid, buffer.raw(), index, flags))?;
        buffer.set_body_len(copied.unwrap_or(0));
        Ok(copied.is_some())
    }

    /// Tells whether a message that `msgtyp` selects is there, and leaves it there.
    ///
    /// A receive with no room for a body answers E2BIG when a message waits and ENOMSG when none does, and looks at
    /// nothing but the queue (`do_msgrcv` in `ipc/msg.c`). A message with an *empty* body fits and is therefore taken:
    /// no answer of the protocol is empty, so what is lost is junk.
    ///
    /// # Errors
    /// EACCES without read permission, EIDRM or EINVAL when the queue is gone.
    pub fn has_message(&self, msgtyp: i64) -> Result<bool, QueueError> {
        let mut mtype_only = [0_u8; sysv::MTYPE_LEN];
        match sysv::msgrcv(self.msqid, &mut mtype_only, msgtyp, libc::IPC_NOWAIT) {
            Err(Errno::E2BIG) => Ok(true),
            Err(Errno::ENOMSG) | Ok(_) => Ok(false),
            Err(errno) => Err(self.failed("msgrcv", errno)),
        }
    }

    fn optional(&self, received: Result<usize, Errno>) -> Result<Option<usize>, QueueError> {
        match received {
            Ok(length) => Ok(Some(length)),
            Err(Errno::ENOMSG) => Ok(None),
            Err(errno) => Err(self.failed("msgrcv", errno)),
        }
    }

    /// Owner, mode, fill and times of the queue; needs read permission.
    ///
    /// # Errors
    /// EACCES, EIDRM, or EINVAL when the queue is gone.
    pub fn stat(&self) -> Result<QueueStat, QueueError> {
        let status = sysv::stat(self.msqid).map_err(|errno| self.failed("msgctl(IPC_STAT)", errno))?;
        Ok(QueueStat::of_status(self.msqid, &status))
    }

    /// As [`Queue::stat`], also without read permission.
    ///
    /// # Errors
    /// As [`Queue::stat`] on a kernel before Linux 4.17, or where a sandbox forbids this call.
    pub fn stat_of_any(&self) -> Result<QueueStat, QueueError> {
        match sysv::stat_of_any(self.msqid) {
            Ok((found, status)) if found == self.msqid => Ok(QueueStat::of_status(found, &status)),
            _ => self.stat(),
        }
    }

    /// Room for every message that waits now, in bytes: none is longer than all together. `kernel.msgmax` and
    /// `msg_qbytes` do not tell, since both may have been lowered after a message was sent.
    ///
    /// # Errors
    /// As [`Queue::stat`].
    pub fn widest_possible_body(&self) -> Result<usize, QueueError> {
        Ok(usize::try_from(self.stat()?.bytes).unwrap_or(usize::MAX))
    }

    /// Changes owner, mode or size. Wakes everybody who waits on the queue; they check their permission again and go
    /// on waiting, or get EACCES.
    ///
    /// Each change carries all fields to the kernel, and it takes no `msg_qbytes` above `kernel.msgmnb` without
    /// CAP_SYS_RESOURCE, not even the one that the queue has, since the limit was lowered afterwards. Where nobody asked
    /// for a size, it is lowered to the limit then, so that the rest of the change is made; the result is that size.
    ///
    /// # Errors
    /// EPERM when the caller is neither owner nor creator nor privileged, or when `max_bytes` is above
    /// `kernel.msgmnb` without CAP_SYS_RESOURCE.
    pub fn set(&self, settings: &QueueSettings) -> Result<Option<u64>, QueueError> {
        let _one_at_a_time = SETTING.lock().unwrap_or_else(PoisonError::into_inner);
        let is_complete =
            matches!(settings, QueueSettings { mode: Some(_), uid: Some(_), gid: Some(_), max_bytes: Some(_) });
        let mut status = match sysv::stat(self.msqid) {
            // The owner may change what it may not read.
            Err(Errno::EACCES) if is_complete => sysv::blank_status(),
            status => status.map_err(|errno| self.failed("msgctl(IPC_STAT)", errno))?,
        };
        if let Some(mode) = settings.mode {
            status.msg_perm.mode = (mode & 0o777).try_into().unwrap_or(0);
        }
        if let Some(uid) = settings.uid {
            status.msg_perm.uid = uid;
        }
        if let Some(gid) = settings.gid {
            status.msg_perm.gid = gid;
        }
        if let Some(max_bytes) = settings.max_bytes {
            status.msg_qbytes = max_bytes;
        }
        let failed = |errno| self.failed("msgctl(IPC_SET)", errno);
        let Err(errno) = sysv::set(self.msqid, &mut status) else { return Ok(None) };
        let limit = limits::msgmnb();
        if errno != Errno::EPERM || settings.max_bytes.is_some() || status.msg_qbytes <= limit {
            return Err(failed(errno));
        }
        status.msg_qbytes = limit;
        sysv::set(self.msqid, &mut status).map_err(failed)?;
        Ok(Some(limit))
    }

    /// Changes the size from `expected` to `max_bytes`; false, and nothing is changed, when it has another one.
    ///
    /// # Errors
    /// As [`Queue::set`].
    pub fn change_max_bytes(&self, expected: u64, max_bytes: u64) -> Result<bool, QueueError> {
        let _one_at_a_time = SETTING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status = sysv::stat(self.msqid).map_err(|errno| self.failed("msgctl(IPC_STAT)", errno))?;
        if status.msg_qbytes != expected {
            return Ok(false);
        }
        status.msg_qbytes = max_bytes;
        sysv::set(self.msqid, &mut status).map_err(|errno| self.failed("msgctl(IPC_SET)", errno))?;
        Ok(true)
    }

    /// Removes the queue with all that is in it; everybody who waits on it gets EIDRM.
    ///
    /// # Errors
    /// EPERM when the caller is neither owner nor creator nor privileged, EIDRM or EINVAL when it is gone already.
    pub fn remove(&self) -> Result<(), QueueError> {
        sysv::remove(self.msqid).map_err(|errno| self.failed("msgctl(IPC_RMID)", errno))
    }
}
