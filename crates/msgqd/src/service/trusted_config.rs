//! Whether root may act on a configuration: nobody else could have written it.

use msgq_core::config::{drop_in_directory, drop_in_files};
use nix::unistd::{Uid, geteuid};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses a configuration of which others than root may write a file or put another in its place. Without a file the settings are
/// those of the program. For an ordinary user, who can do nothing with it that the user could not do anyway, each is good.
pub(super) fn check_only_root_writes(path: Option<&Path>) -> Result<(), String> {
    let Some(path) = path.filter(|_| geteuid().is_root()) else { return Ok(()) };
    check_path(path)?;
    // Who could write the directory could have put a file there that is gone by now.
    let directory = drop_in_directory(path).filter(|directory| directory.symlink_metadata().is_ok());
    directory.map_or(Ok(()), |directory| check_path(&directory))?;
    let drop_ins = drop_in_files(path).map_err(|error| error.to_string())?;
    drop_ins.iter().try_for_each(|file| check_path(file))
}

fn check_path(path: &Path) -> Result<(), String> {
    let name = path.display();
    let refused = |reason: String| format!("root does nothing that {name} says: {reason}");
    let whole = std::path::absolute(path).map_err(|error| refused(error.to_string()))?;
    let real = path.canonicalize().map_err(|error| refused(error.to_string()))?;
    if real != whole {
        return Err(refused(format!(
            "a part of this path is a symbolic link; name the file itself, {}",
            real.display()
        )));
    }
    // Whoever writes there changes nothing.
    if real == Path::new("/dev/null") {
        return Ok(());
    }
    for part in real.ancestors() {
        let metadata = part.symlink_metadata().map_err(|error| refused(format!("{}: {error}", part.display())))?;
        if !Uid::from_raw(metadata.uid()).is_root() || metadata.mode() & WRITE_FOR_OTHERS != 0 {
            return Err(refused(format!(
                "others than root may write {} (uid {}, mode {:04o}); keep it where only root writes, as in /etc/msgqd",
                part.display(),
                metadata.uid(),
                metadata.mode() & 0o7777
            )));
        }
    }
    Ok(())
}

const WRITE_FOR_OTHERS: u32 = 0o022;
