//! Which file of a crate may use which: no circle of imports between files, and no arrow but those of the table of rooms
//! in docs/architecture.md. With `--numbers` it counts instead. It reads product code only, and changes nothing.

mod circles;
mod code;
mod numbers;
mod reader;
mod resolve;
mod rooms;
#[cfg(test)]
mod tests;

use code::Code;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: msgqd-rooms REPOSITORY [--numbers]";
const TABLE: &str = "docs/architecture.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [repository] => check(Path::new(repository)),
        [repository, "--numbers"] => read(Path::new(repository)).map(|code| (numbers::text(&code), true)),
        _ => Err(USAGE.to_owned()),
    };
    let (text, is_well) = outcome.unwrap_or_else(|error| (format!("msgqd-rooms: {error}\n"), false));
    let _ = std::io::stdout().write_all(text.as_bytes());
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The findings, and whether there are none.
fn check(repository: &Path) -> Result<(String, bool), String> {
    let code = read(repository)?;
    let page = std::fs::read_to_string(repository.join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    let edges = code.edges();
    let mut findings: Vec<String> =
        circles::circles(code.files.len(), &edges).iter().map(|circle| circles::describe(circle, &code)).collect();
    match rooms::Table::parse(&page) {
        Ok(table) => findings.extend(table.check(&code, &edges)),
        Err(error) => findings.push(format!("FAIL {TABLE}: {error}")),
    }
    let text = findings.iter().map(|finding| format!("{finding}\n")).collect::<String>();
    Ok((format!("{text}{} passed, {} failed\n", u8::from(findings.is_empty()), findings.len()), findings.is_empty()))
}

fn read(repository: &Path) -> Result<Code, String> {
    let mut code = Code::default();
    let crates = std::fs::read_dir(repository.join("crates")).map_err(|error| format!("crates: {error}"))?;
    let mut folders: Vec<_> = crates.filter_map(Result::ok).map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders {
        code.read_crate(&folder)?;
    }
    Ok(code)
}
