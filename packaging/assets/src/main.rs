//! Writes what the package ships beside the programs: man pages, shell completions, the journal's catalog, third-party
//! notices and the bill of materials; and the list of all settings, which tests compare with the page that describes them.
//! It runs in the workspace, whose dependencies it asks cargo for.
//!
//! Pages and completions are made from the definitions of the command lines that `--help` is made from, so that they
//! cannot disagree with the programs. Man pages that a person wrote are copied beside them.
#![forbid(unsafe_code)]

mod bill_of_materials;
mod catalog;
mod completions;
mod components;
mod gateway;
mod man;
mod markdown_page;
mod news;
mod notices;
#[cfg(test)]
mod page_sections;
#[cfg(test)]
mod settings_page;

use markdown_page::Page;
use msgq_core::config::setting_names;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The page of which the catalog is made.
const OPERATIONS: &str = include_str!("../../../docs/operations.md");

/// The page of which msgqd-handler(7) is made.
const HANDLER_PROTOCOL: &str = include_str!("../../../docs/handler-protocol.md");
const HANDLER_PAGE: Page<'_> = Page {
    name: "msgqd-handler",
    section: "7",
    about: "the protocol between msgqd and programs that answer its requests",
    manual: "Miscellaneous",
    version: concat!("msgqd ", env!("CARGO_PKG_VERSION")),
    see_also: &[("msgqctl", "1"), ("msgqd.toml", "5"), ("msgqd-protocol", "7"), ("msgqd", "8")],
};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [output, written] = arguments.as_slice() else {
        eprintln!("usage: msgqd-assets OUTPUT_DIRECTORY DIRECTORY_OF_WRITTEN_MAN_PAGES");
        return ExitCode::from(2);
    };
    match write_all(Path::new(output), Path::new(written)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("msgqd-assets: cannot write to {}: {error}", Path::new(output).display());
            ExitCode::FAILURE
        }
    }
}

fn write_all(output: &Path, written: &Path) -> io::Result<()> {
    let man_pages = output.join("man");
    // A page of a subcommand that is gone must not be packaged again.
    match fs::remove_dir_all(output) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&man_pages)?,
    }
    man::write(msgqd::cli::command(), "8", "System Administration", man::OF_SERVER, &man_pages)?;
    man::write(msgqctl::command(), "1", "User Commands", man::OF_SERVER, &man_pages)?;
    let directory = output.join("completions");
    completions::write("msgqd", |shell| completions::of_command(shell, msgqd::cli::command()), &directory)?;
    completions::write("msgqctl", msgqctl::completion_script, &directory)?;
    let settings = setting_names().map(|(section, setting)| format!("{section}.{setting}\n"));
    fs::write(output.join("settings"), settings.collect::<String>())?;
    fs::write(output.join("msgqd.catalog"), catalog::catalog(OPERATIONS))?;
    news::write(output)?;
    let handler = markdown_page::man_page(HANDLER_PROTOCOL, &HANDLER_PAGE);
    fs::write(man_pages.join("msgqd-handler.7"), handler)?;
    copy_pages(written, &man_pages, |page| !gateway::is_page_of_it(page))?;
    write_origins(components::SERVER, output)?;
    gateway::write(&output.join("gateway"), written)
}

/// What the programs of a package are made of.
fn write_origins(programs: &[&str], output: &Path) -> io::Result<()> {
    let components = components::read(programs)?;
    fs::write(output.join("third-party-notices"), notices::text(programs, &components)?)?;
    let document = serde_json::to_string_pretty(&bill_of_materials::document(programs, &components)?)?;
    fs::write(output.join("sbom.cdx.json"), document + "\n")
}

fn copy_pages(from: &Path, to: &Path, is_wanted: impl Fn(&Path) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if is_page(&entry.path()) && is_wanted(&entry.path()) {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// True for names that end in a section's number.
fn is_page(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|section| section.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_end_in_a_section_are_pages() {
        assert!(is_page(Path::new("msgqd.toml.5")));
        assert!(!is_page(Path::new("msgqd.toml")));
        assert!(!is_page(Path::new("README.md")));
    }

    #[test]
    fn the_readme_says_which_rust_the_source_needs_and_where_it_comes_from() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |name: &str| fs::read_to_string(repository.join(name)).unwrap();
        let (manifest, readme) = (read("Cargo.toml"), read("README.md"));
        let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
        for part in ["https://rustup.rs", &format!("needs {version} or later")] {
            assert!(readme.contains(part), "README.md lacks {part:?}");
        }
    }
}
