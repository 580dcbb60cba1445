//! Sets a limit, and writes the own file so that it is there after a loss of power.

use super::plan::in_force;
use super::sysctl_files::OWN_FILE;
use crate::failure::{Failure, Status};
use crate::output::complain;
use msgq_core::limits::how_to_set_limit;
use msgq_core::trusted_file::sync_directory_of;
use std::fs::{OpenOptions, Permissions, create_dir, remove_file, rename};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Raises a limit, unless somebody did meanwhile.
pub(super) fn set_limit(name: &str, value: u64) -> Result<(), Failure> {
    if in_force(name)? >= value {
        return Ok(());
    }
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    // It is there, or the number could not have been read.
    let written =
        OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write_all(value.to_string().as_bytes()));
    match written {
        Ok(()) => {
            complain(&format!("set {name} = {value}"));
            Ok(())
        }
        Err(error) => {
            let message = format!(
                "cannot set {name}: {error}; {OWN_FILE} was not written; what may work: {}",
                how_to_set_limit(name, value)
            );
            Err(Failure::new(Status::Other, message))
        }
    }
}

/// Puts this text into the place of the own file.
pub(super) fn write_own_file(text: &str) -> Result<(), Failure> {
    replace_file(Path::new(OWN_FILE), text).map_err(|error| {
        let message = format!(
            "cannot write {OWN_FILE}: {error}; the limits are raised now, and will be as before at the next boot; it should say:\n{text}"
        );
        Failure::new(Status::Other, message)
    })?;
    complain(&format!("wrote {OWN_FILE}"));
    Ok(())
}

/// Whoever reads sees the old text or the new one, also after a loss of power.
fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    match create_dir(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => (),
    }
    // Its name ends in nothing that is read at a boot.
    let new = path.with_extension("conf.new");
    match remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
    // Whatever the umask is: others look there too.
    file.set_permissions(Permissions::from_mode(0o644))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| rename(&new, path));
    if written.is_err() {
        let _ = remove_file(&new);
    }
    written.and_then(|()| sync_directory_of(path))
}
