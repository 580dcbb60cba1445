//! The body of an answer, made of a JSON object.

use super::{Answer, Protocol, RequestView};
use serde_json::{Map, Value};

impl Protocol {
    /// The body of the answer to a request: the object's fields over those that the request and the answer share. An empty text
    /// sets none.
    ///
    /// # Errors
    /// A sentence: it is no object, or has a field that an answer has not, or cannot hold.
    pub fn response_from_json(&self, request: &RequestView<'_>, text: &[u8]) -> Result<Vec<u8>, String> {
        let Some((_, shape)) = self.shapes(request.form) else {
            return Err("the plain protocol has no fields".to_owned());
        };
        let object = match text.trim_ascii() {
            [] => Map::new(),
            text => serde_json::from_slice::<Map<String, Value>>(text)
                .map_err(|error| format!("it is no JSON object: {error}"))?,
        };
        let least = shape.body_from_json(&object).map_err(|error| error.to_string())?.len();
        let mut body = vec![0; self.longest_response(least)];
        let base = self.write_response(request, &Answer::default(), &mut body);
        body.truncate(if shape.is_open() { least.max(base) } else { base });
        if body.len() < least {
            // As short as its request was; the fields behind the end are not there.
            body.resize(least, 0);
            shape.write_json(&object, &mut body).map_err(|error| error.to_string())?;
            body.truncate(base);
        } else {
            shape.write_json(&object, &mut body).map_err(|error| error.to_string())?;
        }
        Ok(body)
    }
}
