//! Turns of the types of requests, where there are several: the kernel gives out the lowest first, so a flood of low types
//! would starve the others.

use msgq_core::layout::protocol::RequestTypes;

/// One receive in so many asks for the next type in turn first.
const PERIOD: u32 = 8;

pub(super) struct TypeTurns<'a> {
    /// `None` where there is only one type.
    types: Option<&'a RequestTypes>,
    receives: u32,
    turn: i64,
}

impl<'a> TypeTurns<'a> {
    pub(super) fn new(types: &'a RequestTypes) -> Self {
        Self { types: Some(types).filter(|types| types.only().is_none() && !types.is_any()), receives: 0, turn: 0 }
    }

    /// The type that is asked for before all others, at some receives.
    pub(super) fn next_out_of_order(&mut self) -> Option<i64> {
        let types = self.types?;
        self.receives = self.receives.wrapping_add(1);
        if !self.receives.is_multiple_of(PERIOD) {
            return None;
        }
        self.turn = types.after(self.turn);
        Some(self.turn)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    #[test]
    fn one_receive_in_eight_asks_for_the_next_type_in_turn() {
        let types = RequestTypes::new(&[1..=2, 6..=6]).unwrap();
        let mut turns = TypeTurns::new(&types);
        let asked: Vec<i64> = (0..32).filter_map(|_| turns.next_out_of_order()).collect();
        assert_eq!(asked, [1, 2, 6, 1]);
        let only = RequestTypes::default();
        assert!((0..32).all(|_| TypeTurns::new(&only).next_out_of_order().is_none()));
    }
}
