//! What the tests of the handlers that talk to programs have in common.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part; in a test a panic is the report")]

use msgq_core::config::{HandlerConfig, Pass, ProgramConfig};
use msgq_core::layout::protocol::Protocol;
use msgq_core::process::ClientNumber;
use msgqd::handler::{Handler, HandlerRequest, Outcome, Reply, build_handler};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// Longer than anything takes that works.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Tests that count what the whole process has open hold it for writing.
static ALONE: RwLock<()> = RwLock::new(());

pub fn with_others() -> RwLockReadGuard<'static, ()> {
    collect_log();
    ALONE.read().unwrap_or_else(PoisonError::into_inner)
}

pub fn alone() -> RwLockWriteGuard<'static, ()> {
    collect_log();
    ALONE.write().unwrap_or_else(PoisonError::into_inner)
}

struct Lines(Mutex<Vec<String>>);

static LOG: Lines = Lines(Mutex::new(Vec::new()));

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
    }
    fn flush(&self) {}
}

fn collect_log() {
    static LOGGER: Once = Once::new();
    LOGGER.call_once(|| {
        log::set_logger(&LOG).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// The log lines with `needle` in them, each with its level in front.
pub fn logged(needle: &str) -> Vec<String> {
    LOG.0.lock().unwrap().iter().filter(|line| line.contains(needle)).cloned().collect()
}

/// The handler of such a configuration.
pub fn build(config: &HandlerConfig) -> Arc<dyn Handler> {
    build_handler(config, Pass::Text, &Protocol::default()).unwrap()
}

pub fn program_config(command: &[&str], kill_grace: Duration) -> ProgramConfig {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    ProgramConfig { command, environment: BTreeMap::new(), working_directory: None, kill_grace }
}

pub fn ask_at(handler: &Arc<dyn Handler>, text: &[u8], received_at: Instant) -> Reply {
    static ID: AtomicU64 = AtomicU64::new(1);
    let client = ClientNumber::new(std::process::id().cast_signed()).unwrap();
    handler.handle(&HandlerRequest::plain(client, ID.fetch_add(1, Ordering::Relaxed), text, received_at))
}

pub fn ask(handler: &Arc<dyn Handler>, text: &[u8]) -> Reply {
    ask_at(handler, text, Instant::now())
}

pub fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.text()).into_owned()
}

pub fn summary(reply: &Reply) -> (i32, Outcome, String) {
    (reply.status(), reply.outcome(), text(reply))
}

pub fn done(answer: &str) -> (i32, Outcome, String) {
    (0, Outcome::Done, answer.to_owned())
}

pub fn failed(outcome: Outcome, sentence: &str) -> (i32, Outcome, String) {
    (-1, outcome, sentence.to_owned())
}

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Asks until the handler answers, through the time in which what broke is replaced.
pub fn ask_until_done(handler: &Arc<dyn Handler>, text: &[u8]) -> Reply {
    let start = Instant::now();
    loop {
        let reply = ask(handler, text);
        if reply.outcome() == Outcome::Done {
            return reply;
        }
        assert!(start.elapsed() < LIMIT, "never answered: {:?}", summary(&reply));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How many there are once nothing is being started or ended any more.
pub fn settled_descriptors() -> usize {
    let (mut count, mut since) = (descriptors(), Instant::now());
    let start = Instant::now();
    while since.elapsed() < Duration::from_millis(300) {
        assert!(start.elapsed() < LIMIT, "descriptors come and go all the time");
        std::thread::sleep(Duration::from_millis(10));
        if descriptors() != count {
            (count, since) = (descriptors(), Instant::now());
        }
    }
    count
}

pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Lines of /proc/PID/stat whose fields from the state on match.
fn processes(matches: impl Fn(&[&str]) -> bool) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats.filter(|stat| matches(&stat.rsplit_once(") ").unwrap().1.split(' ').collect::<Vec<_>>())).collect()
}

/// Children of this process, zombies and all.
pub fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    processes(|fields| fields[1] == own)
}

/// What lives in a process group, without zombies.
pub fn living_in_group(group: &str) -> Vec<String> {
    processes(|fields| fields[2] == group && !matches!(fields[0], "Z" | "X"))
}

/// Threads of pools.
pub fn keepers() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("keeper-")).count()
}

pub fn is_gone(pid: &str) -> bool {
    !PathBuf::from("/proc").join(pid).exists()
}
