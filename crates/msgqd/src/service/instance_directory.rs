//! The runtime directory of an instance: root makes it before the server starts, for the group of the instance's clients.
//!
//! What the server makes in it later gets this group too (set-group-ID, chmod(2)), although the server is no member of
//! it. The directory above is another user's, who may have put anything there: nothing is followed, and all is asked of
//! what was opened.

use super::service_user::ServiceUser;
use super::start_error::StartError;
use msgq_core::instance::{InstanceName, service_directory};
use nix::unistd::Gid;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, fchown, fstat, mkdirat, openat, statat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// For the service's user, and for the group to look into. Others may ask for a file by its name, and read none: so they see
/// which queues are served from elsewhere.
const INSTANCE_MODE: u32 = 0o2751;
/// Members of the groups of instances pass, and see nothing on the way.
const SHARED_MODE: u32 = 0o751;

/// Makes the runtime directory of an instance, or gives what is there to the group that is configured now.
pub(super) fn prepare(name: &InstanceName, service: &ServiceUser, group: Gid) -> Result<(), StartError> {
    let path = service_directory(Some(name));
    let failed = |error: &dyn std::fmt::Display| {
        StartError(format!("cannot make the runtime directory {} of the instance {name}: {error}", path.display()))
    };
    let shared = path.parent().unwrap_or(Path::new("/"));
    let above = match open_directory(rustix::fs::CWD, shared) {
        Err(Errno::NOENT) => make(rustix::fs::CWD, shared, SHARED_MODE, service, service.group),
        opened => opened,
    };
    let above = above.map_err(|errno| failed(&errno))?;
    let directory = match open_directory(&above, name.as_str()) {
        Err(Errno::NOENT) => make(&above, name.as_str(), INSTANCE_MODE, service, group),
        opened => opened,
    };
    let directory = directory.map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR => failed(&"what has its name is no directory; remove it"),
        _ => failed(&errno),
    })?;
    let found = fstat(&directory).map_err(|errno| failed(&errno))?;
    if found.st_uid != service.user.as_raw() && found.st_uid != 0 {
        let owner = found.st_uid;
        return Err(failed(&format!(
            "it belongs to uid {owner}, who is not the user of the service; remove it, if no server of that user runs"
        )));
    }
    give(&directory, INSTANCE_MODE, service, group).map_err(|errno| failed(&errno))?;
    give_files(&directory, service, group).map_err(|errno| failed(&errno))
}

fn open_directory(above: impl std::os::fd::AsFd, path: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    openat(above, path, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn make(
    above: impl std::os::fd::AsFd,
    path: impl rustix::path::Arg + Copy,
    mode: u32,
    service: &ServiceUser,
    group: Gid,
) -> Result<OwnedFd, Errno> {
    match mkdirat(&above, path, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let made = open_directory(above, path)?;
    give(&made, mode, service, group)?;
    Ok(made)
}

fn give(directory: &OwnedFd, mode: u32, service: &ServiceUser, group: Gid) -> Result<(), Errno> {
    let owner = rustix::fs::Uid::from_raw(service.user.as_raw());
    fchown(directory, Some(owner), Some(rustix::fs::Gid::from_raw(group.as_raw())))?;
    fchmod(directory, Mode::from_raw_mode(mode))
}

/// The files of an earlier server, which a change of `group` in the configuration left to another one.
fn give_files(directory: &OwnedFd, service: &ServiceUser, group: Gid) -> Result<(), Errno> {
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let Ok(found) = statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile || found.st_gid == group.as_raw() {
            continue;
        }
        let flags = OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let Ok(file) = openat(directory, entry.file_name(), flags, Mode::empty()) else { continue };
        let opened = fstat(&file)?;
        let is_servers = FileType::from_raw_mode(opened.st_mode) == FileType::RegularFile
            && opened.st_uid == service.user.as_raw()
            && opened.st_nlink == 1;
        if is_servers {
            fchown(&file, None, Some(rustix::fs::Gid::from_raw(group.as_raw())))?;
        }
    }
    Ok(())
}
