#![no_main]

use libfuzzer_sys::fuzz_target;
use msgq_core::table::{About, Geometry, Table};
use std::sync::LazyLock;

const GEOMETRY: Geometry = Geometry::plain(1, 2, 512, 2);

/// A table as a daemon writes it.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("msgqd-fuzz-{}", std::process::id()));
    let table = Table::create(&path, GEOMETRY, &About::default());
    let bytes = std::fs::read(&path).unwrap_or_default();
    let _ = std::fs::remove_file(&path);
    assert!(table.is_ok());
    bytes
});

// Bytes from outside are laid over a good table, three for each change: where (two) and what (one). A table of bytes
// from outside alone hardly ever gets past its first ones.
fuzz_target!(|changes: &[u8]| {
    let _ = Table::parse(changes);
    let mut bytes = GOOD.clone();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_ne_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] = change[2];
    }
    let Ok(table) = Table::parse(&bytes) else { return };
    let _ = (table.header().about(), table.header().phase(), table.counted());
    let _ = (table.latency().quantile_ns(999), table.handler_latency().count());
    let geometry = table.geometry();
    let mut message = [0; 272];
    for index in 0..geometry.capacity {
        let state = table.response(index).and_then(|slot| slot.state());
        assert!(table.read_response(index, &mut message) <= message.len(), "{state:?}");
        let _ = table.client(index).and_then(|client| client.get());
    }
    for index in 0..=geometry.workers {
        let _ = (table.landed_mtype(index), table.landed_len(index));
        assert!(table.read_landing_response(index, &mut message) <= message.len());
    }
});
