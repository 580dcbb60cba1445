//! Text with colours of a terminal on standard input, an SVG on standard output.
#![forbid(unsafe_code)]

use anstyle_svg::{Term, WIN10_CONSOLE};
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut text = String::new();
    let terminal = Term::new().palette(WIN10_CONSOLE);
    let made = io::stdin()
        .read_to_string(&mut text)
        .and_then(|_| io::stdout().write_all(terminal.render_svg(&text).as_bytes()));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("msgqd-picture: {error}");
            ExitCode::FAILURE
        }
    }
}
