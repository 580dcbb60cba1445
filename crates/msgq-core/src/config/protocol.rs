//! `[protocol]`: from declarations and roles to a protocol.

use super::check::{Invalid, one_of, or, text};
use super::parts::part_types;
use super::raw;
use super::reply::{Reply, checked_reply};
use crate::layout::declaration::{Declaration, DeclarationError};
use crate::layout::protocol::{
    BodyRule, ClientKind, ClientRole, PlanError, Protocol, ProtocolPlan, ReplyRoute, RequestTypes, ResponseLength,
    ResponseType, Setting,
};
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use toml::{Spanned, Value};

/// `file` is the text that the settings stand in: an error in a declaration points into it.
pub(super) fn checked_protocol(raw: &raw::Protocol, file: &str) -> Result<Protocol, Invalid> {
    let kinds = [("process", ClientKind::Process), ("number", ClientKind::Number)];
    let client_kind = or(&raw.client_is, |value| one_of(value, &kinds), ClientKind::Process)?;
    // A request whose type is its client's number has no other.
    let usual_types = if is_named_by_type(raw) { RequestTypes::any() } else { RequestTypes::default() };
    let types = or(&raw.request_types, request_types, usual_types)?;
    let reply = checked_reply(raw)?;
    let part_types = part_types(raw, reply.route)?;
    let response_type = checked_response_type(raw, &reply)?;
    check_route(raw, &reply)?;
    check_order(raw, &types)?;
    let Some(request) = &raw.request else {
        refuse_without_declaration(raw)?;
        let repeats_pid = or(&raw.preset, |value| one_of(value, &[("plain", false), ("echo-pid", true)]), false)?;
        let protocol = if repeats_pid { Protocol::echo_pid() } else { Protocol::default() };
        let protocol = protocol.with_route(reply.route);
        // Nobody waits for an answer, so nobody needs to live.
        let is_one_way = reply.route == ReplyRoute::Nowhere;
        let client_kind = if is_one_way { ClientKind::Number } else { client_kind };
        return protocol.with_types(types, response_type, client_kind).map_err(|error| of_plan(raw, error.into()));
    };
    if let Some(preset) = &raw.preset {
        let help = "leave preset out, or request and response";
        let invalid = Invalid::new(preset.span(), "with declarations there is no preset", help);
        return Err(invalid.beside(&raw.request));
    }
    let plan = ProtocolPlan {
        request_types: types,
        response_type,
        client_kind,
        route: reply.route,
        reply_to: reply.reply_to,
        ..plan(raw, request, file)?
    };
    Protocol::from_plan(&plan).map(|it| it.with_part_types(part_types)).map_err(|error| of_plan(raw, error))
}

fn plan(raw: &raw::Protocol, request: &Spanned<Value>, file: &str) -> Result<ProtocolPlan, Invalid> {
    let constants = or(&raw.constants, constants, BTreeMap::new())?;
    let declared = |value: &Spanned<Value>, name| declaration(value, name, &constants, file);
    let request = declared(request, "request")?;
    let response = raw.response.as_ref().map(|value| declared(value, "response")).transpose()?;
    let name = |value: &Option<Spanned<Value>>, name| {
        value.as_ref().map(|value| text(value, name).map(str::to_owned)).transpose()
    };
    let body_rules = [("lenient", BodyRule::Lenient), ("exact", BodyRule::Exact)];
    let lengths =
        [("struct", ResponseLength::Struct), ("text", ResponseLength::Text), ("request", ResponseLength::Request)];
    Ok(ProtocolPlan {
        client: raw.client.as_ref().map(client).transpose()?,
        status: name(&raw.status, "status")?,
        request_text: name(&raw.request_text, "request_text")?,
        response_text: name(&raw.response_text, "response_text")?,
        set: or(&raw.set, set, Vec::new())?,
        body: or(&raw.body, |value| one_of(value, &body_rules), BodyRule::Lenient)?,
        response_length: or(&raw.response_length, |value| one_of(value, &lengths), ResponseLength::Struct)?,
        ..ProtocolPlan::new(request.clone(), response.unwrap_or(request))
    })
}

fn check_order(raw: &raw::Protocol, types: &RequestTypes) -> Result<(), Invalid> {
    let Some(order) = &raw.order else { return Ok(()) };
    let by_type = one_of(order, &[("arrival", false), ("lowest type first", true)])?;
    let invalid = |message: &str, help: &str| Err(Invalid::new(order.span(), message, help).beside(&raw.request_types));
    match (by_type, types.only()) {
        (true, None) if types.is_any() => {
            let help = "list the types that requests have, or leave order out";
            invalid("requests of any type are served as they arrive", help)
        }
        (false, None) if !types.is_any() => {
            let message = "several types cannot be served in the order of their arrival";
            let help = "the kernel gives out one type, or the lowest of all up to a number; leave order out";
            invalid(message, help)
        }
        (true, Some(only)) => {
            let message = format!("there is only one type, {only}, so there is nothing to order");
            invalid(&message, "name more types in request_types, or leave order out")
        }
        _ => Ok(()),
    }
}

fn refuse_without_declaration(raw: &raw::Protocol) -> Result<(), Invalid> {
    let needing = [
        ("response", &raw.response),
        ("constants", &raw.constants),
        ("client", &raw.client),
        ("body", &raw.body),
        ("response_length", &raw.response_length),
        ("status", &raw.status),
        ("request_text", &raw.request_text),
        ("response_text", &raw.response_text),
        ("set", &raw.set),
        ("reply_to", &raw.reply_to),
    ];
    match needing.into_iter().find_map(|(name, value)| value.as_ref().map(|value| (name, value))) {
        Some((name, value)) => {
            let help = "add request = \"struct { long mtype; ... }\", as in the program's header";
            let message = format!("{name} needs the declaration of a request");
            Err(Invalid::new(value.span(), message, help).beside(&raw.preset))
        }
        None => Ok(()),
    }
}

fn declaration(
    value: &Spanned<Value>,
    name: &str,
    constants: &BTreeMap<String, i64>,
    file: &str,
) -> Result<Declaration, Invalid> {
    let declared = text(value, name)?;
    Declaration::parse(declared, constants).map_err(|error| {
        let help = error.help().unwrap_or("see docs/protocols.md").to_owned();
        if let Some(span) = span_in_file(value.span(), declared, &error, file) {
            return Invalid::new(span, error.message(), help);
        }
        let (line, column) = (error.line(), error.column());
        let message = format!("{} (line {line}, column {column} of the declaration)", error.message());
        Invalid::new(value.span(), message, help)
    })
}

/// Where the error stands in the file, if the declaration is written there without escapes.
fn span_in_file(value: Range<usize>, declared: &str, error: &DeclarationError, file: &str) -> Option<Range<usize>> {
    let start = value.start + file.get(value)?.find(declared)?;
    Some(start + error.span().start..start + error.span().end)
}

fn constants(value: &Spanned<Value>) -> Result<BTreeMap<String, i64>, Invalid> {
    let help = "write names with numbers, for example constants = { NAME_LEN = 64 }";
    let invalid = |message: &str| Invalid::new(value.span(), message, help);
    let table = value.get_ref().as_table().ok_or_else(|| invalid("constants is not a table"))?;
    let number = |(name, value): (&String, &Value)| {
        let number = value.as_integer().ok_or_else(|| invalid(&format!("{name} = {value} is not a whole number")))?;
        Ok((name.clone(), number))
    };
    table.iter().map(number).collect()
}

fn client(value: &Spanned<Value>) -> Result<ClientRole, Invalid> {
    const HELP: &str = "write the name of an integer, as in client = \"pid\", or for a number that is written in a text: \
                        client = { field = \"text\", as = \"decimal\", word = 0 }";
    let invalid = |message: &str| Invalid::new(value.span(), message, HELP);
    match value.get_ref() {
        Value::String(name) if name == "mtype" => Ok(ClientRole::Mtype),
        Value::String(name) => Ok(ClientRole::Field(name.clone())),
        Value::Table(table) => {
            if let Some(unknown) = table.keys().find(|key| !["field", "as", "word"].contains(&key.as_str())) {
                return Err(invalid(&format!("there is no {unknown} here")));
            }
            let field = table.get("field").and_then(Value::as_str).ok_or_else(|| invalid("the text is not named"))?;
            if table.get("as").is_some_and(|form| form.as_str() != Some("decimal")) {
                return Err(invalid("a number in a text is decimal"));
            }
            let word = table.get("word").map_or(Some(0), |word| usize::try_from(word.as_integer()?).ok());
            let word = word.ok_or_else(|| invalid("word is the number of a word, from 0"))?;
            Ok(ClientRole::Decimal { field: field.to_owned(), word })
        }
        other => Err(invalid(&format!("a client is not named by {other}"))),
    }
}

/// True where the type of a request is its client's number.
fn is_named_by_type(raw: &raw::Protocol) -> bool {
    raw.client.as_ref().is_some_and(|client| client.get_ref().as_str() == Some("mtype"))
}

fn request_types(value: &Spanned<Value>) -> Result<RequestTypes, Invalid> {
    const HELP: &str = "write numbers and ranges, for example request_types = [1, 2, \"5..=9\"]";
    let invalid = |message: String| Invalid::new(value.span(), message, HELP);
    if value.get_ref().as_str() == Some("any") {
        return Ok(RequestTypes::any());
    }
    let list = value.get_ref().as_array().ok_or_else(|| invalid("request_types is not a list".to_owned()))?;
    let range = |item: &Value| -> Result<RangeInclusive<i64>, Invalid> {
        match item {
            Value::Integer(number) => Ok(*number..=*number),
            Value::String(text) => {
                let ends = text.split_once("..=").and_then(|(start, end)| {
                    Some((start.trim().parse::<i64>().ok()?, end.trim().parse::<i64>().ok()?))
                });
                ends.map(|(start, end)| start..=end).ok_or_else(|| invalid(format!("{text:?} is no range")))
            }
            other => Err(invalid(format!("{other} is no type of a message"))),
        }
    };
    let ranges = list.iter().map(range).collect::<Result<Vec<_>, _>>()?;
    RequestTypes::new(&ranges).map_err(|error| invalid(error.to_string()))
}

fn checked_response_type(raw: &raw::Protocol, reply: &Reply) -> Result<ResponseType, Invalid> {
    let is_private = reply.route == ReplyRoute::Private;
    let Some(value) = &raw.response_type else {
        let is_of_nobody = is_private && raw.client.is_none();
        return Ok(if is_of_nobody { ResponseType::Fixed(1) } else { ResponseType::default() });
    };
    const HELP: &str =
        "write response_type = \"client\", or response_type = { base = 1000 } for 1000 and the client's number";
    let invalid = |message: String| Invalid::new(value.span(), message, HELP).beside(&raw.reply).beside(&raw.client);
    match value.get_ref() {
        Value::String(text) if text == "client" && is_private && raw.client.is_none() => {
            Err(invalid("no field names the client, so its number is not known".to_owned()))
        }
        Value::String(text) if text == "client" => Ok(ResponseType::default()),
        Value::String(text) if text == "request" && is_private => Ok(ResponseType::Request),
        Value::String(text) if text == "request" && reply.route == ReplyRoute::Shared => {
            Err(invalid("an answer with the type of its request would be received as a request".to_owned()))
        }
        Value::String(text) if text == "request" => {
            let names_client = is_named_by_type(raw);
            let message = "the type of a request does not say whose its answer is, unless client = \"mtype\"";
            names_client.then(ResponseType::default).ok_or_else(|| invalid(message.to_owned()))
        }
        Value::Table(table) if table.len() == 1 => {
            let base = table.get("base").and_then(Value::as_integer).filter(|base| (0..=MOST_BASE).contains(base));
            let base = base.ok_or_else(|| invalid(format!("base is a number from 0 to {MOST_BASE}")))?;
            Ok(ResponseType::Client { base })
        }
        Value::Integer(mtype) if is_private && *mtype > 0 => Ok(ResponseType::Fixed(*mtype)),
        Value::Integer(_) => Err(invalid("one type for all answers does not say whose they are".to_owned())),
        _ => Err(invalid("that is no type of an answer".to_owned())),
    }
}

/// What is possible only where answers do not share the queue of requests.
fn check_route(raw: &raw::Protocol, reply: &Reply) -> Result<(), Invalid> {
    if let (Some(client_is), None, ReplyRoute::Private | ReplyRoute::Nowhere) =
        (&raw.client_is, &raw.client, reply.route)
    {
        let help = "write client = \"FIELD\" too, or leave client_is out";
        let invalid = Invalid::new(client_is.span(), "it is not said which field names the client", help);
        return Err(invalid.beside(&raw.reply));
    }
    if reply.route != ReplyRoute::Shared {
        return Ok(());
    }
    let is_mtype = |value: &&Spanned<Value>| value.get_ref().as_str() == Some("mtype");
    if let Some(client) = raw.client.as_ref().filter(is_mtype) {
        return Err(Invalid::new(
            client.span(),
            "the type of a request cannot name the client where answers share its queue",
            "the answer would have the type of a request, and be received as one; name a field, or send answers \
             elsewhere: reply = { key = 0x5678 }",
        )
        .beside(&raw.reply));
    }
    match &raw.request_types {
        Some(types) if types.get_ref().as_str() == Some("any") => Err(Invalid::new(
            types.span(),
            "requests cannot have any type where answers share their queue",
            "answers have types too, and would be received as requests; list the types of requests, or send answers \
             elsewhere: reply = { key = 0x5678 }",
        )
        .beside(&raw.reply)),
        _ => Ok(()),
    }
}

/// The type of an answer is the base and a client's number, and has 63 bits.
const MOST_BASE: i64 = i64::MAX - i32::MAX as i64;

fn set(value: &Spanned<Value>) -> Result<Vec<(String, Setting)>, Invalid> {
    let help = "write fields with numbers or text, for example set = { version = 2 }";
    let invalid = |message: String| Invalid::new(value.span(), message, help);
    let table = value.get_ref().as_table().ok_or_else(|| invalid("set is not a table".to_owned()))?;
    let setting = |(name, value): (&String, &Value)| {
        let setting = match value {
            Value::Integer(number) => Setting::Integer(*number),
            Value::Float(number) => Setting::FloatBits(number.to_bits()),
            Value::Boolean(value) => Setting::Integer((*value).into()),
            Value::String(text) => Setting::Text(text.clone()),
            other => return Err(invalid(format!("{name} = {other} is no value of a field"))),
        };
        Ok((name.clone(), setting))
    };
    table.iter().map(setting).collect()
}

fn of_plan(raw: &raw::Protocol, error: PlanError) -> Invalid {
    let value = match error.setting {
        "client" => &raw.client,
        "status" => &raw.status,
        "request_text" => &raw.request_text,
        "response_text" => &raw.response_text,
        "response_length" => &raw.response_length,
        "response" => &raw.response,
        "request_types" => &raw.request_types,
        "set" => &raw.set,
        "reply_to" => &raw.reply_to,
        _ => &None,
    };
    let span = value.as_ref().or(raw.request.as_ref()).map_or(0..0, Spanned::span);
    Invalid::new(span, error.message, error.help).beside(&raw.request).beside(&raw.response)
}

#[cfg(test)]
mod tests;
