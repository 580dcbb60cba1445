//! The table as a file: making it, finding what an earlier daemon left, and reading it from outside.

use super::block::{Moment, Table, offsets_of};
use super::geometry::Geometry;
use super::header::{About, MAGIC, TableHeader};
use super::offsets::Offsets;
use super::stamp::LAYOUT;
use crate::memory::Region;
use crate::trusted_file::{TrustedUsers, open_trusted};
use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::Ordering;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `include/uapi/linux/magic.h`.
const MEMORY_FILE_SYSTEMS: [i64; 2] = [0x0102_1994, 0x8584_58f6];
/// No daemon makes a longer one: 65536 answers of the plain protocol, 257 landing slots of 64 KiB and 16 long answers take
/// 58 MiB.
pub const LONGEST_TABLE: usize = 256 << 20;

/// Why a file is no table that can be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It cannot be opened, read or mapped.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not begin as a table does.
    #[error("it is not a table of msgqd")]
    NoTable,
    /// Another version of the daemon wrote it.
    #[error("it was written by msgqd {version}, whose layout this version does not know")]
    OtherLayout {
        /// The writer's version, or what stands in its place.
        version: String,
        /// The queue that it is about.
        msqid: i32,
        /// True when its daemon ended in order and left nothing to finish.
        nothing_left: bool,
    },
    /// The machine was restarted since.
    #[error("it was written before the machine was started")]
    OtherBoot,
    /// It is shorter or longer than its header says.
    #[error("it has {len} bytes where its header asks for {expected}")]
    WrongLength {
        /// Its length, in bytes.
        len: u64,
        /// What its header asks for, in bytes.
        expected: u64,
    },
}

/// True when files of this directory are in memory, so that writing to their pages never waits for a disk.
///
/// # Errors
/// As statfs(2).
pub fn is_memory_file_system(directory: &Path) -> io::Result<bool> {
    let kind = rustix::fs::statfs(directory)?.f_type;
    Ok(MEMORY_FILE_SYSTEMS.contains(&kind))
}

impl Table {
    /// Makes a table in a new file that only its user and group can read, all pages present.
    ///
    /// # Errors
    /// When the file exists, or its memory cannot be had.
    pub fn create(path: &Path, geometry: Geometry, about: &About) -> io::Result<Self> {
        let offsets = offsets_of(geometry)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(path)?;
        // The umask may keep the group out, in which msgqctl looks.
        file.set_permissions(Permissions::from_mode(0o640))?;
        let len = offsets.total_len();
        // Reserved at once: a hole that cannot be filled later would be a SIGBUS.
        fallocate(&file, FallocateFlags::empty(), 0, i64::try_from(len).map_err(io::Error::other)?)?;
        let table = Self::new(Region::file(&file, len)?, offsets);
        table.header().write(&geometry, LAYOUT, boot_id(), about);
        Ok(table)
    }

    /// Keeps all pages of the table in memory, so that the kernel never has to wait for one.
    ///
    /// # Errors
    /// As mlock(2): ENOMEM or EPERM at the limit of locked memory (`LimitMEMLOCK=`).
    pub fn lock_in_memory(&self) -> io::Result<()> {
        self.region.lock()
    }

    /// Opens the table that an earlier daemon left, to finish what is in it; `None` when there is no file. The caller
    /// knows that the earlier daemon is dead, and nobody else writes the file.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be used.
    pub fn open_left(path: &Path) -> Result<Option<Self>, TableError> {
        let options = &mut OpenOptions::new();
        let opened = open_trusted(path, options.read(true).write(true), TrustedUsers::own(), ANY_LEN);
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let head = read_first_bytes(&mut file)?;
        let checked = check(&head, file.metadata()?.len());
        if matches!(checked, Ok(_) | Err(TableError::OtherLayout { .. })) {
            check_boot(&head)?;
        }
        let offsets = checked?;
        let table = Self::new(Region::file(&file, offsets.total_len())?, offsets);
        Ok(Some(table))
    }

    /// Reads a table as it is at this moment, for a look from outside. Copied rather than mapped, so that nothing its
    /// owner does to the file can hurt the reader; what is written meanwhile may be half there.
    ///
    /// # Errors
    /// [`TableError`] when it cannot be read, is that of a user who is not trusted, or is no table of this version.
    pub fn read(path: &Path, users: TrustedUsers) -> Result<Self, TableError> {
        Self::read_with_owner(path, users).map(|(table, _)| table)
    }

    /// As [`Table::read`], and the user id of the file's owner.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read_with_owner(path: &Path, users: TrustedUsers) -> Result<(Self, u32), TableError> {
        let mut file = open_trusted(path, OpenOptions::new().read(true), users, ANY_LEN)?;
        let read_at = Moment::now();
        // Nothing is read beyond the head of a file whose length is not what its head asks for.
        let (mut bytes, offsets) = read_head(&mut file)?;
        let head_len = bytes.len();
        bytes.resize(offsets.total_len(), 0);
        if let Some(rest) = bytes.get_mut(head_len..) {
            file.read_exact(rest)?;
        }
        Ok((Self { read_at, ..Self::parse(&bytes)? }, file.metadata()?.uid()))
    }

    /// A table made of bytes that anybody may have written. Whether they were written since the machine was started is
    /// not asked: in a container the reader may see another boot id than a confined daemon.
    ///
    /// # Errors
    /// [`TableError`] when they are no table of this version and its own length.
    pub fn parse(bytes: &[u8]) -> Result<Self, TableError> {
        let offsets = check(bytes, u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        let region = Region::anonymous(offsets.total_len(), true)?;
        region.write(0, bytes);
        Ok(Self::new(region, offsets))
    }

    /// True unless it was written before the machine was started.
    #[must_use]
    pub fn is_of_this_boot(&self) -> bool {
        is_of_this_boot(self.header())
    }
}

/// The first bytes of a table, and what they say of its length, which is that of the file.
fn read_head(file: &mut File) -> Result<(Vec<u8>, Offsets), TableError> {
    let head = read_first_bytes(file)?;
    let offsets = check(&head, file.metadata()?.len())?;
    Ok((head, offsets))
}

fn read_first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; Offsets::HEADER_LEN];
    let read = read_fully(file, &mut head)?;
    head.truncate(read);
    Ok(head)
}

/// The length is compared with what the table itself says.
const ANY_LEN: u64 = u64::MAX;

/// Checks the first bytes of a file of `len` bytes.
fn check(head: &[u8], len: u64) -> Result<Offsets, TableError> {
    let region = header_region(head)?;
    let header = region.shared::<TableHeader>(0).ok_or(TableError::NoTable)?;
    if header.magic.load(Ordering::Acquire) != MAGIC {
        return Err(TableError::NoTable);
    }
    if header.layout.load(Ordering::Relaxed) != LAYOUT {
        let (version, msqid) = (header.about().version, header.msqid());
        return Err(TableError::OtherLayout { version, msqid, nothing_left: header.is_nothing_left() });
    }
    let offsets = header.geometry().and_then(Offsets::new).ok_or(TableError::NoTable)?;
    if offsets.total_len() > LONGEST_TABLE {
        return Err(TableError::NoTable);
    }
    let expected = u64::try_from(offsets.total_len()).unwrap_or(u64::MAX);
    if len == expected { Ok(offsets) } else { Err(TableError::WrongLength { len, expected }) }
}

fn header_region(head: &[u8]) -> Result<Region, TableError> {
    let head = head.get(..Offsets::HEADER_LEN).ok_or(TableError::NoTable)?;
    let region = Region::anonymous(Offsets::HEADER_LEN, true)?;
    region.write(0, head);
    Ok(region)
}

fn check_boot(head: &[u8]) -> Result<(), TableError> {
    let region = header_region(head)?;
    let header = region.shared::<TableHeader>(0).ok_or(TableError::NoTable)?;
    if is_of_this_boot(header) { Ok(()) } else { Err(TableError::OtherBoot) }
}

fn is_of_this_boot(header: &TableHeader) -> bool {
    header.boot_id.iter().map(|word| word.load(Ordering::Relaxed)).eq(boot_id())
}

fn read_fully(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// `/proc/sys/kernel/random/boot_id` as a number; 0 where it is hidden.
fn boot_id() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |range| digits.get(range).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
    [half(0..16), half(16..32)]
}
