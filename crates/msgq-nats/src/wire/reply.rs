//! A reply: how it travels, and what it means.

use async_nats::{HeaderMap, HeaderValue, Message};
use msgq_core::escape::escape;

const STATUS: &str = "Msgq-Status";
const BODY: &str = "Msgq-Body";
const WHOLE: &str = "whole";
const ERROR: &str = "Msgq-Error";
const SERVICE_ERROR_CODE: &str = "Nats-Service-Error-Code";
const SERVICE_ERROR: &str = "Nats-Service-Error";
/// Of another program's text that stands in a sentence.
const SHOWN: usize = 100;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// 0: done.
    pub status: i32,
    /// A body, or with another status a text that says what failed.
    pub payload: Vec<u8>,
    /// The payload is a whole body whatever the status, which stands in it too.
    pub is_whole: bool,
    /// Set where the gateway failed, and not who answers behind it.
    pub failure: Option<Failure>,
}

/// What is known of a request that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody had it.
    NotRun,
    /// It was on its way.
    Unknown,
}

impl Failure {
    /// As the header has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRun => "not-run",
            Self::Unknown => "unknown",
        }
    }
}

impl Reply {
    /// A reply that says that the request was not run, and why.
    #[must_use]
    pub fn not_run(reason: &str) -> Self {
        Self::failed(Failure::NotRun, format!("not run: {reason}"))
    }

    /// A reply that says that nobody knows whether the request was run, and why.
    #[must_use]
    pub fn unknown(reason: &str) -> Self {
        Self::failed(Failure::Unknown, format!("outcome unknown: {reason}"))
    }

    fn failed(failure: Failure, text: String) -> Self {
        Self { status: -1, payload: text.into_bytes(), is_whole: false, failure: Some(failure) }
    }

    /// With no more than `room` bytes of text where the gateway failed: msgqd gives a client none of a text that is too long.
    #[must_use]
    pub fn cut_to(mut self, room: usize) -> Self {
        if self.failure.is_some() && self.payload.len() > room {
            let is_inside = |at: usize| self.payload.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
            let border = (0..=room).rev().find(|at| !is_inside(*at)).unwrap_or(0);
            self.payload.truncate(border);
        }
        self
    }

    /// The headers that go beside the payload.
    #[must_use]
    pub fn to_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(STATUS, HeaderValue::from(self.status));
        if self.is_whole {
            headers.insert(BODY, WHOLE);
        }
        if let Some(failure) = self.failure {
            headers.insert(ERROR, failure.name());
        }
        headers
    }

    /// What a message says. Who sent it may be any program with a NATS client.
    #[must_use]
    pub fn from_message(message: &Message) -> Self {
        let none = HeaderMap::new();
        let headers = message.headers.as_ref().unwrap_or(&none);
        let text = |name: &str| headers.get(name).map(HeaderValue::as_str);
        if text(SERVICE_ERROR_CODE).is_some() || text(SERVICE_ERROR).is_some() {
            let said = text(SERVICE_ERROR).or(text(SERVICE_ERROR_CODE)).unwrap_or_default();
            return Self { status: -1, payload: said.as_bytes().to_vec(), ..Self::default() };
        }
        let failure = match text(ERROR) {
            Some("not-run") => Some(Failure::NotRun),
            Some("unknown") => Some(Failure::Unknown),
            _ => None,
        };
        let status = match text(STATUS).map(|text| (text, text.parse())) {
            None => 0,
            Some((_, Ok(status))) => status,
            Some((said, Err(_))) => {
                let shown = escape(said.as_bytes().get(..SHOWN).unwrap_or(said.as_bytes()));
                return Self::unknown(&format!("the reply's {STATUS} is \"{shown}\", which is no status"));
            }
        };
        Self { status, payload: message.payload.to_vec(), is_whole: text(BODY) == Some(WHOLE), failure }
    }

    /// The payload as one line of text, for logs and terminals.
    #[must_use]
    pub fn shown(&self) -> String {
        escape(self.payload.get(..SHOWN).unwrap_or(&self.payload))
    }
}
