//! What each client asks, again and again.

use super::arguments::BenchArguments;
use crate::commands::declared_request::DeclaredRequest;
use crate::commands::test_client::TestClient;
use crate::commands::values::check_request_text;
use crate::failure::Failure;
use msgq_core::client::{Answer, CallError};
use msgq_core::layout::protocol::Protocol;
use std::os::unix::ffi::OsStrExt;

const DEFAULT_TEXT: &[u8] = b"bench";

/// One request, ready to be sent.
pub(super) struct LoadRequest<'a> {
    text: &'a [u8],
    /// `None` in the plain protocol.
    declared: Option<DeclaredRequest>,
}

impl<'a> LoadRequest<'a> {
    pub(super) fn new(options: &'a BenchArguments, protocol: &Protocol) -> Result<Self, Failure> {
        let text = options.text.as_ref().map(|text| text.as_bytes());
        let usual = || protocol.request_text_field().is_some().then_some(DEFAULT_TEXT);
        let declared = DeclaredRequest::new(protocol, options.r#type, text.or_else(usual), &options.set)?;
        let text = text.unwrap_or(DEFAULT_TEXT);
        if declared.is_none() {
            check_request_text(text)?;
        }
        Ok(Self { text, declared })
    }

    pub(super) fn ask(&self, client: &TestClient<'_>) -> Result<Answer, CallError> {
        client.ask(self.text, self.declared.as_ref())
    }
}
