//! `protocol.reply` and what belongs to it: where answers go.

use super::check::{Invalid, text};
use super::raw;
use crate::layout::protocol::{ReplyRoute, ReplyToRole};
use toml::{Spanned, Value};

/// Where answers go, and where a request names its client's own queue.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) route: ReplyRoute,
    pub(super) reply_to: Option<ReplyToRole>,
}

const HELP: &str =
    "write \"shared\", \"private\", \"none\", or for a second queue: reply = { key = 0x5678, mode = \"0640\" }";

pub(super) fn checked_reply(raw: &raw::Protocol) -> Result<Reply, Invalid> {
    let route = raw.reply.as_ref().map_or(Ok(ReplyRoute::Shared), route)?;
    let reply_to = raw.reply_to.as_ref().map(reply_to).transpose()?;
    match (&raw.reply, &raw.reply_to) {
        (Some(reply), None) if route == ReplyRoute::Private => Err(Invalid::new(
            reply.span(),
            "it is not said which field of the request names the client's own queue",
            "write reply_to = \"FIELD\" for its msqid, or reply_to = { field = \"FIELD\", as = \"key\" }",
        )),
        (_, Some(reply_to)) if route != ReplyRoute::Private => Err(Invalid::new(
            reply_to.span(),
            "reply_to is for clients with queues of their own",
            "write reply = \"private\", or leave reply_to out",
        )
        .beside(&raw.reply)),
        _ => Ok(Reply { route, reply_to }),
    }
}

fn route(value: &Spanned<Value>) -> Result<ReplyRoute, Invalid> {
    match value.get_ref() {
        Value::Table(_) => Ok(ReplyRoute::Separate),
        Value::String(text) => match text.as_str() {
            "shared" => Ok(ReplyRoute::Shared),
            "private" => Ok(ReplyRoute::Private),
            "none" => Ok(ReplyRoute::Nowhere),
            _ => Err(Invalid::new(value.span(), format!("answers cannot go to {text:?}"), HELP)),
        },
        other => Err(Invalid::new(value.span(), format!("answers cannot go to {other}"), HELP)),
    }
}

/// The settings of the second queue.
pub(super) fn reply_queue(value: &Spanned<Value>) -> Result<Option<raw::Queue>, Invalid> {
    let Value::Table(table) = value.get_ref() else { return Ok(None) };
    let known = ["key", "mode", "group", "max_bytes"];
    if let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) {
        let message = format!("there is no {unknown} here");
        return Err(Invalid::new(value.span(), message, format!("known here: {}", known.join(", "))));
    }
    if !table.contains_key("key") {
        return Err(Invalid::new(value.span(), "the second queue has no key", HELP));
    }
    let setting = |name: &str| table.get(name).map(|it| Spanned::new(value.span(), it.clone()));
    Ok(Some(raw::Queue {
        key: setting("key"),
        mode: setting("mode"),
        group: setting("group"),
        max_bytes: setting("max_bytes"),
        takeover: None,
    }))
}

fn reply_to(value: &Spanned<Value>) -> Result<ReplyToRole, Invalid> {
    const HELP: &str = "write the name of an integer, as in reply_to = \"msqid\", or for a key: \
                        reply_to = { field = \"key\", as = \"key\" }";
    let invalid = |message: &str| Invalid::new(value.span(), message, HELP);
    let Value::Table(table) = value.get_ref() else {
        return Ok(ReplyToRole { field: text(value, "reply_to")?.to_owned(), is_key: false });
    };
    if let Some(unknown) = table.keys().find(|key| !["field", "as"].contains(&key.as_str())) {
        return Err(invalid(&format!("there is no {unknown} here")));
    }
    let field = table.get("field").and_then(Value::as_str).ok_or_else(|| invalid("the field is not named"))?;
    match table.get("as").map(Value::as_str) {
        Some(Some("key")) => Ok(ReplyToRole { field: field.to_owned(), is_key: true }),
        None | Some(Some("msqid")) => Ok(ReplyToRole { field: field.to_owned(), is_key: false }),
        Some(_) => Err(invalid("a queue is named by its msqid or by its key")),
    }
}
