//! One atomic byte for each number that a process or thread can have.
//!
//! Looking a client up is one load, without a lock. The memory is mapped zeroed and costs nothing until a byte is
//! written: a page of real memory for each 4096 neighbouring numbers in use, 4 MiB at the very most.

use crate::limits::PID_MAX_LIMIT;
use crate::memory::Region;
use crate::process::ClientPid;
use std::io;
use std::sync::atomic::AtomicU8;

/// The bytes, all 0 at first.
#[derive(Debug)]
pub struct PidFlags {
    region: Region,
}

impl PidFlags {
    /// Bytes for all numbers below [`PID_MAX_LIMIT`], so that a change of `kernel.pid_max` at run time does no harm.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new() -> io::Result<Self> {
        let len = usize::try_from(PID_MAX_LIMIT).map_err(io::Error::other)?;
        Ok(Self { region: Region::anonymous(len, false)? })
    }

    /// The byte of a number; `None` for numbers that the kernel never hands out.
    #[must_use]
    pub fn of(&self, pid: ClientPid) -> Option<&AtomicU8> {
        self.region.shared(usize::try_from(pid.get()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn every_possible_number_has_a_byte_of_its_own() {
        let flags = PidFlags::new().unwrap();
        let byte = |raw| flags.of(ClientPid::new(raw).unwrap());
        byte(PID_MAX_LIMIT - 1).unwrap().store(7, Ordering::Relaxed);
        assert_eq!(byte(PID_MAX_LIMIT - 2).unwrap().load(Ordering::Relaxed), 0);
        assert_eq!(byte(PID_MAX_LIMIT - 1).unwrap().load(Ordering::Relaxed), 7);
        assert!(byte(PID_MAX_LIMIT).is_none());
    }
}
