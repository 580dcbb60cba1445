//! One instance for each queue: a locked file in the runtime directory.
//!
//! The lock is the kernel's (an open-file-description lock), so it ends with the process however that ends. The file
//! name holds the key and the IPC namespace, since the same key in another namespace is another queue.

use msgq_core::instance::{LockState, lock_path, lock_state, runtime_directory};
use msgq_core::queue::QueueKey;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The right to serve a queue, for as long as the value lives.
#[derive(Debug)]
pub(super) struct Instance {
    held: Option<(File, PathBuf)>,
}

impl Instance {
    /// Claims the queue; the error is a sentence that names the instance that has it.
    pub(super) fn claim(key: QueueKey) -> Result<Self, String> {
        let directory = runtime_directory();
        if let Err(error) = create_directory(&directory) {
            log::warn!(
                "cannot use {} ({error}): a second server on this queue would not be noticed",
                directory.display()
            );
            return Ok(Self { held: None });
        }
        let path = lock_path(&directory, key);
        for _ in 0..ATTEMPTS {
            match lock(&path) {
                Ok(Some(file)) => return Ok(Self { held: Some((file, path)) }),
                Ok(None) => {
                    if let LockState::Held(pid) = lock_state(&path) {
                        return Err(refusal(key, pid));
                    }
                }
                Err(error) => return Err(format!("cannot lock {}: {error}", path.display())),
            }
        }
        Err(format!("cannot lock {}: other instances start and stop all the time", path.display()))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.held {
            let _ = std::fs::remove_file(path);
        }
    }
}

const ATTEMPTS: usize = 50;

fn refusal(key: QueueKey, pid: i32) -> String {
    format!(
        "another msgqd (PID {pid}) already serves queue {key}; stop that one first (systemctl stop msgqd, or kill \
         {pid}), or serve another queue with --key"
    )
}

fn create_directory(directory: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o755).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => own_directory(directory),
    }
}

/// In a place where everybody may create files, a directory of somebody else could hold anything.
fn own_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is not a directory"));
    }
    if metadata.uid() != nix::unistd::geteuid().as_raw() && metadata.uid() != 0 {
        return Err(io::Error::other(format!("it belongs to uid {}", metadata.uid())));
    }
    Ok(())
}

/// `None` when another process has the lock, or removed the file while this one waited for it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o640).custom_flags(libc::O_NOFOLLOW);
    let mut file = options.open(path)?;
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&msgq_core::instance::whole_file(libc::F_WRLCK))) {
        Ok(_) => {}
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    if !is_still_there(&file, path) {
        return Ok(None);
    }
    file.set_len(0)?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
    Ok(Some(file))
}

fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(opened), Ok(named)) => (opened.dev(), opened.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
