use super::*;
use crate::subject::Template;
use std::time::Duration;

const OUT: &str = "[[out]]\nname = \"orders\"\nsocket = \"/run/o.socket\"\nsubject = \"orders.{host}.{type}\"\n";
const IN: &str = "[[in]]\nname = \"legacy\"\nsubject = \"legacy.>\"\nkey = 0x1234\n";
const DECLARED: &str = "[protocol]\nrequest = \"struct { long mtype; pid_t pid; int op; char user[8]; }\"\n\
                        [handler]\nkind = \"echo\"\npass = \"body\"\n";
const ONE_WAY: &str = "[protocol]\nrequest = \"struct { long mtype; int op; }\"\nreply = \"none\"\n\
                       [handler]\nkind = \"echo\"\npass = \"body\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("nats.toml", text)
}

#[track_caller]
fn refused(text: &str, line: usize, column: usize, words: &str) {
    let error = parse(text).unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!((error.line(), error.column()), (Some(line), Some(column)), "{error}");
}

/// A file of msgqd with this text, and the line that names it.
fn msgqd_config(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("msgqd.toml");
    std::fs::write(&file, text).unwrap();
    (directory, format!("config = {file:?}\n"))
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = parse(&format!("{OUT}{IN}")).unwrap();
    assert_eq!(config.nats.servers, ["nats://127.0.0.1:4222"]);
    assert_eq!(config.nats.authentication, Authentication::None);
    assert_eq!(config.nats.connect_timeout, Duration::from_millis(5000));
    assert_eq!(config.gateway.drain_timeout, Duration::from_millis(10_000));
    assert!(!config.gateway.host.is_empty());
    let out = &config.out[0];
    assert_eq!((out.user.as_str(), out.max_in_flight, out.format), ("msgqd", 64, Format::Raw));
    assert_eq!(out.subject, Template::parse("orders.{host}.{type}").unwrap());
    let inward = &config.inward[0];
    assert_eq!((inward.queue_group.as_str(), inward.clients, inward.mtype), ("legacy", 8, 1));
    assert_eq!((inward.timeout, inward.max_pending), (Duration::from_millis(5000), 1024));
}

#[test]
fn an_unknown_setting_is_an_error_with_its_place() {
    refused(&format!("[nats]\nserver = \"x\"\n{OUT}"), 2, 1, "server");
    refused(&format!("{OUT}max_inflight = 3\n"), 5, 1, "max_inflight");
    refused(&format!("{IN}\n[oops]\n"), 6, 2, "oops");
}

#[test]
fn a_wrong_value_is_an_error_with_its_place_and_help() {
    refused(&format!("{OUT}max_in_flight = 0\n"), 5, 17, "write a number from 1 to 65536");
    refused(&format!("[nats]\nservers = [\"http://x\"]\n{OUT}"), 2, 11, "no URL of a server");
    refused(&format!("[nats]\nservers = [\"nats://u:p@x\"]\n{OUT}"), 2, 11, "write user =");
    refused(&format!("[nats]\nuser = \"u\"\n{OUT}"), 2, 8, "a user needs a password");
    refused(&format!("[nats]\nnkey = \"/a\"\ncredentials = \"/b\"\n{OUT}"), 2, 8, "two ways");
    refused(&format!("[nats]\ntls_key = \"/a\"\n{OUT}"), 2, 11, "go together");
    refused(&format!("[nats]\ntls_ca = \"a\"\n{OUT}"), 2, 10, "no absolute path");
    refused(&format!("[gateway]\nmetrics = \"here\"\n{OUT}"), 2, 11, "no address");
    refused(&OUT.replace("{type}", "{typ}"), 4, 11, "no part {typ}");
    refused(&OUT.replace("orders\"", "Orders\""), 2, 8, "no name of a route");
    refused(&IN.replace("legacy.>", "legacy.>.x"), 3, 11, "behind >");
    refused(&format!("{OUT}format = \"xml\"\n"), 5, 10, "no format");
    refused(&format!("{IN}mtype = 2\n"), 5, 9, "no type of a request");
}

/// Words of the libraries that read TOML, which tell a person nothing.
const JARGON: [&str; 13] = [
    "i64",
    "i128",
    "expected",
    "invalid type",
    "floating",
    "float",
    "sequence",
    "boolean",
    "struct",
    "digit",
    "map",
    "missing field",
    "unknown field",
];

#[track_caller]
fn is_told_in_plain_words(text: &str, words: &str) {
    let error = parse(text).unwrap_err().to_string();
    assert!(error.contains(words), "{text}: {error}");
    assert!(error.contains(" = help: "), "{text}: {error}");
    let found = JARGON.iter().find(|jargon| error.contains(**jargon));
    assert_eq!(found, None, "{text}: {error}");
}

#[test]
fn a_value_of_another_type_is_told_in_plain_words() {
    for (line, words) in [
        ("servers = 5", "servers = [\""),
        ("servers = \"nats://x\"", "servers = [\""),
        ("servers = [5]", "servers = [\""),
        ("user = 5", "write it as text, in quotes: user = \""),
        ("tls_required = \"yes\"", "write true or false"),
        ("connect_timeout_ms = \"5s\"", "write a number from 1 to 86400000"),
        ("connect_timeout_ms = 1.5", "write a number from 1 to 86400000"),
        ("reconnect_max_pause_ms = 99999999999999999999", "99999999999999999999 is too large"),
        ("server = \"x\"", "there is no setting server"),
        ("server = \"x\"", "did you mean servers?"),
    ] {
        is_told_in_plain_words(&format!("[nats]\n{line}\n{OUT}"), words);
    }
    for (line, words) in [
        ("host = 5", "write it as text, in quotes: host = \""),
        ("drain_timeout_ms = true", "write a number from 1 to 86400000"),
        ("metrics = 9443", "write it as text, in quotes: metrics = \""),
        ("metrics_socket = [\"/x\"]", "write it as text, in quotes: metrics_socket = \""),
    ] {
        is_told_in_plain_words(&format!("[gateway]\n{line}\n{OUT}"), words);
    }
    for (line, words) in [
        ("max_in_flight = \"3\"", "write a number from 1 to 65536"),
        ("fields = \"op\"", "fields = [\""),
        ("fields = [\"op\", 3]", "fields = [\""),
        ("format = 1", "write it as text, in quotes: format = \""),
        ("create_stream = \"yes\"", "write true or false"),
        ("duplicate_window_s = \"2m\"", "write a number from 1 to 86400"),
        ("foo = 1", "known here: name, socket"),
    ] {
        is_told_in_plain_words(&format!("{OUT}{line}\n"), words);
    }
    for (line, words) in [
        ("clients = \"x\"", "write a number from 1 to 1024"),
        ("timeout_ms = 2.5", "write a number from 1 to 86400000"),
        ("max_pending = false", "write a number from 1 to 1000000"),
        ("mtype = \"x\"", "is no type of a request"),
        ("queue_group = 3", "write it as text, in quotes: queue_group = \""),
    ] {
        is_told_in_plain_words(&format!("{IN}{line}\n"), words);
    }
    is_told_in_plain_words(&OUT.replace("\"orders\"", "5"), "name = 5 is not text");
    is_told_in_plain_words(&IN.replace("0x1234", "true"), "this is no key of a queue");
    is_told_in_plain_words(&IN.replace("0x1234", ""), "there is no value");
    is_told_in_plain_words(&IN.replace("0x1234", "abc"), "abc is no value");
}

#[test]
fn a_section_that_is_none_is_told_in_plain_words() {
    for (text, words) in [
        ("nats = 3\n", "write [nats] on a line of its own"),
        ("[[gateway]]\n", "write [gateway] on a line of its own"),
        ("out = 1\n", "write [[out]] on a line of its own"),
        ("[in]\nname = \"x\"\n", "write [[in]] on a line of its own"),
        ("out = [1]\n", "write [[out]] on a line of its own"),
        ("[[route]]\n", "nown here: nats, gateway, out, in"),
    ] {
        is_told_in_plain_words(text, words);
    }
}

#[test]
fn what_a_route_must_say_and_does_not_is_told_with_its_place() {
    for setting in ["name", "socket", "subject"] {
        let without: String =
            OUT.lines().filter(|line| !line.starts_with(setting)).map(|line| format!("{line}\n")).collect();
        let text = format!("{IN}{without}");
        refused(&text, 5, 1, &format!("this route has no {setting}"));
        is_told_in_plain_words(&text, &format!("write {setting} = \""));
    }
}

#[test]
fn routes_share_neither_name_nor_socket() {
    refused(&format!("{OUT}{}", OUT.replace("orders\"", "other\"")), 7, 10, "another socket");
    refused(&format!("{OUT}{}", IN.replace("legacy\"", "orders\"")), 6, 8, "another route");
    refused("[nats]\n", 1, 1, "no route");
}

#[test]
fn a_route_in_needs_one_queue() {
    refused(&IN.replace("key = 0x1234\n", ""), 2, 8, "names no queue");
    refused(&format!("{IN}config = \"/x\"\n"), 4, 7, "both config and key");
    refused(&IN.replace("0x1234", "0"), 4, 7, "no key of a queue");
    assert!(parse(&IN.replace("0x1234", "0xffffffff")).is_ok());
}

#[test]
fn fields_are_those_of_the_declared_request() {
    let (_directory, config) = msgqd_config(DECLARED);
    let with = |line: &str| format!("{OUT}{config}{line}");
    let route = parse(&with("fields = [\"op\", \"user\"]\n")).unwrap().out.remove(0);
    assert_eq!(route.fields, ["op", "user"]);
    refused(&with("fields = [\"op\", \"usr\"]\n"), 6, 17, "no field `usr`");
    refused(&with("").replace("{type}", "{field:x}"), 4, 11, "no field `x`");
    refused(&format!("{OUT}fields = [\"op\"]\n"), 5, 11, "the plain protocol has no field");
}

#[test]
fn json_that_msgqd_makes_is_not_called_raw() {
    let (_directory, config) = msgqd_config(&DECLARED.replace("\"body\"", "\"json\""));
    refused(&format!("{OUT}{config}"), 5, 10, "passes JSON");
    assert!(parse(&format!("{OUT}{config}format = \"json\"\n")).is_ok());
}

#[test]
fn one_way_messages_need_a_stream_and_others_have_none() {
    let (_directory, config) = msgqd_config(ONE_WAY);
    refused(&format!("{OUT}{config}"), 2, 8, "needs a stream");
    refused(&format!("{OUT}stream = \"S\"\n"), 5, 10, "this protocol has answers");
    refused(&format!("{OUT}create_stream = true\n"), 5, 17, "has no stream");
    let route = parse(&format!("{OUT}{config}stream = \"S\"\ncreate_stream = true\n")).unwrap().out.remove(0);
    let expected = OutStream { name: "S".to_owned(), create: true, duplicate_window: Duration::from_secs(120) };
    assert_eq!(route.stream, Some(expected));
    refused(&format!("{OUT}{config}stream = \"a b\"\n"), 6, 10, "no name");
}

#[test]
fn an_error_in_the_file_of_msgqd_is_told_with_its_own_place() {
    let (_directory, config) = msgqd_config("[queue]\nkye = 1\n");
    refused(&format!("{OUT}{config}"), 5, 10, "msgqd.toml:2:1");
}
