//! `pairs`: msgqd beside the bare loop, and a default queue beside a roomy one, with the bounds that shall be kept.

use crate::bound::{Bound, Verdict};
use crate::cell::Cell;
use crate::failure::Result;
use crate::matrix::{noise, people};
use crate::noise::Noise;
use crate::report::Report;
use crate::round::Round;
use crate::server::{DEFAULT, Server};
use crate::session::Session;
use crate::statistics::Spread;
use crate::table::{Table, latency, rate};
use crate::turns::{Group, Measured, Results};

/// Two servers in turns, and a third beside them: mostly the first once more.
#[derive(Debug)]
struct Pairing {
    base: Server,
    other: Server,
    again: Server,
    /// What the ratio of the third to the first is called.
    beside: &'static str,
}

/// What the bare loop and msgqd shall be to each other at one number of clients.
#[derive(Debug, Clone, Copy)]
struct Demand {
    clients: u32,
    pinned: bool,
    rate: f64,
}

/// Of the p99 of msgqd to that of the bare loop.
const P99: Bound = Bound::AtMost(1.15);
/// Of the CPU time for a round trip, from [`CPU_CLIENTS`] clients on.
const CPU: Bound = Bound::AtMost(1.1);
const CPU_CLIENTS: u32 = 8;
/// Of the rate on a default queue to that on a roomy one.
const DEFAULT_QUEUE: Bound = Bound::AtLeast(0.6);
const DEFAULT_QUEUE_CLIENTS: [u32; 4] = [64, 256, 512, 1000];
/// Where the scheduler decides.
const OWN_GROUP_CLIENTS: [u32; 3] = [64, 256, 512];

/// Of the rate with answers on the clients' own queues to that of the loop on one queue.
const PRIVATE: [(u32, f64); 4] = [(8, 0.95), (64, 1.05), (256, 1.3), (512, 2.2)];
const PRIVATE_P99: Bound = Bound::AtMost(1.0);

const DEMANDS: [Demand; 7] = [
    Demand { clients: 1, pinned: false, rate: 2.5 },
    Demand { clients: 2, pinned: false, rate: 1.5 },
    Demand { clients: 8, pinned: true, rate: 0.97 },
    Demand { clients: 8, pinned: false, rate: 0.97 },
    Demand { clients: 64, pinned: false, rate: 0.97 },
    Demand { clients: 256, pinned: false, rate: 1.15 },
    Demand { clients: 512, pinned: false, rate: 1.15 },
];

impl Demand {
    fn group(self) -> Group {
        let cell = |server| Cell { pinned: self.pinned, ..Cell::new(server, self.clients) };
        Group { name: self.name(), cells: against_bare().servers().map(cell).into() }
    }

    fn name(self) -> String {
        let pinned = if self.pinned { ", all on one CPU" } else { "" };
        format!("{}{pinned}", people(self.clients))
    }
}

impl Pairing {
    /// Of the server that takes part twice.
    fn names(&self) -> [&str; 2] {
        [&self.base.name, &self.again.name]
    }

    fn servers(self) -> [Server; 3] {
        [self.base, self.other, self.again]
    }

    fn group(self, clients: u32) -> Group {
        Group { name: people(clients), cells: self.servers().map(|server| Cell::new(server, clients)).into() }
    }
}

fn against_bare() -> Pairing {
    let beside = "bare C loop against itself";
    Pairing { base: Server::bare(1), other: Server::msgqd(), again: Server::bare_again(), beside }
}

/// Answers on one queue, and on queues of the clients' own.
fn against_private() -> Pairing {
    Pairing { other: Server::msgqd_private(), ..against_bare() }
}

/// What that gains for a server that does nothing else.
fn against_bare_private() -> Pairing {
    Pairing { other: Server::bare_private(), ..against_bare() }
}

/// Both of them in the same turns.
fn private_group(clients: u32) -> Group {
    let mut group = against_private().group(clients);
    group.cells.push(Cell::new(against_bare_private().other, clients));
    group
}

/// The loop as it is started by hand, and msgqd as systemd starts it.
fn as_a_service() -> Pairing {
    Pairing {
        base: Server::bare(1),
        other: Server::msgqd().in_own_group(),
        again: Server::bare(1).in_own_group(),
        beside: "bare C loop, own group",
    }
}

fn against_roomy() -> Pairing {
    Pairing {
        base: Server::msgqd(),
        other: Server::msgqd().on_queue_of(DEFAULT),
        again: Server::msgqd().named("msgqd again"),
        beside: "msgqd against itself",
    }
}

/// Measures, and writes the report.
///
/// # Errors
/// What makes all measuring pointless.
pub fn run(mut session: Session) -> Result<bool> {
    let bare = session.measure(DEMANDS.map(Demand::group).into())?;
    let roomy = session.measure(DEFAULT_QUEUE_CLIENTS.map(|clients| against_roomy().group(clients)).into())?;
    let services = session.measure(OWN_GROUP_CLIENTS.map(|clients| as_a_service().group(clients)).into())?;
    let private = session.measure(PRIVATE.map(|(clients, _)| private_group(clients)).into())?;
    let mut report = session.report("msgqd in pairs");
    report.text(
        "Medians of all rounds; the ratio of the medians; the quartiles of the ratios of the single pairs; the first \
         server against itself; what is demanded. A bound that is missed by less than the first server differs from \
         itself is missed within noise.",
    );
    section(
        &mut report,
        "Round trips a second",
        &bare,
        &against_bare(),
        |it| it.rate,
        rate,
        |name| DEMANDS.iter().find(|demand| demand.name() == name).map(|demand| Bound::AtLeast(demand.rate)),
    );
    section(&mut report, "p99 in microseconds", &bare, &against_bare(), |it| it.p99_us, latency, |_| Some(P99));
    let cpu = "CPU seconds for a million round trips, server and clients";
    section(&mut report, cpu, &bare, &against_bare(), Round::cpu_s, seconds, |name| {
        DEMANDS.iter().any(|demand| demand.name() == name && demand.clients >= CPU_CLIENTS).then_some(CPU)
    });
    let title = "Round trips a second on a default queue";
    section(&mut report, title, &roomy, &against_roomy(), |it| it.rate, rate, |_| Some(DEFAULT_QUEUE));
    let title = "Round trips a second with msgqd in a scheduling group of its own, as under systemd";
    section(&mut report, title, &services, &as_a_service(), |it| it.rate, rate, |_| None);
    private_sections(&mut report, &private);
    report.section("Noise");
    noise(&mut report, &bare, against_bare().names());
    noise(&mut report, &roomy, against_roomy().names());
    noise(&mut report, &private, against_private().names());
    session.finish(report)
}

fn private_sections(report: &mut Report, results: &[Results]) {
    let demanded = |name: &str| PRIVATE.iter().find(|(clients, _)| people(*clients) == name);
    let bound = |name: &str| demanded(name).map(|(_, least)| Bound::AtLeast(*least));
    let title = "Round trips a second with answers on the clients' own queues";
    section(report, title, results, &against_private(), |it| it.rate, rate, bound);
    let title = "p99 in microseconds with answers on the clients' own queues";
    section(report, title, results, &against_private(), |it| it.p99_us, latency, |_| Some(PRIVATE_P99));
    let title = "What the clients' own queues gain for a loop that does nothing else, round trips a second";
    section(report, title, results, &against_bare_private(), |it| it.rate, rate, |_| None);
    let title = "What the clients' own queues gain for a loop that does nothing else, p99 in microseconds";
    section(report, title, results, &against_bare_private(), |it| it.p99_us, latency, |_| None);
}

fn seconds(value: f64) -> String {
    format!("{value:.1}")
}

fn section(
    report: &mut Report,
    title: &str,
    results: &[Results],
    pairing: &Pairing,
    what: fn(&Round) -> f64,
    shown: fn(f64) -> String,
    bound: impl Fn(&str) -> Option<Bound>,
) {
    report.section(title);
    let (base, other) = (&pairing.base.name, &pairing.other.name);
    let columns = ["", base, other, "ratio", "of the pairs", pairing.beside, "demanded", ""];
    let mut table = Table::new(columns);
    for group in results {
        let [Some(base), Some(other), again] = [base, other, &pairing.again.name].map(|name| group.of(name)) else {
            continue;
        };
        let (Some(one), Some(two)) = (base.spread(what), other.spread(what)) else {
            table.row([group.name.as_str(), "not run, see below"]);
            continue;
        };
        let ratio = two.median / one.median;
        let itself = again.and_then(|again| again.spread(what)).map(|again| again.median / one.median);
        let pairs = of_pairs(base, other, what).map(|it| format!("{:.2} to {:.2}", it.lower, it.upper));
        let noisy = Noise::of(group, pairing.names()).complaint().map_or("", |_| ", noisy machine");
        let (demanded, verdict) = match bound(&group.name) {
            Some(bound) => (bound.to_string(), format!("{}{noisy}", Verdict::of(ratio, bound, itself))),
            None => ("-".to_owned(), String::new()),
        };
        table.row([
            group.name.clone(),
            shown(one.median),
            shown(two.median),
            format!("{ratio:.2}"),
            pairs.unwrap_or_default(),
            itself.map_or("-".to_owned(), |it| format!("{it:.2}")),
            demanded,
            verdict,
        ]);
    }
    report.table(&table);
}

/// The ratios of the single pairs.
fn of_pairs(base: &Measured, other: &Measured, what: fn(&Round) -> f64) -> Option<Spread> {
    Spread::of(base.rounds.iter().zip(&other.rounds).map(|(base, other)| what(other) / what(base)))
}
