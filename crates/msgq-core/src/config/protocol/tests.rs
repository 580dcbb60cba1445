#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use crate::config::{Config, Pass};
use crate::layout::protocol::{ClientKind, Protocol};

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("msgqd.toml", text).map_err(|error| error.to_string())
}

fn error(settings: &str) -> String {
    parse(settings).map(|config| config.protocol).unwrap_err()
}

const STRUCT: &str = "request = \"struct { long mtype; int op; pid_t pid; char name[64]; }\"\n";

#[test]
fn nothing_said_is_the_plain_protocol() {
    assert!(parse("").unwrap().protocol.is_plain());
    assert!(parse("[protocol]\npreset = \"plain\"").unwrap().protocol.is_plain());
    assert_eq!(*parse("[protocol]\npreset = \"echo-pid\"").unwrap().protocol, Protocol::echo_pid());
}

#[test]
fn all_settings_are_understood() {
    let config = parse(
        "[protocol]\n\
         request = \"struct { long mtype; int op; pid_t who; char name[LEN]; char more[8]; }\"\n\
         response = '''struct answer { long mtype; int op; int version; int result; char text[100]; }'''\n\
         constants = { LEN = 64 }\nclient = \"who\"\nclient_is = \"process\"\nrequest_types = [1, \"3..=5\"]\n\
         order = \"lowest type first\"\nresponse_type = { base = 1000 }\nbody = \"exact\"\n\
         response_length = \"text\"\nstatus = \"result\"\nrequest_text = \"name\"\nresponse_text = \"text\"\n\
         set = { version = 2 }\n[handler]\npass = \"text\"",
    )
    .unwrap();
    assert_eq!(config.protocol.request_types().highest(), 5);
    assert_eq!(config.protocol.response_mtype(77), 1077);
    assert_eq!((config.protocol.longest_request(0), config.protocol.longest_response(0)), (88, 112));
    assert_eq!(config.pass, Pass::Text);
}

#[test]
fn clients_may_be_numbers_in_every_protocol() {
    let declared = parse(&format!("[protocol]\n{STRUCT}client_is = \"number\"\nrequest_types = [1, 500]")).unwrap();
    let plain = parse("[protocol]\nclient_is = \"number\"").unwrap();
    for protocol in [declared.protocol, plain.protocol] {
        assert_eq!(protocol.client_kind(), ClientKind::Number);
        assert_eq!(protocol.client_of_response(1 << 40), Some(1 << 40));
    }
    assert_eq!(parse("").unwrap().protocol.client_of_response(1 << 40), None);
}

#[test]
fn an_error_in_a_declaration_points_into_the_file() {
    let error = error("[protocol]\nrequest = \"\"\"\nstruct {\n  long mtype;\n  int *next;\n}\"\"\"");
    assert!(error.starts_with("msgqd.toml:5:7: "), "{error}");
    assert!(error.contains("  int *next;") && error.contains('^'), "{error}");
    let escaped = self::error("[protocol]\nrequest = \"struct {\\n int *next; }\"");
    assert!(escaped.starts_with("msgqd.toml:2:11: ") && escaped.contains("line 2, column 6"), "{escaped}");
}

#[test]
fn what_cannot_be_is_said_with_its_reason() {
    let with = |more: &str| error(&format!("[protocol]\n{STRUCT}{more}"));
    let cases = [
        ("client = \"mtype\"", "the type of a request cannot name the client"),
        ("client = \"nobody\"", "there is no field `nobody`"),
        ("client = { field = \"name\", as = \"hex\" }", "a number in a text is decimal"),
        ("request_types = \"any\"", "requests cannot have any type"),
        ("request_types = [1, 500]", "answers to clients whose number is not above it"),
        ("request_types = []", "there is no type of requests"),
        ("request_types = [\"5-9\"]", "is no range"),
        ("order = \"lowest type first\"", "there is only one type"),
        ("request_types = [1, 2]\norder = \"arrival\"", "cannot be served in the order of their arrival"),
        ("response_type = \"request\"", "would be received as a request"),
        ("response_type = 5", "whose they are"),
        ("preset = \"plain\"", "with declarations there is no preset"),
        ("status = \"name\"", "the field `name` is no whole number"),
        ("set = { op = \"text\" }", "the field `op` takes"),
        ("set = { nothing = 1 }", "there is no field `nothing`"),
        ("client_is = \"device\"", "is not possible here"),
    ];
    for (more, expected) in cases {
        assert!(with(more).contains(expected), "{more}: {}", with(more));
    }
    assert!(error("[protocol]\nstatus = \"result\"").contains("status needs the declaration of a request"));
    let request = "request = \"struct { long mtype; int pid; }\"\n";
    let empty = error(&format!("[protocol]\n{request}response = \"struct {{ long mtype; }}\""));
    assert!(empty.contains("the answer has no body"), "{empty}");
}

#[test]
fn text_is_passed_only_where_there_is_one_both_ways() {
    let several = "[protocol]\nrequest = \"struct { long mtype; int pid; char a[4], b[4]; }\"\n";
    assert!(error(several).contains("have none, or several"), "{}", error(several));
    assert!(parse(&format!("{several}request_text = \"a\"\nresponse_text = \"b\"")).is_ok());
    assert_eq!(parse(&format!("{several}[handler]\npass = \"body\"")).unwrap().pass, Pass::Body);
    assert!(error("[handler]\npass = \"body\"").contains("the plain protocol passes text"));
}
