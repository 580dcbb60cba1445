//! What the way over NATS costs: a local echo, the way out and in over one server of NATS, and two plain programs of NATS,
//! in turns, with as many requests at a time. What counts is the ratio of the best of several rounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_gateway_tests::{
    GatewayConfig, Host, Namespace, NatsServers, Side, in_namespaces, plain_nats, report, seconds,
};
use msgqd_system_tests::{DaemonBuilder, Process, msgqctl, test_client};
use std::process::Command;

/// Clients at a time.
const CROWDS: [usize; 3] = [1, 8, 40];
/// In turns, each short, so that what else the machine does strikes all alike.
const ROUNDS: usize = 7;
/// What is left of the rate of plain programs, at the least: to notice a mistake. A request passes two msgqd and two gateways,
/// each way, where the plain programs are two, and all share the CPUs.
const LEFT: f64 = 0.1;

/// Round trips a second, and the 99th percentile in microseconds.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rate: f64,
    p99_us: f64,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    local: Pace,
    hop: Pace,
    plain: Pace,
}

fn best(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, f64::max)
}

/// Of the best rates: what else the machine does can make each only slower.
fn ratio(rounds: &[Round]) -> f64 {
    best(rounds.iter().map(|round| round.hop.rate)) / best(rounds.iter().map(|round| round.plain.rate))
}

type Which = fn(&Round) -> Pace;

/// A line of the table: the best of all rounds.
fn line(clients: usize, rounds: &[Round]) -> String {
    let paces: [Which; 3] = [|round| round.local, |round| round.hop, |round| round.plain];
    let paces = paces.map(|which| {
        let rate = best(rounds.iter().map(|round| which(round).rate));
        let p99_us = rounds.iter().map(|round| which(round).p99_us).fold(f64::INFINITY, f64::min);
        format!("{rate:.0} a second | {p99_us:.0} µs | ")
    });
    format!("| {clients} | {}{:.2} |\n", paces.concat(), ratio(rounds))
}

fn client_host(nats: &NatsServers) -> Host {
    let mut host = Host::new(Namespace::new(), GatewayConfig::new("a", nats.urls("127.0.0.1", 0)));
    host.add_out("out", "subject = \"orders\"");
    let front = host.asks("out").set("handler", "max_concurrency = 40");
    host.set(Side::Front, front);
    host
}

fn handler_host(nats: &NatsServers) -> Host {
    let mut host = Host::new(Namespace::new(), GatewayConfig::new("b", nats.urls("127.0.0.1", 0)));
    host.set(Side::Back, DaemonBuilder::new());
    let key = host.key(Side::Back);
    host.add_route(&format!("[[in]]\nname = \"in\"\nsubject = \"orders\"\nkey = {key}\nclients = 40\n"));
    host
}

/// The rate of clients in C, each a process, and the latencies that `msgqctl bench` sees.
fn of_queue(host: &Host, side: Side, clients: usize, count: usize) -> Pace {
    let key = host.key(side).to_string();
    let mut load = Command::new(test_client("load"));
    load.args([&key, &clients.to_string(), &count.to_string()]);
    let said = Process::run(&mut host.enter(&load)).succeeded().stdout;
    let rate = said.split_whitespace().next().unwrap().parse().unwrap();
    let mut bench = Command::new(msgqctl());
    bench.args(["--key", &key, "--config", "/dev/null", "--json", "bench", "--no-progress"]);
    bench.args(["--clients", &clients.to_string(), "--count", &count.to_string()]);
    bench.env("RUNTIME_DIRECTORY", host.builder(side).runtime_directory());
    let said = Process::run(&mut host.enter(&bench)).succeeded().stdout;
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    Pace { rate, p99_us: report["latency_ns"]["p99"].as_f64().unwrap_or_else(|| panic!("{said}")) / 1e3 }
}

/// A program with so many requests under way, and one that answers them.
fn of_plain_nats(url: &str, clients: usize, count: usize) -> Pace {
    let mut respond = Command::new(plain_nats());
    let mut responder = Process::start(respond.args(["respond", url, "plain"]));
    responder.wait_for_stdout("ready");
    let mut request = Command::new(plain_nats());
    request.args(["request", url, "plain", &clients.to_string(), &count.to_string()]);
    let said = Process::run(&mut request).succeeded().stdout;
    let numbers: Vec<f64> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
    Pace { rate: numbers[0], p99_us: numbers[1] }
}

#[test]
fn the_way_out_and_in_keeps_a_share_of_the_rate_of_plain_programs() {
    in_namespaces("the_way_out_and_in_keeps_a_share_of_the_rate_of_plain_programs", || {
        let nats = NatsServers::one("");
        let (mut from, mut to) = (client_host(&nats), handler_host(&nats));
        to.start_all();
        from.start_all();
        from.await_service();
        let url = &nats.urls("127.0.0.1", 0)[0];
        let each = if seconds().is_some() { 10_000 } else { 700 };
        let mut table = "| clients | local echo | p99 | out and in over NATS | p99 | two plain programs | p99 | \
                         ratio |\n\
                         |---|---|---|---|---|---|---|---|\n"
            .to_owned();
        for clients in CROWDS {
            let count = each.max(clients * 40);
            let round = || Round {
                local: of_queue(&to, Side::Back, clients, 5 * count),
                hop: of_queue(&from, Side::Front, clients, count),
                plain: of_plain_nats(url, clients, count),
            };
            let rounds: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
            table += &line(clients, &rounds);
            assert!(ratio(&rounds) >= LEFT, "{rounds:#?}");
        }
        report!("{table}");
        if let Some(file) = std::env::var_os("MSGQD_GATEWAY_HOP_TABLE") {
            std::fs::write(file, table).unwrap();
        }
    });
}
