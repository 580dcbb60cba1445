//! `stat --watch`: the same look again and again.

mod screen;

use crate::cli::Arguments;
use crate::cmd::{Outcome, stat};
use crate::failure::{Failure, Status};
use crate::report::{self, StatReport, Style, Text as _};
use crate::target;
use screen::{Screen, Wish};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows reports until it is asked to end.
pub(crate) fn run(arguments: &Arguments, interval: Duration) -> Result<Outcome, Failure> {
    let ended = match Style::of(arguments) {
        Style::Plain | Style::Coloured if std::io::stdout().is_terminal() => on_screen(arguments, interval),
        style => one_after_the_other(arguments, style, interval),
    };
    ended.map(|()| Outcome::silent())
}

/// What was seen; or why nothing was, where that may change while one watches.
fn look(arguments: &Arguments) -> Result<Result<StatReport, String>, Failure> {
    match target::open(arguments).and_then(|target| stat::look(&target)) {
        Ok((report, _)) => Ok(Ok(report)),
        Err(failure) if failure.status == Status::NoQueue => Ok(Err(failure.message)),
        Err(failure) => Err(failure),
    }
}

fn on_screen(arguments: &Arguments, interval: Duration) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(Status::Other, format!("cannot use the terminal: {error}"));
    let is_coloured = Style::of(arguments) == Style::Coloured;
    // Before the terminal is changed, so that a wrong command line leaves it alone.
    let mut seen = look(arguments)?;
    let mut screen = Screen::enter(is_coloured, interval).map_err(failed)?;
    loop {
        let text = match &seen {
            Ok(report) => report.text(),
            Err(reason) => report::field("verdict", &format!("not there: {reason}")),
        };
        screen.draw(&text).map_err(failed)?;
        match screen.wait(interval).map_err(failed)? {
            Wish::End => return Ok(()),
            Wish::Draw => {}
            Wish::Look => seen = look(arguments)?,
        }
    }
}

fn one_after_the_other(arguments: &Arguments, style: Style, interval: Duration) -> Result<(), Failure> {
    let mut is_first = true;
    loop {
        match look(arguments)? {
            Ok(report) => {
                let separated = !is_first && style == Style::Plain;
                if separated && !report::write("\n", &mut std::io::stdout().lock())? {
                    return Ok(());
                }
                if !report::print(&report, style, &mut std::io::stdout().lock())? {
                    return Ok(());
                }
            }
            Err(reason) => crate::complain(&reason),
        }
        is_first = false;
        std::thread::sleep(interval);
    }
}
