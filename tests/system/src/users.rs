use std::path::Path;
use std::process::Command;

/// User and group id of a process that is neither the owner of a queue nor in its group: Debian's `nobody`.
pub const STRANGER: u32 = 65534;

/// True when tests may change user, PID and namespace.
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The command that runs `program` as user and group `id`, without supplementary groups and capabilities.
///
/// The program is executed in place: the PID of the started command is the program's.
#[must_use]
pub fn as_user(id: u32, program: &Path) -> Command {
    as_member(id, id, program)
}

/// The command that runs `program` as this user in this group, as [`as_user`] does.
#[must_use]
pub fn as_member(user: u32, group: u32, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    let (user, group) = (user.to_string(), group.to_string());
    command.args(["--reuid", &user, "--regid", &group, "--clear-groups", "--"]).arg(program);
    command
}
