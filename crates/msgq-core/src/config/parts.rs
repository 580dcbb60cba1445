//! `protocol.part_types` and `handler.overlong`: answers longer than one message.

use super::check::Invalid;
use super::handler::Pass;
use super::overlong::{Overlong, overlong};
use super::raw;
use crate::layout::protocol::{PartTypes, Protocol, ReplyRoute};
use toml::Value;

/// Whether answers of this protocol can go out in parts, where they are to.
pub(super) fn check_overlong(raw: &raw::Config, pass: Pass, protocol: &Protocol) -> Result<(), Invalid> {
    let asks_for_parts = overlong(&raw.handler)? == Overlong::Parts;
    let Some(value) = raw.handler.overlong.as_ref().filter(|_| asks_for_parts) else {
        return match &raw.protocol.part_types {
            Some(types) => Err(Invalid::new(
                types.span(),
                "part_types are the types of parts, and answers go out whole",
                "write overlong = \"parts\" in [handler], or leave part_types out",
            )
            .beside(&raw.handler.overlong)),
            None => Ok(()),
        };
    };
    let invalid = |message: &str, help: &str| Invalid::new(value.span(), message, help);
    if protocol.route() == ReplyRoute::Nowhere {
        let invalid = invalid("nobody gets an answer, so none goes out in parts", "leave overlong out");
        return Err(invalid.beside(&raw.protocol.reply));
    }
    if pass == Pass::Json {
        let help = "write pass = \"text\" or \"body\" for answers in parts, or another overlong";
        return Err(invalid("an answer of fields is one message", help).beside(&raw.handler.pass));
    }
    let raw = &raw.protocol;
    protocol.check_parts(pass == Pass::Body).map_err(|(message, help)| {
        invalid(message, help).beside(&raw.request).beside(&raw.response).beside(&raw.response_length)
    })
}

const TYPES_HELP: &str = "write part_types = { data = 2, end = 3, error = 1 }, where an empty message of type end follows, or \
                          { data = 2, last = 3, error = 1 }, where the last part has a type of its own";

pub(super) fn part_types(raw: &raw::Protocol, route: ReplyRoute) -> Result<Option<PartTypes>, Invalid> {
    let Some(value) = &raw.part_types else { return Ok(None) };
    let invalid = |message: &str| Invalid::new(value.span(), message, TYPES_HELP);
    if route != ReplyRoute::Private {
        return Err(Invalid::new(
            value.span(),
            "parts have types of their own only on queues of the clients' own: elsewhere the type of an answer says whose it is",
            "write reply = \"private\", or leave part_types out: a client then reads until a part is not full",
        )
        .beside(&raw.reply));
    }
    if raw.response_type.is_some() {
        let both = invalid("response_type and part_types both say which types answers have");
        return Err(both.beside(&raw.response_type));
    }
    let table = value.get_ref().as_table().ok_or_else(|| invalid("part_types is not a table"))?;
    if let Some(unknown) = table.keys().find(|key| !["data", "end", "last", "error"].contains(&key.as_str())) {
        return Err(invalid(&format!("there is no {unknown} here")));
    }
    let number = |name: &str| match table.get(name).map(Value::as_integer) {
        None => Ok(None),
        Some(Some(number)) if number > 0 => Ok(Some(number)),
        Some(_) => Err(invalid(&format!("{name} is no type of a message: they begin at 1"))),
    };
    let needed = |name: &str| number(name)?.ok_or_else(|| invalid(&format!("it is not said which type {name} is")));
    let types =
        PartTypes { data: needed("data")?, end: number("end")?, last: number("last")?, error: needed("error")? };
    if types.end.is_some() == types.last.is_some() {
        return Err(invalid(
            "either an empty message of type end follows the parts, or the last of them has type last",
        ));
    }
    let closing = types.end.or(types.last);
    if types.data == types.error || closing == Some(types.data) || closing == Some(types.error) {
        return Err(invalid("each needs a type of its own, or a client cannot tell them apart"));
    }
    Ok(Some(types))
}
