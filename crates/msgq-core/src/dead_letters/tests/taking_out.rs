//! Letters are removed while others write, and where something else stands in the way.

use super::{damaged, ids, letter, requests, scratch};
use crate::dead_letters::{Fate, Record};
use crate::trusted_file::TrustedUsers;
use std::fs::{Permissions, metadata, read_dir, set_permissions, write};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::time::Duration;

#[test]
fn letters_are_removed_and_the_others_keep_their_order_owner_and_mode() {
    let (directory, letters) = scratch();
    assert_eq!(letters.remove(&ids([1])).unwrap().removed, 0, "there is no file");
    (1..=4).for_each(|request| letters.append(&letter(request)).unwrap());
    set_permissions(letters.path(), Permissions::from_mode(0o640)).unwrap();
    let is_root = nix::unistd::geteuid().is_root();
    if is_root {
        chown(letters.path(), Some(0x4200_0001), Some(0x4200_0002)).unwrap();
    }
    let users = TrustedUsers::with_queue_owner(0x4200_0001);
    let letters = letters.of_users(users);
    let inode = metadata(letters.path()).unwrap().ino();
    assert_eq!(letters.remove(&ids([9])).unwrap().removed, 0);
    assert_eq!(metadata(letters.path()).unwrap().ino(), inode, "nothing was removed, so it is the same file");
    assert_eq!(letters.remove(&ids([1, 3, 9])).unwrap().removed, 2);
    assert_eq!(requests(&letters), [2, 4]);
    let now = metadata(letters.path()).unwrap();
    assert_eq!(now.mode() & 0o7777, 0o640);
    if is_root {
        assert_eq!((now.uid(), now.gid()), (0x4200_0001, 0x4200_0002));
    }
    assert_eq!(letters.remove(&ids([2, 4])).unwrap().kept, 0);
    assert_eq!(metadata(letters.path()).unwrap().len(), 0);
    assert_eq!(read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn what_stands_in_its_place_is_neither_followed_nor_waited_for() {
    let (directory, letters) = scratch();
    let fails = |why: &str| {
        let errors = [
            letters.append(&letter(1)).unwrap_err(),
            letters.list().unwrap_err(),
            letters.remove(&ids([1])).unwrap_err(),
        ];
        errors.iter().for_each(|error| assert!(error.to_string().contains(why), "{error}"));
        std::fs::remove_file(letters.path()).unwrap();
    };
    let elsewhere = directory.path().join("elsewhere");
    symlink(&elsewhere, letters.path()).unwrap();
    fails("symbolic link");
    assert!(!elsewhere.exists());
    nix::unistd::mkfifo(letters.path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fails("no regular file");
    write(letters.path(), "").unwrap();
    set_permissions(letters.path(), Permissions::from_mode(0o666)).unwrap();
    fails("may write it");
    if nix::unistd::geteuid().is_root() {
        write(letters.path(), "").unwrap();
        chown(letters.path(), Some(0x4200_0001), None).unwrap();
        fails("is not believed");
    }
    letters.append(&letter(1)).unwrap();
    // Whatever stands where the new file is written is not followed either.
    let draft = letters.path().with_extension("jsonl.new");
    symlink(&elsewhere, &draft).unwrap();
    assert_eq!(letters.remove(&ids([1])).unwrap().removed, 1);
    assert!(!elsewhere.exists() && draft.symlink_metadata().is_err());
}

#[test]
fn nobody_waits_long_for_a_lock_that_somebody_keeps() {
    let (_directory, letters) = scratch();
    letters.append(&letter(1)).unwrap();
    let held = std::fs::File::open(letters.path()).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(letters.append(&letter(2)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(requests(&letters), [1], "whoever reads goes on without it");
    drop(held);
    letters.append(&letter(2)).unwrap();
}

#[test]
fn a_lock_ends_also_where_a_command_that_is_just_being_started_has_the_file_open() {
    let (_directory, letters) = scratch();
    letters.append(&letter(1)).unwrap();
    let locked = letters.locked(|| letters.open_for_rewriting(), Duration::from_secs(180)).unwrap();
    let of_the_child = locked.try_clone().unwrap();
    drop(locked);
    letters.append(&letter(2)).unwrap();
    drop(of_the_child);
    assert_eq!(requests(&letters), [1, 2]);
}

#[test]
fn letters_that_are_appended_while_others_are_removed_are_all_there_once() {
    const WRITERS: u64 = 3;
    const EACH: u64 = 60;
    let (_directory, letters) = scratch();
    let removed = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let letters = &letters;
                scope.spawn(move || {
                    (0..EACH).for_each(|number| letters.append(&letter(writer * EACH + number)).unwrap());
                })
            })
            .collect();
        let mut removed = Vec::new();
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            letters
                .rewrite(|record| match record {
                    Record::Letter(letter) if letter.request % 3 == 0 => {
                        removed.push(letter.request);
                        Fate::Remove
                    }
                    _ => Fate::Keep,
                })
                .unwrap();
        }
        removed
    });
    let mut all = [removed, requests(&letters)].concat();
    all.sort_unstable();
    assert_eq!(all, (0..WRITERS * EACH).collect::<Vec<_>>());
    assert_eq!(damaged(&letters), 0);
}
