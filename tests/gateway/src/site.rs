use crate::asking::Askers;
use crate::gateway::GatewayConfig;
use crate::host::{Host, Side};
use crate::namespaces::Namespace;
use crate::nats::NatsServers;
use crate::network::Cable;
use msgqd_system_tests::DaemonBuilder;

/// On each host.
pub const CLIENTS: usize = 20;

/// How long msgqd waits for the gateway's answer.
const TIMEOUT_MS: u32 = 3000;

/// Four hosts between three servers of NATS. Clients are on all; what they ask is answered by the echo of two of them. The
/// first host is in a network of its own.
#[derive(Debug)]
pub struct Site {
    /// The servers.
    pub nats: NatsServers,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// To the first host.
    pub cable: Cable,
}

impl Site {
    /// Starts all, and waits until each host is served.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        // Little enough that a reader that stops is soon noticed.
        let nats = NatsServers::cluster("max_pending: 4MB\nwrite_deadline: \"2s\"");
        let namespace = Namespace::with_network();
        let cable = Cable::lay(&namespace);
        let mut hosts = vec![asking("a", namespace, nats.urls(Cable::ADDRESS, 0))];
        for (number, name) in ["b", "c", "d"].into_iter().enumerate() {
            hosts.push(asking(name, Namespace::new(), nats.urls("127.0.0.1", number)));
        }
        hosts[2..].iter_mut().for_each(answers);
        for host in hosts.iter_mut().rev() {
            host.start_all();
        }
        hosts.iter().for_each(Host::await_service);
        Self { nats, hosts, cable }
    }

    /// Clients on each, with at most `count` requests.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, count: usize) -> Vec<Askers> {
        self.hosts.iter().map(|host| Askers::start(host, CLIENTS, count)).collect()
    }

    /// Waits until each host is served.
    #[track_caller]
    pub fn await_service(&self) {
        self.hosts.iter().for_each(Host::await_service);
    }
}

/// A host whose clients ask the subject `orders.NAME.1`.
fn asking(name: &str, namespace: Namespace, servers: Vec<String>) -> Host {
    let mut host = Host::new(namespace, GatewayConfig::new(name, servers));
    host.add_out("out", "subject = \"orders.{host}.{type}\"");
    let limits = format!("timeout_ms = {TIMEOUT_MS}\nmax_concurrency = {CLIENTS}");
    let front = host.asks("out").set("handler", &limits);
    host.set(Side::Front, front);
    host
}

/// Has it answer those of all hosts.
fn answers(host: &mut Host) {
    host.set(Side::Back, DaemonBuilder::new());
    let (key, name) = (host.key(Side::Back), host.name().to_owned());
    let queue = format!("key = {key}\nclients = 16\ntimeout_ms = {TIMEOUT_MS}");
    host.add_route(&format!("[[in]]\nname = \"in\"\nsubject = \"orders.*.1\"\nqueue_group = \"orders\"\n{queue}\n"));
    // Nobody asks it but who wants to see it drown.
    host.add_route(&format!("[[in]]\nname = \"flood\"\nsubject = \"flood.{name}\"\n{queue}\n"));
}
