use super::header::HEADER_LIMIT;
use super::*;
use proptest::prelude::*;
use tokio::io::BufReader;

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The requests in these bytes, which come in as pieces of this length.
fn requests(version: Version, bytes: &[u8], piece: usize) -> (Vec<Request>, Option<FramingError>) {
    block(async {
        let mut reader = BufReader::with_capacity(piece, bytes);
        let mut read = Vec::new();
        loop {
            match read_request(&mut reader, version).await {
                Ok(Some(request)) => read.push(request),
                Ok(None) => return (read, None),
                Err(error) => return (read, Some(error)),
            }
        }
    })
}

fn hello(bytes: &[u8]) -> Result<Option<Version>, FramingError> {
    block(async { read_hello(&mut BufReader::new(bytes)).await })
}

fn request(id: u64, client: i64, deadline_ms: u64, mtype: Option<i64>, payload: &[u8]) -> Request {
    Request { id, client, deadline: Duration::from_millis(deadline_ms), mtype, payload: payload.to_vec() }
}

#[test]
fn requests_of_both_versions_are_read_one_after_the_other() {
    let bytes = b"request 7 4211 30000 5\nhellorequest 9 4300 29998 0\n";
    let expected = vec![request(7, 4211, 30_000, None, b"hello"), request(9, 4300, 29_998, None, b"")];
    let (read, error) = requests(Version::One, bytes, 3);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(read, expected);
    let (read, error) = requests(Version::Two, b"request 1 4714 30000 12 3\na\n\0", 64);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(read, [request(1, 4714, 30_000, Some(12), b"a\n\0")]);
}

#[test]
fn the_hello_tells_the_version_and_anything_else_is_shown() {
    assert_eq!(hello(b"msgqd-handler 1\n").unwrap(), Some(Version::One));
    assert_eq!(hello(Version::Two.hello()).unwrap(), Some(Version::Two));
    assert_eq!(hello(b"").unwrap(), None);
    let error = hello(b"GET / HTTP\x1b\n").unwrap_err().to_string();
    assert!(error.contains("GET / HTTP\\u{1b}\""), "{error}");
    assert!(matches!(hello(b"msgqd-handler 3\n"), Err(FramingError::NoHello(_))));
    assert!(matches!(hello(b"msgqd-hand"), Err(FramingError::ClosedWithin)));
}

#[test]
fn a_header_that_is_not_quite_right_is_refused() {
    for header in [
        "",
        "request",
        "request 1 2 3",
        "request 1 2 3 4 5",
        "request 0 2 3 0",
        "request 1 0 3 0",
        "request 1 2 0 0",
        "request 01 2 3 0",
        "request +1 2 3 0",
        "request 1  2 3 0",
        "request 1 2 3 0 ",
        "request 1 2 3 0\r",
        "Request 1 2 3 0",
        "request 1 9223372036854775808 3 0",
        "request 18446744073709551616 2 3 0",
    ] {
        let (read, error) = requests(Version::One, format!("{header}\n").as_bytes(), 64);
        assert!(read.is_empty() && matches!(error, Some(FramingError::BadHeader(_))), "{header:?}: {read:?} {error:?}");
    }
}

#[test]
fn the_limits_of_line_and_length_are_kept() {
    let longest = format!("request {} {} {} {} 0\n", u64::MAX, i64::MAX, u64::MAX, i64::MAX);
    assert!(longest.len() <= HEADER_LIMIT, "{}", longest.len());
    assert_eq!(requests(Version::Two, longest.as_bytes(), 64).0.len(), 1);
    let (_, error) = requests(Version::Two, &[b'x'; HEADER_LIMIT], 7);
    assert!(matches!(error, Some(FramingError::LongHeader { .. })), "{error:?}");
    let (_, error) = requests(Version::One, b"request 1 2 3 257\n", 64);
    assert!(matches!(error, Some(FramingError::HugeRequest { len: 257, limit: 256 })), "{error:?}");
    let (_, error) = requests(Version::Two, b"request 1 2 3 1 1048577\n", 64);
    assert!(matches!(error, Some(FramingError::HugeRequest { .. })), "{error:?}");
    let (_, error) = requests(Version::Two, b"request 1 2 3 1 1048576\nx", 64);
    assert!(matches!(error, Some(FramingError::ClosedWithin)), "{error:?}");
}

#[test]
fn an_answer_that_msgqd_could_not_read_becomes_an_error() {
    assert_eq!(encode_answer(7, -3, b"a\0b"), b"answer 7 -3 3\na\0b");
    let answer = encode_answer(7, 0, &vec![0; ANSWER_LIMIT + 1]);
    assert!(answer.starts_with(b"answer 7 -1 ") && answer.ends_with(b"bytes, and msgqd takes 1048576"));
}

proptest! {
    #[test]
    fn no_bytes_do_worse_than_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..40,
        begins_right: bool,
        is_second: bool,
    ) {
        let start: &[u8] = if begins_right { b"request 1 2 " } else { b"" };
        let version = if is_second { Version::Two } else { Version::One };
        let _ = requests(version, &[start, &bytes].concat(), piece);
        let _ = hello(&bytes);
    }

    #[test]
    fn a_request_is_the_same_however_it_is_cut_into_pieces(
        id in 1_u64..,
        client in 1_i64..,
        deadline_ms in 1_u64..,
        mtype in 1_i64..,
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..40,
    ) {
        let mut frame = format!("request {id} {client} {deadline_ms} {mtype} {}\n", payload.len()).into_bytes();
        frame.extend_from_slice(&payload);
        let (read, error) = requests(Version::Two, &frame, piece);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(read, [request(id, client, deadline_ms, Some(mtype), &payload)]);
    }
}
