//! Man pages.

use clap::Command;
use clap_mangen::Man;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Names and sections of pages.
pub type Pages<'a> = &'a [(&'a str, &'a str)];

/// The pages to which those of msgqd and msgqctl lead.
pub const OF_SERVER: Pages<'_> = &[
    ("msgqctl", "1"),
    ("msgqd.toml", "5"),
    ("msgqd-handler", "7"),
    ("msgqd-protocol", "7"),
    ("sysvipc", "7"),
    ("msgqd", "8"),
];

/// The pages to which those of msgq-nats lead.
pub const OF_GATEWAY: Pages<'_> =
    &[("msgqd.toml", "5"), ("nats.toml", "5"), ("msgqd-handler", "7"), ("msgqd-protocol", "7"), ("msgqd", "8")];

/// Writes the page of a program, and one for each of its subcommands and theirs, to `directory`; they lead to each other and to
/// `others`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(mut command: Command, section: &str, manual: &str, others: Pages<'_>, directory: &Path) -> io::Result<()> {
    command.build();
    let program = command.get_name().to_owned();
    let version = command.get_version().unwrap_or_default().to_owned();
    let mut pages = vec![(program.clone(), command.clone())];
    collect_subcommands(&program, &command, &mut pages);
    let names: Vec<String> = pages.iter().map(|(name, _)| name.clone()).collect();
    for (name, definition) in pages {
        let see_also = see_also(&name, &names, section, others);
        let after_help = definition.get_after_long_help().or(definition.get_after_help()).map(ToString::to_string);
        let sections = sections(&after_help.unwrap_or_default(), &program, section);
        let commands = commands(&definition);
        let mut page = title_line(&name, section, &format!("{program} {version}"), manual).into_bytes();
        render(&Man::new(definition), &commands, &sections, &see_also, &mut page)?;
        fs::write(directory.join(format!("{name}.{section}")), page)?;
    }
    Ok(())
}

/// Not Man's own title: without a date it moves the others one place to the left. A date would make the build irreproducible,
/// or lie.
pub fn title_line(name: &str, section: &str, version: &str, manual: &str) -> String {
    format!(".TH \"{}\" \"{section}\" \"\" \"{version}\" \"{manual}\"\n", escaped(&name.to_uppercase()))
}

/// The page of `msgqctl dead list` is msgqctl-dead-list.
fn collect_subcommands(name: &str, command: &Command, pages: &mut Vec<(String, Command)>) {
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("{name}-{}", subcommand.get_name());
        pages.push((name.clone(), subcommand.clone().display_name(&name)));
        collect_subcommands(&name, subcommand, pages);
    }
}

/// `Man::render` would call what stands behind the options EXTRA; here its first lines name its sections.
fn render(man: &Man, commands: &str, sections: &str, see_also: &str, page: &mut Vec<u8>) -> io::Result<()> {
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    page.write_all(commands.as_bytes())?;
    man.render_options_section(page)?;
    page.write_all(sections.as_bytes())?;
    writeln!(page, ".SH \"SEE ALSO\"\n{see_also}")
}

/// The subcommands with what each is for; its own page has the rest.
fn commands(definition: &Command) -> String {
    let subcommands = definition.get_subcommands().filter(|subcommand| subcommand.get_name() != "help");
    let entries: Vec<String> = subcommands
        .map(|subcommand| {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            let others = subcommand.get_visible_aliases().collect::<Vec<_>>().join(", ");
            let others = if others.is_empty() { others } else { format!(" (also: {})", escaped(&others)) };
            format!(".TP\n.B {}\n{}{others}\n", escaped(subcommand.get_name()), escaped(&about))
        })
        .collect();
    if entries.is_empty() { String::new() } else { format!(".SH COMMANDS\n{}", entries.concat()) }
}

/// The order that man-pages(7) asks for. What is not in it comes before.
const ORDER: [&str; 4] = ["EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"];

/// Turns `Heading:` lines, each with indented lines below it, into sections.
fn sections(text: &str, program: &str, section: &str) -> String {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')), sections.last_mut()) {
            (Some("Exit codes"), _) => sections.push(("EXIT STATUS".to_owned(), String::new())),
            (Some(heading), _) => sections.push((heading.to_uppercase(), String::new())),
            (None, Some((_, body))) => add_line(line, body),
            (None, None) => {}
        }
    }
    if sections.iter().all(|(heading, _)| heading != "EXIT STATUS") {
        sections.push(("EXIT STATUS".to_owned(), format!("One of those that\n.BR {program} ({section})\nhas.\n")));
    }
    sections.sort_by_key(|(heading, _)| ORDER.iter().position(|known| known == heading).map_or(0, |at| at + 1));
    sections.iter().map(|(heading, body)| format!(".SH \"{}\"\n{body}", escaped(heading))).collect()
}

/// `  word  what it is`, further lines of that, which stand deeper, or a sentence of its own.
fn add_line(line: &str, body: &mut String) {
    let text = line.trim_start();
    let depth = line.len() - text.len();
    match text.split_once("  ") {
        _ if depth > 2 => body.push_str(&format!("{}\n", escaped(text))),
        Some((word, meaning)) => {
            body.push_str(&format!(".TP\n.B {}\n{}\n", quoted(word), escaped(meaning.trim_start())));
        }
        // A sentence goes on in the next line.
        None if body.rsplit_once(".PP\n").is_some_and(|(_, behind)| !behind.contains(".TP")) => {
            body.push_str(&format!("{}\n", escaped(text)));
        }
        None => body.push_str(&format!(".PP\n{}\n", escaped(text))),
    }
}

/// As the argument of an instruction, in which a quote stands twice.
fn quoted(word: &str) -> String {
    format!("\"{}\"", escaped(word).replace('"', "\"\""))
}

/// A line that begins with a dot or a quote is an instruction to the formatter.
pub fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

fn see_also(name: &str, names: &[String], section: &str, others: Pages<'_>) -> String {
    let own = names.iter().map(|name| (name.as_str(), section));
    let all = own.chain(others.iter().copied());
    let mut pages: Vec<(&str, &str)> = all.filter(|(other, _)| *other != name).collect();
    pages.sort_by_key(|(name, section)| (*section, *name));
    pages.dedup();
    let entries: Vec<String> =
        pages.iter().map(|(name, section)| format!(".BR {} ({section})", escaped(name))).collect();
    entries.join(",\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_behind_the_options_become_sections_in_the_usual_order() {
        let text =
            "Examples:\n  x \"-y\"  do\n\nFiles:\n  .hidden  a\n    b\n  Or\n  else.\n\nExit codes:\n  0  it's done";
        let page = sections(text, "x", "1");
        let status = ".SH \"EXIT STATUS\"\n.TP\n.B \"0\"\nit's done\n";
        let files = ".SH \"FILES\"\n.TP\n.B \"\\&.hidden\"\na\nb\n.PP\nOr\nelse.\n";
        let examples = ".SH \"EXAMPLES\"\n.TP\n.B \"x \"\"\\-y\"\"\"\ndo\n";
        assert_eq!(page, format!("{status}{files}{examples}"));
        assert!(sections("", "msgqctl", "1").contains("\n.BR msgqctl (1)\n"));
    }

    #[test]
    fn the_pages_of_the_programs_have_commands_examples_files_and_environment() {
        let directory = tempfile::tempdir().unwrap();
        write(msgqctl::command(), "1", "User Commands", OF_SERVER, directory.path()).unwrap();
        write(msgqd::cli::command(), "8", "System Administration", OF_SERVER, directory.path()).unwrap();
        let page = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        let of_msgqctl = page("msgqctl.1");
        for heading in ["COMMANDS", "OPTIONS", "\"EXIT STATUS\"", "\"EXAMPLES\"", "\"FILES\"", "\"ENVIRONMENT\""] {
            assert!(of_msgqctl.contains(&format!("\n.SH {heading}\n")), "{heading} is missing: {of_msgqctl}");
        }
        for command in msgqctl::command().get_subcommands() {
            assert!(of_msgqctl.contains(&format!("\n.B {}\n", command.get_name())), "{}", command.get_name());
        }
        assert!(page("msgqctl-dead.1").contains("\n.B retry\n"));
        assert!(page("msgqctl-dead-drop.1").contains("\\-\\-save"));
        let of_msgqd = page("msgqd.8");
        for heading in ["EXAMPLES", "SIGNALS", "FILES", "ENVIRONMENT", "EXIT STATUS"] {
            assert!(of_msgqd.contains(&format!("\n.SH \"{heading}\"\n")), "{heading} is missing: {of_msgqd}");
        }
        assert!(!of_msgqd.contains("COMMANDS"), "{of_msgqd}");
    }

    #[test]
    fn a_page_names_the_others_and_not_itself() {
        let names = vec!["msgqctl".to_owned(), "msgqctl-stat".to_owned()];
        let list = see_also("msgqctl", &names, "1", OF_SERVER);
        assert!(!list.contains(".BR msgqctl (1)"), "{list}");
        assert!(list.starts_with(".BR msgqctl\\-stat (1),\n.BR msgqd.toml (5),\n"), "{list}");
        assert!(list.ends_with(".BR msgqd (8)"), "{list}");
    }
}
