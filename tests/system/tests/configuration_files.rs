//! A configuration of several files: FILE.toml, and FILE.d/*.toml after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::{Queue, QueueKey};
use msgqd_system_tests::{DaemonBuilder, Finished, Process, STRANGER, as_user, is_root, msgqctl, msgqd};
use nix::sys::stat::Mode;
use std::fs::{Permissions, create_dir, remove_file, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The file `orders.toml` in a directory of its own, and the files of `orders.d`.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new(main: &str, drop_ins: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir_in("/run").or_else(|_| tempfile::tempdir()).unwrap();
        let files = Self { directory };
        write(files.main(), main).unwrap();
        create_dir(files.drop_ins()).unwrap();
        for (name, text) in drop_ins {
            write(files.drop_in(name), text).unwrap();
        }
        files
    }

    fn main(&self) -> PathBuf {
        self.directory.path().join("orders.toml")
    }

    fn drop_ins(&self) -> PathBuf {
        self.directory.path().join("orders.d")
    }

    fn drop_in(&self, name: &str) -> PathBuf {
        self.drop_ins().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        Process::run(Command::new(msgqd()).arg("--config").arg(self.main()).args(arguments))
    }

    fn check(&self) -> Finished {
        self.run(&["--check-config"])
    }

    /// The check refuses it, and says all of this.
    #[track_caller]
    fn is_refused(&self, parts: &[&str]) {
        let finished = self.check();
        assert_eq!((finished.code(), finished.stdout.as_str()), (1, ""), "{finished:?}");
        for part in parts {
            assert!(finished.stderr.contains(part), "{part:?} is missing: {}", finished.stderr);
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn files_beside_the_configuration_come_after_it_in_the_order_of_their_names_and_the_last_word_on_each_setting_holds() {
    let builder = DaemonBuilder::new();
    let files = Files::new(
        "[queue]\nmax_bytes = 4096\nmode = \"0600\"\n[service]\nworkers = 2\n",
        &[
            ("20-late.toml", "[queue]\nmax_bytes = 12288\n"),
            ("10-early.toml", "[queue]\nmax_bytes = 8192\nmode = \"0640\"\n"),
            ("30-backup.toml~", "no configuration"),
            ("30-old.toml.dpkg-old", "no configuration"),
            (".30-hidden.toml", "no configuration"),
            ("README", "no configuration"),
        ],
    );
    let checked = files.check().succeeded().stdout;
    let (early, late) = (shown(&files.drop_in("10-early.toml")), shown(&files.drop_in("20-late.toml")));
    assert_eq!(checked, format!("{}, with {early} and {late}: ok\n", shown(&files.main())));

    let daemon = builder.clone().without_config_argument().arg("--config").arg(files.main()).start();
    let stat = daemon.queue().stat().unwrap();
    assert_eq!((stat.max_bytes, stat.mode), (12_288, 0o640));
    assert!(daemon.log().contains(&late), "{}", daemon.log());

    write(files.drop_in("30-new.toml"), "[queue]\nmax_bytes = 10000\n").unwrap();
    let reload = |arguments: &[&str]| {
        let mut command = Command::new(msgqd());
        command.arg("--config").arg(files.main()).args(["--key", &builder.key().to_string(), "--reload"]);
        Process::run(command.args(arguments).env("RUNTIME_DIRECTORY", builder.runtime_directory()))
    };
    let _ = reload(&[]).succeeded();
    assert_eq!(daemon.queue().stat().unwrap().max_bytes, 10_000);
    remove_file(files.drop_in("30-new.toml")).unwrap();
    remove_file(files.drop_in("20-late.toml")).unwrap();
    let _ = reload(&[]).succeeded();
    assert_eq!(daemon.queue().stat().unwrap().max_bytes, 8192);
    daemon.stop();
}

#[test]
fn an_error_points_into_the_file_that_it_is_in() {
    let good = "[queue]\nmode = \"0600\"\n";
    let in_drop_in = |text: &str, parts: &[&str]| {
        let files = Files::new(good, &[("10.toml", ""), ("20.toml", text), ("30.toml", good)]);
        let place = shown(&files.drop_in("20.toml"));
        files.is_refused(&[&format!("{place}:{}", parts[0])]);
        files.is_refused(&parts[1..]);
    };
    in_drop_in("[service]\nworkerz = 2\n", &["2:1: ", "2 | workerz = 2", "^^^^^^^", "did you mean workers"]);
    in_drop_in(
        "[service]\n\nworkers = 0\n",
        &["3:11: ", "3 | workers = 0", "write \"auto\" or a number from 1 to 256"],
    );
    in_drop_in("[queue\n", &["1:7: ", "1 | [queue"]);
    in_drop_in("\u{feff}[queue]\nmod = 1\n", &["2:1: ", "did you mean mode"]);
    in_drop_in("queue = 1\n", &["1:9: ", "write [queue] on a line of its own"]);
    // A value that a later file replaces is not looked at; a setting that there is not is an error anyway.
    let files = Files::new("[service]\nworkers = 0\n", &[("a.toml", "[service]\nworkers = 1\n")]);
    let _ = files.check().succeeded();
    let files = Files::new("[service]\nwrokers = 0\n", &[("a.toml", "[service]\nworkers = 1\n")]);
    files.is_refused(&[&format!("{}:2:1", shown(&files.main()))]);
}

#[test]
fn what_contradicts_a_setting_of_another_file_names_both_places() {
    let both = |main: &str, drop_in: &str, error_at: &str, beside: &str| {
        let files = Files::new(main, &[("10.toml", drop_in)]);
        let place = |at: &str| {
            let (file, rest) = at.split_once(':').unwrap();
            let path = if file == "main" { files.main() } else { files.drop_in("10.toml") };
            format!("{}:{rest}", shown(&path))
        };
        files.is_refused(&[&format!("error: {}: ", place(error_at)), &format!("with {}", place(beside))]);
    };
    let command = "[handler]\nkind = \"exec\"\ncommand = [\"true\"]\n";
    both(command, "[handler]\nkind = \"echo\"\n", "main:3:11", "drop:2:8");
    let one_way = format!("{command}[protocol]\nreply = \"none\"\n");
    both(&one_way, "[handler]\noverlong = \"parts\"\n", "drop:2:12", "main:5:9");
    both("[protocol]\nreply = \"shared\"\n", "[service]\nattempts = 3\n", "drop:2:12", "main:2:9");
    both("[queue]\nkey = 7\n", "[protocol]\nreply = { key = 7 }\n", "drop:2:9", "main:2:7");
    both(
        "[protocol]\npreset = \"plain\"\n",
        "[protocol]\nrequest = \"struct { long mtype; int pid; }\"\n",
        "main:2:10",
        "drop:2:11",
    );
    let request = "[protocol]\nrequest = \"struct { long mtype; int pid; char text[8]; }\"\n";
    both(request, "[protocol]\nclient = \"who\"\n", "drop:2:10", "main:2:11");
}

#[test]
fn tables_are_joined_key_by_key_and_lists_are_replaced() {
    let files = Files::new(
        "[handler]\nkind = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"exit 1\"]\nenvironment = { A = \"1\", B = \"1\" }\n",
        &[(
            "10.toml",
            "[handler]\ncommand = [\"/bin/sh\", \"-c\", \"echo $A$B$C\"]\nenvironment = { B = \"2\", C = \"3\" }\n",
        )],
    );
    let daemon = DaemonBuilder::new().without_config_argument().arg("--config").arg(files.main()).start();
    let key = daemon.queue().stat().unwrap().key.unwrap();
    let sent =
        Process::run(Command::new(msgqctl()).args(["--config", "/dev/null", "--key", &key.to_string(), "send", "x"]));
    assert!(sent.succeeded().stdout.contains("123"));
    daemon.stop();
    let files = Files::new(
        "[protocol]\nreply = { key = 8, max_bytes = \"1K\" }\n",
        &[("10.toml", "[protocol]\nreply = { max_bytes = 5 }\n")],
    );
    files.is_refused(&[&format!("{}:2:9", shown(&files.drop_in("10.toml"))), "max_bytes = 5"]);
}

#[test]
fn what_is_no_readable_text_in_the_directory_is_an_error_that_ends() {
    let with = |place: &dyn Fn(&Path), parts: &[&str]| {
        let files = Files::new("", &[]);
        place(&files.drop_in("10.toml"));
        files.is_refused(&[&shown(&files.drop_in("10.toml"))]);
        files.is_refused(parts);
    };
    with(&|path| nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap(), &["it is a pipe"]);
    with(&|path| create_dir(path).unwrap(), &["directory"]);
    with(&|path| write(path, vec![b'#'; 2 << 20]).unwrap(), &["longer than 1 MiB"]);
    with(&|path| write(path, b"key = \xff").unwrap(), &["not UTF-8"]);
    with(&|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(), &["longer than 1 MiB"]);
    with(&|path| std::os::unix::fs::symlink("nowhere", path).unwrap(), &["No such file"]);
    // As the units of systemd are masked.
    let files = Files::new("", &[]);
    std::os::unix::fs::symlink("/dev/null", files.drop_in("10.toml")).unwrap();
    let _ = files.check().succeeded();

    let half = vec![b'#'; 600 << 10];
    let files = Files::new(std::str::from_utf8(&half).unwrap(), &[]);
    write(files.drop_in("10.toml"), &half).unwrap();
    files.is_refused(&["10.toml", "together", "1 MiB"]);

    let files = Files::new("", &[]);
    for number in 0..300 {
        write(files.drop_in(&format!("{number}.toml")), "").unwrap();
    }
    files.is_refused(&[&shown(&files.drop_ins()), "more than 256"]);

    let files = Files::new("", &[]);
    std::fs::remove_dir(files.drop_ins()).unwrap();
    write(files.drop_ins(), "").unwrap();
    files.is_refused(&[&shown(&files.drop_ins()), "Not a directory"]);
}

#[test]
fn a_file_that_the_daemon_may_not_read_is_an_error() {
    if !is_root() {
        return eprintln!("not shown: only root can have files that another user cannot read");
    }
    for is_directory in [false, true] {
        let files = Files::new("", &[("10.toml", "")]);
        set_permissions(files.directory.path(), Permissions::from_mode(0o755)).unwrap();
        let hidden = if is_directory { files.drop_ins() } else { files.drop_in("10.toml") };
        set_permissions(&hidden, Permissions::from_mode(0o600)).unwrap();
        let builder = DaemonBuilder::new();
        let mut command = as_user(STRANGER, &builder.copy_for_everyone(&msgqd()));
        command.arg("--config").arg(files.main()).arg("--check-config");
        let finished = Process::run(&mut command);
        assert_eq!(finished.code(), 1, "{finished:?}");
        let says = |part: &str| assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
        says(&shown(&hidden));
        says("Permission denied");

        let msgqctl = builder.copy_for_everyone(&msgqctl());
        let asked = |arguments: &[&str]| {
            Process::run(as_user(STRANGER, &msgqctl).arg("--config").arg(files.main()).args(arguments))
        };
        let stat = asked(&["stat"]);
        assert!(stat.code() != 0 && stat.stderr.contains(&shown(&hidden)), "{stat:?}");
        assert!(stat.stderr.contains("--key KEY does without"), "{stat:?}");
        let doctor = asked(&["--key", &builder.key().to_string(), "--json", "doctor"]);
        assert!(doctor.stdout.contains(&format!("may not read {}", shown(&hidden))), "{doctor:?}");
        let advice = format!("--config {}\"", shown(&files.main()));
        assert!(doctor.stdout.contains(&advice), "{doctor:?}");
    }
}

#[test]
fn the_other_tools_know_the_key_of_a_file_beside_the_configuration_too() {
    let builder = DaemonBuilder::new();
    let key = builder.key();
    let files = Files::new("[queue]\nkey = 7\n", &[("10.toml", &format!("[queue]\nkey = {}\n", key.raw()))]);
    let asked =
        |arguments: &[&str]| Process::run(Command::new(msgqctl()).arg("--config").arg(files.main()).args(arguments));
    let stat = asked(&["stat"]);
    assert!(stat.stderr.contains(&key.to_string()), "{stat:?}");
    write(files.drop_in("20.toml"), "[queue]\nkye = 1\n").unwrap();
    let doctor = asked(&["doctor"]);
    assert!(doctor.stdout.contains(&format!("{}:2:1", shown(&files.drop_in("20.toml")))), "{doctor:?}");
}

#[test]
fn command_line_settings_stay_above_all_files() {
    let builder = DaemonBuilder::new();
    let files = Files::new("[queue]\nkey = 7\n", &[("10.toml", "[queue]\nkey = 8\n[log]\nlevel = \"error\"\n")]);
    let daemon = builder
        .clone()
        .without_config_argument()
        .arg("--config")
        .arg(files.main())
        .arg("--log-level")
        .arg("debug")
        .start();
    assert_eq!(daemon.queue().stat().unwrap().key, Some(builder.key()));
    assert!(daemon.log().contains("serving queue"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn root_takes_a_queue_over_only_where_nobody_else_could_have_written_one_of_the_files() {
    if !is_root() {
        return eprintln!("not shown: only root takes queues over");
    }
    let builder = DaemonBuilder::new();
    let key = builder.key();
    let queue = made_by_another(key);
    for path in [Files::drop_ins, |files: &Files| files.drop_in("10.toml")] {
        let files = Files::new("", &[("10.toml", "")]);
        set_permissions(files.directory.path(), Permissions::from_mode(0o755)).unwrap();
        let arguments = ["--key", &key.to_string(), "--take-over", "nobody"];
        set_permissions(path(&files), Permissions::from_mode(0o777)).unwrap();
        let refused = files.run(&arguments);
        assert_eq!(refused.code(), 1, "{refused:?}");
        assert!(refused.stderr.contains(&format!("may write {}", shown(&path(&files)))), "{refused:?}");
    }
    queue.remove().unwrap();
}

/// A user of whom no other test knows.
const MAKER: u32 = 54_872;

/// A queue of another user's.
fn made_by_another(key: QueueKey) -> Queue {
    let script = format!("msgget({}, 01666) // die $!", key.raw());
    let _ = Process::run(as_user(MAKER, Path::new("/usr/bin/perl")).args(["-e", &script])).succeeded();
    Queue::open(key).unwrap()
}
