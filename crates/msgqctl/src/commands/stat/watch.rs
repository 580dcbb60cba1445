//! `stat --watch`: the same look again and again.

mod screen;

use super::look::look_at_queue;
use super::report::StatReport;
use crate::commands::Outcome;
use crate::failure::{Failure, Status};
use crate::output::{Colour, Style, StyledText, Text as _, complain, print_report, write_text};
use crate::target::QueueOptions;
use screen::{Screen, Wish};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// Shows reports until it is asked to end.
pub(super) fn watch_queue(queue: &QueueOptions, style: Style, interval: Duration) -> Result<Outcome, Failure> {
    let ended = match style {
        Style::Plain | Style::Coloured if io::stdout().is_terminal() => on_screen(queue, style, interval),
        style => one_after_the_other(queue, style, interval),
    };
    ended.map(|()| Outcome::silent())
}

/// What was seen; or why nothing was, where that may change while one watches.
fn look_again(queue: &QueueOptions) -> Result<Result<StatReport, String>, Failure> {
    match queue.open().and_then(|target| look_at_queue(&target)) {
        Ok((report, _)) => Ok(Ok(report)),
        Err(failure) if failure.status == Status::NoQueue => Ok(Err(failure.message)),
        Err(failure) => Err(failure),
    }
}

fn on_screen(queue: &QueueOptions, style: Style, interval: Duration) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(Status::Other, format!("cannot use the terminal: {error}"));
    // Before the terminal is changed, so that a wrong command line leaves it alone.
    let mut seen = look_again(queue)?;
    let mut screen = Screen::enter(style == Style::Coloured, interval).map_err(failed)?;
    loop {
        let text = match &seen {
            Ok(report) => report.text(),
            Err(reason) => not_there(reason),
        };
        screen.draw(&text).map_err(failed)?;
        match screen.wait(interval).map_err(failed)? {
            Wish::End => return Ok(()),
            Wish::Draw => {}
            Wish::Look => seen = look_again(queue)?,
        }
    }
}

fn not_there(reason: &str) -> StyledText {
    let mut text = StyledText::default();
    text.coloured_field(Colour::Yellow, "verdict", &format!("not there: {reason}"));
    text
}

fn one_after_the_other(queue: &QueueOptions, style: Style, interval: Duration) -> Result<(), Failure> {
    let mut is_first = true;
    loop {
        match look_again(queue)? {
            Ok(report) => {
                let is_separated = !is_first && style == Style::Plain;
                if !print_next(&report, style, is_separated).map_err(|error| Failure::of_output(&error))? {
                    return Ok(());
                }
            }
            Err(reason) => complain(&reason),
        }
        is_first = false;
        std::thread::sleep(interval);
    }
}

/// False when the reader has closed the pipe.
fn print_next(report: &StatReport, style: Style, is_separated: bool) -> io::Result<bool> {
    let out = &mut io::stdout().lock();
    Ok((!is_separated || write_text("\n", out)?) && print_report(report, style, out)?)
}
