//! One-way messages over a stream, from two hosts to a third, while programs are killed at random.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_gateway_tests::{
    GatewayConfig, Handled, Host, Namespace, NatsServer, NatsServers, Side, in_namespaces, plain_nats, report, seconds,
};
use msgqd_system_tests::{DaemonBuilder, Process, RouteProgram, sources_dir};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const PRODUCERS: usize = 6;
const FEW: usize = 170;
const MANY: usize = 8_400;
/// In each part of the test.
const FEW_KILLS: usize = 8;
const MANY_KILLS: usize = 60;

/// So that the loss of one server holds nothing up.
const REPLICAS: &str = "3";

/// How long what was killed stays away.
const AWAY: Duration = Duration::from_millis(300);

/// The numbers of xorshift64: the same at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// Two hosts that send lines, and the last that takes them.
struct Mail {
    nats: NatsServers,
    hosts: Vec<Host>,
    program: RouteProgram,
    handled: Handled,
}

const TAKER: usize = 2;

/// With the key of its queue in the file, for the gateway. A message is tried until it is taken.
fn lines(builder: DaemonBuilder) -> DaemonBuilder {
    let key = format!("key = {}", builder.key());
    let builder = builder.without_key_argument().set("queue", &key).set("service", "attempts = 1000");
    builder.set("protocol", "request = 'struct { long mtype; char line[256]; }'\nreply = 'none'")
}

fn config_of(builder: &DaemonBuilder) -> PathBuf {
    builder.write_config()
}

impl Mail {
    fn start() -> Self {
        let nats = NatsServers::cluster("");
        let mut make = Command::new(plain_nats());
        make.args(["stream", &nats.urls("127.0.0.1", 0)[0], "LINES", "lines.>", REPLICAS]);
        let _ = Process::run(&mut make).succeeded();
        let host = |(number, name): (usize, &str)| {
            Host::new(Namespace::new(), GatewayConfig::new(name, nats.urls("127.0.0.1", number)))
        };
        let mut hosts: Vec<_> = ["a", "b", "c"].into_iter().enumerate().map(host).collect();
        hosts[..TAKER].iter_mut().for_each(sends);
        let handled = takes(&mut hosts[TAKER]);
        for host in hosts.iter_mut().rev() {
            host.start_all();
        }
        Self { nats, hosts, program: RouteProgram::compile("lines", &[]), handled }
    }

    /// Has each producer send the messages up to number `each` in one piece, and waits until all were handled, while `kill` kills
    /// something so many times. How many were handled too often.
    #[track_caller]
    fn carries(&mut self, each: usize, kills: usize, mut kill: impl FnMut(&mut Self)) -> usize {
        let before = self.handled.count();
        let produce = |number: usize| {
            let host = &self.hosts[number % TAKER];
            let key = host.key(Side::Front);
            Process::start(&mut host.enter(&self.program.client(number, key, each, &format!("p{number}"))))
        };
        let producers: Vec<_> = (0..PRODUCERS).map(produce).collect();
        for number in 1..=kills {
            let reached = before + number * PRODUCERS * each / (kills + 2);
            assert!(self.handled.reaches(reached), "it stands still at {}: {}", self.handled.count(), self.state());
            kill(self);
        }
        let again = self.handled.all_of(PRODUCERS, each, || self.state());
        for producer in producers {
            assert_eq!(producer.finish().stdout, format!("ok {each}\n"));
        }
        self.handled.are_in_order();
        again
    }

    fn state(&self) -> String {
        let logs = self.hosts.iter().map(Host::logs).collect::<String>();
        format!("{logs}\nNATS: {}\n{}", self.nats.log(), self.nats.streams())
    }

    fn front_is_killed(&mut self, host: usize) {
        self.hosts[host].kill(Side::Front);
        std::thread::sleep(AWAY);
        self.hosts[host].start(Side::Front);
    }

    fn gateway_is_killed(&mut self, host: usize) {
        self.hosts[host].kill_gateway();
        std::thread::sleep(AWAY);
        self.hosts[host].start_gateway();
    }

    /// What it has published comes to the servers after its end, and the next one publishes it again.
    fn gateway_is_killed_with_messages_under_way(&mut self, host: usize) {
        self.nats.all().iter_mut().for_each(NatsServer::freeze);
        std::thread::sleep(AWAY);
        self.hosts[host].kill_gateway();
        self.nats.all().iter_mut().for_each(NatsServer::thaw);
        self.hosts[host].start_gateway();
    }

    /// A cluster of version 2.9 that is killed again before it says that it is healthy can lose for good who leads a
    /// consumer; its makers want that to be waited for.
    fn nats_is_killed(&mut self, number: usize) {
        self.nats.get(number).kill();
        std::thread::sleep(AWAY);
        self.nats.get(number).start();
        self.nats.await_whole();
    }

    fn all_of_nats_is_killed(&mut self) {
        self.nats.all().iter_mut().for_each(NatsServer::kill);
        std::thread::sleep(AWAY);
        self.nats.all().iter_mut().for_each(NatsServer::spawn);
        self.nats.all().iter_mut().for_each(NatsServer::await_ready);
        self.nats.await_whole();
    }

    fn taker_is_killed(&mut self) {
        self.hosts[TAKER].kill(Side::Back);
        std::thread::sleep(AWAY);
        self.hosts[TAKER].start(Side::Back);
    }
}

fn sends(host: &mut Host) {
    // One message at a time, so that they go out in their order.
    let front = lines(host.asks("lines").set("handler", "max_concurrency = 1\ntimeout_ms = 5000")).workers(1);
    let config = config_of(&front);
    host.add_out("lines", &format!("subject = \"lines.{{host}}\"\nstream = \"LINES\"\nconfig = {config:?}"));
    host.set(Side::Front, front);
}

fn takes(host: &mut Host) -> Handled {
    let file = host.directory().join("taken");
    let script = sources_dir().join("routes/handler.py");
    let command = format!("kind = 'worker'\ncommand = ['/usr/bin/python3', {script:?}, 'worker', 'takes']");
    let handler = format!("{command}\nmax_concurrency = 1\nenvironment = {{ TAKEN = {file:?} }}");
    let back = lines(DaemonBuilder::new().set("handler", &handler)).workers(1);
    let config = config_of(&back);
    host.add_route(&format!(
        "[[in]]\nname = \"lines\"\nsubject = \"lines.>\"\nstream = \"LINES\"\nconfig = {config:?}\n"
    ));
    host.set(Side::Back, back);
    Handled::new(file)
}

fn sizes() -> (usize, usize) {
    if seconds().is_some() { (MANY, MANY_KILLS) } else { (FEW, FEW_KILLS) }
}

#[test]
fn no_message_is_lost_or_handled_twice_over_kills_of_senders_gateways_and_servers_of_nats() {
    in_namespaces("no_message_is_lost_or_handled_twice_over_kills_of_senders_gateways_and_servers_of_nats", || {
        let ((each, kills), mut chance) = (sizes(), Chance(0x6d73_6771));
        let mut mail = Mail::start();
        let mut killed = [0; 5];
        let again = mail.carries(each, kills, |mail| {
            // Each kind at least once, and then at random.
            let kind = killed.iter().position(|kills| *kills == 0).unwrap_or_else(|| chance.below(5));
            killed[kind] += 1;
            match kind {
                0 => mail.front_is_killed(chance.below(TAKER)),
                1 => mail.gateway_is_killed(chance.below(TAKER)),
                2 => mail.gateway_is_killed_with_messages_under_way(chance.below(TAKER)),
                3 => mail.nats_is_killed(chance.below(3)),
                _ => mail.all_of_nats_is_killed(),
            }
        });
        let [fronts, gateways, busy_gateways, servers, all_servers] = killed;
        let (gateways, servers) = (gateways + busy_gateways, servers + 3 * all_servers);
        report!(
            "{} messages over kills of {fronts} msgqd that send, {gateways} gateways and {servers} servers of NATS: {again} \
             handled twice",
            PRODUCERS * each
        );
        assert_eq!(again, 0, "{}", mail.state());
    });
}

#[test]
fn no_message_is_lost_over_kills_of_takers_and_each_kill_repeats_one_at_most() {
    in_namespaces("no_message_is_lost_over_kills_of_takers_and_each_kill_repeats_one_at_most", || {
        let ((each, kills), mut chance) = (sizes(), Chance(0x6e61_7473));
        let mut mail = Mail::start();
        let mut killed = [0; 2];
        let again = mail.carries(each, kills, |mail| {
            let kind = chance.below(2);
            killed[kind] += 1;
            match kind {
                0 => mail.gateway_is_killed(TAKER),
                _ => mail.taker_is_killed(),
            }
        });
        let [gateways, takers] = killed;
        report!(
            "{} messages over kills of {gateways} gateways and {takers} msgqd that take: {again} handled twice",
            PRODUCERS * each
        );
        assert!(again <= kills, "{again} messages were handled twice over {kills} kills: {}", mail.state());
    });
}
