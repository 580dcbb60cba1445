//! Completion scripts.

use clap::Command;
use clap_complete::{Shell, generate_to};
use std::fs;
use std::io;
use std::path::Path;

/// The shells that Debian has and that load completions from a directory.
const SHELLS: [(Shell, &str); 3] = [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")];

/// Writes one script for each shell to `directory/SHELL/`, under the names that the shells look for.
///
/// # Errors
/// When a file cannot be written.
pub fn write(mut command: Command, directory: &Path) -> io::Result<()> {
    let program = command.get_name().to_owned();
    for (shell, name) in SHELLS {
        let place = directory.join(name);
        fs::create_dir_all(&place)?;
        let script = generate_to(shell, &mut command, &program, &place)?;
        if shell == Shell::Bash {
            // bash-completion looks for the bare name of the program.
            fs::rename(script, place.join(&program))?;
        }
    }
    Ok(())
}
