//! `handler.pass`: the handler gets whole bodies, or fields as JSON, in the place of text, and answers with the same.

use super::{Handler, HandlerRequest, Outcome, Reply};
use msgq_core::layout::protocol::ReplyRoute;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Gives another handler the body for the text, and takes its text for the body.
pub(super) struct PassesBodies {
    inner: Arc<dyn Handler>,
    /// Longer bodies than a message go out in several.
    in_parts: bool,
}

impl PassesBodies {
    pub(super) fn new(inner: Arc<dyn Handler>, in_parts: bool) -> Self {
        Self { inner, in_parts }
    }
}

impl PassesBodies {
    fn answer(&self, request: &HandlerRequest<'_>) -> Reply {
        let mut reply = self.inner.handle(&request.with_text(request.body()));
        // With another status the text says what failed.
        if reply.status() == 0 && request.protocol().route() != ReplyRoute::Nowhere {
            let body = reply.text().to_vec();
            if self.in_parts {
                reply.set_body_in_parts(body);
            } else {
                reply.set_body(body);
            }
        }
        reply
    }
}

/// Gives another handler the fields of a request as JSON, and takes its text for those of the answer.
pub(super) struct PassesJson {
    inner: Arc<dyn Handler>,
}

impl PassesJson {
    pub(super) fn new(inner: Arc<dyn Handler>) -> Self {
        Self { inner }
    }

    fn answer(&self, request: &HandlerRequest<'_>) -> Reply {
        let (protocol, view) = (request.protocol(), request.view());
        let Some((request_shape, _)) = protocol.shapes(view.form) else {
            return Reply::failure(Outcome::Broken, "the plain protocol has no fields");
        };
        let json = match serde_json::to_vec(&request_shape.body_as_json(request.body())) {
            Ok(json) => json,
            Err(error) => return Reply::failure(Outcome::Broken, &format!("the request is not made JSON: {error}")),
        };
        let mut reply = self.inner.handle(&request.with_text(&json));
        if reply.status() != 0 || protocol.route() == ReplyRoute::Nowhere {
            return reply;
        }
        match protocol.response_from_json(view, reply.text()) {
            Ok(body) => {
                reply.set_body(body);
                reply
            }
            Err(fault) => Reply::failure(Outcome::Broken, &format!("the handler's answer cannot be sent: {fault}")),
        }
    }
}

/// What a handler that passes something else shares with the one that it asks.
macro_rules! passes {
    ($passing:ty) => {
        impl Handler for $passing {
            fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
                self.answer(request)
            }

            fn concurrency(&self) -> usize {
                self.inner.concurrency()
            }

            fn time_limit(&self) -> Option<Duration> {
                self.inner.time_limit()
            }

            fn stack_size(&self) -> usize {
                self.inner.stack_size()
            }

            fn name(&self) -> &'static str {
                self.inner.name()
            }

            fn trouble(&self) -> Option<String> {
                self.inner.trouble()
            }

            fn abort(&self) {
                self.inner.abort();
            }

            fn stop(&self, deadline: Instant) {
                self.inner.stop(deadline);
            }
        }
    };
}

passes!(PassesBodies);
passes!(PassesJson);

/// `kind = "echo"` for bodies: the fields that request and answer share, and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EchoBody;

impl Handler for EchoBody {
    fn handle(&self, _request: &HandlerRequest<'_>) -> Reply {
        Reply::new()
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        "echo"
    }
}
