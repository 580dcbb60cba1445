//! What a client can steal that has the rights of the clients: it is in their group, and another user.
//!
//! It is the mode of each queue that decides, so plain servers are robbed here as msgqd is: see docs/security.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::QueueKey;
use msgqd_system_tests::{
    DaemonBuilder, Process, RouteProgram, ScratchKey, Theft, Thief, eventually, in_an_ipc_namespace,
};
use std::any::Any;
use std::time::Duration;

const GROUP: u32 = 61_000;
const SERVER: u32 = 61_001;
const CLIENT: u32 = 61_002;
const THIEF: u32 = 61_003;

const CLIENTS: usize = 20;
const MANY: usize = 100;
const WITHOUT_END: usize = 1_000_000_000;

/// A server of another user than its clients, and a thief of a third one.
struct Scene {
    clients: RouteProgram,
    requests: QueueKey,
    option: String,
    thief: Thief,
    /// The server, and who removes the queues.
    _kept: Box<dyn Any>,
}

impl Scene {
    fn start(program: &RouteProgram, second: Option<ScratchKey>, option: &str) -> Self {
        let program = program.only_width(0);
        let (clients, servers) = (program.clone().run_by(CLIENT, GROUP), program.run_by(SERVER, GROUP));
        let requests = ScratchKey::new();
        let option = second.as_ref().map_or(option.to_owned(), |second| second.key().to_string());
        let mut server = Process::start(&mut servers.server(requests.key(), &option));
        server.wait_for_stdout("serving");
        let thief = Thief::start(THIEF, GROUP, requests.key(), second.as_ref().map(ScratchKey::key));
        Self { clients, requests: requests.key(), option, thief, _kept: Box::new((server, requests, second)) }
    }

    /// msgqd with these settings instead of the program's own server. Where the answers have no queue of their own, that of the
    /// requests is the option.
    fn of_msgqd(program: &RouteProgram, builder: &DaemonBuilder, option: Option<&str>) -> Self {
        let daemon = builder.clone().user(GROUP).start();
        let second = builder.has_second_queue().then(|| builder.second_key());
        let option = option.map_or_else(|| second.unwrap_or(daemon.key()).to_string(), str::to_owned);
        let thief = Thief::start(THIEF, GROUP, daemon.key(), second);
        let clients = program.only_width(0).run_by(CLIENT, GROUP);
        Self { clients, requests: daemon.key(), option, thief, _kept: Box::new(daemon) }
    }

    /// Two queues, of requests and of answers, with these modes.
    fn two_queues(requests: &str, answers: &str) -> Self {
        let modes = [format!("-DREQUESTS_MODE={requests}"), format!("-DANSWERS_MODE={answers}")];
        let program = RouteProgram::compile("two_queues_pid", &modes.each_ref().map(String::as_str));
        Self::start(&program, Some(ScratchKey::new()), "")
    }

    /// A queue of requests that only the server may read, and each client's own queue with this mode.
    fn private_queues(mode: &str) -> Self {
        Self::start(&RouteProgram::compile("private_id", &["-DREQUESTS_MODE=0620"]), None, mode)
    }

    /// A client whose message is gone waits for ever, so others come until the thief has something from each of these places.
    #[track_caller]
    fn robbed_in(self, places: &[&str]) -> Theft {
        let mut clients = Vec::new();
        let has_all = || places.iter().all(|place| self.thief.took_from(place));
        for _ in 0..50 {
            let mut others = self.clients.start_clients(CLIENTS, self.requests, WITHOUT_END, &self.option);
            // Who waits gets its answer without its having rested anywhere, and on one CPU everybody waits.
            let is_robbed = eventually(Duration::from_secs(2), || {
                others.stand_still(Duration::from_millis(50));
                has_all()
            });
            if is_robbed {
                return self.thief.finish();
            }
            clients.push(others);
        }
        panic!("it took nothing from one of {places:?}: {:?}", self.thief);
    }

    #[track_caller]
    fn served(self) -> Theft {
        self.clients.all_are_answered(CLIENTS, self.requests, MANY, &self.option);
        self.thief.finish()
    }
}

#[test]
fn queues_that_the_group_may_read_are_robbed_of_requests_and_answers() {
    in_an_ipc_namespace("queues_that_the_group_may_read_are_robbed_of_requests_and_answers", || {
        let theft = Scene::two_queues("0660", "0660").robbed_in(&["requests", "answers"]);
        assert_eq!((theft.requests.refused.as_str(), theft.answers.refused.as_str()), ("never", "never"), "{theft:?}");
    });
}

#[test]
fn of_a_queue_of_requests_that_the_group_may_only_write_nothing_is_stolen_but_the_second_queue_is_robbed() {
    let name = "of_a_queue_of_requests_that_the_group_may_only_write_nothing_is_stolen_but_the_second_queue_is_robbed";
    in_an_ipc_namespace(name, || {
        let theft = Scene::two_queues("0620", "0640").robbed_in(&["answers"]);
        assert!(theft.requests.is_nothing() && theft.requests.refused == "EACCES", "{theft:?}");
        assert!(theft.others.is_nothing(), "{theft:?}");
    });
}

#[test]
fn of_private_queues_that_the_group_may_only_write_nothing_is_stolen() {
    in_an_ipc_namespace("of_private_queues_that_the_group_may_only_write_nothing_is_stolen", || {
        let theft = Scene::private_queues("620").served();
        for loot in [&theft.requests, &theft.others] {
            assert!(loot.is_nothing() && loot.refused == "EACCES", "{theft:?}");
        }
    });
}

#[test]
fn private_queues_that_the_group_may_read_are_robbed() {
    in_an_ipc_namespace("private_queues_that_the_group_may_read_are_robbed", || {
        let theft = Scene::private_queues("660").robbed_in(&["others"]);
        assert!(theft.requests.is_nothing(), "{theft:?}");
    });
}

/// msgqd for the programs with the PID in the request, with this mode of the queue of requests.
fn msgqd_for_pids(mode: &str) -> DaemonBuilder {
    DaemonBuilder::new()
        .set("queue", &format!("mode = '{mode}'"))
        .set("protocol", "request = 'struct { long mtype; pid_t pid; char text[128]; }'")
        .set("protocol", "response = 'struct { long mtype; int status; char text[128]; }'\nstatus = 'status'")
}

#[test]
fn the_one_queue_of_msgqd_is_robbed() {
    in_an_ipc_namespace("the_one_queue_of_msgqd_is_robbed", || {
        let program = RouteProgram::compile("two_queues_pid", &[]);
        let theft = Scene::of_msgqd(&program, &msgqd_for_pids("0660"), None).robbed_in(&["requests"]);
        assert_eq!(theft.requests.refused, "never", "{theft:?}");
    });
}

#[test]
fn of_the_requests_to_msgqd_nothing_is_stolen_with_a_second_queue_which_is_robbed() {
    in_an_ipc_namespace("of_the_requests_to_msgqd_nothing_is_stolen_with_a_second_queue_which_is_robbed", || {
        let program = RouteProgram::compile("two_queues_pid", &[]);
        let builder = msgqd_for_pids("0620").second_queue_with("mode = \"0640\"");
        let theft = Scene::of_msgqd(&program, &builder, None).robbed_in(&["answers"]);
        assert!(theft.requests.is_nothing() && theft.requests.refused == "EACCES", "{theft:?}");
        assert!(theft.others.is_nothing(), "{theft:?}");
    });
}

#[test]
fn where_msgqd_answers_to_queues_that_the_group_may_only_write_nothing_is_stolen() {
    in_an_ipc_namespace("where_msgqd_answers_to_queues_that_the_group_may_only_write_nothing_is_stolen", || {
        let builder = DaemonBuilder::new()
            .set("queue", "mode = '0620'")
            .set("protocol", "request = 'struct { long mtype; int msqid; char text[256]; }'")
            .set("protocol", "response = 'struct { long mtype; int status; char text[256]; }'\nstatus = 'status'")
            .set("protocol", "reply = 'private'\nreply_to = 'msqid'");
        let theft = Scene::of_msgqd(&RouteProgram::compile("private_id", &[]), &builder, Some("620")).served();
        for loot in [&theft.requests, &theft.others] {
            assert!(loot.is_nothing() && loot.refused == "EACCES", "{theft:?}");
        }
    });
}

#[test]
fn of_messages_that_nobody_answers_nothing_is_stolen_where_the_group_may_only_write() {
    in_an_ipc_namespace("of_messages_that_nobody_answers_nothing_is_stolen_where_the_group_may_only_write", || {
        let builder = DaemonBuilder::new()
            .set("queue", "mode = '0620'")
            .set("protocol", "request = 'struct { long mtype; char line[256]; }'\nreply = 'none'");
        let theft = Scene::of_msgqd(&RouteProgram::compile("lines", &[]), &builder, Some("p")).served();
        assert!(theft.requests.is_nothing() && theft.requests.refused == "EACCES", "{theft:?}");
    });
}
