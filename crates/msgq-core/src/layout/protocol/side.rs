//! What is looked up once in the two declarations of a protocol, for one ABI: offsets of roles, and what answers have
//! whatever the handler says.

use super::plan::{ClientRole, PlanError, ProtocolPlan, ResponseLength, Setting};
use super::role::{AddressPlace, ClientPlace, NumberPlace, TextPlace};
use super::role_names::{USUAL_CLIENT, only_text};
use super::route::ReplyRoute;
use crate::layout::field::{FieldError, FieldValue};
use crate::layout::shape::{Abi, Field, Shape};

/// Everything that is looked up once, for one ABI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) client: ClientPlace,
    /// The queue of the client's own.
    pub(super) reply_to: Option<AddressPlace>,
    pub(super) request_text: Option<TextPlace>,
    pub(super) response_text: Option<TextPlace>,
    pub(super) status: Option<NumberPlace>,
    /// From where in the request, to where in the answer, and how many bytes.
    pub(super) copies: Vec<(usize, usize, usize)>,
    /// What stands in the answer whatever is asked.
    pub(super) fixed: Vec<(usize, Vec<u8>)>,
    /// Length of the answer, in bytes; of one with text of open length, what stands in front of it.
    pub(super) response_len: usize,
    pub(super) is_open: bool,
}

impl Side {
    pub(super) fn new(plan: &ProtocolPlan, abi: Abi) -> Result<Self, PlanError> {
        let (request, response) = (plan.request.shape(abi), plan.response.shape(abi));
        let request_text = text(request, plan.request_text.as_deref(), "request_text")?;
        let response_text = text(response, plan.response_text.as_deref(), "response_text")?;
        if plan.response_length == ResponseLength::Text && response_text.is_none() {
            let help = "name the text that ends the answer: response_text = \"...\"";
            return Err(PlanError::new("response_length", "the answer has no text by which its length is told", help));
        }
        let status = plan.status.as_deref().map(|name| {
            NumberPlace::find(response, name).map_err(|reason| PlanError::new("status", reason, fields_of(response)))
        });
        let is_open = response.is_open();
        if !is_open && response.body_len() == 0 && plan.route != ReplyRoute::Nowhere {
            let help = "whether a message waits can only be told of one that has a body: give it a field";
            return Err(PlanError::new("response", "the answer has no body", help));
        }
        let reply_to = plan.reply_to.as_ref().map(|role| {
            AddressPlace::find(role, request).map_err(|reason| PlanError::new("reply_to", reason, fields_of(request)))
        });
        let reply_to = reply_to.transpose()?;
        Ok(Self {
            client: client(plan, request, reply_to.as_ref())?,
            reply_to,
            request_text,
            response_text,
            status: status.transpose()?,
            copies: copies(plan, request, response),
            fixed: fixed(plan, response)?,
            response_len: if is_open { response.used_len() } else { response.body_len() },
            is_open,
        })
    }

    /// What the answer has whatever the handler says.
    pub(super) fn write_base(&self, request: &[u8], room: &mut [u8]) {
        for (from, to, len) in &self.copies {
            // A request may be cut in its last text.
            let end = (from + len).min(request.len());
            let Some(bytes) = request.get(*from..end) else { continue };
            if let Some(field) = room.get_mut(*to..to + bytes.len()) {
                field.copy_from_slice(bytes);
            }
        }
        for (offset, bytes) in &self.fixed {
            if let Some(field) = room.get_mut(*offset..offset + bytes.len()) {
                field.copy_from_slice(bytes);
            }
        }
    }
}

fn client(plan: &ProtocolPlan, request: &Shape, reply_to: Option<&AddressPlace>) -> Result<ClientPlace, PlanError> {
    let failed = |reason: String| PlanError::new("client", reason, fields_of(request));
    match &plan.client {
        Some(ClientRole::Decimal { field, word }) => {
            Ok(ClientPlace::Decimal { text: TextPlace::find(request, field).map_err(failed)?, word: *word })
        }
        Some(ClientRole::Field(name)) => NumberPlace::find(request, name).map(ClientPlace::Number).map_err(failed),
        Some(ClientRole::Mtype) => Ok(ClientPlace::Mtype),
        None if plan.route == ReplyRoute::Nowhere => Ok(ClientPlace::Mtype),
        None if let Some(address) = reply_to => Ok(ClientPlace::Address(address.clone())),
        None => NumberPlace::find(request, USUAL_CLIENT).map(ClientPlace::Number).map_err(|_| {
            let message = "it is not said which field of the request names the client";
            PlanError::new("client", message, format!("write client = \"FIELD\"; {}", fields_of(request)))
        }),
    }
}

fn text(shape: &Shape, name: Option<&str>, setting: &'static str) -> Result<Option<TextPlace>, PlanError> {
    if let Some(name) = name {
        let found = TextPlace::find(shape, name);
        return found.map(Some).map_err(|reason| PlanError::new(setting, reason, fields_of(shape)));
    }
    Ok(only_text(shape).and_then(|only| TextPlace::find(shape, only).ok()))
}

fn copies(plan: &ProtocolPlan, request: &Shape, response: &Shape) -> Vec<(usize, usize, usize)> {
    let shared = |to: &Field| {
        let name = to.name.as_deref().filter(|name| plan.is_copied(name))?;
        let from = request.fields.iter().find(|from| from.name.as_deref() == Some(name))?;
        let len = to.field_type.len_bytes();
        (len > 0).then_some((from.offset, to.offset, len))
    };
    response.fields.iter().filter_map(shared).collect()
}

fn fixed(plan: &ProtocolPlan, response: &Shape) -> Result<Vec<(usize, Vec<u8>)>, PlanError> {
    let mut fixed = Vec::new();
    for (name, setting) in &plan.set {
        let failed = |error: FieldError| PlanError::new("set", error.to_string(), fields_of(response));
        let value = match setting {
            Setting::Integer(number) => FieldValue::Integer((*number).into()),
            Setting::FloatBits(bits) => FieldValue::Float(f64::from_bits(*bits)),
            Setting::Text(text) => FieldValue::Text(text.as_bytes()),
        };
        let place = response.find_field(name).map_err(failed)?;
        let len = place.field_type.len_bytes();
        let mut body = vec![0; response.body_len()];
        place.write(&mut body, value).map_err(failed)?;
        fixed.push((place.offset, body.get(place.offset..place.offset + len).unwrap_or_default().to_vec()));
    }
    Ok(fixed)
}

/// For help: which fields there are.
fn fields_of(shape: &Shape) -> String {
    let names: Vec<&str> = shape.fields.iter().filter_map(|field| field.name.as_deref()).collect();
    format!("its fields are {}", names.join(", "))
}
