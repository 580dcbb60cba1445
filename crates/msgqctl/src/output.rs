//! Results on standard output: as text that fits the terminal, with colours where they are wanted, or as JSON.
//!
//! Knows neither arguments nor failures: a write that fails is an `io::Error`, and the caller says what that is worth.

mod layout;
mod moment;
mod report;
mod styled;
mod words;

pub(crate) use layout::{fit, height, pad, widest, width};
pub(crate) use moment::{moment, show_moments_in};
pub(crate) use report::{Report, Style, Text, complain, print_report, write_text};
pub(crate) use styled::{Colour, StyledText};
pub(crate) use words::{
    counted, fill_bar, moment_with_age, program_label, rough_age, rough_age_s, shell_word, short_span, shown_path,
};
