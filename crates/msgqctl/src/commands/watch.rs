//! `--watch`: the same look again and again.

mod screen;

use super::CommandOutcome;
use super::values::parse_interval;
use crate::failure::{Failure, Status};
use crate::output::{Colour, Report, Style, StyledText, complain, print_report, write_text};
use clap::Args;
use screen::{Screen, Wish};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// How long it waits where nothing else is said; the option's text and default say the same.
pub(super) const USUAL_INTERVAL: Duration = Duration::from_secs(2);

/// The option.
#[derive(Debug, Clone, Args)]
pub(super) struct WatchOption {
    /// Look again and again, every 2 seconds or as often as given. On a terminal it redraws in place
    /// until q or Ctrl-C; elsewhere it prints one result after the other
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = parse_interval
    )]
    pub(super) watch: Option<Duration>,
}

/// What was seen; or why nothing was, where that may change while one watches.
pub(super) type Seen<R> = Result<R, String>;

/// Shows what `look` finds until it is asked to end.
pub(super) fn watch<R: Report>(
    style: Style,
    interval: Duration,
    look: impl FnMut() -> Result<Seen<R>, Failure>,
) -> Result<CommandOutcome, Failure> {
    let ended = match style {
        Style::Plain | Style::Coloured if io::stdout().is_terminal() => on_screen(style, interval, look),
        style => one_after_the_other(style, interval, look),
    };
    ended.map(|()| CommandOutcome::silent())
}

/// A queue that is not there may come.
pub(super) fn unless_not_there<R>(looked: Result<R, Failure>) -> Result<Seen<R>, Failure> {
    match looked {
        Ok(report) => Ok(Ok(report)),
        Err(failure) if failure.status == Status::NoQueue => Ok(Err(failure.message)),
        Err(failure) => Err(failure),
    }
}

fn on_screen<R: Report>(
    style: Style,
    interval: Duration,
    mut look: impl FnMut() -> Result<Seen<R>, Failure>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(Status::Other, format!("cannot use the terminal: {error}"));
    // Before the terminal is changed, so that a wrong command line leaves it alone.
    let mut seen = look()?;
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
            Wish::Look => seen = look()?,
        }
    }
}

fn not_there(reason: &str) -> StyledText {
    let mut text = StyledText::default();
    text.coloured_field(Colour::Yellow, "verdict", &format!("not there: {reason}"));
    text
}

fn one_after_the_other<R: Report>(
    style: Style,
    interval: Duration,
    mut look: impl FnMut() -> Result<Seen<R>, Failure>,
) -> Result<(), Failure> {
    let mut is_first = true;
    loop {
        match look()? {
            Ok(report) => {
                let is_separated = !is_first && style != Style::Json;
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
fn print_next(report: &impl Report, style: Style, is_separated: bool) -> io::Result<bool> {
    let out = &mut io::stdout().lock();
    Ok((!is_separated || write_text("\n", out)?) && print_report(report, style, out)?)
}
