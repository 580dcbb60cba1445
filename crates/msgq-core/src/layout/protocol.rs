//! The protocol of one queue: what requests and answers look like, which types they have, and who asks. Pure.
//!
//! The plain protocol ([`super`]) is one value of it, the default. Any other is made of two declarations of C and of the
//! roles of their fields ([`ProtocolPlan`]).

mod declared;
mod from_json;
mod parts;
mod plan;
mod raw;
mod role;
mod role_names;
mod route;
mod side;
mod splitting;
mod types;
mod view;

pub use parts::{OPEN_PART_LEN, PartTypes, TextRoom};
pub use plan::{BodyRule, ClientKind, ClientRole, PlanError, ProtocolPlan, ResponseLength, Setting};
pub use route::{ReplyAddress, ReplyRoute, ReplyToRole};
pub use types::{RequestTypes, ResponseType, TypesError};
pub use view::{Answer, OwnedFieldValue, ReadResponse, RequestView, ResponseForm};

use super::declaration::Declaration;
use super::field::{FieldError, FieldValue};
use super::shape::{Abi, Shape};
use super::{
    BODY_LEN_LP64, MAX_REQUEST_TEXT_LEN, MAX_RESPONSE_TEXT_LEN, Malformed, Response, decode_request, decode_response,
    is_response_len,
};
use declared::DeclaredProtocol;

/// Text without a length of its own has no more bytes in a message than this.
pub const OPEN_TEXT_LIMIT: usize = 64 << 10;

/// What requests and answers look like on one queue. Cheap to look at, made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    body: BodyKind,
    request_types: RequestTypes,
    client_kind: ClientKind,
    response_type: ResponseType,
    route: ReplyRoute,
    /// Of answers longer than a message, on queues of the clients' own.
    part_types: Option<PartTypes>,
    /// A client could have a number with which its answers would be received as requests.
    answers_can_collide: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum BodyKind {
    Plain { repeats_pid: bool },
    Declared(Box<DeclaredProtocol>),
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            body: BodyKind::Plain { repeats_pid: false },
            request_types: RequestTypes::default(),
            client_kind: ClientKind::Process,
            response_type: ResponseType::default(),
            route: ReplyRoute::Shared,
            part_types: None,
            answers_can_collide: false,
        }
    }
}

impl Protocol {
    /// The plain protocol, whose answers repeat the client's PID where the status stands otherwise: for programs that
    /// write their PID once into a buffer that they use for requests and answers again and again.
    #[must_use]
    pub fn echo_pid() -> Self {
        Self { body: BodyKind::Plain { repeats_pid: true }, ..Self::default() }
    }

    /// True for the plain protocol as it always was.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The protocol that a plan makes.
    ///
    /// # Errors
    /// [`PlanError`] names the setting that is wrong.
    pub fn from_plan(plan: &ProtocolPlan) -> Result<Self, PlanError> {
        let body = BodyKind::Declared(Box::new(DeclaredProtocol::new(plan)?));
        let protocol = Self { body, ..Self::default() };
        let client_kind = if plan.names_no_client() { ClientKind::Number } else { plan.client_kind };
        let protocol = protocol.with_route(plan.route);
        Ok(protocol.with_types(plan.request_types.clone(), plan.response_type, client_kind)?)
    }

    /// As it is, with another way for answers: to be told before the types.
    #[must_use]
    pub fn with_route(self, route: ReplyRoute) -> Self {
        Self { route, ..self }
    }

    /// As it holds for messages in a queue into which only answers go: none of them is a request.
    #[must_use]
    pub fn in_queue_of_answers(&self) -> Self {
        Self { request_types: RequestTypes::none(), answers_can_collide: false, ..self.clone() }
    }

    /// As it holds for messages in a queue into which no answers go: no type is that of one.
    #[must_use]
    pub fn in_queue_of_requests(&self) -> Self {
        Self { response_type: ResponseType::Client { base: i64::MAX }, answers_can_collide: false, ..self.clone() }
    }

    /// Where answers go.
    #[must_use]
    #[inline]
    pub fn route(&self) -> ReplyRoute {
        self.route
    }

    /// The queue of the client's own that a request names, if it can be one.
    #[must_use]
    pub fn reply_address(&self, body: &[u8]) -> Option<ReplyAddress> {
        match &self.body {
            BodyKind::Plain { .. } => None,
            BodyKind::Declared(declared) => declared.reply_address(body),
        }
    }

    /// True where nothing is known of clients but the queues of their own: the number of one is made of its queue's address.
    #[must_use]
    pub fn client_is_address(&self) -> bool {
        matches!(&self.body, BodyKind::Declared(declared) if declared.client_is_address())
    }

    /// The body of a request, given with all else, as a client with this queue of its own sends it.
    #[must_use]
    pub fn request_with_reply_address(&self, body: &[u8], address: ReplyAddress) -> Vec<u8> {
        let mut body = body.to_vec();
        if let BodyKind::Declared(declared) = &self.body {
            declared.write_reply_address(&mut body, address);
        }
        body
    }

    /// As it is, with other types, for clients of this kind.
    ///
    /// # Errors
    /// [`TypesError::ReceivesItsAnswers`] where an answer to a process could have the type of a request.
    pub fn with_types(
        self,
        request_types: RequestTypes,
        response_type: ResponseType,
        client_kind: ClientKind,
    ) -> Result<Self, TypesError> {
        let base = response_type.base();
        let is_shared = self.route == ReplyRoute::Shared;
        if is_shared && client_kind == ClientKind::Process {
            request_types.check_against_answers(base)?;
        }
        let least_client = match client_kind {
            ClientKind::Process => 2,
            ClientKind::Number => 1,
        };
        let answers_can_collide = is_shared && request_types.highest() >= base.saturating_add(least_client);
        Ok(Self { request_types, response_type, client_kind, answers_can_collide, ..self })
    }

    /// What the numbers of clients are.
    #[must_use]
    #[inline]
    pub fn client_kind(&self) -> ClientKind {
        self.client_kind
    }

    /// Which types requests have.
    #[must_use]
    pub fn request_types(&self) -> &RequestTypes {
        &self.request_types
    }

    /// The type of answers to the client with this number.
    #[must_use]
    #[inline]
    pub fn response_mtype(&self, client: i64) -> i64 {
        self.response_type.base().saturating_add(client)
    }

    /// The type of the answer to a request of the client with this number.
    #[must_use]
    #[inline]
    pub fn answer_mtype(&self, client: i64, request_mtype: i64) -> i64 {
        match self.response_type {
            ResponseType::Client { base } => base.saturating_add(client),
            ResponseType::Fixed(mtype) => mtype,
            ResponseType::Request => request_mtype,
        }
    }

    /// Which types answers have.
    #[must_use]
    pub fn response_type(&self) -> ResponseType {
        self.response_type
    }

    /// Whose answers have this type; `None` for the type of a request, and for what no client can have.
    #[must_use]
    pub fn client_of_response(&self, mtype: i64) -> Option<i64> {
        let client = mtype.checked_sub(self.response_type.base())?;
        let is_possible = match self.client_kind {
            ClientKind::Process => client > 1 && i32::try_from(client).is_ok(),
            ClientKind::Number => client > 0,
        };
        let is_request = self.route == ReplyRoute::Shared && self.request_types.receives(mtype);
        (is_possible && !is_request).then_some(client)
    }

    /// True where there is a type for answers to this client, and its program can ask the kernel for that: in one for 32 bits
    /// a type has as many. `form`: what is known of the program.
    #[must_use]
    pub fn can_be_read(&self, client: i64, form: Option<ResponseForm>) -> bool {
        let ResponseType::Client { base } = self.response_type else { return true };
        let Some(mtype) = base.checked_add(client) else { return false };
        i32::try_from(mtype).is_ok() || form.is_none_or(|form| form.abi == Abi::Lp64)
    }

    /// The longest body of a request, in bytes; `limit` where text has no length of its own.
    #[must_use]
    pub fn longest_request(&self, limit: usize) -> usize {
        match &self.body {
            BodyKind::Plain { .. } => BODY_LEN_LP64,
            BodyKind::Declared(declared) => declared.longest_request(limit),
        }
    }

    /// The longest body of an answer, in bytes; `limit` where text has no length of its own.
    #[must_use]
    pub fn longest_response(&self, limit: usize) -> usize {
        match &self.body {
            BodyKind::Plain { .. } => BODY_LEN_LP64,
            BodyKind::Declared(declared) => declared.longest_response(limit),
        }
    }

    /// Room for text in a request, in bytes; 0 where it has none.
    #[must_use]
    pub fn request_text_room(&self, limit: usize) -> usize {
        match &self.body {
            BodyKind::Plain { .. } => MAX_REQUEST_TEXT_LEN,
            BodyKind::Declared(declared) => declared.request_text_room(limit),
        }
    }

    /// The name of the field in which the text of a request stands; `None` in the plain protocol, and where it has none.
    #[must_use]
    pub fn request_text_field(&self) -> Option<&str> {
        match &self.body {
            BodyKind::Plain { .. } => None,
            BodyKind::Declared(declared) => declared.request_text_field(),
        }
    }

    /// Room for text in every answer, in bytes; 0 where it has none.
    #[must_use]
    pub fn response_text_room(&self, limit: usize) -> usize {
        match &self.body {
            BodyKind::Plain { .. } => MAX_RESPONSE_TEXT_LEN,
            BodyKind::Declared(declared) => declared.response_text_room(limit),
        }
    }

    /// Reads the body of a request of this type.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be one.
    #[inline]
    pub fn read_request<'a>(&self, mtype: i64, body: &'a [u8]) -> Result<RequestView<'a>, Malformed> {
        match &self.body {
            BodyKind::Plain { .. } => {
                let request = decode_request(body)?;
                let form = ResponseForm { abi: Abi::NATIVE, request_len: body.len() };
                Ok(RequestView { mtype, claimed_client: request.claimed_pid.into(), text: request.text, body, form })
            }
            BodyKind::Declared(declared) => declared.read_request(mtype, body),
        }
    }

    /// Who the sender of a request says it is, whatever its body is worth otherwise; `None` where it does not say.
    #[must_use]
    #[inline]
    pub fn claimed_client(&self, mtype: i64, body: &[u8]) -> Option<i64> {
        match &self.body {
            BodyKind::Plain { .. } => body.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes).into()),
            BodyKind::Declared(declared) => declared.claimed_client(mtype, body),
        }
    }

    /// True where the client's PID is the first four bytes of every request, as in the plain protocol.
    #[must_use]
    #[inline]
    pub fn begins_with_pid(&self) -> bool {
        matches!(self.body, BodyKind::Plain { .. })
    }

    /// The body of a request, given with all else, as the client with this number sends it. A number that is written in a
    /// text becomes the word that it is to be, before the words that stand there.
    #[must_use]
    pub fn request_of_client(&self, body: &[u8], client: i64) -> Vec<u8> {
        let mut body = body.to_vec();
        match &self.body {
            BodyKind::Plain { .. } => {
                if let Some(number) = body.first_chunk_mut() {
                    *number = i32::try_from(client).unwrap_or(i32::MAX).to_ne_bytes();
                }
            }
            BodyKind::Declared(declared) => declared.write_client(&mut body, client),
        }
        body
    }

    /// Makes the answer to a request, over whatever stands in `room`, and returns its length in bytes.
    #[inline]
    pub fn write_response(&self, request: &RequestView<'_>, answer: &Answer<'_>, room: &mut [u8]) -> usize {
        match &self.body {
            BodyKind::Plain { repeats_pid } => {
                let Some(plain) = room.first_chunk_mut() else { return 0 };
                let pid = i32::try_from(request.claimed_client).unwrap_or(0);
                let first = if *repeats_pid { pid } else { answer.status };
                Response::write(plain, first, answer.text, request.form.request_len)
            }
            BodyKind::Declared(declared) => declared.write_response(request, answer, room),
        }
    }

    /// The shortest length of a request that is not below `len`: what a message may have had of which only so many bytes
    /// can be told from what stood there before.
    #[must_use]
    pub fn least_request_len(&self, len: usize) -> usize {
        match &self.body {
            BodyKind::Plain { .. } => len,
            BodyKind::Declared(declared) => declared.least_request_len(len),
        }
    }

    /// True when answers to this client cannot be taken for requests.
    #[must_use]
    #[inline]
    pub fn may_answer(&self, client: i64) -> bool {
        !self.answers_can_collide || !self.request_types.receives(self.response_mtype(client))
    }

    /// Whether an answer can be made as it is.
    ///
    /// # Errors
    /// [`FieldError`] for a field that there is not, or a value that it cannot hold; a body of a length that no answer has.
    pub fn check_answer(&self, form: ResponseForm, answer: &Answer<'_>) -> Result<(), FieldError> {
        match &self.body {
            BodyKind::Plain { .. } => declared::check_plain(answer),
            BodyKind::Declared(declared) => declared.check_answer(form, answer),
        }
    }

    /// True when a body of this length can be an answer.
    #[must_use]
    pub fn is_response_len(&self, len: usize) -> bool {
        match &self.body {
            BodyKind::Plain { .. } => is_response_len(len),
            BodyKind::Declared(declared) => declared.is_response_len(len),
        }
    }

    /// Reads the body of an answer; `None` where it cannot be one.
    #[must_use]
    pub fn read_response<'a>(&self, body: &'a [u8]) -> Option<ReadResponse<'a>> {
        match &self.body {
            BodyKind::Plain { repeats_pid } => {
                let response = decode_response(body).filter(|_| is_response_len(body.len()))?;
                let status = (!repeats_pid).then_some(response.status);
                Some(ReadResponse { status, text: response.text })
            }
            BodyKind::Declared(declared) => declared.read_response(body),
        }
    }

    /// The declaration of answers in the form that an answer of this length has; `None` for the plain protocol.
    #[must_use]
    pub fn response_shape(&self, body_len: usize) -> Option<&Shape> {
        match &self.body {
            BodyKind::Plain { .. } => None,
            BodyKind::Declared(declared) => Some(declared.response_shape(body_len)),
        }
    }

    /// Reads a field of a request by name.
    ///
    /// # Errors
    /// [`FieldError`]: there is no such field, or the body ends before it. The plain protocol has none by name.
    pub fn request_field<'a>(&self, request: &RequestView<'a>, name: &str) -> Result<FieldValue<'a>, FieldError> {
        match &self.body {
            BodyKind::Plain { .. } => Err(FieldError::Unknown(name.to_owned())),
            BodyKind::Declared(declared) => declared.request_field(request, name),
        }
    }

    /// The declarations, in the form of this request: of requests and of answers. `None` for the plain protocol.
    #[must_use]
    pub fn shapes(&self, form: ResponseForm) -> Option<(&Shape, &Shape)> {
        match &self.body {
            BodyKind::Plain { .. } => None,
            BodyKind::Declared(declared) => Some(declared.shapes(form.abi)),
        }
    }

    /// The declarations of requests and of answers. `None` for the plain protocol.
    #[must_use]
    pub fn declarations(&self) -> Option<(&Declaration, &Declaration)> {
        match &self.body {
            BodyKind::Plain { .. } => None,
            BodyKind::Declared(declared) => Some(declared.declarations()),
        }
    }

    /// What a configuration said of it. `None` for the plain protocol.
    #[must_use]
    pub fn plan(&self) -> Option<&ProtocolPlan> {
        match &self.body {
            BodyKind::Plain { .. } => None,
            BodyKind::Declared(declared) => Some(declared.plan()),
        }
    }

    /// True where answers of the plain protocol have the client's PID in the place of a status.
    #[must_use]
    pub fn repeats_pid(&self) -> bool {
        matches!(self.body, BodyKind::Plain { repeats_pid: true })
    }

    /// The declarations as this machine's own programs see them: of requests and of answers. `None` for the plain protocol.
    #[must_use]
    pub fn shapes_of_machine(&self) -> Option<(&Shape, &Shape)> {
        self.shapes(ResponseForm { abi: Abi::NATIVE, request_len: 0 })
    }

    /// True when requests have one text, and answers have one too or at least a status.
    #[must_use]
    pub fn has_text(&self) -> bool {
        match &self.body {
            BodyKind::Plain { .. } => true,
            BodyKind::Declared(declared) => declared.has_text(),
        }
    }

    /// A number that differs for protocols that would misread each other's messages; 0 for the plain one.
    #[must_use]
    pub fn digest(&self) -> u64 {
        if self.is_plain() {
            return 0;
        }
        // FNV-1a over everything that it is made of.
        format!("{self:?}")
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

#[cfg(test)]
mod tests;
