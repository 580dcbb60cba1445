//! One atomic byte for each number that a process or thread can have.
//!
//! Looking a client up is one load, without a lock. The memory is mapped zeroed and costs nothing until a byte is
//! written: a page of real memory for each 4096 neighbouring numbers in use, 4 MiB at the very most.

use crate::limits::PID_MAX_LIMIT;
use crate::memory::Region;
use crate::process::ClientNumber;
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
    #[inline]
    pub fn of(&self, pid: ClientNumber) -> Option<&AtomicU8> {
        self.region.shared(usize::try_from(pid.get()).ok()?)
    }

    /// The place among the bytes of any number, where there are more numbers than bytes: some share one.
    #[must_use]
    #[inline]
    pub fn shared_place(number: i64) -> usize {
        // Fibonacci hashing: neighbours come to stand far from each other.
        let spread = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(spread >> (u64::BITS - PID_MAX_LIMIT.trailing_zeros())).unwrap_or(0)
    }

    /// The byte at a place that [`PidFlags::shared_place`] gave.
    #[must_use]
    #[inline]
    pub fn at(&self, place: usize) -> Option<&AtomicU8> {
        self.region.shared(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn every_possible_number_has_a_byte_of_its_own() {
        let flags = PidFlags::new().unwrap();
        let byte = |raw| flags.of(ClientNumber::new(raw).unwrap());
        byte(PID_MAX_LIMIT - 1).unwrap().store(7, Ordering::Relaxed);
        assert_eq!(byte(PID_MAX_LIMIT - 2).unwrap().load(Ordering::Relaxed), 0);
        assert_eq!(byte(PID_MAX_LIMIT - 1).unwrap().load(Ordering::Relaxed), 7);
        assert!(byte(PID_MAX_LIMIT).is_none());
    }

    #[test]
    fn every_number_has_a_place_and_few_share_one() {
        let flags = PidFlags::new().unwrap();
        let numbers = (1..1000).chain((1..1000).map(|number| number << 32)).chain([i64::MAX]);
        let places: std::collections::HashSet<usize> = numbers.map(PidFlags::shared_place).collect();
        assert!(places.iter().all(|place| flags.at(*place).is_some()));
        assert!(places.len() > 1950, "{}", places.len());
    }
}
