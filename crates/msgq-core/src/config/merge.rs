//! Settings of several files become one: the later one wins, setting by setting. What it replaces is not looked at.

use std::ops::Range;
use toml::{Spanned, Value};

/// What a file says, and what one that is read after it may add to or replace.
pub(super) trait Merge {
    /// Takes what `later` says.
    fn merge(&mut self, later: Self, joined: &mut Joined);

    /// Moves all places in the text by so many bytes.
    fn shift(&mut self, by: usize);
}

/// Where tables stand that are made of those of several files: the place of the last, and of one before it.
#[derive(Debug, Default)]
pub(super) struct Joined {
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Joined {
    /// The other places of a table whose last place this is.
    pub(super) fn others(&self, last: &Range<usize>) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut next = last.clone();
        // The last place of three is joined with the second, and that with the first.
        while let Some((_, earlier)) = self.places.iter().find(|(later, _)| *later == next) {
            found.push(earlier.clone());
            next = earlier.clone();
        }
        found
    }
}

impl Merge for Option<Spanned<Value>> {
    fn merge(&mut self, later: Self, joined: &mut Joined) {
        let Some(later) = later else { return };
        let span = later.span();
        let value = match (self.take(), later.into_inner()) {
            (Some(earlier), later) if earlier.get_ref().is_table() && later.is_table() => {
                joined.places.push((span.clone(), earlier.span()));
                let mut whole = earlier.into_inner();
                join(&mut whole, later);
                whole
            }
            (_, later) => later,
        };
        *self = Some(Spanned::new(span, value));
    }

    fn shift(&mut self, by: usize) {
        *self = self.take().map(|value| {
            let span = value.span();
            Spanned::new(span.start + by..span.end + by, value.into_inner())
        });
    }
}

/// Tables key by key, to any depth; anything else is replaced.
fn join(earlier: &mut Value, later: Value) {
    match (earlier, later) {
        (Value::Table(earlier), Value::Table(later)) => {
            for (name, value) in later {
                match earlier.get_mut(&name) {
                    Some(known) => join(known, value),
                    None => drop(earlier.insert(name, value)),
                }
            }
        }
        (earlier, later) => *earlier = later,
    }
}
