//! Which fields have which role, by their names: what a configuration says, and else what needs no saying.

use super::plan::{ClientRole, ProtocolPlan};
use super::route::ReplyRoute;
use crate::layout::shape::{Abi, FieldType, Shape};

/// Who asks, where nothing is said.
pub(super) const USUAL_CLIENT: &str = "pid";

impl ProtocolPlan {
    /// The path of the field in which a request says who asks; `None` where its type or its queue does.
    #[must_use]
    pub fn client_field(&self) -> Option<&str> {
        match &self.client {
            Some(ClientRole::Field(field) | ClientRole::Decimal { field, .. }) => Some(field),
            None if self.names_no_client() => None,
            None => Some(USUAL_CLIENT),
            Some(ClientRole::Mtype) => None,
        }
    }

    /// True where nothing of a request tells who asks, but the queue for its answer at most.
    #[must_use]
    pub fn names_no_client(&self) -> bool {
        self.client.is_none() && matches!(self.route, ReplyRoute::Private | ReplyRoute::Nowhere)
    }

    /// The path of the text of a request, where there is one.
    #[must_use]
    pub fn request_text_field(&self) -> Option<&str> {
        self.request_text.as_deref().or_else(|| only_text(&self.request.lp64))
    }

    /// The path of the text of an answer, where there is one.
    #[must_use]
    pub fn response_text_field(&self) -> Option<&str> {
        self.response_text.as_deref().or_else(|| only_text(&self.response.lp64))
    }

    /// True for a field that is copied from the request into the answer: both have it by this name and with this type, for
    /// both ABIs, as `long` and `int` are two types also where they are as long.
    #[must_use]
    pub fn is_copied(&self, name: &str) -> bool {
        [Abi::Lp64, Abi::Ilp32].into_iter().all(|abi| {
            let of_request = type_of(self.request.shape(abi), name);
            of_request.is_some() && of_request == type_of(self.response.shape(abi), name)
        })
    }
}

fn type_of<'s>(shape: &'s Shape, name: &str) -> Option<&'s FieldType> {
    shape.fields.iter().find(|field| field.name.as_deref() == Some(name)).map(|field| &field.field_type)
}

/// The name of the only text that a struct has.
pub(super) fn only_text(shape: &Shape) -> Option<&str> {
    let mut texts = shape.fields.iter().filter(|field| field.field_type.is_text());
    match (texts.next(), texts.next()) {
        (Some(only), None) => only.name.as_deref(),
        _ => None,
    }
}
