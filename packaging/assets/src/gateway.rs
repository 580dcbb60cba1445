//! What the package msgqd-nats ships beside its program.

use crate::{completions, components, copy_pages, man, write_origins};
use std::fs;
use std::io;
use std::path::Path;

/// Of the pages that a person wrote, the one that is in this package.
const PAGE: &str = "nats.toml.5";

/// True for a page that is in this package and not in msgqd's.
pub fn is_page_of_it(page: &Path) -> bool {
    page.file_name().is_some_and(|name| name == PAGE)
}

/// Writes pages, completions, notices and bill of materials to a directory that is not there yet.
///
/// # Errors
/// When a file cannot be written, or cargo does not tell what the program is made of.
pub fn write(output: &Path, written: &Path) -> io::Result<()> {
    let man_pages = output.join("man");
    fs::create_dir_all(&man_pages)?;
    man::write(msgq_nats::cli::command(), "8", "System Administration", man::OF_GATEWAY, &man_pages)?;
    copy_pages(written, &man_pages, is_page_of_it)?;
    let scripts = output.join("completions");
    completions::write("msgq-nats", |shell| completions::of_command(shell, msgq_nats::cli::command()), &scripts)?;
    write_origins(components::GATEWAY, output)
}
