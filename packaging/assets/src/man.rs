//! Man pages.

use clap::Command;
use clap_mangen::Man;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes the page of a program, and one for each of its subcommands, to `directory`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(mut command: Command, section: &str, manual: &str, directory: &Path) -> io::Result<()> {
    command.build();
    let program = command.get_name().to_owned();
    let version = command.get_version().unwrap_or_default().to_owned();
    let mut pages = vec![(program.clone(), command.clone())];
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("{program}-{}", subcommand.get_name());
        pages.push((name.clone(), subcommand.clone().display_name(name)));
    }
    let names: Vec<String> = pages.iter().map(|(name, _)| name.clone()).collect();
    for (name, definition) in pages {
        let see_also = see_also(&name, &names, section);
        let after_help = definition.get_after_help().map(ToString::to_string);
        let title = escaped(&name.to_uppercase());
        let mut page = Vec::new();
        // Not Man's own title: without a date it moves the others one place to the left. A date would make the build
        // irreproducible, or lie.
        writeln!(page, ".TH \"{title}\" \"{section}\" \"\" \"{program} {version}\" \"{manual}\"")?;
        render(&Man::new(definition), after_help.as_deref(), &see_also, &mut page)?;
        fs::write(directory.join(format!("{name}.{section}")), page)?;
    }
    Ok(())
}

/// `Man::render` would call what stands behind the options EXTRA; here its first line names its section.
fn render(man: &Man, after_help: Option<&str>, see_also: &str, page: &mut Vec<u8>) -> io::Result<()> {
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if let Some(text) = after_help {
        page.write_all(sections(text).as_bytes())?;
    }
    writeln!(page, ".SH \"SEE ALSO\"\n{see_also}")
}

/// Turns `Heading:` lines with indented lines below them into sections, with line breaks kept.
fn sections(text: &str) -> String {
    let mut page = String::new();
    let mut is_open = false;
    for line in text.lines() {
        match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            Some(heading) => {
                page.push_str(if is_open { ".fi\n" } else { "" });
                page.push_str(&format!(".SH \"{}\"\n.nf\n", escaped(&heading.to_uppercase())));
                is_open = true;
            }
            None => page.push_str(&format!("{}\n", escaped(line.trim_start()))),
        }
    }
    if is_open {
        page.push_str(".fi\n");
    }
    page
}

/// A line that begins with a dot or a quote is an instruction to the formatter.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

fn see_also(name: &str, names: &[String], section: &str) -> String {
    const OTHERS: [(&str, &str); 5] =
        [("msgqctl", "1"), ("msgqd.toml", "5"), ("msgqd-protocol", "7"), ("sysvipc", "7"), ("msgqd", "8")];
    let own = names.iter().map(|name| (name.as_str(), section));
    let mut pages: Vec<(&str, &str)> = own.chain(OTHERS).filter(|(other, _)| *other != name).collect();
    pages.sort_by_key(|(name, section)| (*section, *name));
    pages.dedup();
    let entries: Vec<String> =
        pages.iter().map(|(name, section)| format!(".BR {} ({section})", escaped(name))).collect();
    entries.join(" ,\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_behind_the_options_become_sections() {
        let page = sections("Exit codes:\n  0  done\n  1  it's not\n\nFiles:\n  .hidden");
        assert_eq!(page, ".SH \"EXIT CODES\"\n.nf\n0  done\n1  it's not\n\n.fi\n.SH \"FILES\"\n.nf\n\\&.hidden\n.fi\n");
    }

    #[test]
    fn a_page_names_the_others_and_not_itself() {
        let names = vec!["msgqctl".to_owned(), "msgqctl-stat".to_owned()];
        let list = see_also("msgqctl", &names, "1");
        assert!(!list.contains(".BR msgqctl (1)"), "{list}");
        assert!(list.starts_with(".BR msgqctl\\-stat (1) ,\n.BR msgqd.toml (5) ,\n"), "{list}");
        assert!(list.ends_with(".BR msgqd (8)"), "{list}");
    }
}
