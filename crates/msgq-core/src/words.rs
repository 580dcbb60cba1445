//! Numbers in sentences.

use std::fmt::Display;

/// A number with its noun: `1 response`, `2 responses`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn only_one_is_singular() {
        assert_eq!([0_u64, 1, 2].map(|number| counted(number, "answer")), ["0 answers", "1 answer", "2 answers"]);
    }
}
