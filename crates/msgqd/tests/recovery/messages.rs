//! What a dead daemon had in hand: messages of the plain protocol, or of structs like its own with texts of another length.

use msgq_core::layout::declaration::Declaration;
use msgq_core::layout::protocol::{Protocol, ProtocolPlan};
use msgq_core::layout::{self, BODY_LEN_LP64, Response};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, Copy)]
pub enum Messages {
    Plain,
    TextsOf(usize),
}

impl Messages {
    pub fn protocol(self) -> Arc<Protocol> {
        let Self::TextsOf(text_len) = self else { return Arc::default() };
        let declared = |number: &str| {
            let declaration = format!("struct {{ long mtype; {number}; char text[{text_len}]; }}");
            Declaration::parse(&declaration, &BTreeMap::new()).unwrap()
        };
        let plan = ProtocolPlan::new(declared("pid_t pid"), declared("int status"));
        Arc::new(Protocol::from_plan(&ProtocolPlan { status: Some("status".to_owned()), ..plan }).unwrap())
    }

    pub fn body_len(self) -> usize {
        match self {
            Self::Plain => BODY_LEN_LP64,
            Self::TextsOf(text_len) => 4 + text_len,
        }
    }

    /// The body of a request.
    pub fn request(self, client: i32, text: &str) -> Vec<u8> {
        match self {
            Self::Plain => layout::encode_request(client, text.as_bytes()).to_vec(),
            Self::TextsOf(_) => self.body(client, text),
        }
    }

    /// A whole answer, its type and all.
    pub fn response(self, client: i32, text: &str) -> Vec<u8> {
        let body = match self {
            Self::Plain => Response::new(0, text.as_bytes(), BODY_LEN_LP64).as_bytes().to_vec(),
            Self::TextsOf(_) => self.body(0, text),
        };
        [&i64::from(client).to_ne_bytes()[..], &body].concat()
    }

    /// Its text is filled as far as answers have room for it: of a shorter one an end that is lost is not missed.
    fn body(self, number: i32, text: &str) -> Vec<u8> {
        let mut body = [&number.to_ne_bytes()[..], text.as_bytes()].concat();
        body.resize(self.body_len() - "Processed: ".len() - 1, b'.');
        body.resize(self.body_len(), 0);
        body
    }

    /// Status and text of the body of an answer, without what fills it.
    pub fn read(self, body: &[u8]) -> (i32, String) {
        let view = self.protocol();
        let view = view.read_response(body).unwrap();
        let text = String::from_utf8_lossy(view.text).into_owned();
        let is_filled = text.len() + "Processed: ".len() + 1 >= self.body_len() - 4;
        let text = if is_filled { text.trim_end_matches('.').to_owned() } else { text };
        (view.status.unwrap(), text)
    }
}

/// Makes a test of each of these functions for each kind of message.
macro_rules! with_all_messages {
    ($($test:ident)+) => {
        mod plain {
            $(#[test] fn $test() { super::$test(super::Messages::Plain); })+
        }
        mod bodies_of_40_bytes {
            $(#[test] fn $test() { super::$test(super::Messages::TextsOf(36)); })+
        }
        mod bodies_of_1024_bytes {
            $(#[test] fn $test() { super::$test(super::Messages::TextsOf(1020)); })+
        }
    };
}

pub(crate) use with_all_messages;
