//! Numbers out of which a client without a process behind it takes one by chance.

use msgq_core::layout::protocol::{ClientRole, Protocol};
use msgq_core::layout::shape::{Abi, FieldType, Scalar, ScalarKind};

/// The lowest and the highest number that the request can hold, with whose answers no request is mistaken, and whose answers
/// have a type that 32-bit programs can ask for.
///
/// # Errors
/// That there is none.
pub(super) fn free_numbers(protocol: &Protocol) -> Result<(i64, i64), String> {
    let base = protocol.response_mtype(0);
    let lowest = protocol.request_types().highest().saturating_sub(base).saturating_add(1).max(1);
    let readable = Some(i64::from(i32::MAX) - base).filter(|most| *most > 0).unwrap_or(i32::MAX.into());
    let highest = readable.min(highest_of_field(protocol));
    if lowest > highest {
        return Err(format!(
            "clients are numbers, and none is left from {lowest}, behind the types of requests, to {highest}, the highest that fits"
        ));
    }
    Ok((lowest, highest))
}

fn highest_of_field(protocol: &Protocol) -> i64 {
    let any = i64::from(i32::MAX);
    let Some(plan) = protocol.plan().filter(|plan| !matches!(plan.client, Some(ClientRole::Decimal { .. }))) else {
        return any;
    };
    let field = plan.client_field().unwrap_or_default();
    match plan.request.shape(Abi::NATIVE).find_field(field).map(|place| place.field_type) {
        Ok(FieldType::Scalar(Scalar { kind: ScalarKind::Unsigned, len: len @ 1..=3 })) => (1 << (8 * len)) - 1,
        Ok(FieldType::Scalar(Scalar { len: len @ 1..=3, .. })) => (1 << (8 * len - 1)) - 1,
        _ => any,
    }
}
