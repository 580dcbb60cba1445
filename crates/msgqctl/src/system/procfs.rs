//! What `/proc` tells of a process, where this user may look: whose it is, whether it is stopped, its namespaces and open
//! files. Every room may call it; it sends no signals.

use crate::system::names::Named;
use msgq_core::proc_text::proc_text;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whose process it is.
pub(crate) fn user_of_process(pid: i32) -> Option<Named> {
    uid_of_process(pid).map(Named::user)
}

/// The number of that user.
pub(crate) fn uid_of_process(pid: i32) -> Option<u32> {
    Some(std::fs::metadata(format!("/proc/{pid}")).ok()?.uid())
}

/// True for one that was stopped by a signal or a debugger.
pub(crate) fn is_process_stopped(pid: i32) -> bool {
    let stat = proc_text(&format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| matches!(fields.trim_start().chars().next(), Some('T' | 't')))
}

/// The words of the command line with which a process was started.
pub(crate) fn command_of_process(pid: i32) -> Option<Vec<OsString>> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line.strip_suffix(b"\0")?.split(|byte| *byte == 0);
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

/// Inode of a namespace (`ipc`, `pid`) of a process or of `self`; EACCES without PTRACE_MODE_READ_FSCREDS
/// (namespaces(7)).
pub(crate) fn process_namespace(process: &str, kind: &str) -> io::Result<u64> {
    Ok(std::fs::metadata(format!("/proc/{process}/ns/{kind}"))?.ino())
}

/// True when a process has this file open.
pub(crate) fn has_file_open(pid: i32, file: &Path) -> io::Result<bool> {
    let file = std::fs::metadata(file)?;
    let mut open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let is_it = |path: &Path| std::fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (file.dev(), file.ino()));
    Ok(open.any(|entry| is_it(&entry.path())))
}
