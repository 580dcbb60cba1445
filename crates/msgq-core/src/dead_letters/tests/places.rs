//! Which directory a daemon uses, in environments of processes of their own.

use crate::dead_letters::directory_to_use;
use std::fs::{create_dir, metadata, write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const OWN_NAME: &str = "dead_letters::tests::places::a_daemon_uses_the_first_directory_that_can_be_had";
/// Set in the processes that only say which one it is.
const SAYS_WHICH: &str = "MSGQ_SAYS_WHICH_DIRECTORY";

fn say_which() {
    match directory_to_use() {
        Ok(used) => println!("used: {} {}", used.path.display(), used.is_in_memory),
        Err(error) => println!("used: {error}"),
    }
}

fn used_with(environment: &[(&str, &Path)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", OWN_NAME, "--nocapture"]).env_clear().envs(environment.iter().copied());
    let output = command.env(SAYS_WHICH, "yes").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().find_map(|line| line.split_once("used: ")).unwrap().1.to_owned()
}

#[test]
fn a_daemon_uses_the_first_directory_that_can_be_had() {
    if std::env::var_os(SAYS_WHICH).is_some() {
        return say_which();
    }
    let directory = tempfile::tempdir().unwrap();
    let (root, memory) = (directory.path().canonicalize().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let at = |name: &str| root.join(name);
    let uses = |environment: &[(&str, &Path)], expected: &Path| {
        let used = used_with(environment);
        assert_eq!(used.rsplit_once(' ').unwrap().0, expected.display().to_string(), "{environment:?}");
        assert_eq!(metadata(expected).unwrap().permissions().mode() & 0o7777, 0o700, "{environment:?}");
    };
    let two = format!("{}:/nowhere", at("made/here").display());
    uses(&[("STATE_DIRECTORY", two.as_ref()), ("HOME", &at("home"))], &at("made/here"));
    uses(&[("XDG_STATE_HOME", &at("xdg")), ("HOME", &at("home"))], &at("xdg/msgqd"));
    uses(&[("HOME", &at("home"))], &at("home/.local/state/msgqd"));
    uses(&[("HOME", "/proc".as_ref()), ("RUNTIME_DIRECTORY", &at("run"))], &at("run"));
    // As the service manager has it with DynamicUser=.
    create_dir(at("private")).unwrap();
    std::fs::set_permissions(at("private"), std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink(at("private"), at("link")).unwrap();
    uses(&[("STATE_DIRECTORY", &at("link"))], &at("private"));
    write(at("file"), "").unwrap();
    let refused = used_with(&[("STATE_DIRECTORY", &at("file")), ("HOME", &at("home"))]);
    assert!(refused.contains("no directory for dead letters") && refused.contains("file: "), "{refused}");
    let in_memory = used_with(&[("STATE_DIRECTORY", memory.path())]);
    let is_tmpfs = crate::table::is_memory_file_system(memory.path()).unwrap();
    assert!(in_memory.ends_with(&format!(" {is_tmpfs}")), "{in_memory}");
}
