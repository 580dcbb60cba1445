use super::*;
use crate::queue::QueueKey;
use proptest::prelude::*;
use std::time::Duration;

fn error(text: &str) -> String {
    Config::parse("test.toml", text).unwrap_err().to_string()
}

#[test]
fn one_setting_says_which_queues_of_others_are_taken_over_for_both_queues() {
    let reply = "[protocol]\nreply = { key = 7 }\n";
    assert_eq!(Config::parse("t", reply).unwrap().queue.takeover, Takeover::Empty);
    for takeover in [Takeover::Refuse, Takeover::Empty, Takeover::Always] {
        let config = Config::parse("t", &format!("[queue]\ntakeover = {:?}\n{reply}", takeover.name())).unwrap();
        assert_eq!((config.queue.takeover, config.reply_queue.unwrap().takeover), (takeover, takeover));
    }
    let error = Config::parse("t", "[queue]\ntakeover = \"never\"\n").unwrap_err().to_string();
    assert!(error.contains("\"refuse\" or \"empty\" or \"always\""), "{error}");
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = Config::parse("test.toml", "").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.queue.key, KeySetting::Number(QueueKey::DEFAULT));
    assert_eq!((config.queue.mode, config.service.drain_timeout), (0o660, Duration::from_secs(5)));
}

#[test]
fn every_setting_is_read() {
    let config = Config::parse(
        "test.toml",
        "[queue]\nkey = 0x1234\nmode = \"0600\"\ngroup = \"users\"\nmax_bytes = 65536\n[service]\nworkers = 4\n\
         drain_timeout_ms = 100\noutbox_capacity = 64\nresponse_ttl_s = 7\n[handler]\nkind = \"echo\"\n[log]\nlevel = \"debug\"\n",
    )
    .unwrap();
    assert_eq!(config.queue.key.resolve().unwrap().raw(), 0x1234);
    assert_eq!(config.queue.mode, 0o600);
    assert_eq!(config.queue.group.as_deref(), Some("users"));
    assert_eq!(config.queue.max_bytes, Some(65536));
    assert_eq!(config.service.workers, Workers::Fixed(4));
    assert_eq!(config.service.drain_timeout, Duration::from_millis(100));
    assert_eq!(config.service.outbox_capacity, 64);
    assert_eq!(config.service.response_ttl, Duration::from_secs(7));
    assert_eq!(config.log.level, log::Level::Debug);
}

#[test]
fn where_nobody_is_answered_messages_are_handled_one_after_the_other_unless_more_is_asked_for() {
    let concurrency = |protocol: &str, more: &str| {
        let text = format!("[protocol]\n{protocol}\n[handler]\nkind = \"exec\"\ncommand = [\"a\"]\n{more}\n");
        let HandlerConfig::Exec(exec) = Config::parse("test.toml", &text).unwrap().handler else { panic!("not exec") };
        exec.max_concurrency
    };
    let one_way = "request = \"struct { long mtype; char line[64]; }\"\nreply = \"none\"";
    assert_eq!([concurrency("", ""), concurrency(one_way, ""), concurrency(one_way, "max_concurrency = 3")], [4, 1, 3]);
}

#[test]
fn every_kind_of_handler_is_read() {
    let handler = |text: &str| Config::parse("test.toml", &format!("[handler]\n{text}\n")).unwrap().handler;
    let HandlerConfig::Exec(exec) = handler(
        "kind = \"exec\"\ncommand = [\"a\", \"b\"]\nenvironment = { X = \"1\" }\nworking_directory = \"/\"\n\
         timeout_ms = 5\nkill_grace_ms = 6\nmax_concurrency = 7\noverlong = \"truncate\"",
    ) else {
        panic!("not exec")
    };
    assert_eq!((exec.program.command.len(), exec.max_concurrency, exec.overlong), (2, 7, Overlong::Truncate));
    assert_eq!((exec.timeout, exec.program.kill_grace), (Duration::from_millis(5), Duration::from_millis(6)));
    assert_eq!(exec.program.environment["X"], "1");
    let HandlerConfig::Worker(worker) =
        handler("kind = \"worker\"\ncommand = [\"a\"]\nstart_timeout_ms = 8\nmax_requests = 9\nidempotent = true")
    else {
        panic!("not worker")
    };
    assert_eq!((worker.start_timeout, worker.max_requests), (Duration::from_millis(8), Some(9)));
    assert!(worker.is_idempotent);
    let HandlerConfig::Unix(unix) =
        handler("kind = \"unix\"\nsocket = \"/s\"\nconnect_timeout_ms = 3\nuser = \"nobody\"")
    else {
        panic!("not unix")
    };
    assert_eq!((unix.connect_timeout, unix.user.as_deref()), (Duration::from_millis(3), Some("nobody")));
}

#[test]
fn a_setting_of_another_kind_of_handler_or_a_missing_one_is_an_error() {
    let handler = |text: &str| error(&format!("[handler]\n{text}\n"));
    for (text, part) in [
        ("socket = \"/s\"", "socket is no setting of the handler kind \"echo\""),
        ("kind = \"exec\"\ncommand = [\"a\"]\nidempotent = true", "write kind = \"worker\" or \"unix\""),
        ("kind = \"exec\"", "needs a command"),
        ("kind = \"unix\"", "needs a socket"),
        ("kind = \"unix\"\nsocket = \"s\"", "no absolute path"),
        ("kind = \"exec\"\ncommand = []", "empty"),
        ("kind = \"exec\"\ncommand = [\"a\"]\nenvironment = { \"A=B\" = \"1\" }", "cannot stand in an environment"),
        ("kind = \"exce\"", "write \"echo\" or \"exec\""),
    ] {
        let error = handler(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn what_becomes_of_the_queue_and_of_requests_in_hand_is_read() {
    let text = "[service]\non_crash = \"fail\"\non_stop = \"keep\"\non_failure = \"keep\"\n";
    let service = Config::parse("test.toml", text).unwrap().service;
    assert_eq!(
        (service.on_crash, service.on_stop, service.on_failure),
        (OnCrash::Fail, QueueFate::Keep, QueueFate::Keep)
    );
    assert!(error("[service]\non_stop = \"stay\"\n").contains("write \"remove\" or \"keep\""));
}

#[test]
fn a_key_may_be_text_or_come_from_a_file() {
    let key = |text: &str| Config::parse("test.toml", &format!("[queue]\nkey = {text}\n")).unwrap().queue.key;
    assert_eq!(key("\"0x12345678\"").resolve().unwrap(), QueueKey::DEFAULT);
    assert_eq!(key("0xffffffff").resolve().unwrap().raw(), -1);
    assert_eq!(key("{ path = \"/\", id = 65 }"), KeySetting::Path { path: "/".into(), id: 65 });
    assert!(key("{ path = \"/no/such/file\", id = 65 }").resolve().unwrap_err().to_string().contains("/no/such/file"));
}

#[test]
fn an_error_shows_file_line_column_and_a_caret_below_the_place() {
    assert_eq!(
        error("[queue]\nmode = \"0888\"\n"),
        "test.toml:2:8: \"0888\" is no octal file mode\n  |\n2 | mode = \"0888\"\n  |        ^^^^^^\n  = help: write it as \
         text in octal, for example mode = \"0660\": read and write for owner and group"
    );
}

#[test]
fn an_unknown_setting_names_the_nearest_one() {
    let error = error("[service]\nworker = 3\n");
    assert!(error.contains("test.toml:2:1: there is no setting worker"), "{error}");
    assert!(error.contains("did you mean workers?"), "{error}");
    assert!(error.contains("\n2 | worker = 3\n  | ^^^^^^"), "{error}");
}

#[test]
fn a_wrong_type_shows_its_place() {
    let error = error("[queue]\nmax_bytes = \"many\"\n");
    assert!(error.contains("test.toml:2:13:"), "{error}");
    assert!(error.contains("^^^^^^"), "{error}");
}

#[test]
fn bad_syntax_shows_its_place() {
    let error = error("[queue]\nkey = = 3\n");
    assert!(error.starts_with("test.toml:2:"), "{error}");
    assert!(error.contains("2 | key = = 3"), "{error}");
}

#[test]
fn values_out_of_range_say_what_is_allowed() {
    for (text, allowed) in [
        ("[service]\nworkers = 0", "1 to 256"),
        ("[service]\nworkers = \"many\"", "\"auto\""),
        ("[service]\ndrain_timeout_ms = -1", "0 to 3600000"),
        ("[service]\noutbox_capacity = 3", "64 to 65536"),
        ("[service]\nresponse_ttl_s = 0", "1 to"),
        ("[queue]\nmax_bytes = 100", "264 to"),
        ("[queue]\nkey = 0", "1 to 0xffffffff"),
        ("[queue]\nkey = 1.5", "1 to 0xffffffff"),
        ("[queue]\nkey = { path = \"/\" }", "id"),
        ("[queue]\nmode = 660", "as text in octal"),
        ("[queue]\nmode = \"0060\"", "octal"),
        ("[queue]\ngroup = \"\"", "existing group"),
        ("[handler]\nkind = \"magic\"", "echo"),
        ("[log]\nlevel = \"loud\"", "error, warn, info, debug, trace"),
    ] {
        let error = error(text);
        assert!(error.contains(allowed) && error.contains("test.toml:2:"), "{text}: {error}");
    }
}

#[test]
fn a_size_is_a_number_of_bytes_or_text_with_a_unit() {
    let size = |text: &str| Config::parse("test.toml", &format!("[queue]\nmax_bytes = {text}\n"));
    for (text, bytes) in
        [("264", 264), ("\"300\"", 300), ("\"256K\"", 262_144), ("\"1 MiB\"", 1 << 20), ("\"1G\"", 1 << 30)]
    {
        assert_eq!(size(text).unwrap().queue.max_bytes, Some(bytes), "{text}");
    }
    for text in
        ["\"256k8\"", "\"K\"", "\"iB\"", "\"5iB\"", "\"-1K\"", "\"1.5K\"", "\"2G\"", "\"18446744073709551615K\"", "[1]"]
    {
        assert!(size(text).unwrap_err().to_string().contains("for example max_bytes = \"256K\""), "{text}");
    }
}

#[test]
fn control_characters_in_a_line_are_escaped() {
    let error = error("[queue]\nkey = \u{1b}[31m\n");
    assert!(!error.contains('\u{1b}') && error.contains("\\u{1b}"), "{error}");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let load = |path: &Path| Config::load(path).unwrap_err().to_string();
    assert!(load(Path::new("/no/such/file")).contains("No such file"));
    assert!(load(directory.path()).contains("directory"));
    let file = directory.path().join("file");
    std::fs::write(&file, b"key = \xff").unwrap();
    assert!(load(&file).contains("not UTF-8"));
    std::fs::write(&file, vec![b'#'; 2 << 20]).unwrap();
    assert!(load(&file).contains("1 MiB"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}|[\\[\\]a-z_=\" 0-9\\n\\t\\u{1b}é]{0,200}") {
        if let Err(error) = Config::parse("test.toml", &text) {
            let shown = error.to_string();
            let has_escape = shown.contains('\u{1b}');
            prop_assert!(!has_escape);
        }
    }

    #[test]
    fn no_value_panics(name in "(queue|service|log|handler)\\.[a-z_]{1,12}", value in "[\\PC]{0,40}") {
        let _ = Config::parse("test.toml", &format!("{name} = {value}")).map_err(|error| error.to_string());
    }

    #[test]
    fn no_span_panics(text in "[aé€😀\\n\\r\\t]{0,20}", start in 0_usize..60, len in 0_usize..60) {
        let _ = ConfigError::at("test.toml", &text, start..start + len, "message", None).to_string();
    }
}

#[test]
fn parts_are_for_handlers_whose_answers_have_room_for_a_piece_and_a_reader() {
    let handler = "[handler]\nkind = \"exec\"\ncommand = [\"true\"]\noverlong = \"parts\"\n";
    let own = "request = \"struct { long mtype; int msqid; char text[64]; }\"\n\
               response = \"struct { long mtype; char data[1000]; }\"\nresponse_length = \"text\"\n\
               reply = \"private\"\nreply_to = \"msqid\"\n";
    let parse =
        |protocol: &str, more: &str| Config::parse("test.toml", &format!("[protocol]\n{protocol}{handler}{more}"));
    let types =
        parse(&format!("{own}part_types = {{ data = 2, end = 3, error = 1 }}\n"), "").unwrap().protocol.part_types();
    assert_eq!(types.map(|types| (types.data, types.end, types.last, types.error)), Some((2, Some(3), None, 1)));
    assert_eq!(parse("", "").unwrap().handler.overlong(), Overlong::Parts);
    for kind in ["kind = \"worker\"\ncommand = [\"true\"]", "kind = \"unix\"\nsocket = \"/run/s\""] {
        let text = format!("[handler]\n{kind}\noverlong = \"parts\"\n");
        assert_eq!(Config::parse("test.toml", &text).unwrap().handler.overlong(), Overlong::Parts);
    }
    let refused = |protocol: &str, more: &str| parse(protocol, more).unwrap_err().to_string();
    let has = |error: String, words: &str| assert!(error.contains(words), "{error}");
    has(refused("reply = \"none\"\n", ""), "nobody gets an answer");
    let struct_of_own = own.replace("response_length = \"text\"\n", "");
    has(refused(&struct_of_own, "pass = \"json\"\n"), "an answer of fields is one message");
    has(refused(&struct_of_own, "pass = \"body\"\n"), "response_length = \"text\"");
    has(refused(&own.replace("\"text\"\nreply", "\"request\"\nreply"), ""), "as long as its request");
    let typed = |types: &str| refused(&format!("{own}part_types = {types}\n"), "");
    has(typed("{ data = 2, error = 1 }"), "either an empty message");
    has(typed("{ data = 2, end = 3, last = 4, error = 1 }"), "either an empty message");
    has(typed("{ data = 2, end = 2, error = 1 }"), "a type of its own");
    has(typed("{ data = 0, end = 3, error = 1 }"), "data is no type");
    has(typed("{ data = 2, end = 3 }"), "which type error is");
    has(typed("{ data = 2, end = 3, error = 1, ende = 4 }"), "there is no ende here");
    let shared = own.replace("reply = \"private\"\nreply_to = \"msqid\"\n", "client = \"msqid\"\n");
    let shared = format!("{shared}part_types = {{ data = 2, end = 3, error = 1 }}\n");
    has(refused(&shared, ""), "says whose it is");
    let whole =
        Config::parse("test.toml", &format!("[protocol]\n{own}part_types = {{ data = 2, end = 3, error = 1 }}\n"));
    has(whole.unwrap_err().to_string(), "answers go out whole");
}
