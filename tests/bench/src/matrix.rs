//! `quick` and `full`: every server at every number of clients.

use crate::cell::Cell;
use crate::failure::Result;
use crate::noise::Noise;
use crate::plot::{Line, Plot};
use crate::report::Report;
use crate::round::Round;
use crate::server::{DEFAULT, Server};
use crate::session::Session;
use crate::statistics::Spread;
use crate::table::{Table, latency, rate};
use crate::turns::{Group, Measured, Results};

const CLIENTS: [u32; 6] = [1, 2, 8, 64, 256, 512];
/// Only for msgqd: others have no reason to.
const MOST_CLIENTS: u32 = 1000;

/// In the order in which they take turns.
fn servers(brokers: bool) -> Vec<Server> {
    let mut servers = vec![
        Server::bare(1),
        Server::msgqd(),
        Server::msgqd_with("spin_us = 0"),
        Server::msgqd().on_queue_of(DEFAULT),
        Server::bare_again(),
        Server::bare(2),
        Server::bare(4),
        Server::bare_spinning(20),
        Server::bare(1).on_queue_of(DEFAULT),
        Server::msgqd_private(),
        Server::bare_private(),
    ];
    servers.extend(Server::other_ways());
    if brokers {
        servers.extend(Server::brokers());
    }
    servers
}

/// Measures, and writes the report.
///
/// # Errors
/// What makes all measuring pointless.
pub fn run(mut session: Session, brokers: bool) -> Result<bool> {
    let results = session.measure(groups(brokers, session.clients()))?;
    let mut report = session.report("Round trips on one machine");
    write(&mut report, &results);
    report.section("Plots");
    report.text("Medians, with a bar from the lower to the upper quartile.");
    for (file, title, y, what) in PLOTS {
        let names = names(&results).into_iter().filter(|name| *name != Server::bare_again().name);
        let lines = names.map(|name| Line { points: line(&results, &name, what), name });
        let plot = Plot { title, x: "clients", y, lines: lines.collect() };
        session.plot(&mut report, file, &plot)?;
    }
    session.finish(report)
}

type PlotOf = (&'static str, &'static str, &'static str, fn(&Round) -> f64);
const PLOTS: [PlotOf; 3] = [
    ("throughput", "Round trips a second", "round trips a second", |round| round.rate),
    ("latency", "99 % of the round trips are no longer", "p99, microseconds", |round| round.p99_us),
    ("latency-median", "Half of the round trips are no longer", "p50, microseconds", |round| round.p50_us),
];

/// One group for each number of clients.
fn groups(brokers: bool, clients: Option<&[u32]>) -> Vec<Group> {
    let numbers = clients.map_or_else(|| [CLIENTS.as_slice(), &[MOST_CLIENTS]].concat(), <[u32]>::to_vec);
    let group = |clients: u32| {
        let mut servers = servers(brokers);
        servers.retain(|server| clients < MOST_CLIENTS || server.name.starts_with("msgqd"));
        Group { name: people(clients), cells: servers.into_iter().map(|server| Cell::new(server, clients)).collect() }
    };
    numbers.into_iter().map(group).collect()
}

/// `1 client`, `2 clients`.
#[must_use]
pub fn people(clients: u32) -> String {
    format!("{clients} client{}", if clients == 1 { "" } else { "s" })
}

/// Writes the tables.
fn write(report: &mut Report, results: &[Results]) {
    report.section("Round trips a second");
    report.text(
        "Median, half of the distance between the quartiles in percent, and the ratio to the bare C loop in the same turns.",
    );
    report.table(&by_server(results, throughput));
    report.section("Latency in microseconds");
    report.text("p50 / p99 / p99.9 of a round trip: medians over the rounds.");
    report.table(&by_server(results, |measured, _| {
        let median = |what: fn(&Round) -> f64| Some(latency(measured.spread(what)?.median));
        let (half, tail, far) = (median(|it| it.p50_us)?, median(|it| it.p99_us)?, median(|it| it.p999_us)?);
        Some(format!("{half} / {tail} / {far}"))
    }));
    report.section("CPU seconds for a million round trips");
    report.text("Server + clients: medians over the rounds.");
    report.table(&by_server(results, |measured, _| {
        let median = |what: fn(&Round) -> f64| Some(measured.spread(what)?.median);
        Some(format!("{:.1} + {:.1}", median(|it| it.server_cpu_s)?, median(|it| it.clients_cpu_s)?))
    }));
    report.section("Noise");
    report.text(
        "The bare loop takes part twice: its second median divided by its first shows what a difference is worth. Others: \
         the share of the CPU time that neither servers nor clients used.",
    );
    noise(report, results, [&Server::bare(1).name, &Server::bare_again().name]);
}

/// Median, spread, and ratio to the bare loop of the same group.
fn throughput(measured: &Measured, results: &Results) -> Option<String> {
    let spread = measured.spread(|round| round.rate)?;
    let base = results.of(&Server::bare(1).name).and_then(|it| it.spread(|round| round.rate));
    let ratio = base.map(|base| format!(" ({:.2})", spread.median / base.median)).unwrap_or_default();
    Some(format!("{}{}{ratio}", rate(spread.median), spread.percent()))
}

/// A row for each server, a column for each group.
fn by_server(results: &[Results], cell: impl Fn(&Measured, &Results) -> Option<String>) -> Table {
    let columns = results.iter().map(|group| group.name.clone());
    let mut table = Table::new([String::new()].into_iter().chain(columns));
    for server in names(results) {
        let cells = results.iter().map(|group| group.of(&server).map_or("-".to_owned(), |it| state(it, group, &cell)));
        table.row([server.clone()].into_iter().chain(cells));
    }
    table
}

fn state(measured: &Measured, group: &Results, cell: impl Fn(&Measured, &Results) -> Option<String>) -> String {
    match cell(measured, group) {
        _ if measured.stuck() > 0 => "**stuck**".to_owned(),
        Some(text) => text,
        None => "not run".to_owned(),
    }
}

/// The names of the servers, in the order of their first turn.
fn names(results: &[Results]) -> Vec<String> {
    let mut names = Vec::new();
    for measured in results.iter().flat_map(|group| &group.cells) {
        if !names.contains(&measured.cell.server.name) {
            names.push(measured.cell.server.name.clone());
        }
    }
    names
}

/// Writes how quiet the machine was, where one server took part under two names.
pub fn noise(report: &mut Report, results: &[Results], names: [&str; 2]) {
    let itself = format!("{} against itself", names[0]);
    let mut table = Table::new(["", &itself, "others", "verdict"]);
    for group in results {
        let noise = Noise::of(group, names);
        let itself = noise.against_itself.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let verdict = noise.complaint().unwrap_or_else(|| "quiet enough".to_owned());
        table.row([group.name.clone(), itself, format!("{:.0} %", noise.others * 100.0), verdict]);
    }
    report.table(&table);
}

/// The points of a server's line: clients and the spread of a value.
fn line(results: &[Results], server: &str, what: fn(&Round) -> f64) -> Vec<(f64, Spread)> {
    let measured = results.iter().filter_map(|group| group.of(server));
    measured.filter_map(|it| Some((f64::from(it.cell.clients), it.spread(what)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turns::tests::{results, round};

    #[test]
    fn a_cell_shows_its_ratio_or_why_there_is_none() {
        let stuck = [Round { stuck: 64, ..round(0.0) }];
        let group = results(
            64,
            &[
                (Server::bare(1), &[round(1000.0), round(3000.0)]),
                (Server::msgqd(), &[round(5000.0)]),
                (Server::bare(2), &stuck),
                (Server::bare(4), &[]),
            ],
        );
        let text = by_server(&[group], throughput).markdown();
        let cells: Vec<&str> = text.lines().skip(2).filter_map(|line| line.split('|').nth(2)).map(str::trim).collect();
        assert_eq!(cells, ["2.0k ±25 % (1.00)", "5.0k (2.50)", "**stuck**", "not run"]);
    }

    #[test]
    fn a_server_that_does_not_take_part_leaves_its_cell_empty() {
        let few = results(1, &[(Server::bare(1), &[round(1.0)])]);
        let many = results(1000, &[(Server::msgqd(), &[round(1.0)])]);
        let text = by_server(&[few, many], throughput).markdown();
        assert_eq!(text.lines().count(), 4);
        assert!(text.lines().any(|line| line.starts_with("| msgqd ") && line.contains("  - |")), "{text}");
    }

    #[test]
    fn only_msgqd_is_asked_by_a_thousand() {
        let all = groups(true, None);
        assert_eq!(all.len(), CLIENTS.len() + 1);
        let last = all.last().unwrap();
        assert!(last.cells.iter().all(|cell| cell.server.name.starts_with("msgqd")) && last.cells.len() == 4);
    }
}
