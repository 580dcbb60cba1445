//! What clients are told while parts of a site fail, one after the other, and that all is well again afterwards.
//! `MSGQD_GATEWAY_SECONDS` says for how long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_gateway_tests::{Askers, CLIENTS, Heard, PATIENCE, Side, Site, in_namespaces, plain_nats, report, seconds};
use msgqd_system_tests::{Process, eventually};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

/// More than a client has time for.
const WITHOUT_END: usize = 1_000_000_000;

/// The host with handlers that is disturbed, and how NATS calls what it drowns in.
const HANDLERS: usize = 2;
const FLOODED: &str = "flood.c";

/// A site under load.
struct Load {
    site: Site,
    askers: Vec<Askers>,
    /// Of clients that were killed with their host.
    killed: Heard,
    /// How long a fault lasts; longer than the deadline of a request.
    lasts: Duration,
}

impl Load {
    fn start(lasts: Duration) -> Self {
        let site = Site::start();
        let askers = site.ask(WITHOUT_END);
        Self { site, askers, killed: Heard::default(), lasts }
    }

    /// How often clients were told each kind of error so far.
    fn told(&self) -> BTreeMap<String, usize> {
        let told = self.askers.iter().map(Askers::errors).map(|errors| Heard { right: 0, errors });
        told.fold(self.killed.clone(), Heard::and).kinds()
    }

    /// Lets something fail, and waits until all hosts are served again. What clients were told meanwhile, by kind.
    #[track_caller]
    fn survives(&mut self, fault: &str, fail: impl FnOnce(&mut Self)) -> BTreeMap<String, usize> {
        let before = self.told();
        fail(self);
        let begin = Instant::now();
        self.site.await_service();
        let back = begin.elapsed();
        self.askers.iter_mut().for_each(Askers::are_at_work);
        let mut told = self.told();
        for (kind, times) in &mut told {
            *times -= before.get(kind).unwrap_or(&0);
        }
        told.retain(|_, times| *times > 0);
        report!("{fault}: served again {:.1} s after its end; clients were told {told:#?}", back.as_secs_f64());
        told
    }

    fn last(&self) {
        std::thread::sleep(self.lasts);
    }

    fn one_nats_server_is_killed(&mut self) {
        self.survives("a server of NATS was killed", |load| {
            load.site.nats.get(0).kill();
            load.last();
            // Served without it.
            load.site.await_service();
            load.site.nats.get(0).start();
        });
    }

    fn all_nats_servers_are_restarted(&mut self) {
        let told = self.survives("all servers of NATS were killed and started", |load| {
            load.site.nats.all().iter_mut().for_each(|server| server.kill());
            load.last();
            load.site.nats.all().iter_mut().for_each(|server| server.spawn());
            load.site.nats.all().iter_mut().for_each(|server| server.await_ready());
        });
        assert!(told.keys().any(|text| text.contains("not run: the gateway has no connection to NATS")), "{told:#?}");
    }

    fn a_gateway_is_killed(&mut self) {
        let told = self.survives("a gateway was killed and started", |load| {
            load.site.hosts[1].kill_gateway();
            load.last();
            load.site.hosts[1].start_gateway();
        });
        assert!(told.keys().any(|text| text.contains("not run: ")), "{told:#?}");
    }

    fn a_host_with_handlers_is_killed(&mut self) {
        self.survives("a host with handlers was killed and started", |load| {
            let clients = load.askers.remove(HANDLERS);
            load.killed.errors.extend(clients.errors());
            let host = &mut load.site.hosts[HANDLERS];
            host.kill_all();
            clients.kill();
            load.last();
            // The other one serves alone.
            for host in [0, 1, 3] {
                load.site.hosts[host].await_service();
            }
            let host = &mut load.site.hosts[HANDLERS];
            host.start_all();
            load.askers.insert(HANDLERS, Askers::start(host, CLIENTS, WITHOUT_END));
        });
    }

    fn a_link_is_cut(&mut self) {
        let told = self.survives("the link of a host was cut", |load| {
            load.site.cable.cut();
            load.last();
            load.site.cable.mend();
        });
        assert!(told.keys().any(|text| text.contains("outcome unknown: no answer on subject orders.a.N")), "{told:#?}");
    }

    fn a_reader_is_slow(&mut self) {
        let drowned = |load: &mut Self| load.site.nats.log().matches("Slow Consumer").count();
        let before = drowned(self);
        self.survives("a gateway did not read, and drowned", |load| {
            load.site.hosts[HANDLERS].gateway().process().freeze();
            let url = &load.site.nats.urls("127.0.0.1", 1)[0];
            let mut command = Command::new(plain_nats());
            let _ = Process::run(command.args(["flood", url, FLOODED, "65536", "400"])).succeeded();
            let noticed = eventually(PATIENCE, || drowned(load) > before);
            assert!(noticed, "no server noticed: {}", load.site.nats.log());
            load.last();
            load.site.hosts[HANDLERS].gateway().process().thaw();
        });
    }

    fn handlers_stand_still(&mut self) {
        let told = self.survives("the handlers of a host stood still", |load| {
            load.site.hosts[HANDLERS].daemon(Side::Back).freeze();
            load.last();
            load.site.hosts[HANDLERS].daemon(Side::Back).thaw();
        });
        assert!(told.keys().any(|text| text.contains("outcome unknown: ")), "{told:#?}");
    }

    /// All come to their end; in the end each was told what is known.
    #[track_caller]
    fn stop(self) -> Heard {
        self.askers.into_iter().map(Askers::stop).fold(self.killed, Heard::and)
    }
}

#[test]
fn clients_are_told_what_is_known_while_parts_fail_and_are_served_again() {
    in_namespaces("clients_are_told_what_is_known_while_parts_fail_and_are_served_again", || {
        let long = seconds().map(Duration::from_secs);
        let mut load = Load::start(Duration::from_secs(if long.is_some() { 10 } else { 4 }));
        let (begin, mut rounds) = (Instant::now(), 0);
        while rounds == 0 || long.is_some_and(|long| begin.elapsed() < long) {
            load.one_nats_server_is_killed();
            load.a_gateway_is_killed();
            load.a_link_is_cut();
            load.all_nats_servers_are_restarted();
            load.handlers_stand_still();
            load.a_reader_is_slow();
            load.a_host_with_handlers_is_killed();
            rounds += 1;
        }
        let heard = load.stop();
        report!("{rounds} rounds: {} right answers, no wrong one; errors {:#?}", heard.right, heard.kinds());
        assert!(heard.right > 0);
    });
}
