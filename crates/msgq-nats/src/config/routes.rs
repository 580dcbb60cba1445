//! `[[out]]` and `[[in]]`, with the configurations of msgqd that they name.

use super::raw;
use super::settings::{Format, InRoute, InStream, LocalSide, OutRoute, OutStream};
use super::values::{absolute, milliseconds, number};
use crate::subject::{self, Template};
use msgq_core::config::check::Invalid;
use msgq_core::config::{Config as MsgqdConfig, KeySetting, Pass};
use msgq_core::layout::protocol::ClientRole;
use msgq_core::queue::QueueKey;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use toml::{Spanned, Value};

const USER: &str = "msgqd";
const IN_FLIGHT: u64 = 64;
const CLIENTS: u64 = 8;
const TIMEOUT_MS: u64 = 5000;
const PENDING: u64 = 1024;
const DUPLICATE_WINDOW_S: u64 = 120;

pub(super) fn out(raw: &raw::Out) -> Result<OutRoute, Invalid> {
    let local = out_side(raw.config.as_ref())?;
    let format = format(raw.format.as_ref())?;
    check_format(raw, format, &local)?;
    let subject = Template::parse(raw.subject.get_ref()).map_err(|message| {
        let help = "write words with dots between, for example subject = \"orders.{host}.{type}\"";
        Invalid::new(raw.subject.span(), message, help)
    })?;
    let fields = raw.fields.as_ref().map(Spanned::get_ref).map(Vec::as_slice).unwrap_or_default();
    for field in fields {
        check_field(field.get_ref(), field.span(), &local)?;
    }
    for field in subject.fields() {
        check_field(field, raw.subject.span(), &local)?;
    }
    let max_in_flight = number(raw.max_in_flight.as_ref(), "max_in_flight", 1..=65_536, IN_FLIGHT)?;
    Ok(OutRoute {
        name: name(&raw.name)?,
        socket: absolute(&raw.socket, "socket")?,
        user: raw.user.as_ref().map_or_else(|| USER.to_owned(), |user| user.get_ref().clone()),
        stream: out_stream(raw, &local)?,
        local,
        subject,
        format,
        max_in_flight: usize::try_from(max_in_flight).unwrap_or(1),
        fields: fields.iter().map(|field| field.get_ref().clone()).collect(),
    })
}

fn out_stream(raw: &raw::Out, local: &LocalSide) -> Result<Option<OutStream>, Invalid> {
    one_way_and_stream_go_together(raw.stream.as_ref(), &raw.name, local)?;
    let window = number(raw.duplicate_window_s.as_ref(), "duplicate_window_s", 1..=86_400, DUPLICATE_WINDOW_S)?;
    let create = raw.create_stream.as_ref();
    let Some(stream) = &raw.stream else {
        let span = create.map(Spanned::span).or(raw.duplicate_window_s.as_ref().map(Spanned::span));
        let help = "write stream = \"NAME\", or leave this out";
        return span.map_or(Ok(None), |span| Err(Invalid::new(span, "this route has no stream", help)));
    };
    Ok(Some(OutStream {
        name: stream_name(stream)?,
        create: create.is_some_and(|create| *create.get_ref()),
        duplicate_window: Duration::from_secs(window),
    }))
}

pub(super) fn inward(raw: &raw::In) -> Result<InRoute, Invalid> {
    let local = in_side(raw)?;
    let subject_of = raw.subject.get_ref();
    subject::check_filter(subject_of).map_err(|message| {
        Invalid::new(
            raw.subject.span(),
            message,
            "write a subject, for example subject = \"orders.*.1\" or \"orders.>\"",
        )
    })?;
    one_way_and_stream_go_together(raw.stream.as_ref(), &raw.name, &local)?;
    let name = name(&raw.name)?;
    let text =
        |setting: &Option<Spanned<String>>| setting.as_ref().map_or_else(|| name.clone(), |it| it.get_ref().clone());
    let stream = raw.stream.as_ref().map(|stream| -> Result<InStream, Invalid> {
        let consumer = raw.consumer.as_ref().map(stream_name).transpose()?.unwrap_or_else(|| name.clone());
        Ok(InStream { name: stream_name(stream)?, consumer })
    });
    let queue_group = text(&raw.queue_group);
    if queue_group.is_empty() || queue_group.contains(char::is_whitespace) {
        let span = raw.queue_group.as_ref().map_or(0..0, Spanned::span);
        return Err(Invalid::new(span, "a queue group is a word", "write queue_group = \"orders\", or leave it out"));
    }
    Ok(InRoute {
        subject: subject_of.clone(),
        queue_group,
        clients: small_number(raw.clients.as_ref(), "clients", 1024, CLIENTS)?,
        timeout: milliseconds(raw.timeout_ms.as_ref(), "timeout_ms", TIMEOUT_MS)?,
        format: format(raw.format.as_ref())?,
        mtype: mtype(raw.mtype.as_ref(), &local)?,
        max_pending: small_number(raw.max_pending.as_ref(), "max_pending", 1_000_000, PENDING)?,
        stream: stream.transpose()?,
        local,
        name,
    })
}

fn small_number(setting: Option<&Spanned<Value>>, name: &str, most: u64, default: u64) -> Result<usize, Invalid> {
    Ok(usize::try_from(number(setting, name, 1..=most, default)?).unwrap_or(1))
}

fn mtype(setting: Option<&Spanned<Value>>, local: &LocalSide) -> Result<i64, Invalid> {
    let Some(setting) = setting else { return Ok(local.usual_type()) };
    let types = local.protocol.request_types();
    let by_client = local.protocol.plan().is_some_and(|plan| plan.client == Some(ClientRole::Mtype));
    let is_allowed = |mtype: &i64| *mtype > 0 && (types.contains(*mtype) || by_client);
    if let Some(mtype) = setting.get_ref().as_integer().filter(is_allowed) {
        return Ok(mtype);
    }
    let message = format!("mtype = {} is no type of a request", setting.get_ref());
    Err(Invalid::new(setting.span(), message, "write one of protocol.request_types, or leave mtype out"))
}

fn out_side(config: Option<&Spanned<String>>) -> Result<LocalSide, Invalid> {
    match config {
        Some(config) => side_of(config),
        None => Ok(LocalSide { protocol: Arc::default(), pass: Pass::Text, key: None, reply_key: None }),
    }
}

fn in_side(raw: &raw::In) -> Result<LocalSide, Invalid> {
    let help = "write config = \"/etc/msgqd/msgqd.toml\", or key = 0x1234 for a queue of the plain protocol";
    match (&raw.config, &raw.key) {
        (Some(config), None) => side_of(config),
        (None, Some(key)) => {
            let signed = |number| i32::try_from(number).or_else(|_| u32::try_from(number).map(u32::cast_signed)).ok();
            let queue_key = key.get_ref().as_integer().and_then(signed).and_then(QueueKey::new);
            let queue_key = queue_key.ok_or_else(|| Invalid::new(key.span(), "this is no key of a queue", help))?;
            let key = Some(KeySetting::Number(queue_key));
            Ok(LocalSide { protocol: Arc::default(), pass: Pass::Text, key, reply_key: None })
        }
        (Some(_), Some(key)) => Err(Invalid::new(key.span(), "both config and key name a queue", help)),
        (None, None) => Err(Invalid::new(raw.name.span(), "this route names no queue", help)),
    }
}

/// What the configuration of msgqd says.
fn side_of(config: &Spanned<String>) -> Result<LocalSide, Invalid> {
    let path = absolute(config, "config")?;
    let msgqd = MsgqdConfig::load(&path).map_err(|error| {
        let help = "this is the file of the msgqd at this route, and the gateway must be able to read it";
        Invalid::new(config.span(), error.to_string(), help)
    })?;
    let reply_key = msgqd.reply_queue.map(|queue| queue.key);
    Ok(LocalSide { protocol: msgqd.protocol, pass: msgqd.pass, key: Some(msgqd.queue.key), reply_key })
}

fn format(setting: Option<&Spanned<String>>) -> Result<Format, Invalid> {
    let Some(setting) = setting else { return Ok(Format::Raw) };
    match setting.get_ref().as_str() {
        "raw" => Ok(Format::Raw),
        "json" => Ok(Format::Json),
        other => Err(Invalid::new(setting.span(), format!("{other:?} is no format"), "write \"raw\" or \"json\"")),
    }
}

/// JSON that msgqd made is not to be called raw.
fn check_format(raw: &raw::Out, format: Format, local: &LocalSide) -> Result<(), Invalid> {
    if local.pass != Pass::Json || format == Format::Json {
        return Ok(());
    }
    let span = raw.format.as_ref().or(raw.config.as_ref()).map_or(0..0, Spanned::span);
    let message = "msgqd passes JSON to this route (handler.pass = \"json\"), and its format is \"raw\"";
    Err(Invalid::new(span, message, "write format = \"json\" here, or pass = \"body\" there"))
}

fn check_field(field: &str, span: Range<usize>, local: &LocalSide) -> Result<(), Invalid> {
    let Some((request, _)) = local.protocol.shapes_of_machine() else {
        let message = format!("the plain protocol has no field {field:?}");
        return Err(Invalid::new(span, message, "write config = the file of a msgqd whose [protocol] declares it"));
    };
    if local.pass == Pass::Text {
        let message = format!("msgqd passes only the text to this route, so there is no field {field:?}");
        return Err(Invalid::new(span, message, "write pass = \"body\" or \"json\" in its [handler]"));
    }
    let place = request.find_field(field).map_err(|error| error.to_string());
    let is_value = place.and_then(|place| match place.read(&vec![0; request.whole_len]) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    is_value.map_err(|message| Invalid::new(span, message, "write the name of a number or text of the request"))
}

fn one_way_and_stream_go_together(
    stream: Option<&Spanned<String>>,
    name: &Spanned<String>,
    local: &LocalSide,
) -> Result<(), Invalid> {
    match (stream, local.is_one_way()) {
        (Some(stream), false) => {
            let message = "a stream carries messages that nobody answers, and this protocol has answers";
            let help = "leave stream out, or name by config the file of a msgqd with protocol.reply = \"none\"";
            Err(Invalid::new(stream.span(), message, help))
        }
        (None, true) => {
            let message = "nobody answers these messages (protocol.reply = \"none\"), so this route needs a stream";
            Err(Invalid::new(name.span(), message, "write stream = \"NAME\" of a stream of JetStream"))
        }
        _ => Ok(()),
    }
}

fn name(setting: &Spanned<String>) -> Result<String, Invalid> {
    let name = setting.get_ref();
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(name.clone());
    }
    let message = format!("{name:?} is no name of a route");
    Err(Invalid::new(setting.span(), message, "write small letters, digits, - and _, at most 64"))
}

fn stream_name(setting: &Spanned<String>) -> Result<String, Invalid> {
    let name = setting.get_ref();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=128).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(name.clone());
    }
    let message = format!("{name:?} is no name for this");
    Err(Invalid::new(setting.span(), message, "write letters, digits, - and _, as in \"ORDERS\""))
}

/// No two routes may have the same name, or the same socket.
pub(super) fn refuse_same(raw: &raw::Config) -> Result<(), Invalid> {
    let names = raw.out.iter().map(|route| &route.name).chain(raw.r#in.iter().map(|route| &route.name));
    refuse_double(names, "route", "give each route a name of its own")?;
    refuse_double(raw.out.iter().map(|route| &route.socket), "socket", "give each route a socket of its own")
}

fn refuse_double<'a>(
    settings: impl Iterator<Item = &'a Spanned<String>>,
    what: &str,
    help: &str,
) -> Result<(), Invalid> {
    let mut seen = std::collections::BTreeSet::new();
    for setting in settings {
        if !seen.insert(setting.get_ref()) {
            let message = format!("there is another {what} {:?}", setting.get_ref());
            return Err(Invalid::new(setting.span(), message, help));
        }
    }
    Ok(())
}
