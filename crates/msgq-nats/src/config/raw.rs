//! The configuration as it is written, with the types of its settings looked at.
//!
//! Every setting may have any type at first: whoever reads it knows in which words to ask for another. Numbers keep what is
//! written, since who knows their limits asks with these.

use msgq_core::config::check::{self, Invalid};
use msgq_core::config::explain;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::ValueDeserializer;
use toml::{Spanned, Value};

type Setting<T> = Option<Spanned<T>>;
type Number = Setting<Value>;
type Texts = Vec<Spanned<String>>;

/// Where a setting is read.
struct Place<'a> {
    name: &'static str,
    /// Where the section begins that it is missing in.
    section: &'a Range<usize>,
    /// All of the configuration.
    text: &'a str,
}

/// What a setting may be.
trait Kind: Sized {
    fn read(value: Setting<Value>, place: &Place<'_>) -> Result<Self, Invalid>;
}

/// A section as it is written, and with its types.
macro_rules! section {
    ($written:ident, $section:ident { $($setting:ident: $kind:ty),* $(,)? }) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct $written {
            $($setting: Setting<Value>,)*
        }

        #[derive(Debug)]
        pub(super) struct $section {
            $(pub(super) $setting: $kind,)*
        }

        impl $section {
            fn read(written: $written, section: &Range<usize>, text: &str) -> Result<Self, Invalid> {
                Ok(Self {
                    $($setting: Kind::read(written.$setting, &Place { name: stringify!($setting), section, text })?,)*
                })
            }
        }
    };
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    nats: WrittenNats,
    gateway: WrittenGateway,
    out: Vec<Spanned<WrittenOut>>,
    r#in: Vec<Spanned<WrittenIn>>,
}

#[derive(Debug)]
pub(super) struct Config {
    pub(super) nats: Nats,
    pub(super) gateway: Gateway,
    pub(super) out: Vec<Out>,
    pub(super) r#in: Vec<In>,
}

section! {
    WrittenNats, Nats {
        servers: Setting<Texts>,
        credentials: Setting<String>,
        nkey: Setting<String>,
        user: Setting<String>,
        password_file: Setting<String>,
        token_file: Setting<String>,
        tls_ca: Setting<String>,
        tls_certificate: Setting<String>,
        tls_key: Setting<String>,
        tls_required: Setting<bool>,
        connect_timeout_ms: Number,
        reconnect_max_pause_ms: Number,
    }
}

section! {
    WrittenGateway, Gateway {
        host: Setting<String>,
        drain_timeout_ms: Number,
        metrics: Setting<String>,
        metrics_socket: Setting<String>,
    }
}

section! {
    WrittenOut, Out {
        name: Spanned<String>,
        socket: Spanned<String>,
        user: Setting<String>,
        config: Setting<String>,
        subject: Spanned<String>,
        format: Setting<String>,
        max_in_flight: Number,
        fields: Setting<Texts>,
        stream: Setting<String>,
        create_stream: Setting<bool>,
        duplicate_window_s: Number,
    }
}

section! {
    WrittenIn, In {
        name: Spanned<String>,
        subject: Spanned<String>,
        queue_group: Setting<String>,
        config: Setting<String>,
        key: Number,
        clients: Number,
        timeout_ms: Number,
        format: Setting<String>,
        mtype: Number,
        max_pending: Number,
        stream: Setting<String>,
        consumer: Setting<String>,
    }
}

pub(super) fn read(text: &str) -> Result<Config, Invalid> {
    check_sections(text)?;
    let Written { nats, gateway, out, r#in } = parse(text)?;
    Ok(Config {
        nats: Nats::read(nats, &(0..0), text)?,
        gateway: Gateway::read(gateway, &(0..0), text)?,
        out: routes(out, |route, section| Out::read(route, section, text))?,
        r#in: routes(r#in, |route, section| In::read(route, section, text))?,
    })
}

fn routes<W, R>(
    written: Vec<Spanned<W>>,
    read: impl Fn(W, &Range<usize>) -> Result<R, Invalid>,
) -> Result<Vec<R>, Invalid> {
    let read = |route: Spanned<W>| {
        let section = route.span();
        read(route.into_inner(), &section)
    };
    written.into_iter().map(read).collect()
}

/// One of `[nats]` and `[gateway]`, any number of `[[out]]` and `[[in]]`.
fn check_sections(text: &str) -> Result<(), Invalid> {
    let sections: BTreeMap<String, Spanned<Value>> = parse(text)?;
    for (name, section) in &sections {
        let (is_right, message, help) = match (name.as_str(), section.get_ref()) {
            ("nats" | "gateway", value) => {
                let help = format!("write [{name}] on a line of its own, once, and its settings below");
                (value.is_table(), format!("{name} is a section"), help)
            }
            ("out" | "in", value) => {
                let is_list = value.as_array().is_some_and(|routes| routes.iter().all(Value::is_table));
                let help = format!("write [[{name}]] on a line of its own for each route, and its settings below");
                (is_list, format!("{name} is a list of routes"), help)
            }
            _ => continue,
        };
        if !is_right {
            return Err(Invalid::new(section.span(), message, help));
        }
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Invalid> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let (message, help) = explain(error.message(), text.get(span.clone()).unwrap_or_default().trim());
        Invalid::new(span, message, help.unwrap_or_default())
    })
}

impl Kind for Number {
    fn read(value: Setting<Value>, _: &Place<'_>) -> Result<Self, Invalid> {
        Ok(value)
    }
}

impl Kind for Setting<String> {
    fn read(value: Setting<Value>, place: &Place<'_>) -> Result<Self, Invalid> {
        let text = |value: Spanned<Value>| Ok(Spanned::new(value.span(), check::text(&value, place.name)?.to_owned()));
        value.map(text).transpose()
    }
}

impl Kind for Spanned<String> {
    fn read(value: Setting<Value>, place: &Place<'_>) -> Result<Self, Invalid> {
        let name = place.name;
        Setting::<String>::read(value, place)?.ok_or_else(|| {
            Invalid::new(place.section.clone(), format!("this route has no {name}"), format!("write {name} = \"...\""))
        })
    }
}

impl Kind for Setting<bool> {
    fn read(value: Setting<Value>, place: &Place<'_>) -> Result<Self, Invalid> {
        let boolean = |value: Spanned<Value>| Ok(Spanned::new(value.span(), check::boolean(&value, place.name)?));
        value.map(boolean).transpose()
    }
}

impl Kind for Setting<Texts> {
    /// The value knows the place of the list; what stands there is read once more for the places in it.
    fn read(value: Setting<Value>, place: &Place<'_>) -> Result<Self, Invalid> {
        let Some(span) = value.map(|value| value.span()) else { return Ok(None) };
        let written = place.text.get(span.clone()).unwrap_or_default();
        let read = ValueDeserializer::parse(written).and_then(Texts::deserialize);
        let texts = read.map_err(|_| {
            let help = format!("write texts in quotes between brackets: {} = [\"...\"]", place.name);
            Invalid::new(span.clone(), format!("{} is a list of texts", place.name), help)
        })?;
        let moved = texts.into_iter().map(|text| {
            let Range { start, end } = text.span();
            Spanned::new(span.start + start..span.start + end, text.into_inner())
        });
        Ok(Some(Spanned::new(span.clone(), moved.collect())))
    }
}
