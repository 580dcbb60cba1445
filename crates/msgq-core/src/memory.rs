//! A mapped region of memory that several threads and processes look at.
//!
//! The region never hands out a reference to bytes: bytes are copied in and out, so that no reference can ever stand
//! against a concurrent write of the kernel or of another process. What is shared without an owner is made of atomics.

use crate::sysv;
use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64};

/// Types that may be looked at through a shared reference whatever anybody writes there.
///
/// # Safety
/// The type is an atomic integer, an array of such types, or a `repr(C)` struct of them.
pub(crate) unsafe trait Shared: Sized {
    /// What zeroed memory holds.
    const ZERO: Self;
}

macro_rules! shared_integers {
    ($($atomic:ident)+) => {
        $(
            // SAFETY: an atomic integer is valid for every bit pattern and may be written by anybody at any time.
            unsafe impl Shared for $atomic {
                const ZERO: Self = Self::new(0);
            }
        )+
    };
}
shared_integers! { AtomicU8 AtomicU32 AtomicI32 AtomicI64 AtomicU64 }

// SAFETY: an array consists of its elements, one behind the other.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {
    const ZERO: Self = [const { T::ZERO }; N];
}

/// Defines a struct that lives in a [`Region`]. Its zero is made of the zeros of its fields, so that it compiles only if
/// each of them is [`Shared`].
macro_rules! shared_struct {
    ($(#[$attribute:meta])* $visible:vis struct $name:ident {
        $($(#[$field_attribute:meta])* $field_visible:vis $field:ident: $type:ty,)+
    }) => {
        $(#[$attribute])*
        #[derive(Debug)]
        #[repr(C)]
        $visible struct $name {
            $($(#[$field_attribute])* $field_visible $field: $type,)+
        }

        // SAFETY: the struct is `repr(C)`, and each of its fields is `Shared`, or its zero would not compile.
        unsafe impl $crate::memory::Shared for $name {
            const ZERO: Self = Self { $($field: <$type as $crate::memory::Shared>::ZERO,)+ };
        }
    };
}
pub(crate) use shared_struct;

/// From now on a fault in mapped memory, as after somebody has cut the mapped file short, is said in this line on standard
/// error before it ends the process.
///
/// # Errors
/// EINVAL, from sigaction(2).
pub fn say_on_lost_memory(line: &'static str) -> io::Result<()> {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    let _ = LOST_MEMORY.set(line);
    // The handler is gone when it is called, so that the same access, tried again, ends the process as ever.
    let action = SigAction::new(SigHandler::Handler(on_lost_memory), SaFlags::SA_RESETHAND, SigSet::empty());
    // SAFETY: the handler makes one system call and reads a value that was set before.
    unsafe { sigaction(Signal::SIGBUS, &action) }?;
    Ok(())
}

static LOST_MEMORY: OnceLock<&str> = OnceLock::new();

extern "C" fn on_lost_memory(_signal: i32) {
    let line = LOST_MEMORY.get().copied().unwrap_or_default();
    let _ = nix::unistd::write(io::stderr(), line.as_bytes());
}

/// Mapped memory, zeroed at first.
#[derive(Debug)]
pub(crate) struct Region {
    map: MmapRaw,
}

impl Region {
    /// Private memory of `len` bytes. `present` brings all pages in at once, so that no later access can fault.
    pub(crate) fn anonymous(len: usize, present: bool) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.len(len);
        if present {
            options.populate();
        }
        Ok(Self { map: MmapRaw::from(options.map_anon()?) })
    }

    /// The first `len` bytes of a file, which must have them, shared with all who map it. All pages are brought in.
    pub(crate) fn file(file: &File, len: usize) -> io::Result<Self> {
        Ok(Self { map: MmapOptions::new().len(len).populate().map_raw(file)? })
    }

    /// Keeps all pages in memory (mlock(2)).
    pub(crate) fn lock(&self) -> io::Result<()> {
        self.map.lock()
    }

    fn at(&self, offset: usize, len: usize) -> Option<*mut u8> {
        let end = offset.checked_add(len)?;
        (end <= self.map.len()).then(|| self.map.as_mut_ptr().wrapping_add(offset))
    }

    /// A view of what stands at `offset`; `None` outside the region or where it is not aligned.
    pub(crate) fn shared<T: Shared>(&self, offset: usize) -> Option<&T> {
        let pointer = self.at(offset, size_of::<T>())?.cast::<T>();
        if !pointer.is_aligned() {
            return None;
        }
        // SAFETY: the pointer is aligned and inside the mapping, which lives as long as `self`, and `T` is `Shared`.
        Some(unsafe { &*pointer })
    }

    /// Copies `bytes` to `offset`; false outside the region. The caller is the only writer of that range.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        let Some(pointer) = self.at(offset, bytes.len()) else { return false };
        // SAFETY: the range is inside the mapping, `bytes` is elsewhere, and no reference to mapped bytes exists.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), pointer, bytes.len()) };
        true
    }

    /// Fills `bytes` from `offset`; false outside the region.
    pub(crate) fn read(&self, offset: usize, bytes: &mut [u8]) -> bool {
        let Some(pointer) = self.at(offset, bytes.len()) else { return false };
        // SAFETY: the range is inside the mapping, `bytes` is elsewhere, and no reference to mapped bytes exists.
        unsafe { std::ptr::copy_nonoverlapping(pointer, bytes.as_mut_ptr(), bytes.len()) };
        true
    }

    /// msgrcv(2) with the range at `offset` as its buffer of `len` bytes, mtype included; returns the body's length.
    pub(crate) fn receive(
        &self,
        offset: usize,
        len: usize,
        msqid: i32,
        msgtyp: i64,
        flags: i32,
    ) -> Result<usize, Errno> {
        let pointer = self.at(offset, len).ok_or(Errno::EFAULT)?;
        // SAFETY: `len` bytes at the pointer are inside the mapping, and the caller is the only user of that range.
        unsafe { sysv::msgrcv_at(msqid, pointer, len, msgtyp, flags) }
    }
}
