//! What is not known of clients that are numbers without processes.

use super::configuration::known_protocol;
use super::outcome::{Check, CheckOutcome};
use crate::commands::doctor::facts::Facts;
use crate::system::names::WITHOUT_PROCESSES;
use msgq_core::layout::protocol::ClientKind;

/// `None` where clients are processes. What the daemon has is more than what is configured for its next start.
pub(super) fn missing_check_of_clients(facts: &Facts) -> Option<Check> {
    let served = facts.daemon.good_table().map(|table| table.geometry().client_kind);
    let kind = served.unwrap_or_else(|| known_protocol(facts).client_kind());
    (kind == ClientKind::Number).then(|| Check {
        check: "clients",
        title: "life of clients",
        outcome: CheckOutcome::not_applicable(WITHOUT_PROCESSES),
    })
}
