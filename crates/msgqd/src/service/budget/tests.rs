//! The table of docs/operations.md is what the code computes, and the units have room for all of it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use super::*;

const PAGE: &str = include_str!("../../../../../docs/operations.md");
const UNIT: &str = include_str!("../../../../../systemd/msgqd.service");

/// As the page has it: what is configured, and the settings that make it.
const CONFIGURATIONS: [(&str, &str); 7] = [
    ("as shipped", ""),
    ("`workers = 256`", "[service]\nworkers = 256"),
    ("`outbox_capacity = 65536`", "[service]\noutbox_capacity = 65536"),
    ("`kind = \"exec\"`", "[handler]\nkind = \"exec\"\ncommand = [\"a\"]"),
    (
        "`kind = \"exec\"`, `max_concurrency = 256`",
        "[handler]\nkind = \"exec\"\ncommand = [\"a\"]\nmax_concurrency = 256",
    ),
    (
        "`kind = \"worker\"`, `max_concurrency = 256`",
        "[handler]\nkind = \"worker\"\ncommand = [\"a\"]\nmax_concurrency = 256",
    ),
    (
        "`kind = \"exec\"`, `overlong = \"parts\"`",
        "[handler]\nkind = \"exec\"\ncommand = [\"a\"]\noverlong = \"parts\"",
    ),
];

fn needs(text: &str) -> Needs {
    let config = Config::parse("test", text).unwrap();
    Needs::of(&config, Demand::of(&config.handler))
}

/// The number behind a setting of the unit, with its unit of bytes.
fn unit_limit(setting: &str) -> u64 {
    let value = UNIT.lines().find_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).unwrap();
    match value.strip_suffix('M') {
        Some(number) => number.parse::<u64>().unwrap() << 20,
        None => value.parse().unwrap(),
    }
}

#[test]
fn the_page_says_what_each_configuration_needs() {
    let rows = CONFIGURATIONS.map(|(name, text)| {
        let needs = needs(text);
        format!(
            "| {name} | {} | {} | {} MiB | {} MiB |",
            needs.descriptors(),
            1 + needs.threads + needs.demand.tasks,
            mib(needs.table_bytes),
            mib(needs.memory_bytes)
        )
    });
    let is_there = rows.iter().all(|row| PAGE.contains(row));
    assert!(is_there, "docs/operations.md, Limits of the unit, needs these lines:\n{}", rows.join("\n"));
}

#[test]
fn the_unit_has_room_for_each_of_them() {
    for (name, text) in CONFIGURATIONS {
        let needs = needs(text);
        assert!(needs.descriptors() <= unit_limit("LimitNOFILE"), "{name}");
        assert!(1 + needs.threads + needs.demand.tasks <= unit_limit("TasksMax"), "{name}");
        assert!(needs.table_bytes <= unit_limit("LimitMEMLOCK"), "{name}");
    }
    let longest = u64::try_from(msgq_core::table::LONGEST_TABLE).unwrap();
    assert!(unit_limit("LimitMEMLOCK") >= longest);
}
