//! `[handler]`: which settings belong to which kind, and what they must be.

use super::check::{
    Invalid, MAX_WORKERS, absolute, boolean, milliseconds, number, one_of, or, text, texts_by_name, words,
};
use super::overlong::{Overlong, overlong};
use super::raw;
use crate::layout::protocol::Protocol;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;
use toml::{Spanned, Value};

/// What answers the requests. A reload that changes any of it puts a new handler in the place of the old one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HandlerConfig {
    /// `Processed: TEXT`, made by the daemon itself.
    #[default]
    Echo,
    /// One command for each request.
    Exec(ExecConfig),
    /// A pool of programs that run all the time.
    Worker(WorkerConfig),
    /// A service behind a Unix stream socket.
    Unix(UnixConfig),
}

/// What of a request a handler gets, and what it answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pass {
    /// The text of the request, and text for the answer.
    #[default]
    Text,
    /// The whole body as it was received, and a whole body for the answer.
    Body,
    /// The fields of the request as a JSON object, and such an object for the answer.
    Json,
}

impl HandlerConfig {
    /// What becomes of answers that are longer than a message.
    #[must_use]
    pub fn overlong(&self) -> Overlong {
        match self {
            Self::Echo => Overlong::Error,
            Self::Exec(exec) => exec.overlong,
            Self::Worker(worker) => worker.overlong,
            Self::Unix(unix) => unix.overlong,
        }
    }
}

/// A program of the operator's, and what it starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramConfig {
    /// The program and its arguments. No shell looks at them. A program without a slash is looked up in the PATH it
    /// is given; a relative one with a slash counts from the working directory.
    pub command: Vec<String>,
    /// The whole environment, but for PATH and LANG, which have a default, and what the handler adds. Nothing is
    /// inherited from the daemon.
    pub environment: BTreeMap<String, String>,
    /// Where the program starts; `None`: where the daemon runs.
    pub working_directory: Option<PathBuf>,
    /// Time for its process group to end after SIGTERM, before SIGKILL; for a worker also the time to finish after its
    /// stdin is closed.
    pub kill_grace: Duration,
}

/// `kind = "exec"`: what is run for each request, and within which limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecConfig {
    /// The command. `MSGQ_CLIENT_PID`, `MSGQ_REQUEST_ID` and `MSGQ_DEADLINE_MS` (milliseconds left) are added to its
    /// environment.
    pub program: ProgramConfig,
    /// Time for a request, from when it was taken from the queue until the command has ended.
    pub timeout: Duration,
    /// Commands that run at the same time; 0 counts as 1. More requests wait within their time limit.
    pub max_concurrency: usize,
    /// What becomes of output that is longer than a message.
    pub overlong: Overlong,
}

/// `kind = "worker"`: which programs are kept running, and within which limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// The program; it speaks the handler protocol (docs/handler-protocol.md) on stdin and stdout.
    pub program: ProgramConfig,
    /// Time for a request, from when it was taken from the queue until its answer is there.
    pub timeout: Duration,
    /// Processes of the program, and so requests at the same time; 0 counts as 1.
    pub max_concurrency: usize,
    /// Time for a process to say hello.
    pub start_timeout: Duration,
    /// Requests after which a process is replaced; `None`: never.
    pub max_requests: Option<u64>,
    /// True when a request may be run a second time: one whose process broke is then given to another.
    pub is_idempotent: bool,
    /// What becomes of answers that are longer than a message.
    pub overlong: Overlong,
}

/// `kind = "unix"`: which service is asked, and within which limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixConfig {
    /// The socket; who listens on it speaks the handler protocol (docs/handler-protocol.md) on each connection.
    pub socket: PathBuf,
    /// Time for a request, from when it was taken from the queue until its answer is there.
    pub timeout: Duration,
    /// Connections, and so requests at the same time; 0 counts as 1.
    pub max_concurrency: usize,
    /// Time for a connection to be made and the service to say hello.
    pub connect_timeout: Duration,
    /// The user, by name or number, that must listen; `None`: any. It is the one that called listen(2): for a socket
    /// that systemd activates, that is systemd, so 0 (unix(7), SO_PEERCRED).
    pub user: Option<String>,
    /// True when a request may be run a second time: one whose connection broke is then sent on another.
    pub is_idempotent: bool,
    /// What becomes of answers that are longer than a message.
    pub overlong: Overlong,
}

const KINDS: [(&str, HandlerKind); 4] = [
    ("echo", HandlerKind::Echo),
    ("exec", HandlerKind::Exec),
    ("worker", HandlerKind::Worker),
    ("unix", HandlerKind::Unix),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandlerKind {
    Echo,
    Exec,
    Worker,
    Unix,
}

const TIMEOUT: Duration = Duration::from_secs(30);
const KILL_GRACE: Duration = Duration::from_secs(2);
const START_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const CONCURRENCY: u64 = 4;
/// Where nobody is answered, so that messages are handled in their order.
const ONE_WAY_CONCURRENCY: u64 = 1;
/// Every time of this section: at least a millisecond, at most a day.
const TIME_MS: RangeInclusive<u64> = 1..=86_400_000;

const PASSES: [(&str, Pass); 3] = [("text", Pass::Text), ("body", Pass::Body), ("json", Pass::Json)];

/// How a handler is spoken to; text only where the protocol has text both ways.
pub(super) fn checked_pass(raw: &raw::Handler, protocol: &Protocol) -> Result<Pass, Invalid> {
    let pass = or(&raw.pass, |value| one_of(value, &PASSES), Pass::Text)?;
    let span = raw.pass.as_ref().or(raw.kind.as_ref()).map_or(0..0, Spanned::span);
    if pass != Pass::Text && protocol.shapes_of_machine().is_none() {
        let help = "leave `pass` out, or declare the messages in [protocol]";
        return Err(Invalid::new(span, "the plain protocol passes text", help));
    }
    if pass == Pass::Text && !protocol.has_text() {
        let help = "name them with request_text and response_text in [protocol], or write pass = \"json\" or \"body\"";
        return Err(Invalid::new(
            span,
            "a handler is passed text, and the declared messages have none, or several",
            help,
        ));
    }
    Ok(pass)
}

pub(super) fn checked_handler(
    raw: &raw::Handler,
    section: Range<usize>,
    is_one_way: bool,
) -> Result<HandlerConfig, Invalid> {
    let kind = or(&raw.kind, |value| one_of(value, &KINDS), HandlerKind::Echo)?;
    refuse_foreign(raw, kind)?;
    let at = raw.kind.as_ref().map_or(section, Spanned::span);
    let timeout = milliseconds(&raw.timeout_ms, "timeout_ms", TIME_MS, TIMEOUT)?;
    let max_concurrency =
        concurrency(&raw.max_concurrency, if is_one_way { ONE_WAY_CONCURRENCY } else { CONCURRENCY })?;
    let is_idempotent = or(&raw.idempotent, |value| boolean(value, "idempotent"), false)?;
    Ok(match kind {
        HandlerKind::Echo => HandlerConfig::Echo,
        HandlerKind::Exec => HandlerConfig::Exec(ExecConfig {
            program: program(raw, at)?,
            timeout,
            max_concurrency,
            overlong: overlong(raw)?,
        }),
        HandlerKind::Worker => HandlerConfig::Worker(WorkerConfig {
            program: program(raw, at)?,
            timeout,
            max_concurrency,
            start_timeout: milliseconds(&raw.start_timeout_ms, "start_timeout_ms", TIME_MS, START_TIMEOUT)?,
            max_requests: raw
                .max_requests
                .as_ref()
                .map(|value| number(value, "max_requests", 1..=1_000_000_000_000))
                .transpose()?,
            is_idempotent,
            overlong: overlong(raw)?,
        }),
        HandlerKind::Unix => HandlerConfig::Unix(UnixConfig {
            socket: socket(raw, at)?,
            timeout,
            max_concurrency,
            connect_timeout: milliseconds(&raw.connect_timeout_ms, "connect_timeout_ms", TIME_MS, CONNECT_TIMEOUT)?,
            user: raw.user.as_ref().map(|value| text(value, "user").map(str::to_owned)).transpose()?,
            is_idempotent,
            overlong: overlong(raw)?,
        }),
    })
}

/// A setting that has no effect is a misunderstanding.
fn refuse_foreign(raw: &raw::Handler, kind: HandlerKind) -> Result<(), Invalid> {
    use HandlerKind::{Exec, Unix, Worker};
    let present = [
        ("command", span(&raw.command), &[Exec, Worker][..]),
        ("environment", span(&raw.environment), &[Exec, Worker]),
        ("working_directory", span(&raw.working_directory), &[Exec, Worker]),
        ("timeout_ms", span(&raw.timeout_ms), &[Exec, Worker, Unix]),
        ("kill_grace_ms", span(&raw.kill_grace_ms), &[Exec, Worker]),
        ("max_concurrency", span(&raw.max_concurrency), &[Exec, Worker, Unix]),
        ("overlong", span(&raw.overlong), &[Exec, Worker, Unix]),
        ("start_timeout_ms", span(&raw.start_timeout_ms), &[Worker]),
        ("max_requests", span(&raw.max_requests), &[Worker]),
        ("idempotent", span(&raw.idempotent), &[Worker, Unix]),
        ("socket", span(&raw.socket), &[Unix]),
        ("connect_timeout_ms", span(&raw.connect_timeout_ms), &[Unix]),
        ("user", span(&raw.user), &[Unix]),
    ];
    for (name, span, kinds) in present {
        if let Some(span) = span.filter(|_| !kinds.contains(&kind)) {
            let named = |kind| KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name);
            let message = format!("{name} is no setting of the handler kind {:?}", named(kind));
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("{:?}", named(*kind))).collect();
            let help = format!("remove it, or write kind = {}", kinds.join(" or "));
            return Err(Invalid::new(span, message, help).beside(&raw.kind));
        }
    }
    Ok(())
}

fn span(value: &Option<Spanned<Value>>) -> Option<Range<usize>> {
    value.as_ref().map(Spanned::span)
}

fn concurrency(value: &Option<Spanned<Value>>, default: u64) -> Result<usize, Invalid> {
    let allowed = |value: &Spanned<Value>| number(value, "max_concurrency", 1..=MAX_WORKERS);
    Ok(usize::try_from(or(value, allowed, default)?).unwrap_or(1))
}

fn program(raw: &raw::Handler, at: Range<usize>) -> Result<ProgramConfig, Invalid> {
    const HELP: &str =
        "write the program and its arguments, for example command = [\"/usr/local/bin/answer\", \"--fast\"]";
    let Some(command) = raw.command.as_ref() else {
        return Err(Invalid::new(at, "this handler needs a command", HELP));
    };
    let argv = words(command, HELP)?;
    if argv.first().is_none_or(String::is_empty) || argv.iter().any(|word| word.contains('\0')) {
        return Err(Invalid::new(command.span(), "the command is empty or holds a NUL", HELP));
    }
    let environment = environment(raw)?;
    Ok(ProgramConfig {
        command: argv,
        environment,
        working_directory: raw
            .working_directory
            .as_ref()
            .map(|value| absolute(value, "working_directory"))
            .transpose()?,
        kill_grace: milliseconds(&raw.kill_grace_ms, "kill_grace_ms", TIME_MS, KILL_GRACE)?,
    })
}

fn environment(raw: &raw::Handler) -> Result<BTreeMap<String, String>, Invalid> {
    const HELP: &str = "write names without = and values without NUL, for example environment = { LANG = \"C\" }";
    let Some(value) = &raw.environment else { return Ok(BTreeMap::new()) };
    let environment = texts_by_name(value, "environment", HELP)?;
    let is_bad =
        |(name, value): &(&String, &String)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
    match environment.iter().find(is_bad) {
        Some((name, _)) => Err(Invalid::new(value.span(), format!("{name:?} cannot stand in an environment"), HELP)),
        None => Ok(environment),
    }
}

fn socket(raw: &raw::Handler, at: Range<usize>) -> Result<PathBuf, Invalid> {
    match &raw.socket {
        Some(socket) => absolute(socket, "socket"),
        None => {
            let help = "write the path of the service's socket, for example socket = \"/run/answers.socket\"";
            Err(Invalid::new(at, "this handler needs a socket", help))
        }
    }
}
