use super::*;
use crate::config::{Format, LocalSide};
use async_nats::{HeaderMap, Message};
use msgq_core::config::{Config, Pass};
use msgq_core::layout::protocol::Protocol;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const SUMS: &str = "[protocol]\nrequest = \"struct { long mtype; pid_t pid; int a; char who[8]; double x; }\"\n\
                    response = \"struct { long mtype; int status; int sum; char text[8]; }\"\nstatus = \"status\"\n\
                    [handler]\nkind = \"echo\"\npass = \"body\"\n";

fn side(protocol: Arc<Protocol>, pass: Pass) -> LocalSide {
    LocalSide { protocol, pass, key: None, reply_key: None }
}

fn sums(pass: Pass) -> LocalSide {
    side(Config::parse("msgqd.toml", SUMS).unwrap().protocol, pass)
}

fn outward(local: &LocalSide, format: Format) -> Codec {
    Codec::outward(local, format).unwrap()
}

fn inward(local: &LocalSide, format: Format) -> Codec {
    Codec::inward(local, format).unwrap()
}

fn message(headers: HeaderMap, payload: &[u8]) -> Message {
    Message {
        subject: "s".into(),
        reply: None,
        payload: payload.to_vec().into(),
        headers: Some(headers),
        status: None,
        description: None,
        length: payload.len(),
    }
}

fn travelled(reply: &Reply) -> Reply {
    Reply::from_message(&message(reply.to_headers(), &reply.payload))
}

fn request_body() -> Vec<u8> {
    [&4711_i32.to_ne_bytes()[..], &40_i32.to_ne_bytes(), b"me\0\0\0\0\0\0", &0.5_f64.to_ne_bytes()].concat()
}

fn response_body(status: i32) -> Vec<u8> {
    [&status.to_ne_bytes()[..], &42_i32.to_ne_bytes(), b"done\0\0\0\0"].concat()
}

#[test]
fn the_head_of_a_request_is_the_same_behind_the_wire() {
    let head = RequestHead {
        request_id: Some(u64::MAX),
        host: Some("branch 1".to_owned()),
        client: Some(4711),
        mtype: Some(3),
        deadline: Some(Duration::from_millis(1900)),
        fields: vec![("at.x[2]".to_owned(), "7".to_owned())],
    };
    assert_eq!(RequestHead::read(Some(&head.to_headers())), head);
    assert_eq!(RequestHead::read(None), RequestHead::default());
}

#[test]
fn headers_that_make_no_sense_are_as_if_they_were_not_there() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("Msgq-Request-Id", "-1"),
        ("Msgq-Client", "x"),
        ("Msgq-Type", "0"),
        ("Msgq-Deadline-Ms", "1e3"),
        ("Msgq-Fiel", "?"),
    ] {
        headers.insert(name, value);
    }
    assert_eq!(RequestHead::read(Some(&headers)), RequestHead::default());
}

#[test]
fn a_value_of_a_client_cannot_add_a_header() {
    let fields = vec![("a: b\r\nc".to_owned(), "x\r\nMsgq-Type: 9\0".to_owned())];
    let headers = RequestHead { fields, ..RequestHead::default() }.to_headers();
    let (name, values) = headers.iter().next().unwrap();
    assert_eq!((name.to_string().as_str(), values[0].as_str()), ("Msgq-Field-a__b__c", "x  Msgq-Type: 9"));
}

#[test]
fn the_length_on_the_wire_counts_headers_as_the_server_does() {
    let mut headers = HeaderMap::new();
    headers.insert("A", "bc");
    assert_eq!(wire_len(&headers, 5), b"NATS/1.0\r\nA: bc\r\n\r\n12345".len());
}

#[test]
fn a_reply_of_the_gateway_is_the_same_behind_the_wire() {
    for reply in [
        Reply::not_run("x"),
        Reply::unknown("y"),
        Reply { status: -7, payload: b"text".to_vec(), ..Reply::default() },
        Reply { status: 3, payload: vec![0, 1], is_whole: true, failure: None },
    ] {
        assert_eq!(travelled(&reply), reply);
    }
    assert_eq!(Reply::not_run("x").payload, b"not run: x");
    assert_eq!(Reply::unknown("y").payload, b"outcome unknown: y");
}

#[test]
fn replies_of_other_programs_have_a_status_and_errors_of_services_are_errors() {
    let bare = Reply::from_message(&message(HeaderMap::new(), b"hello"));
    assert_eq!((bare.status, bare.payload.as_slice()), (0, &b"hello"[..]));
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Service-Error-Code", "503");
    headers.insert("Nats-Service-Error", "out of paper");
    let error = Reply::from_message(&message(headers, b"ignored"));
    assert_eq!((error.status, error.payload.as_slice()), (-1, &b"out of paper"[..]));
    let mut headers = HeaderMap::new();
    headers.insert("Msgq-Status", "fine");
    let odd = Reply::from_message(&message(headers, b""));
    let text = String::from_utf8(odd.payload).unwrap();
    assert_eq!(
        (odd.status, text.as_str()),
        (-1, "outcome unknown: the reply's Msgq-Status is \"fine\", which is no status")
    );
}

#[test]
fn a_text_travels_as_it_is_or_as_an_object() {
    let plain = side(Arc::default(), Pass::Text);
    let raw = outward(&plain, Format::Raw);
    assert_eq!(raw.request_to_wire(1, b"a\xff".to_vec()).unwrap(), b"a\xff");
    let json = outward(&plain, Format::Json);
    let wire = json.request_to_wire(1, b"a \"b\"\xff".to_vec()).unwrap();
    assert_eq!(String::from_utf8(wire.clone()).unwrap(), r#"{"text":"a \"b\"\\xff"}"#);
    let reply = Reply { payload: wire.clone(), ..Reply::default() };
    assert_eq!(json.reply_to_local(1, b"", reply).unwrap(), (0, b"a \"b\"\xff".to_vec()));

    let queued = inward(&plain, Format::Json).request_to_queue(&wire).unwrap();
    assert_eq!(plain.protocol.read_request(1, &queued).unwrap().text, b"a \"b\"\xff");
    let answer = msgq_core::layout::Response::new(5, b"no", 264);
    let reply = inward(&plain, Format::Json).reply_from_queue(answer.as_bytes().to_vec()).unwrap();
    assert_eq!((reply.status, reply.payload.as_slice(), reply.is_whole), (5, &b"no"[..], false));
    let error = inward(&plain, Format::Raw).request_to_queue(&[b'x'; 257]).unwrap_err();
    assert_eq!(error.to_string(), "the text has 257 bytes, and a request has room for 256");
    assert!(inward(&plain, Format::Raw).request_to_queue(b"a\0b").is_err());
    assert!(inward(&plain, Format::Json).request_to_queue(b"[]").is_err());
}

#[test]
fn a_body_crosses_as_bytes_with_its_status_in_it() {
    let (there, back) = (inward(&sums(Pass::Body), Format::Raw), outward(&sums(Pass::Body), Format::Raw));
    assert_eq!(back.request_to_wire(1, request_body()).unwrap(), request_body());
    assert_eq!(there.request_to_queue(&request_body()).unwrap(), request_body());
    let reply = there.reply_from_queue(response_body(5)).unwrap();
    assert_eq!((reply.status, reply.is_whole), (5, true));
    assert_eq!(back.reply_to_local(1, &request_body(), travelled(&reply)).unwrap(), (0, response_body(5)));
    let failed = Reply { status: 5, payload: b"why".to_vec(), ..Reply::default() };
    assert_eq!(back.reply_to_local(1, &request_body(), failed).unwrap(), (5, b"why".to_vec()));
    let of_one_byte = there.reply_from_queue(vec![0; 1]).unwrap_err();
    assert_eq!(of_one_byte.to_string(), "an answer of 1 byte is none of this protocol");
}

#[test]
fn a_body_crosses_as_an_object_with_its_fields() {
    let (there, back) = (inward(&sums(Pass::Json), Format::Json), outward(&sums(Pass::Body), Format::Json));
    let wire = back.request_to_wire(1, request_body()).unwrap();
    assert_eq!(String::from_utf8(wire.clone()).unwrap(), r#"{"pid":4711,"a":40,"who":"me","x":0.5}"#);
    assert_eq!(there.request_to_queue(&wire).unwrap(), request_body());
    let reply = there.reply_from_queue(response_body(0)).unwrap();
    assert_eq!(String::from_utf8_lossy(&reply.payload), r#"{"status":0,"sum":42,"text":"done"}"#);
    assert_eq!(back.reply_to_local(1, &request_body(), travelled(&reply)).unwrap(), (0, response_body(0)));
    let asis = outward(&sums(Pass::Json), Format::Json);
    assert_eq!(asis.request_to_wire(1, wire.clone()).unwrap(), wire);
    assert!(there.request_to_queue(br#"{"a":1,"b":2}"#).is_err(), "there is no field b");
    assert!(back.request_to_wire(1, vec![0; 3]).is_err());
}

#[test]
fn fields_are_read_from_bodies_and_from_objects() {
    let body = outward(&sums(Pass::Body), Format::Raw);
    assert_eq!(["a", "who", "x", "b"].map(|name| body.field(1, &request_body(), name)), ["40", "me", "0.5", ""]);
    assert_eq!(body.field(1, b"", "a"), "");
    let json = outward(&sums(Pass::Json), Format::Json);
    let object = br#"{"a":40,"who":"me","at":[{"x":1},{"x":2}],"n":null}"#;
    let names = ["a", "who", "at[1].x", "at[2].x", "n", "b"];
    assert_eq!(names.map(|name| json.field(1, object, name)), ["40", "me", "2", "", "", ""]);
}

#[test]
fn a_failure_is_told_with_as_much_of_its_text_as_a_client_can_get() {
    let plain = outward(&side(Arc::default(), Pass::Text), Format::Raw);
    assert_eq!(plain.failure_room(), 255);
    assert_eq!(outward(&sums(Pass::Body), Format::Raw).failure_room(), 7);
    let told = |text: &str| Reply::not_run(text).cut_to(255).payload;
    assert_eq!(told("short"), b"not run: short");
    assert_eq!(told(&"x".repeat(300)).len(), 255);
    // Nothing is cut within a character.
    let text = format!("{}\u{e4}", "x".repeat(245));
    assert_eq!(told(&text).len(), 254);
    let answer = Reply { status: -1, payload: vec![b'x'; 300], ..Reply::default() };
    assert_eq!(answer.clone().cut_to(255), answer, "what another program says is its own");
}

proptest! {
    #[test]
    fn nothing_that_comes_over_the_wire_does_worse_than_an_error(
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        text in ".{0,40}",
        mtype: i64,
    ) {
        for local in [side(Arc::default(), Pass::Text), sums(Pass::Body), sums(Pass::Json)] {
            for format in [Format::Raw, Format::Json] {
                let (out, into) = (outward(&local, format), inward(&local, format));
                for payload in [payload.as_slice(), text.as_bytes()] {
                    let _ = out.request_to_wire(mtype, payload.to_vec());
                    let reply = Reply { payload: payload.to_vec(), is_whole: true, status: 1, failure: None };
                    let _ = out.reply_to_local(mtype, payload, reply);
                    let _ = out.field(mtype, payload, &text);
                    let _ = into.request_to_queue(payload);
                    let _ = into.reply_from_queue(payload.to_vec());
                }
            }
        }
    }

    #[test]
    fn any_text_can_be_in_headers(name in ".{0,20}", value in ".{0,40}") {
        let fields = vec![(name, value.clone())];
        let head = RequestHead { host: Some(value), fields, ..RequestHead::default() };
        let _ = RequestHead::read(Some(&head.to_headers()));
    }
}
