//! The script that each shell loads, and the call by which it asks for candidates. Never looks at a queue.

use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use std::ffi::OsString;
use std::io;

/// Set by the scripts to the name of their shell.
const VARIABLE: &str = "MSGQCTL_COMPLETE";
const PROGRAM: &str = "msgqctl";
/// The function that a script for zsh defines. Loaded by zsh in the moment of the first completion, the script must also
/// call it.
const FIRST_CALL_IN_ZSH: &str = "[ \"$funcstack[1]\" = _msgqctl ] && _clap_dynamic_completer_msgqctl \"$@\"\n";

/// Prints candidates when a completion script asks for them; false when none does.
///
/// # Errors
/// When the shell is unknown, or standard output cannot be written.
pub(crate) fn answer_completion(
    arguments: &[OsString],
    definition: impl Fn() -> clap::Command,
) -> clap::error::Result<bool> {
    let directory = std::env::current_dir().ok();
    CompleteEnv::with_factory(definition).var(VARIABLE).try_complete(arguments, directory.as_deref())
}

/// The script for a shell.
///
/// # Errors
/// When there is none for this shell.
pub fn completion_script(shell: Shell) -> io::Result<String> {
    let shells = Shells::builtins();
    let name = shell.to_string();
    let completer = shells.completer(&name).ok_or_else(|| io::Error::other("this shell is not known"))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    if shell == Shell::Zsh {
        script.extend_from_slice(FIRST_CALL_IN_ZSH.as_bytes());
    }
    String::from_utf8(script).map_err(io::Error::other)
}
