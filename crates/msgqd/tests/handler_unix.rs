//! The handler of a service on a Unix socket, driven through its trait, with services that work and that fail.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use msgq_core::config::{HandlerConfig, Overlong, UnixConfig};
use msgqd::handler::{Handler, Outcome};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use support::*;
use tempfile::TempDir;

/// One connection from the service's side.
struct Conversation {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Conversation {
    fn say(&mut self, bytes: &[u8]) {
        let _ = self.writer.write_all(bytes);
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok().filter(|len| *len > 0).map(|_| line)
    }

    fn hello(&mut self) {
        assert_eq!(self.line().as_deref(), Some("msgqd-handler 1\n"));
        self.say(b"msgqd-handler 1\n");
    }

    fn request(&mut self) -> Option<(u64, Vec<u8>)> {
        let header = self.line()?;
        let fields: Vec<&str> = header.split_whitespace().collect();
        let mut text = vec![0; fields[4].parse().unwrap()];
        self.reader.read_exact(&mut text).ok()?;
        Some((fields[1].parse().unwrap(), text))
    }

    fn answer(&mut self, id: u64, text: &[u8]) {
        let mut frame = format!("answer {id} 0 {}\n", text.len()).into_bytes();
        frame.extend_from_slice(text);
        self.say(&frame);
    }

    fn echo(&mut self) {
        while let Some((id, text)) = self.request() {
            self.answer(id, &text);
        }
    }

    /// Stays, and says nothing, until the other side leaves.
    fn linger(&mut self) {
        let _ = self.reader.read_to_end(&mut Vec::new());
    }
}

/// A service in a thread. Dropped, it is as if it were killed: all its connections are cut.
struct Service {
    path: PathBuf,
    connections: Arc<Mutex<Vec<UnixStream>>>,
    accepted: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Service {
    fn start(path: &Path, behave: impl Fn(&mut Conversation) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (connections, accepted) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let is_over = Arc::new(AtomicBool::new(false));
        let (kept, counted, over, behave) =
            (Arc::clone(&connections), Arc::clone(&accepted), Arc::clone(&is_over), Arc::new(behave));
        let acceptor = thread::spawn(move || {
            let mut served = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                kept.lock().unwrap().push(stream.try_clone().unwrap());
                let behave = Arc::clone(&behave);
                served.push(thread::spawn(move || {
                    let reader = BufReader::new(stream.try_clone().unwrap());
                    behave(&mut Conversation { reader, writer: stream.try_clone().unwrap() });
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                }));
            }
            drop(listener);
            for thread in served {
                thread.join().unwrap();
            }
        });
        Self { path: path.to_owned(), connections, accepted, is_over, acceptor: Some(acceptor) }
    }

    fn echo(path: &Path) -> Self {
        Self::start(path, |conversation| {
            conversation.hello();
            conversation.echo();
        })
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    fn cut_connections(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(&self.path);
        let _ = fs::remove_file(&self.path);
        let acceptor = self.acceptor.take().unwrap();
        while !acceptor.is_finished() {
            self.cut_connections();
            thread::sleep(Duration::from_millis(1));
        }
        let _ = acceptor.join();
    }
}

fn settings(socket: &Path) -> UnixConfig {
    UnixConfig {
        socket: socket.to_owned(),
        max_concurrency: 1,
        connect_timeout: LIMIT,
        timeout: LIMIT,
        user: None,
        is_idempotent: false,
        overlong: Overlong::Error,
    }
}

fn upstream(settings: &UnixConfig) -> Arc<dyn Handler> {
    build(&HandlerConfig::Unix(settings.clone()))
}

fn place() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    (directory, path)
}

#[test]
fn every_byte_value_a_full_text_and_an_empty_one_go_to_a_service_and_back() {
    let _guard = with_others();
    let (_directory, path) = place();
    let _service = Service::start(&path, |conversation| {
        conversation.hello();
        while let Some((id, text)) = conversation.request() {
            let answer = if text.len() == 256 { b"256".to_vec() } else { text };
            conversation.answer(id, &answer);
        }
    });
    let handler = upstream(&settings(&path));
    let every: Vec<u8> = (1..=255).collect();
    assert_eq!(ask(&handler, &every).text(), every);
    assert_eq!(summary(&ask(&handler, &[b'x'; 256])), done("256"));
    assert_eq!(summary(&ask(&handler, b"")), done(""));
}

#[test]
fn many_clients_share_no_more_connections_than_allowed_and_each_gets_its_own_answer() {
    let _guard = with_others();
    let (_directory, path) = place();
    let service = Service::echo(&path);
    let handler = upstream(&UnixConfig { max_concurrency: 3, ..settings(&path) });
    assert_eq!((handler.concurrency(), service.accepted()), (3, 0));
    thread::scope(|scope| {
        for client in 0..20 {
            let handler = &handler;
            scope.spawn(move || {
                for round in 0..50 {
                    let asked = format!("{client}/{round}");
                    assert_eq!(summary(&ask(handler, asked.as_bytes())), done(&asked));
                }
            });
        }
    });
    assert!((1..=3).contains(&service.accepted()), "{}", service.accepted());
    handler.stop(Instant::now() + LIMIT);
    let sentence = "not run: the handler ends";
    assert_eq!(summary(&ask(&handler, b"text")), failed(Outcome::Unavailable, sentence));
}

#[test]
fn one_client_after_another_needs_one_connection() {
    let _guard = with_others();
    let (_directory, path) = place();
    let service = Service::echo(&path);
    let handler = upstream(&UnixConfig { max_concurrency: 5, ..settings(&path) });
    for _ in 0..20 {
        assert_eq!(summary(&ask(&handler, b"text")), done("text"));
    }
    assert_eq!(service.accepted(), 1);
}

/// What a client hears while the handler is down, without "not run: socket PATH: ".
fn down_sentence(settings: &UnixConfig) -> String {
    let handler = upstream(settings);
    let reply = ask(&handler, b"text");
    assert_eq!((reply.status(), reply.outcome()), (-1, Outcome::Unavailable), "{}", text(&reply));
    let path = settings.socket.display();
    let trouble = handler.trouble().unwrap();
    assert!(trouble.starts_with(&format!("the service on socket {path} is down after ")), "{trouble}");
    handler.stop(Instant::now() + LIMIT);
    let text = text(&reply);
    let sentence = text.strip_prefix(&format!("not run: socket {path}: "));
    assert!(sentence.is_some(), "{text}");
    sentence.unwrap().to_owned()
}

#[test]
fn each_way_to_be_unreachable_has_its_own_sentence() {
    let _guard = with_others();
    let (directory, path) = place();
    assert_eq!(down_sentence(&settings(&path)), "there is no socket (ENOENT); is the service started?");

    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(down_sentence(&settings(&path)), "nobody listens on it (ECONNREFUSED); is the service started?");

    let datagrams = directory.path().join("datagrams");
    let _datagrams = std::os::unix::net::UnixDatagram::bind(&datagrams).unwrap();
    assert_eq!(down_sentence(&settings(&datagrams)), "it is no stream socket (EPROTOTYPE)");

    let silent = directory.path().join("silent");
    let _silent = Service::start(&silent, Conversation::linger);
    let impatient = UnixConfig { connect_timeout: Duration::from_millis(200), ..settings(&silent) };
    assert_eq!(down_sentence(&impatient), "the service did not say hello within 200 ms");

    // A connection that nobody accepts is made all the same, as long as there is room for it.
    let deaf = directory.path().join("deaf");
    let _deaf = UnixListener::bind(&deaf).unwrap();
    let impatient = UnixConfig { connect_timeout: Duration::from_millis(200), ..settings(&deaf) };
    assert_eq!(down_sentence(&impatient), "the service did not say hello within 200 ms");

    let full = directory.path().join("full");
    let listener = listener_without_room(&full);
    let _waiting = UnixStream::connect(&full).unwrap();
    let impatient = UnixConfig { connect_timeout: Duration::from_millis(200), ..settings(&full) };
    assert_eq!(down_sentence(&impatient), "there was no room for one more connection within 200 ms");
    drop(listener);
}

/// Has room for a single connection that waits to be accepted.
fn listener_without_room(path: &Path) -> std::os::fd::OwnedFd {
    use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
    use std::os::fd::AsRawFd;
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(socket.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
    listen(&socket, Backlog::new(0).unwrap()).unwrap();
    socket
}

#[test]
fn a_hello_that_is_none_has_its_own_sentence() {
    let _guard = with_others();
    for (said, sentence) in [
        (&b""[..], "the service closed the connection before it said hello"),
        (b"msgqd-h", "the service closed the connection before it said hello"),
        (b"msgqd-handler 7\n", "the service speaks version 7 of the handler protocol, and this daemon version 1"),
        (b"220 mail ESMTP\r\n", "the service said \"220 mail ESMTP\\r\" instead of \"msgqd-handler 1\""),
    ] {
        let (_directory, path) = place();
        let _service = Service::start(&path, move |conversation| conversation.say(said));
        assert_eq!(down_sentence(&settings(&path)), sentence);
    }
}

#[test]
fn only_the_configured_user_is_asked() {
    let _guard = with_others();
    let (_directory, path) = place();
    let service = Service::echo(&path);
    let own = nix::unistd::getuid().as_raw();
    let right = upstream(&UnixConfig { user: Some(own.to_string()), ..settings(&path) });
    assert_eq!(summary(&ask(&right, b"text")), done("text"));
    let sentence = down_sentence(&UnixConfig { user: Some((own + 1).to_string()), ..settings(&path) });
    let expected = format!("uid {own} listens on it (PID {}), and not uid {}", std::process::id(), own + 1);
    assert!(sentence.starts_with(&expected), "{sentence}");
    drop(service);
}

/// A service that does `on_bad` when it is asked "bad", and answers the number of the connection otherwise.
fn with_bad(path: &Path, on_bad: impl Fn(&mut Conversation, u64) + Send + Sync + 'static) -> Service {
    let number = AtomicUsize::new(1);
    Service::start(path, move |conversation| {
        let own = number.fetch_add(1, Ordering::SeqCst).to_string();
        conversation.hello();
        while let Some((id, text)) = conversation.request() {
            if text == b"bad" {
                return on_bad(conversation, id);
            }
            conversation.answer(id, own.as_bytes());
        }
    })
}

type Misdeed = fn(&mut Conversation, u64);

#[test]
fn whatever_breaks_the_outcome_is_unknown_and_another_connection_serves_the_next_request() {
    let _guard = with_others();
    let ways: [(Misdeed, &str); 5] = [
        (|_, _| (), "ended before it answered"),
        (
            |conversation, id| conversation.say(format!("answer {id} 0 10\nhalf").as_bytes()),
            "ended in the middle of its answer",
        ),
        (|conversation, _| conversation.say(b"ans"), "ended in the middle of its answer"),
        (
            |conversation, id| {
                conversation.answer(id + 1, b"other");
                conversation.linger();
            },
            "answered request ",
        ),
        (
            |conversation, id| {
                conversation.say(format!("answer {id} 0 1\naanswer {id} 0 1\nb").as_bytes());
                conversation.linger();
            },
            "wrote more bytes than it announced, or two answers",
        ),
    ];
    for (how, sentence) in ways {
        let (_directory, path) = place();
        let _service = with_bad(&path, how);
        let handler = upstream(&settings(&path));
        assert_eq!(summary(&ask(&handler, b"number")), done("1"), "{sentence}");
        let reply = ask(&handler, b"bad");
        assert_eq!((reply.status(), reply.outcome()), (-1, Outcome::Broken), "{sentence}");
        assert!(text(&reply).starts_with(&format!("outcome unknown: the service {sentence}")), "{}", text(&reply));
        assert_eq!(summary(&ask(&handler, b"number")), done("2"), "{sentence}");
        let lines: Vec<String> =
            logged(path.to_str().unwrap()).into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
        assert!(lines.len() == 1 && lines[0].starts_with("WARN") && lines[0].contains(sentence), "{lines:?}");
    }
}

#[test]
fn a_service_that_is_silent_is_waited_for_until_the_deadline() {
    let _guard = with_others();
    let (_directory, path) = place();
    let _service = with_bad(&path, |conversation, _| conversation.linger());
    let timeout = Duration::from_millis(300);
    let handler = upstream(&UnixConfig { timeout, is_idempotent: true, ..settings(&path) });
    let sentence = "outcome unknown: the service did not answer within the time limit of 300 ms";
    assert_eq!(summary(&ask(&handler, b"bad")), failed(Outcome::TimedOut, sentence));
    ask_until_done(&handler, b"number");
}

#[test]
fn a_request_that_was_sent_is_repeated_only_when_it_is_idempotent() {
    let _guard = with_others();
    for (idempotent, expected) in
        [(true, done("2")), (false, failed(Outcome::Broken, "outcome unknown: the service ended before it answered"))]
    {
        let (_directory, path) = place();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let _service = Service::start(&path, move |conversation| {
            conversation.hello();
            while let Some((id, _)) = conversation.request() {
                let run = counted.fetch_add(1, Ordering::SeqCst) + 1;
                if run == 1 {
                    return;
                }
                conversation.answer(id, run.to_string().as_bytes());
            }
        });
        let handler = upstream(&UnixConfig { is_idempotent: idempotent, ..settings(&path) });
        assert_eq!(summary(&ask(&handler, b"text")), expected);
        assert_eq!(runs.load(Ordering::SeqCst), if idempotent { 2 } else { 1 });
    }
}

#[test]
fn connections_that_the_service_closed_while_they_were_idle_harm_no_client() {
    let _guard = with_others();
    let (_directory, path) = place();
    let service = with_bad(&path, |_, _| ());
    let handler = upstream(&settings(&path));
    for round in 1..=20 {
        assert_eq!(summary(&ask(&handler, b"number")), done(&round.to_string()));
        service.cut_connections();
    }
    assert_eq!((handler.trouble(), service.accepted()), (None, 20));
}

#[test]
fn what_a_service_says_without_being_asked_harms_no_client() {
    let _guard = with_others();
    let (_directory, path) = place();
    let said = Arc::new(AtomicBool::new(false));
    let has_said = Arc::clone(&said);
    let _service = with_bad(&path, move |conversation, id| {
        conversation.answer(id, b"asked");
        thread::sleep(Duration::from_millis(50));
        conversation.answer(id + 1, b"forged");
        has_said.store(true, Ordering::SeqCst);
        conversation.linger();
    });
    let handler = upstream(&settings(&path));
    assert_eq!(summary(&ask(&handler, b"bad")), done("asked"));
    wait_until("the service spoke", || said.load(Ordering::SeqCst));
    assert_eq!(summary(&ask(&handler, b"number")), done("2"));
}

#[test]
fn a_service_that_comes_back_is_found_without_a_request_and_each_is_logged_once() {
    let _guard = with_others();
    let (_directory, path) = place();
    let handler = upstream(&UnixConfig { max_concurrency: 4, ..settings(&path) });
    let reply = ask(&handler, b"text");
    assert_eq!(reply.outcome(), Outcome::Unavailable);
    let _service = Service::echo(&path);
    wait_until("the handler is back", || handler.trouble().is_none());
    assert_eq!(summary(&ask(&handler, b"text")), done("text"));
    let lines: Vec<String> =
        logged(path.to_str().unwrap()).into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
    let [down, back] = lines.as_slice() else { panic!("{lines:?}") };
    let subject = format!("the service on socket {}", path.display());
    assert!(down.starts_with(&format!("ERROR {subject} is down after 3 failures in a row: ")), "{down}");
    assert_eq!(back, &format!("INFO {subject} is back"));
}

#[test]
fn a_service_that_is_restarted_under_load_loses_no_request_that_it_did_not_have_in_hand() {
    let _guard = with_others();
    let (_directory, path) = place();
    let handler = upstream(&UnixConfig { max_concurrency: 4, ..settings(&path) });
    let is_over = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let runs = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
    let start = || {
        let runs = Arc::clone(&runs);
        Service::start(&path, move |conversation| {
            conversation.hello();
            while let Some((id, text)) = conversation.request() {
                runs.lock().unwrap().push(text.clone());
                conversation.answer(id, &text);
            }
        })
    };
    let tally: Vec<Vec<(String, Outcome, String)>> = thread::scope(|scope| {
        let mut service = start();
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let (handler, is_over, answered) = (&handler, &is_over, &answered);
                scope.spawn(move || {
                    let mut tally = Vec::new();
                    while !is_over.load(Ordering::SeqCst) {
                        let asked = format!("{client}/{}", tally.len());
                        let (_, outcome, answer) = summary(&ask(handler, asked.as_bytes()));
                        answered.fetch_add(usize::from(outcome == Outcome::Done), Ordering::SeqCst);
                        tally.push((asked, outcome, answer));
                    }
                    tally
                })
            })
            .collect();
        for _ in 0..5 {
            let before = answered.load(Ordering::SeqCst);
            wait_until("the service serves", || answered.load(Ordering::SeqCst) > before + 100);
            drop(service);
            service = start();
        }
        let before = answered.load(Ordering::SeqCst);
        wait_until("the service serves", || answered.load(Ordering::SeqCst) > before + 100);
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let mut runs = runs.lock().unwrap().clone();
    runs.sort();
    let is_run = |asked: &str| runs.binary_search_by(|run| run.as_slice().cmp(asked.as_bytes())).is_ok();
    assert!(runs.windows(2).all(|pair| pair[0] != pair[1]), "no request is run twice");
    let mut unknown = 0;
    for (asked, outcome, answer) in tally.into_iter().flatten() {
        match outcome {
            Outcome::Done => assert_eq!(answer, asked),
            Outcome::Broken => {
                assert!(answer.starts_with("outcome unknown: "), "{answer}");
                unknown += 1;
            }
            Outcome::Unavailable => assert!(!is_run(&asked), "{asked} was run, and its client heard: {answer}"),
            other => panic!("{other:?}: {answer}"),
        }
    }
    assert!(unknown <= 4 * 5, "{unknown} outcomes are unknown, with 4 connections and 5 restarts");
}

#[test]
fn requests_that_are_called_off_return() {
    let _guard = with_others();
    let (_directory, path) = place();
    let heard = Arc::new(AtomicBool::new(false));
    let has_heard = Arc::clone(&heard);
    let _service = with_bad(&path, move |conversation, _| {
        has_heard.store(true, Ordering::SeqCst);
        conversation.linger();
    });
    let handler = upstream(&settings(&path));
    thread::scope(|scope| {
        let busy = scope.spawn(|| summary(&ask(&handler, b"bad")));
        wait_until("the service is asked", || heard.load(Ordering::SeqCst));
        handler.abort();
        let sentence = "outcome unknown: the service was not waited for";
        assert_eq!(busy.join().unwrap(), failed(Outcome::Broken, sentence));
    });
}

#[test]
fn no_thread_and_no_descriptor_is_left_whatever_happened() {
    let _guard = alone();
    let (directory, path) = place();
    wait_until("the tests before this one are over", || keepers() == 0);
    let before = (descriptors(), keepers());
    for round in 0..5 {
        let service = with_bad(&path, |conversation, _| conversation.say(b"nonsense"));
        let handler = upstream(&UnixConfig { max_concurrency: 4, ..settings(&path) });
        for asked in [&b"bad"[..], b"number", b"bad", b"number"] {
            ask(&handler, asked);
        }
        drop(service);
        ask(&handler, b"number");
        if round % 2 == 0 {
            handler.stop(Instant::now() + LIMIT);
        }
    }
    wait_until("all is as it was", || (descriptors(), keepers()) == before);
    drop(directory);
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_service_answers_every_text_as_it_should() {
    let _guard = with_others();
    let (_directory, path) = place();
    let example = format!("{}/../../docs/examples/service.py", env!("CARGO_MANIFEST_DIR"));
    let service = Command::new("python3").arg(example).arg(&path).stdin(Stdio::null()).spawn().unwrap();
    let _service = Killed(service);
    let handler = upstream(&UnixConfig { max_concurrency: 3, ..settings(&path) });
    ask_until_done(&handler, b"");
    let every: Vec<u8> = (1..=255).collect();
    for asked in [&b"hello"[..], b"", b"a\n\n", &every] {
        assert_eq!(ask(&handler, asked).text(), asked.to_ascii_uppercase());
    }
}
