//! By which a table of another version is recognised.

use super::client_entry::ClientEntry;
use super::counters::{Counters, CountersSnapshot};
use super::header::TableHeader;
use super::histogram::Histogram;
use super::slot::SlotHeader;

/// Changes with everything that a reader of another version would misread: names and number of the counters, sizes of
/// the parts, and this room's own version of the meaning of all else.
pub(super) const LAYOUT: u64 = {
    let mut hash = fnv(0xcbf2_9ce4_8422_2325, b"slots 6");
    let mut index = 0;
    while index < CountersSnapshot::NAMES.len() {
        hash = fnv(hash, CountersSnapshot::NAMES[index].as_bytes());
        index += 1;
    }
    let sizes = [
        size_of::<TableHeader>(),
        size_of::<Counters>(),
        size_of::<Histogram>(),
        size_of::<SlotHeader>(),
        size_of::<ClientEntry>(),
    ];
    let mut index = 0;
    while index < sizes.len() {
        hash = fnv(hash, &sizes[index].to_ne_bytes());
        index += 1;
    }
    hash
};

/// FNV-1a over bytes and their number.
const fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    (hash ^ bytes.len() as u64).wrapping_mul(0x0100_0000_01b3)
}
