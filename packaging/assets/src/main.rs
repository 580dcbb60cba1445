//! Writes what the package ships beside the programs: man pages and shell completions.
//!
//! Both are made from the definitions of the command lines that `--help` is made from, so that they cannot disagree
//! with the programs. Man pages that a person wrote are copied beside them.
#![forbid(unsafe_code)]

mod completions;
mod man;

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

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
    man::write(msgqd::cli::command(), "8", "System Administration", &man_pages)?;
    man::write(msgqctl::command(), "1", "User Commands", &man_pages)?;
    let directory = output.join("completions");
    completions::write("msgqd", |shell| completions::of_command(shell, msgqd::cli::command()), &directory)?;
    completions::write("msgqctl", msgqctl::completion_script, &directory)?;
    copy_pages(written, &man_pages)
}

fn copy_pages(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if is_page(&entry.path()) {
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
}
