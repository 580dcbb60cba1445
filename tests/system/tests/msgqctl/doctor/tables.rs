//! Tables that nobody writes any more, or of which nobody can say who did.

use super::*;
use std::os::unix::fs::FileExt;

/// Where the header has its layout, its boot and its daemon's identity.
const LAYOUT_AT: u64 = 8;
const BOOT_AT: u64 = 16;
pub(crate) const IDENTITY_AT: u64 = 64;

pub(crate) fn write_at(path: &Path, bytes: &[u8], offset: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

/// Makes the table one of a kernel before 6.9.
pub(crate) fn forget_identity(builder: &DaemonBuilder) {
    write_at(&table_of(builder), &[0; 8], IDENTITY_AT);
}

#[test]
fn a_table_of_another_boot_is_left_to_the_next_start() {
    let builder = configured().start().crash();
    write_at(&table_of(&builder), &[0x5a; 16], BOOT_AT);
    let diagnosis = doctor(&builder);
    // In a container a shell may see another boot than the service, so the next start may need it.
    diagnosis.says("table", "warning", &["another boot", "in a container", "the next start", "msgqd --key"]);
    let daemon = builder.start();
    doctor(daemon.builder()).says("table", "fine", &[]);
    daemon.stop();
}

#[test]
fn a_table_of_another_version_is_told_dead_or_alive() {
    let daemon = configured().start();
    let table = table_of(daemon.builder());
    let layout = std::fs::read(&table).unwrap()[8];
    write_at(&table, &[layout ^ 1], LAYOUT_AT);
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["table"]);
    diagnosis.says("table", "warning", &["cannot be used", "written by msgqd 0.", "layout", "cannot see inside"]);
    let builder = daemon.crash();
    let diagnosis = doctor(&builder);
    diagnosis.says("table", "warning", &["cannot be used", "cannot finish", "msgqd --key"]);
}

#[test]
fn a_table_whose_queue_was_removed_is_stale() {
    let builder = configured().start().crash();
    Queue::open(builder.key()).unwrap().remove().unwrap();
    let diagnosis = doctor(&builder);
    diagnosis.says("table", "warning", &["stale", "is gone", "EIDRM", "the next start"]);
    diagnosis.says("daemon", "problem", &["there is no such queue"]);
    let queue = Queue::create(builder.key(), 0o660).unwrap();
    let diagnosis = doctor(&builder);
    diagnosis.finds(&["table"]);
    diagnosis.says("table", "warning", &["stale"]);
    diagnosis.says("daemon", "not_applicable", &["no table names it"]);
    queue.remove().unwrap();
}

#[test]
fn a_daemon_that_stands_still_while_its_queue_is_replaced_serves_another_queue() {
    let mut daemon = configured().start();
    daemon.freeze();
    daemon.queue().remove().unwrap();
    let _queue = Queue::create(daemon.key(), 0o660).unwrap();
    doctor(daemon.builder()).says(
        "table",
        "problem",
        &["serves msqid", "now means msqid", "somebody removed the queue"],
    );
}

#[test]
fn a_living_daemon_without_a_table_is_a_warning() {
    let daemon = configured().start();
    std::fs::remove_file(table_of(daemon.builder())).unwrap();
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["table"]);
    diagnosis.says("table", "warning", &["keeps no table", "lost if it is killed"]);
    diagnosis.says("versions", "not_checked", &["cannot be read"]);
    daemon.stop();
}
