use super::*;
use msgq_core::layout::encode_request;

const HOSTILE: &[u8] = b"\x1b[2J\nroot# \xe2\x80\xae \xff \\ and more than fits";

/// A request, a response, an error for a dead client, and junk in four shapes.
fn mixed_queue(living: &Sleeper) -> (DaemonBuilder, Queue) {
    let (builder, queue) = queue_of_dead_msgqd();
    queue.try_send(REQUEST_MTYPE, &encode_request(living.pid(), HOSTILE)).unwrap();
    put(&queue, living.pid().into(), 1);
    queue.try_send(dead_pid().into(), Response::new(-1, HOSTILE, BODY_LEN_LP64).as_bytes()).unwrap();
    queue.try_send(REQUEST_MTYPE, b"abc").unwrap();
    queue.try_send(REQUEST_MTYPE, &encode_request(1, b"init")).unwrap();
    queue.try_send(living.pid().into(), b"short").unwrap();
    queue.try_send(i64::MAX, &[0x9b; 200]).unwrap();
    (builder, queue)
}

#[test]
fn peek_tells_what_each_message_is_and_takes_none() {
    let living = Sleeper::start();
    let (builder, queue) = mixed_queue(&living);
    let before = queue.stat().unwrap();
    let report = json(&builder, &["peek"]);
    assert_eq!(queue.stat().unwrap(), before);
    assert_eq!((&report["is_complete"], &report["matched"]), (&Value::from(true), &Value::from(7)));
    let rows = report["messages"].as_array().unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["request", "response", "response", "junk", "junk", "junk", "junk"]);
    let indices: Vec<_> = rows.iter().map(|row| row["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, (0..7).collect::<Vec<_>>());
    assert_eq!((&rows[0]["pid"], &rows[0]["program"]), (&Value::from(living.pid()), &Value::from("sleep")));
    assert_eq!((&rows[0]["state"], &rows[0]["bytes"]), (&Value::from("alive"), &Value::from(264)));
    assert_eq!((&rows[2]["state"], &rows[2]["status"]), (&Value::from("dead"), &Value::from(-1)));
    assert_eq!((&rows[3]["pid"], &rows[6]["mtype"]), (&Value::Null, &Value::from(i64::MAX)));
}

#[test]
fn text_of_clients_is_escaped_and_80_columns_suffice() {
    let living = Sleeper::start();
    let (builder, _queue) = mixed_queue(&living);
    for arguments in [["peek"].as_slice(), &["--json", "peek"], &["peek", "--full"]] {
        let stdout = ends_with(OK, &builder, arguments).stdout;
        let is_harmless = |character: char| character == '\n' || (' '..='~').contains(&character);
        assert!(stdout.chars().all(is_harmless), "{stdout:?}");
        if arguments.len() == 1 {
            assert!(stdout.lines().all(|line| line.len() <= 80), "{stdout}");
            assert!(stdout.contains("\\u{1b}[2J"), "{stdout}");
        } else {
            assert!(stdout.contains("and more than fits"), "{stdout}");
        }
    }
}

#[test]
fn peek_shows_only_the_type_or_client_that_was_asked_for() {
    let living = Sleeper::start();
    let (builder, _queue) = mixed_queue(&living);
    let pid = living.pid().to_string();
    let indices = |arguments: &[&str]| -> Vec<u64> {
        let report = json(&builder, &[&["peek"], arguments].concat());
        report["messages"].as_array().unwrap().iter().map(|row| row["index"].as_u64().unwrap()).collect()
    };
    assert_eq!(indices(&["--type", "1"]), [0, 3, 4]);
    assert_eq!(indices(&["--type", &pid]), [1, 5]);
    assert_eq!(indices(&["--pid", &pid]), [0, 1, 5]);
    assert_eq!(indices(&["--pid", &pid, "--type", "1"]), [0]);
    assert_eq!(indices(&["--limit", "2"]), [0, 1]);
    let text = ends_with(OK, &builder, &["peek", "--limit", "2"]).stdout;
    assert!(text.contains("2 of 7 messages shown"), "{text}");
    assert!(ends_with(OK, &builder, &["peek", "--type", "9"]).stdout.contains("no such message"));
    for wrong in [["--type", "0"], ["--pid", "1"], ["--limit", "x"]] {
        ends_with(USAGE, &builder, &["peek", wrong[0], wrong[1]]);
    }
}

#[test]
fn peek_into_a_flooded_queue_ends_and_says_that_there_may_be_more() {
    let (key, queue) = idle_queue();
    let flood = (0..20_000).take_while(|_| queue.try_send(1_000_000, b"").is_ok()).count();
    assert!(flood > 5000, "the queue holds only {flood} empty messages");
    let text = ends_with(OK, key.key(), &["peek", "--limit", "5"]).stdout;
    assert!(text.contains("there may be more") && text.contains("5 of "), "{text}");
    assert!(text.lines().count() <= 8, "{text}");
    assert_eq!(usize::try_from(queue.stat().unwrap().messages), Ok(flood));
}
