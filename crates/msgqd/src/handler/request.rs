//! What a handler is asked.

use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::layout::field::{FieldError, FieldValue};
use msgq_core::layout::protocol::{Protocol, RequestView};
use msgq_core::layout::shape::Field;
use msgq_core::process::ClientNumber;
use msgq_core::time::monotonic_ns;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// One request, as a handler sees it.
#[derive(Debug, Clone, Copy)]
pub struct HandlerRequest<'a> {
    /// The PID that the request names, or with `client_is = "number"` any number; its answer goes there.
    pub client: ClientNumber,
    /// The type of the request.
    pub mtype: i64,
    /// Number of the request, from 1. It grows with each; after a crash it goes on behind those that were in hand.
    pub id: u64,
    /// The text, any bytes but NUL; at most 256 bytes in the plain protocol, and empty where the protocol has no text.
    pub text: &'a [u8],
    received_at_ns: u64,
    view: RequestView<'a>,
    protocol: &'a Protocol,
}

impl<'a> HandlerRequest<'a> {
    /// A request as the engine hands it on, taken from the queue at this moment of [`monotonic_ns`].
    #[must_use]
    pub fn new(
        protocol: &'a Protocol,
        client: ClientNumber,
        id: u64,
        view: RequestView<'a>,
        received_at_ns: u64,
    ) -> Self {
        Self { client, mtype: view.mtype, id, text: view.text, received_at_ns, view, protocol }
    }

    /// A request of the plain protocol, for programs that call a handler themselves.
    #[must_use]
    pub fn plain(client: ClientNumber, id: u64, text: &'a [u8], received_at: Instant) -> Self {
        static PLAIN: LazyLock<Protocol> = LazyLock::new(Protocol::default);
        let view = RequestView { text, ..RequestView::unreadable(REQUEST_MTYPE, client.get()) };
        let age_ns = u64::try_from(received_at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let received_at_ns = monotonic_ns().saturating_sub(age_ns);
        Self::new(&PLAIN, client, id, view, received_at_ns)
    }

    /// When it was taken from the queue. A handler's own deadline counts from here.
    #[must_use]
    pub fn received_at(&self) -> Instant {
        let now = Instant::now();
        let age = Duration::from_nanos(monotonic_ns().saturating_sub(self.received_at_ns));
        now.checked_sub(age).unwrap_or(now)
    }

    /// The whole body, as it was received.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.view.body
    }

    /// A field of the request by its name, as in `op` or `at.x`.
    ///
    /// # Errors
    /// [`FieldError`]: there is no such field, or the body ends before it. The plain protocol has none by name.
    pub fn field(&self, name: &str) -> Result<FieldValue<'a>, FieldError> {
        self.protocol.request_field(&self.view, name)
    }

    /// The numbers of the request by name, each as `MSGQ_FIELD_name` and its value; none in the plain protocol.
    pub(super) fn scalars(&self) -> Vec<(String, String)> {
        let Some((shape, _)) = self.protocol.shapes(self.view.form) else { return Vec::new() };
        let named = |field: &Field| {
            let name = field.name.as_deref()?;
            let value = match self.field(name).ok()? {
                FieldValue::Integer(number) => number.to_string(),
                FieldValue::Float(number) => number.to_string(),
                FieldValue::Text(_) => return None,
            };
            Some((format!("MSGQ_FIELD_{name}"), value))
        };
        shape.fields.iter().filter_map(named).collect()
    }

    /// What the protocol makes of the request, for the answer to it.
    #[must_use]
    pub fn view(&self) -> &RequestView<'a> {
        &self.view
    }

    /// What requests and answers look like.
    #[must_use]
    pub fn protocol(&self) -> &'a Protocol {
        self.protocol
    }

    /// The same request with another text.
    #[must_use]
    pub fn with_text<'b>(&self, text: &'b [u8]) -> HandlerRequest<'b>
    where
        'a: 'b,
    {
        HandlerRequest { text, ..*self }
    }
}
