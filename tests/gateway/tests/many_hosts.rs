//! Four hosts between three servers of NATS, with clients on all of them and answers from two.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_gateway_tests::{CLIENTS, Heard, Side, Site, in_namespaces, report, seconds};
use std::time::Instant;

/// Of each client.
const FEW: usize = 60;
/// A million with 80 clients.
const MANY: usize = 12_500;

/// How many requests a msgqd has taken, from the last line of its log.
fn received(log: &str) -> usize {
    let said = log.lines().rev().flat_map(str::split_whitespace).find_map(|word| word.strip_prefix("received="));
    said.map_or(0, |number| number.parse().unwrap())
}

#[test]
fn clients_of_four_hosts_get_right_answers_shared_by_two() {
    in_namespaces("clients_of_four_hosts_get_right_answers_shared_by_two", || {
        let mut site = Site::start();
        let each = if seconds().is_some() { MANY } else { FEW };
        let begin = Instant::now();
        let askers = site.ask(each);
        let heard = askers.into_iter().map(|askers| askers.finish()).fold(Heard::default(), Heard::and);
        let took = begin.elapsed();
        assert_eq!(heard.kinds(), [].into());
        assert_eq!(heard.right, (site.hosts.len() * CLIENTS * each) as u64);
        let shares: Vec<usize> = [2, 3].map(|host| received(&site.hosts[host].stop(Side::Back))).into();
        let all: usize = shares.iter().sum();
        report!("{} right answers in {:.1} s, taken by two hosts: {shares:?}", heard.right, took.as_secs_f64());
        // Some were asked by the test itself, until each host was served.
        assert!((heard.right..heard.right + 100).contains(&(all as u64)), "not each was handled once: {shares:?}");
        assert!(shares.iter().all(|share| share * 10 >= all * 4), "not shared within 20 % of even: {shares:?}");
    });
}
