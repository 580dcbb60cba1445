//! Where letters are looked for, and whose files are believed.

use super::*;
use msgq_core::trusted_file::TrustedUsers;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

#[test]
fn letters_are_found_in_the_state_directory_of_the_environment_and_below_the_home() {
    let dead = DeadQueue::with_letters(1);
    let home = tempfile::tempdir().unwrap();
    let below = |place: &str| {
        let directory = home.path().join(place).join("msgqd");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::copy(dead.letters.path(), path(&directory, dead.key.key())).unwrap();
    };
    below(".local/state");
    let given = format!("/nowhere:{}", dead.state.path().display());
    let state = dead.state.path().display().to_string();
    for (variables, found) in [
        (vec![("STATE_DIRECTORY", state.clone())], true),
        (vec![("STATE_DIRECTORY", format!("{state}:/nowhere"))], true),
        (vec![("STATE_DIRECTORY", given)], false),
        (vec![("HOME", home.path().display().to_string())], true),
        (vec![("HOME", "/nowhere".to_owned())], false),
        (vec![("XDG_STATE_HOME", home.path().join(".local/state").display().to_string())], true),
        (vec![("XDG_STATE_HOME", "relative".to_owned()), ("HOME", "/nowhere".to_owned())], false),
    ] {
        let mut command = msgqctl(dead.key.key(), &["dead", "list"]);
        for name in ["STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"] {
            command.env_remove(name);
        }
        let listed = Process::run(command.envs(variables.clone())).succeeded().stdout;
        assert_eq!(listed.contains(&id(1)), found, "{variables:?}: {listed}");
    }
}

#[test]
fn what_is_no_file_of_a_trusted_user_is_neither_read_nor_waited_for_nor_changed() {
    let dead = DeadQueue::with_letters(1);
    let elsewhere = dead.state.path().join("elsewhere");
    std::fs::rename(dead.letters.path(), &elsewhere).unwrap();
    let before = std::fs::read(&elsewhere).unwrap();
    let refused = |why: &str| {
        for arguments in [["dead", "list"].as_slice(), &["dead", "retry", "--all"], &["dead", "drop", "--all", "--yes"]]
        {
            let finished = ends_with(OTHER, &dead, arguments);
            assert!(finished.stderr.contains(why), "{finished:?}");
        }
        std::fs::remove_file(dead.letters.path()).unwrap();
    };
    symlink(&elsewhere, dead.letters.path()).unwrap();
    refused("symbolic link");
    nix::unistd::mkfifo(dead.letters.path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused("no regular file");
    std::fs::copy(&elsewhere, dead.letters.path()).unwrap();
    std::fs::set_permissions(dead.letters.path(), std::fs::Permissions::from_mode(0o622)).unwrap();
    refused("may write it");
    assert_eq!((std::fs::read(&elsewhere).unwrap(), dead.take_all().len()), (before, 0));
    if !is_root() {
        return eprintln!("not shown: a file of another user needs root");
    }
    std::fs::copy(&elsewhere, dead.letters.path()).unwrap();
    chown(dead.letters.path(), Some(STRANGER), None).unwrap();
    refused("is not believed");
}

#[test]
fn root_takes_letters_out_of_a_servers_file_which_stays_the_servers() {
    if !is_root() {
        return eprintln!("not run: files of another user need root");
    }
    let dead = DeadQueue::with_letters(2);
    dead.queue.set(&QueueSettings { uid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
    for path in [dead.state.path(), dead.letters.path()] {
        chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
    }
    let _ = ends_with(OK, &dead, &["dead", "drop", &id(1)]);
    std::fs::set_permissions(dead.state.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let own = |arguments: &[&str]| {
        let mut command = as_user(STRANGER, &msgqd_system_tests::msgqctl());
        command.env("STATE_DIRECTORY", dead.state.path()).args(["--key", &dead.key.key().to_string()]);
        Process::run(command.args(arguments))
    };
    let listed = own(&["dead", "list"]).succeeded().stdout;
    assert!(!listed.contains(&id(1)) && listed.contains(&id(2)), "{listed}");
    let _ = own(&["dead", "retry", &id(2)]).succeeded();
    assert_eq!(dead.take_all(), [(1, dead.letter(2).body)]);
}

#[test]
fn whoever_may_not_read_them_is_told_so() {
    if !is_root() {
        return eprintln!("not run: another user needs root");
    }
    let dead = DeadQueue::with_letters(1);
    std::fs::set_permissions(dead.state.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    for arguments in [["dead", "list"].as_slice(), &["dead", "show", &id(1)], &["dead", "drop", &id(1)]] {
        let mut command = as_user(STRANGER, &msgqd_system_tests::msgqctl());
        command.env("STATE_DIRECTORY", dead.state.path()).args(["--key", &dead.key.key().to_string()]);
        let finished = Process::run(command.args(arguments));
        assert_eq!(finished.code(), PERMISSION, "{finished:?}");
        assert!(finished.stderr.contains("for root"), "{finished:?}");
    }
    assert_eq!(dead.left(), [1]);
}

#[test]
fn whoever_may_not_write_the_queue_keeps_the_letters_and_is_not_told_to_wait_for_room() {
    if !is_root() {
        return eprintln!("not run: another user needs root");
    }
    let dead = DeadQueue::with_letters(2);
    for path in [dead.state.path(), dead.letters.path()] {
        chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
    }
    dead.queue.set(&QueueSettings { mode: Some(0o604), ..QueueSettings::default() }).unwrap();
    let mut command = as_user(STRANGER, &msgqd_system_tests::msgqctl());
    command.env("STATE_DIRECTORY", dead.state.path()).args(["--key", &dead.key.key().to_string()]);
    let finished = Process::run(command.args(["dead", "retry", "--all"]));
    assert_eq!(finished.code(), PERMISSION, "{finished:?}");
    assert!(finished.stderr.contains("2 letters are left") && !finished.stderr.contains("room"), "{finished:?}");
    let left: Vec<_> =
        dead.letters.clone().of_users(TrustedUsers::with_queue_owner(STRANGER)).list().unwrap().collect();
    assert_eq!((left.len(), dead.take_all().len()), (2, 0));
}
