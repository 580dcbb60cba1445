//! msgqd.toml(5) has every setting that the program knows, under its table and with its default; its examples are good.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use msgq_core::config::{Config, setting_names};

const PAGE: &str = include_str!("../../../docs/man/msgqd.toml.5");

/// What stands behind this heading, up to the next of its kind or of a higher one.
fn part_behind<'a>(text: &'a str, heading: &str, ends: &[&str]) -> Option<&'a str> {
    let rest = text.split_once(heading)?.1;
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    rest.get(..end)
}

/// The paragraph of a setting: several share one where their names stand in its heading.
fn paragraph<'a>(table: &'a str, setting: &str) -> Option<&'a str> {
    let is_of_setting = |paragraph: &&str| {
        let heading = paragraph.lines().next().unwrap_or_default();
        heading.starts_with(".B") && heading.split([' ', '"', ',']).any(|word| word == setting)
    };
    table.split(".TP\n").find(is_of_setting)
}

#[test]
fn each_setting_stands_under_its_table_with_its_default() {
    let settings = part_behind(PAGE, "\n.SH SETTINGS\n", &["\n.SH "]).unwrap();
    for (section, setting) in setting_names() {
        let table = part_behind(settings, &format!("\n.SS [{section}]\n"), &["\n.SS "]).unwrap_or_default();
        // The kinds of handlers have a list within the list.
        let text = paragraph(table, setting);
        let text = if setting == "kind" { Some(table) } else { text };
        let has_default = text.is_some_and(|text| text.contains("\nDefault:"));
        assert!(
            text.is_some() && has_default,
            "[{section}] {setting} is not there, or without a line \"Default: ...\""
        );
    }
}

#[test]
fn the_examples_are_configurations() {
    let examples = part_behind(PAGE, "\n.SH EXAMPLES\n", &["\n.SH "]).unwrap();
    let texts: Vec<_> = examples.split("\n.nf\n").skip(1).filter_map(|rest| rest.split_once("\n.fi")).collect();
    assert!(texts.len() > 2, "{examples}");
    for (text, _) in texts {
        let checked = Config::parse("example", &text.replace("\\-", "-"));
        assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}

#[test]
fn the_packaged_file_is_short_and_good_also_with_all_that_it_suggests() {
    let packaged = include_str!("../../msgqd.toml");
    assert!(packaged.lines().count() <= 30);
    let is_setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    let uncommented = packaged.lines().map(|line| if is_setting(&line) { line.trim_start_matches('#') } else { line });
    for text in [packaged.to_owned(), uncommented.collect::<Vec<_>>().join("\n")] {
        let checked = Config::parse("packaged", &text);
        assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}
