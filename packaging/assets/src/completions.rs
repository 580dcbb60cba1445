//! Completion scripts.

use clap::Command;
use clap_complete::{Shell, generate};
use std::fs;
use std::io;
use std::path::Path;

/// The shells that Debian has and that load completions from a directory, and what they put around a program's name to
/// find its script.
const SHELLS: [(Shell, &str, &str, &str); 3] =
    [(Shell::Bash, "bash", "", ""), (Shell::Zsh, "zsh", "_", ""), (Shell::Fish, "fish", "", ".fish")];

/// Writes one script for each shell to `directory/SHELL/`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(program: &str, script: impl Fn(Shell) -> io::Result<String>, directory: &Path) -> io::Result<()> {
    for (shell, name, before, behind) in SHELLS {
        let place = directory.join(name);
        fs::create_dir_all(&place)?;
        fs::write(place.join(format!("{before}{program}{behind}")), script(shell)?)?;
    }
    Ok(())
}

/// A script that knows the command line and asks nobody.
///
/// # Errors
/// When clap writes something else than text.
pub fn of_command(shell: Shell, mut command: Command) -> io::Result<String> {
    let program = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command, program, &mut script);
    String::from_utf8(script).map_err(io::Error::other)
}
