//! Starts and reloads: whose queues they are, and what a refusal leaves as it was.

use super::{DaemonBuilder, Process, Queue, good_request_is_answered, is_root};
use msgq_core::limits::msgmnb;
use msgq_core::queue::QueueKey;
use msgqd_system_tests::{Daemon, STRANGER, in_an_ipc_namespace, set_kernel_limit, wait_until};
use nix::sys::signal::Signal;
use std::process::Command;

#[test]
fn the_line_at_the_start_names_both_queues() {
    let daemon = DaemonBuilder::new().second_queue_with("max_bytes = 8000").start();
    let answers = daemon.answers();
    let line = format!(
        "answers go to queue {} (msqid {}, mode 0640, 8000 bytes)",
        daemon.builder().second_key(),
        answers.id()
    );
    assert!(daemon.log().contains(&line), "{}", daemon.log());
    daemon.stop();
}

/// As `other`, with this second queue.
fn with_second_key(key: QueueKey) -> DaemonBuilder {
    DaemonBuilder::new().set("protocol", &format!("reply = {{ key = {key} }}"))
}

#[test]
fn two_servers_that_want_the_same_queue_do_not_get_it_whatever_for() {
    let serving = DaemonBuilder::new().second_queue().start();
    let pid = serving.pid();
    let second = serving.builder().second_key();
    let for_answers = format!("another msgqd (PID {pid}) uses queue");
    let for_requests = format!("another msgqd (PID {pid}) already serves queue");
    let mut key_of_answers = DaemonBuilder::new().without_key_argument();
    key_of_answers = key_of_answers.set("queue", &format!("key = {second}"));
    let cases = [
        (with_second_key(second), second, &for_answers),
        (with_second_key(serving.key()), serving.key(), &for_answers),
        (key_of_answers, second, &for_requests),
    ];
    for (builder, taken, text) in cases {
        // In the directory of the first, and in another one.
        for directory in [None, Some(serving.builder().runtime_directory())] {
            let builder = directory.map_or(builder.clone(), |it| builder.clone().env("RUNTIME_DIRECTORY", it));
            let refused = builder.run();
            assert_eq!(refused.code(), 1, "{refused:?}");
            assert!(refused.stderr.contains(&format!("{text} {taken}")), "{refused:?}");
            assert!(Queue::open(builder.key()).is_err(), "it made its queue of requests");
        }
    }
    good_request_is_answered(serving.key());
    serving.stop();
}

#[test]
fn the_same_key_for_both_is_refused_also_where_only_the_keys_of_files_show_it() {
    let builder = DaemonBuilder::new().without_key_argument();
    let file = builder.directory().join("named.by");
    std::fs::write(&file, "").unwrap();
    let key = format!("{{ path = {:?}, id = 65 }}", file.display());
    let number = QueueKey::from_path(&file, 65).unwrap();
    let builder =
        builder.set("queue", &format!("key = {key}")).set("protocol", &format!("reply = {{ key = {number} }}"));
    for builder in [builder.clone(), builder.arg("--check-config")] {
        let refused = builder.run();
        assert!(refused.stderr.contains("the second queue has the key of the first"), "{refused:?}");
    }
}

#[test]
fn a_start_that_fails_at_one_queue_leaves_the_other_as_it_was() {
    if !is_root() {
        return eprintln!("not shown: only root can start the daemon as another user");
    }
    // The second queue is somebody else's.
    let builder = DaemonBuilder::new().second_queue().user(STRANGER);
    let foreign = Queue::create(builder.second_key(), 0o600).unwrap();
    let refused = builder.run();
    assert!(
        refused.stderr.contains("belongs to") && refused.stderr.contains("protocol.reply another key"),
        "{refused:?}"
    );
    assert!(Queue::open(builder.key()).is_err());
    foreign.remove().unwrap();
    // The first one cannot have its size.
    let too_large = format!("max_bytes = {}", msgmnb() + 1);
    let refused = builder.clone().set("queue", &too_large).run();
    assert!(refused.stderr.contains("kernel.msgmnb"), "{refused:?}");
    assert!(Queue::open(builder.key()).is_err() && Queue::open(builder.second_key()).is_err());
    // Nor does one that was there before change.
    let kept = DaemonBuilder::new().second_queue().user(STRANGER).set("service", "on_stop = \"keep\"");
    let mut daemon = kept.start();
    let before = daemon.answers().stat().unwrap();
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    Queue::open(kept.key()).unwrap().remove().unwrap();
    let foreign = Queue::create(kept.key(), 0o600).unwrap();
    let refused = kept.clone().second_queue_with("mode = \"0600\"").run();
    assert!(refused.code() == 1 && refused.stderr.contains("belongs to"), "{refused:?}");
    foreign.remove().unwrap();
    let after = Queue::open(kept.second_key()).unwrap().stat().unwrap();
    assert_eq!((after.mode, after.msqid, after.max_bytes), (before.mode, before.msqid, before.max_bytes));
}

/// Takes from a queue, as another program would.
const TAKER: &str = "#include <stdlib.h>\n#include <sys/msg.h>\n#include <unistd.h>\n\
    int main(int argc, char **argv) { static char room[9000]; alarm(60); (void)argc;\n\
    return msgrcv(msgget(strtoul(argv[1], 0, 0), 0), room, 8192, atol(argv[2]), 0) < 0; }";

#[test]
fn a_second_queue_that_another_program_serves_is_refused_and_one_where_clients_wait_is_not() {
    let builder = DaemonBuilder::new().second_queue();
    let (source, program) = (builder.directory().join("taker.c"), builder.directory().join("taker"));
    std::fs::write(&source, TAKER).unwrap();
    msgqd_system_tests::compile_program(&source, &program, &[]).unwrap();
    let found = Queue::create(builder.second_key(), 0o640).unwrap();
    let takes = |msgtyp: &str| {
        let mut command = Command::new(&program);
        let process = Process::start(command.args([&builder.second_key().to_string(), msgtyp]));
        wait_until("it waits", || {
            let call = std::fs::read_to_string(format!("/proc/{}/syscall", process.pid())).unwrap();
            call.starts_with(&format!("{} ", nix::libc::SYS_msgrcv))
        });
        process
    };
    for msgtyp in ["0", "1", "-5"] {
        let server = takes(msgtyp);
        let refused = builder.run();
        assert_eq!(refused.code(), 1, "{refused:?}");
        assert!(refused.stderr.contains(&format!("is used by another program: PID {}", server.pid())), "{refused:?}");
    }
    let _client = takes("77777");
    let daemon = builder.start();
    assert_eq!(daemon.answers().id(), found.id());
    good_request_is_answered(daemon.key());
    // Whoever waits in the queue that a server left is one of its clients.
    let next = daemon.crash();
    let _greedy = takes("0");
    let daemon = next.start();
    daemon.stop();
}

fn reload(daemon: &mut Daemon, builder: &DaemonBuilder) {
    let outcomes =
        |daemon: &Daemon| daemon.log().matches("reloaded the conf").count() + daemon.log().matches("refused").count();
    let earlier = outcomes(daemon);
    let _ = builder.write_config();
    daemon.signal(Signal::SIGHUP);
    wait_until("the reload has an outcome", || outcomes(daemon) > earlier);
}

fn seen(daemon: &Daemon) -> [(u32, u64); 2] {
    [daemon.queue(), daemon.answers()].map(|queue| queue.stat().map(|stat| (stat.mode, stat.max_bytes)).unwrap())
}

#[test]
fn a_reload_changes_mode_and_size_of_the_second_queue_and_nothing_where_it_is_refused() {
    let builder = DaemonBuilder::new().second_queue_with("max_bytes = 8000");
    let builder = if is_root() { builder.user(STRANGER) } else { builder };
    let mut daemon = builder.start();
    let [first, _] = seen(&daemon);
    reload(&mut daemon, &builder.clone().second_queue_with("mode = \"0600\", max_bytes = 9000"));
    assert_eq!(seen(&daemon), [first, (0o600, 9000)]);
    assert!(daemon.log().contains("changed protocol.reply"), "{}", daemon.log());
    let before = seen(&daemon);
    // The kernel refuses the change of one queue: that of the other is taken back.
    let too_large: &'static str = Box::leak(format!("max_bytes = {}", msgmnb() + 1).into_boxed_str());
    let refused = [
        builder.clone().set("queue", "mode = \"0600\"").second_queue_with(too_large),
        builder.clone().set("queue", too_large).second_queue_with("mode = \"0644\""),
        builder.clone().set("queue", "mode = \"0600\"").second_queue_with("group = \"no-such-group\""),
        DaemonBuilder::second_queue(DaemonBuilder::new()),
    ];
    for (number, refused) in refused.into_iter().enumerate() {
        let text = std::fs::read_to_string(refused.write_config()).unwrap();
        std::fs::write(builder.directory().join("test.toml"), text).unwrap();
        let earlier = daemon.log().matches("the reload was refused").count();
        daemon.signal(Signal::SIGHUP);
        wait_until("the reload is refused", || daemon.log().matches("the reload was refused").count() > earlier);
        assert_eq!(seen(&daemon), before, "case {number}: {}", daemon.log());
    }
    assert!(daemon.log().contains("the key in protocol.reply cannot change"), "{}", daemon.log());
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn what_a_reload_could_not_take_back_comes_last() {
    in_an_ipc_namespace("starts::what_a_reload_could_not_take_back_comes_last", || {
        let builder = DaemonBuilder::new().user(STRANGER).set("queue", "max_bytes = 16384");
        let builder = builder.second_queue_with("max_bytes = 16384");
        let mut daemon = builder.start();
        let before = seen(&daemon);
        // From now on the owner may lower the sizes, and may not set them back.
        set_kernel_limit("msgmnb", 8192);
        let text =
            std::fs::read_to_string(builder.clone().second_queue_with("max_bytes = 8000").write_config()).unwrap();
        let refused = text.replace("max_bytes = 16384", "max_bytes = 20000");
        std::fs::write(builder.directory().join("test.toml"), refused).unwrap();
        daemon.signal(Signal::SIGHUP);
        daemon.wait_for_log("the reload was refused");
        assert_eq!(seen(&daemon), before, "{}", daemon.log());
        // Nor does the other order of the two change anything.
        let text =
            text.replace("max_bytes = 8000", "max_bytes = 20001").replace("max_bytes = 16384", "max_bytes = 8000");
        std::fs::write(builder.directory().join("test.toml"), text).unwrap();
        daemon.signal(Signal::SIGHUP);
        daemon.wait_for_log("20001");
        assert_eq!(seen(&daemon), before, "{}", daemon.log());
        good_request_is_answered(daemon.key());
        daemon.stop();
    });
}
