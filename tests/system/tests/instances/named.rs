//! Instances by name: a file, a directory and a group each.

use super::{PrivateRun, end};
use msgq_core::queue::Queue;
use msgqd_system_tests::{DaemonBuilder, Finished, Process, STRANGER, as_member, msgqctl, msgqd};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, chown};
use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// The group of the instance's clients, in which the user of the service is not.
const CLIENTS: u32 = 1;
const CONFIGURATIONS: &str = "/run/conf";

/// A service with the instance `orders`, in a /run of its own.
struct Service {
    private: PrivateRun,
    builder: DaemonBuilder,
}

impl Service {
    fn new() -> Option<Self> {
        let private = PrivateRun::new()?;
        private.make("/run/msgqd", STRANGER, 0o751);
        private.make("/run/conf", 0, 0o755);
        let builder = DaemonBuilder::new().user(STRANGER);
        // So that it may run the copies of the programs there.
        set_permissions(builder.directory(), Permissions::from_mode(0o755)).unwrap();
        let service = Self { private, builder };
        service.configure("orders", CLIENTS);
        Some(service)
    }

    fn configure(&self, name: &str, group: u32) {
        let text = format!("[queue]\nkey = \"{}\"\ngroup = \"{group}\"\n", self.builder.key());
        write(self.private.path(&format!("{CONFIGURATIONS}/{name}.toml")), text).unwrap();
    }

    fn in_place(&self, command: &Command) -> Command {
        let mut inner = self.private.inside(command);
        inner
            .env_remove("RUNTIME_DIRECTORY")
            .env_remove("XDG_RUNTIME_DIR")
            .env("CONFIGURATION_DIRECTORY", CONFIGURATIONS);
        inner
    }

    /// As the unit does before it starts the server.
    fn take_over(&self) -> Finished {
        let mut command = Command::new(msgqd());
        command.args(["--instance", "orders", "--take-over", &format!("{STRANGER}:{STRANGER}")]);
        Process::run(&mut self.in_place(&command))
    }

    fn start(&self) -> Process {
        let mut command = as_member(STRANGER, STRANGER, &self.builder.copy_for_everyone(&msgqd()));
        command.args(["--instance", "orders"]);
        let mut server = Process::start(&mut self.in_place(&command));
        server.wait_for_stderr("serving queue");
        server
    }

    /// msgqctl as a user of this group.
    fn ask(&self, group: u32, arguments: &[&str]) -> Finished {
        let mut command = as_member(7, group, &self.builder.copy_for_everyone(msgqctl().as_ref()));
        command.args(arguments);
        Process::run(&mut self.in_place(&command))
    }

    fn is_of(&self, path: &str, group: u32, mode: u32) {
        let found = self.private.path(path).metadata().unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (STRANGER, group, mode), "{path}");
    }
}

fn files_of(directory: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_instance_has_a_directory_for_the_group_of_its_clients_who_find_it_by_its_name() {
    let Some(service) = Service::new() else { return };
    let _ = service.take_over().succeeded();
    service.is_of("/run/msgqd/orders", CLIENTS, 0o2751);
    let server = service.start();
    for file in files_of(&service.private.path("/run/msgqd/orders")) {
        assert_eq!(file.metadata().unwrap().gid(), CLIENTS, "{}", file.display());
    }
    let seen = service.ask(CLIENTS, &["-i", "orders", "--json", "stat"]).succeeded().stdout;
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["server"]["inside"]["pid"], server.pid(), "{seen}");
    assert_eq!(seen["server"]["instance"], "orders", "{seen}");
    let said = service.ask(CLIENTS, &["--instance", "orders", "send", "hello"]).succeeded().stdout;
    assert_eq!(said, "Processed: hello\n");
    let refused = service.ask(2, &["-i", "orders", "send", "hello"]);
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    end(server, Signal::SIGTERM);
}

#[test]
fn the_files_of_an_instance_follow_when_its_file_names_another_group() {
    let Some(service) = Service::new() else { return };
    let _ = service.take_over().succeeded();
    end(service.start(), Signal::SIGKILL);
    let directory = service.private.path("/run/msgqd/orders");
    // What its user may have put there is not followed.
    std::os::unix::fs::symlink("/run/conf/orders.toml", directory.join("link")).unwrap();
    write(directory.join("roots"), "").unwrap();
    chown(&directory.join("roots"), Some(Uid::from_raw(0)), Some(Gid::from_raw(0))).unwrap();
    service.configure("orders", 3);
    let _ = service.take_over().succeeded();
    service.is_of("/run/msgqd/orders", 3, 0o2751);
    for file in files_of(&directory) {
        let group = file.symlink_metadata().unwrap().gid();
        let is_servers = !file.ends_with("link") && !file.ends_with("roots");
        assert_eq!(group == 3, is_servers, "{}", file.display());
    }
    assert_eq!(service.private.path("/run/conf/orders.toml").metadata().unwrap().gid(), 0);
    let server = service.start();
    let seen = service.ask(3, &["-i", "orders", "--json", "stat"]).succeeded().stdout;
    assert!(seen.contains(&server.pid().to_string()), "{seen}");
    end(server, Signal::SIGTERM);
}

#[test]
fn an_instance_whose_file_names_no_group_has_that_of_the_directory_that_was_made_for_it() {
    let Some(service) = Service::new() else { return };
    let path = service.private.path(&format!("{CONFIGURATIONS}/orders.toml"));
    write(path, format!("[queue]\nkey = \"{}\"\n", service.builder.key())).unwrap();
    let mut command = Command::new(msgqd());
    command.args(["--instance", "orders", "--take-over", &format!("{STRANGER}:{CLIENTS}")]);
    let _ = Process::run(&mut service.in_place(&command)).succeeded();
    service.is_of("/run/msgqd/orders", CLIENTS, 0o2751);
    let server = service.start();
    assert_eq!(Queue::open(service.builder.key()).unwrap().stat().unwrap().gid, CLIENTS);
    end(server, Signal::SIGTERM);
}

#[test]
fn the_door_of_an_instance_that_does_not_run_is_closed_by_its_name() {
    let Some(service) = Service::new() else { return };
    let _ = service.take_over().succeeded();
    service.private.make("/run/msgqd/another", STRANGER, 0o751);
    let mut command = Command::new(msgqctl());
    command.args(["-i", "orders", "drain"]);
    let _ = Process::run(&mut service.in_place(&command)).succeeded();
    let files = files_of(&service.private.path("/run/msgqd/orders"));
    assert!(files.iter().any(|file| file.extension().is_some_and(|end| end == "closed")), "{files:?}");
    let server = service.start();
    let refused = service.ask(CLIENTS, &["-i", "orders", "send", "hello"]);
    assert!(refused.stderr.contains("closed for new requests"), "{refused:?}");
    end(server, Signal::SIGTERM);
}

#[test]
fn an_instance_that_hangs_at_a_drain_is_looked_for_in_its_own_log() {
    let Some(service) = Service::new() else { return };
    let _ = service.take_over().succeeded();
    let mut server = service.start();
    server.signal(Signal::SIGSTOP);
    let mut command = Command::new(msgqctl());
    command.args(["-i", "orders", "drain"]);
    let hung = Process::run(&mut service.in_place(&command));
    server.signal(Signal::SIGCONT);
    assert!(hung.code() == 4 && hung.stderr.contains("(journalctl -u msgqd@orders)"), "{hung:?}");
    end(server, Signal::SIGTERM);
}

#[test]
fn what_stands_in_the_place_of_an_instances_directory_is_not_followed() {
    let Some(service) = Service::new() else { return };
    std::os::unix::fs::symlink("/run/conf", service.private.path("/run/msgqd/orders")).unwrap();
    let refused = service.take_over();
    assert!(refused.stderr.contains("what has its name is no directory"), "{refused:?}");
    let found = service.private.path("/run/conf").metadata().unwrap();
    assert_eq!((found.uid(), found.mode() & 0o7777), (0, 0o755));
}

#[test]
fn an_instance_without_a_file_is_told_which_to_write_and_which_there_are() {
    let Some(service) = Service::new() else { return };
    let mut command = Command::new(msgqd());
    command.args(["--instance", "invoices"]);
    let refused = Process::run(&mut service.in_place(&command));
    assert_eq!(refused.status.code(), Some(1));
    for part in ["/run/conf/invoices.toml", "key =", "group = \"invoices\"", "Instances with a file: orders"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let refused = service.ask(CLIENTS, &["-i", "invoices", "stat"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(refused.stderr.contains("/run/conf/invoices.toml") && refused.stderr.contains("orders"), "{refused:?}");
}

#[test]
fn the_list_has_every_instance_with_its_state_also_those_without_a_queue() {
    let Some(service) = Service::new() else { return };
    let _ = service.take_over().succeeded();
    let other = DaemonBuilder::new();
    let directory = service.private.path(CONFIGURATIONS);
    write(directory.join("idle.toml"), format!("[queue]\nkey = \"{}\"\n", other.key())).unwrap();
    write(directory.join("broken.toml"), "[queue]\nkye = 7\n").unwrap();
    let server = service.start();
    let states = |arguments: &[&str]| {
        let listed = service.ask(CLIENTS, arguments).succeeded().stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let rows = listed["instances"].as_array().unwrap().clone();
        rows.iter().map(|row| format!("{} {}", row["name"], row["state"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(states(&["--json", "list"]), ["broken broken", "idle not_running", "orders serving"]);
    assert_eq!(states(&["--json", "-i", "orders", "list"]), ["orders serving"]);
    // As wide as it is, a line may be broken anywhere.
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = words(service.ask(CLIENTS, &["list"]).succeeded().stdout);
    let served = format!("msgqd@orders ({})", server.pid());
    for part in [&served, "systemctl start msgqd@idle", "msgqd --instance broken --check-config"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    end(server, Signal::SIGKILL);
    assert_eq!(states(&["--json", "-i", "orders", "list"]), ["orders down"]);
    let text = words(service.ask(CLIENTS, &["-i", "orders", "stat"]).succeeded().stdout);
    assert!(text.contains("systemctl start msgqd@orders)"), "{text}");
    end(service.start(), Signal::SIGTERM);
}

#[test]
fn an_instance_is_not_another_files_and_not_called_msgqd() {
    for arguments in
        [&["--instance", "a", "--config", "/dev/null"][..], &["--instance", "msgqd"], &["--instance", "../a"]]
    {
        assert_eq!(Process::run(Command::new(msgqd()).args(arguments)).status.code(), Some(2), "{arguments:?}");
        let finished = Process::run(Command::new(msgqctl()).args(arguments).arg("stat"));
        assert_eq!(finished.status.code(), Some(2), "{arguments:?}");
    }
}
