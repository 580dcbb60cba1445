use super::Text;
use serde::Serialize;

/// Result of `drain` and `resume`.
#[derive(Debug, Serialize)]
pub(crate) struct DoorReport {
    pub(crate) is_closed: bool,
    pub(crate) sentence: String,
}

impl Text for DoorReport {
    fn text(&self) -> String {
        format!("{}\n", self.sentence)
    }
}
