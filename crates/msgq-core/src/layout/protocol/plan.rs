//! What a configuration says of a protocol, and the way from there to one.

use super::route::{ReplyRoute, ReplyToRole};
use super::types::{RequestTypes, ResponseType, TypesError};
use crate::layout::declaration::Declaration;

/// Declarations of a request and an answer, and the roles of their fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolPlan {
    /// What clients send.
    pub request: Declaration,
    /// What they read.
    pub response: Declaration,
    /// Who asks; `None`: the field `pid`.
    pub client: Option<ClientRole>,
    /// Where the status of an answer stands.
    pub status: Option<String>,
    /// Where the text of a request stands; `None`: the only text that there is.
    pub request_text: Option<String>,
    /// Where the text of an answer stands; `None`: the only text that there is.
    pub response_text: Option<String>,
    /// Fields of the answer with a fixed value.
    pub set: Vec<(String, Setting)>,
    /// Which lengths of a request are taken.
    pub body: BodyRule,
    /// How long an answer is.
    pub response_length: ResponseLength,
    /// Which types requests have.
    pub request_types: RequestTypes,
    /// Which types answers have.
    pub response_type: ResponseType,
    /// What the clients' numbers are.
    pub client_kind: ClientKind,
    /// Where answers go.
    pub route: ReplyRoute,
    /// Where a request names its client's own queue; with [`ReplyRoute::Private`].
    pub reply_to: Option<ReplyToRole>,
}

/// What the numbers of clients are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientKind {
    /// PIDs and thread ids: a client that has died gets no answer, and its answers are removed.
    #[default]
    Process,
    /// Addresses without a process behind them: nobody knows who lives, and unread answers end by their time to live.
    Number,
}

/// Where a request says who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientRole {
    /// In an integer.
    Field(String),
    /// As a decimal number in a text, in the word with this number, from 0.
    Decimal {
        /// The text.
        field: String,
        /// The number of the word.
        word: usize,
    },
    /// It is the type of the request; where answers do not share its queue.
    Mtype,
}

/// Which lengths of a request are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyRule {
    /// What programs really send, see [`crate::layout::fit::LengthRule::Lenient`].
    #[default]
    Lenient,
    /// The struct's length, and nothing else.
    Exact,
}

/// How long an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseLength {
    /// As the struct.
    #[default]
    Struct,
    /// Up to the NUL behind its text.
    Text,
    /// As long as the request was.
    Request,
}

/// A fixed value of a field. Floats are kept by their bits, so that settings can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Of an integer.
    Integer(i64),
    /// Of `float` or `double`, as [`f64::to_bits`] gives it.
    FloatBits(u64),
    /// Of a text.
    Text(String),
}

/// Why a plan makes no protocol: which setting, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub help: String,
}

impl PlanError {
    pub(super) fn new(setting: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { setting, message: message.into(), help: help.into() }
    }
}

impl From<TypesError> for PlanError {
    fn from(error: TypesError) -> Self {
        let help = match error {
            TypesError::ReceivesItsAnswers { .. } => {
                "keep them below 300, or move the answers away: response_type = { base = 1000 }"
            }
            _ => "write numbers and ranges, for example request_types = [1, 2, \"5..=9\"]",
        };
        Self::new("request_types", error.to_string(), help)
    }
}

impl ProtocolPlan {
    /// A plan in which all that needs no decision has its default.
    #[must_use]
    pub fn new(request: Declaration, response: Declaration) -> Self {
        Self {
            request,
            response,
            client: None,
            status: None,
            request_text: None,
            response_text: None,
            set: Vec::new(),
            body: BodyRule::default(),
            response_length: ResponseLength::default(),
            request_types: RequestTypes::default(),
            response_type: ResponseType::default(),
            client_kind: ClientKind::default(),
            route: ReplyRoute::default(),
            reply_to: None,
        }
    }
}
