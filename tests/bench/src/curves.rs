//! `curves`: what the cost grows with.

use crate::cell::Cell;
use crate::failure::Result;
use crate::matrix::people;
use crate::plot::{Line, Plot};
use crate::report::Report;
use crate::round::Round;
use crate::server::{Server, bytes};
use crate::session::Session;
use crate::statistics::Spread;
use crate::table::{Table, latency, rate};
use crate::turns::{Group, Measured, Results};

/// Room for all resting messages of the curve, in bytes.
const DEEP: u64 = 4 << 20;
/// Clients that ask while others' answers rest.
const CLIENTS_BESIDE_RESTING: u32 = 8;

/// One cell and where it stands in the plot.
#[derive(Debug, Clone)]
struct Point {
    line: String,
    x: u32,
    /// The x as people read it.
    shown: String,
    cell: Cell,
}

/// One section of the report.
#[derive(Debug)]
struct Curve {
    title: &'static str,
    file: &'static str,
    x: &'static str,
    /// Which cost of the kernel makes it so.
    because: &'static str,
    /// The points of an inner list take turns.
    groups: Vec<Vec<Point>>,
}

/// Measures, and writes the report.
///
/// # Errors
/// What makes all measuring pointless.
pub fn run(mut session: Session) -> Result<bool> {
    let mut report = session.report("What the cost of a round trip grows with");
    for curve in [clients(), resting(), workers(), queue_size()] {
        let groups = curve.groups.iter().map(|points| Group {
            name: points.first().map_or_else(String::new, |it| format!("{}, {} {}", curve.title, it.shown, curve.x)),
            cells: points.iter().map(|point| point.cell.clone()).collect(),
        });
        let results = session.measure(groups.collect())?;
        curve.write(&session, &mut report, &results)?;
    }
    session.finish(report)
}

fn clients() -> Curve {
    let at = |clients| {
        let point = |server: Server| Point {
            line: server.name.clone(),
            x: clients,
            shown: clients.to_string(),
            cell: Cell::new(server, clients),
        };
        [Server::bare(1), Server::msgqd(), Server::bare_private(), Server::msgqd_private()].map(point).into()
    };
    Curve {
        title: "Clients",
        file: "curve-clients",
        x: "clients",
        because: "With one or two clients the wake-up across CPUs is most of a round trip, which spinning avoids. With \
                  hundreds the walk of msgsnd over all blocked receivers is: every waiting client is one, unless it waits \
                  at a queue of its own.",
        groups: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000].map(at).into(),
    }
}

fn resting() -> Curve {
    let at = |resting| {
        let point = |server: Server| Point {
            line: server.name.clone(),
            x: resting,
            shown: resting.to_string(),
            cell: Cell { resting, ..Cell::new(server.on_queue_of(DEEP), CLIENTS_BESIDE_RESTING) },
        };
        vec![point(Server::bare(1)), point(Server::msgqd())]
    };
    Curve {
        title: "Answers that nobody reads",
        file: "curve-resting",
        x: "resting answers",
        because: "Every msgrcv walks over the messages of other types that rest ahead of its own. msgqd takes answers \
                  back when others want their room, which is never here: the queue of 4 MiB has room for four times as \
                  many.",
        groups: [0, 100, 1000, 4000].map(at).into(),
    }
}

fn workers() -> Curve {
    let at = |clients| {
        let point = |workers: u32| Point {
            line: people(clients),
            x: workers,
            shown: workers.to_string(),
            cell: Cell::new(Server::msgqd_with(&format!("workers = {workers}")), clients),
        };
        [1, 2, 4, 8].map(point).to_vec()
    };
    Curve {
        title: "Workers",
        file: "curve-workers",
        x: "workers",
        because: "More receivers are more wake-ups, and they contend for the queue's lock: that pays only where the walk \
                  over hundreds of blocked clients keeps one of them busy.",
        groups: [1, 8, 64, 256, 512].map(at).into(),
    }
}

fn queue_size() -> Curve {
    let at = |clients| {
        let point = |kib: u32| {
            let size = u64::from(kib) << 10;
            Point {
                line: people(clients),
                x: kib,
                shown: bytes(size),
                cell: Cell::new(Server::msgqd().on_queue_of(size), clients),
            }
        };
        [4, 16, 64, 256, 1024, 4096].map(point).to_vec()
    };
    Curve {
        title: "Size of the queue",
        file: "curve-queue",
        x: "KiB of the queue",
        because: "On a queue with less room than 264 bytes for each client, clients block in msgsnd, and each msgrcv wakes \
                  all of them whose message would fit; from there on more room changes nothing.",
        groups: [64, 256, 512].map(at).into(),
    }
}

impl Curve {
    fn write(&self, session: &Session, report: &mut Report, results: &[Results]) -> Result<()> {
        let found = |point: &Point| results.iter().flat_map(|it| &it.cells).find(|it| it.cell == point.cell).cloned();
        let measured: Vec<(&Point, Measured)> =
            self.groups.iter().flatten().filter_map(|point| Some((point, found(point)?))).collect();
        if measured.is_empty() {
            return Ok(());
        }
        report.section(self.title);
        report.text(self.because);
        let mut table =
            Table::new([self.x, "", "round trips/s", "p50 / p99 µs", "CPU s of server + clients a million"]);
        for (point, measured) in &measured {
            table.row([point.shown.clone(), point.line.clone()].into_iter().chain(numbers(measured)));
        }
        report.table(&table);
        // A logarithmic axis has no 0.
        let from_zero = self.groups.iter().flatten().any(|point| point.x == 0);
        let x = |point: &Point| f64::from(point.x + u32::from(from_zero));
        let mut lines: Vec<Line> = Vec::new();
        for (point, measured) in &measured {
            let Some(rate) = measured.spread(|round| round.rate) else { continue };
            match lines.iter_mut().find(|line| line.name == point.line) {
                Some(line) => line.points.push((x(point), rate)),
                None => lines.push(Line { name: point.line.clone(), points: vec![(x(point), rate)] }),
            }
        }
        let label = if from_zero { format!("{} + 1", self.x) } else { self.x.to_owned() };
        session.plot(report, self.file, &Plot { title: self.title, x: &label, y: "round trips a second", lines })
    }
}

fn numbers(measured: &Measured) -> [String; 3] {
    let median = |what: fn(&Round) -> f64| measured.spread(what).map(|it| it.median);
    let rates: Option<Spread> = measured.spread(|round| round.rate);
    let Some(rates) = rates.filter(|_| measured.stuck() == 0) else {
        let state = if measured.stuck() > 0 { "**stuck**" } else { "not run" };
        return [state.to_owned(), String::new(), String::new()];
    };
    let latencies = median(|it| it.p50_us).zip(median(|it| it.p99_us));
    let cpu = median(|it| it.server_cpu_s).zip(median(|it| it.clients_cpu_s));
    [
        format!("{}{}", rate(rates.median), rates.percent()),
        latencies.map_or_else(String::new, |(half, tail)| format!("{} / {}", latency(half), latency(tail))),
        cpu.map_or_else(String::new, |(server, clients)| format!("{server:.1} + {clients:.1}")),
    ]
}
