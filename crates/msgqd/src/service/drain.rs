//! The clean end: close the door, serve what is queued, let clients fetch their answers, remove the queue; of two, first
//! that of requests, so that nobody sends one whose answer would have no queue, and who waits in the other hears of the end.

use super::acquire::QueuePlan;
use super::instance::Instance;
use super::leftover::Leftover;
use super::manager::Manager;
use super::queues::AcquiredQueues;
use super::signals::Signals;
use super::status;
use crate::alerts;
use crate::engine::Engine;
use msgq_core::config::QueueFate;
use msgq_core::drain_note::WRITE_FOR_OTHERS;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::queue::{Queue, QueueError, QueueSettings};
use msgq_core::table::Phase;
use msgq_core::words::counted;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(2);
/// Without an answer delivered for so long, no more are expected to be. Longer than an offer needs to settle.
const NO_PROGRESS: Duration = Duration::from_millis(500);
/// How long after the queue's removal the threads may take to leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// Ends the service. Returns when the queues are gone.
pub(super) fn end(mut engine: Engine, limit: Duration, plan: &QueuePlan, signals: &Signals, manager: &mut Manager) {
    manager.stopping(status::DRAINING);
    engine.set_ending();
    engine.table().header().set_phase(Phase::Draining);
    let queue = engine.queue();
    let door = if close_door(&queue, plan.mode()) { "the queue is closed" } else { "the queue could not be closed" };
    log::info!("stopping: {door} for new requests, draining for at most {} ms", limit.as_millis());
    let outcome = drain(&mut engine, Instant::now() + limit, signals, manager);
    // The last look comes straight before the removal: some clients no mode keeps out, and threads take time to leave.
    let left = Leftover::of(&engine);
    let told = told_of_the_end(&engine);
    let end = remove_all(&queue, engine.second_queue().as_ref());
    let metrics = metrics(&engine);
    let _ = engine.stop(Instant::now() + LEAVE_LIMIT);
    let outcome = outcome.sentence(&left, told);
    log::info!(message_id = alerts::STOPPED; "stopped: {end}; {outcome}; {metrics}");
    manager.stopped(&format!("Stopped: {end}; {outcome}"));
}

/// Ends the service and leaves the queue, with the requests in it, to the next one. What is in hand is finished; answers
/// that cannot be delivered within `limit` stay in the table.
pub(super) fn hand_over(mut engine: Engine, limit: Duration, signals: &Signals, manager: &mut Manager) {
    manager.stopping(status::HANDING_OVER);
    manager.extend(limit + LEAVE_LIMIT + Duration::from_secs(1), status::HANDING_OVER);
    engine.set_ending();
    let (table, queue, second) = (engine.table_handle(), engine.queue(), engine.second_queue());
    table.header().set_phase(Phase::Draining);
    log::info!("stopping: finishing what is in hand for at most {} ms, the queue stays", limit.as_millis());
    let deadline = Instant::now() + limit;
    let finished = finish_what_is_in_hand(&mut engine, deadline, signals, manager);
    let is_hurried =
        finished == Finished::Hurried || deliver_what_goes(&engine, deadline, signals) == Finished::Hurried;
    let (metrics, left) = (metrics(&engine), engine.in_outbox());
    let leave_limit = if is_hurried { Duration::ZERO } else { LEAVE_LIMIT };
    let stopped = engine.stop(Instant::now() + leave_limit);
    if finished == Finished::Yes && stopped {
        if table.holds_nothing() {
            table.header().set_nothing_left();
        }
        table.header().set_phase(Phase::Ended);
    } else {
        log::warn!("a handler did not come to its end in time: the next server answers its request by on_crash");
    }
    let end = match queue.stat() {
        Ok(stat) => format!("queue kept for the next start with {} in it", counted(stat.messages, "message")),
        Err(error) => format!("there is no queue to keep ({error})"),
    };
    let second = second.and_then(|second| second.stat().ok());
    let second = second
        .map_or_else(String::new, |stat| format!(" and {} in that of answers", counted(stat.messages, "message")));
    let (left, wait) = (counted(left, "answer"), if left == 1 { "waits" } else { "wait" });
    log::info!(
        message_id = alerts::STOPPED;
        "stopped: {end}{second}; {left} {wait} in the table for the next server; {metrics}"
    );
    manager.stopped(&format!("Stopped: {end}{second}; {left} {wait} in the table for the next server"));
}

/// True, and said so, when the queue must not go, since what may be another program's rests in it.
pub(super) fn holds_foreign_messages(engine: &Engine) -> bool {
    let foreign = engine.foreign_messages();
    for (queue, messages) in &foreign {
        log::warn!(
            message_id = alerts::FOREIGN_MESSAGES;
            "{} that may be another program's {} in queue msqid {}, so the queue stays, whatever on_stop says, and clients that \
             wait go on waiting; once nobody wants it, its owner removes it: ipcrm -q {}",
            counted(*messages, "message"),
            if *messages == 1 { "rests" } else { "rest" },
            queue.id(),
            queue.id()
        );
    }
    !foreign.is_empty()
}

/// A stop came before the server was ready. What an earlier one left is as it was.
pub(super) fn end_before_start(queues: &AcquiredQueues, fate: QueueFate, instance: &Instance) {
    match fate {
        QueueFate::Keep => {
            log::info!(
                message_id = alerts::STOPPED;
                "stopped before the start was through: the queue is kept for the next start"
            );
        }
        QueueFate::Remove => {
            let second = queues.answers.as_ref().map(|answers| &answers.queue);
            let are_gone =
                [Some(&queues.requests.queue), second].into_iter().flatten().map(remove).all(|end| end != STILL_THERE);
            instance.remove_left_table();
            if are_gone {
                log::info!(
                    message_id = alerts::STOPPED;
                    "stopped before the start was through: queue removed, clients that waited got EIDRM"
                );
            }
        }
    }
}

/// Whether what was to be done in an orderly end is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finished {
    Yes,
    TimedOut,
    /// Another signal asks for the end at once.
    Hurried,
}

/// Waits until nothing is in hand any more.
fn finish_what_is_in_hand(
    engine: &mut Engine,
    deadline: Instant,
    signals: &Signals,
    manager: &mut Manager,
) -> Finished {
    while !engine.stop_receiving(deadline.min(Instant::now() + PAUSE)) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Finished::TimedOut;
        }
        if signals.take_stop() {
            return Finished::Hurried;
        }
        manager.extend(left + LEAVE_LIMIT + Duration::from_secs(1), status::HANDING_OVER);
    }
    Finished::Yes
}

/// Waits while answers leave the outbox. Nobody takes requests out of the queue any more: when it is full of them, the
/// rest waits in the table like the requests in the queue.
fn deliver_what_goes(engine: &Engine, deadline: Instant, signals: &Signals) -> Finished {
    let (mut least, mut since) = (engine.in_outbox(), Instant::now());
    while least > 0 && since.elapsed() < NO_PROGRESS && Instant::now() < deadline {
        if signals.take_stop() {
            return Finished::Hurried;
        }
        signals.wait(PAUSE);
        if engine.in_outbox() < least {
            (least, since) = (engine.in_outbox(), Instant::now());
        }
    }
    Finished::Yes
}

/// All counters that moved.
fn metrics(engine: &Engine) -> String {
    let moved = engine.table().counted().entries().into_iter().filter(|(_, value)| *value > 0);
    let mut words: Vec<String> = moved.map(|(name, value)| format!("{name}={value}")).collect();
    if words.is_empty() {
        words.push("nobody asked anything".to_owned());
    }
    words.join(" ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Drained,
    TimedOut,
    Hurried,
    Removed,
}

impl Outcome {
    fn sentence(self, left: &Leftover, told: &str) -> String {
        let what = match self {
            Self::Drained if left.is_nothing() => {
                return "nothing was left in the queue, in hand or in the outbox".to_owned();
            }
            Self::Drained => "all was answered and fetched, and then more came in",
            Self::TimedOut => "drain_timeout_ms ran out first",
            Self::Hurried => "a second signal asked for it at once",
            Self::Removed if left.is_nothing() => return "somebody else had removed it".to_owned(),
            Self::Removed => "somebody else had removed it",
        };
        format!("{what}; left were {left}, whose clients {told}")
    }
}

/// How clients hear of it that are not answered.
fn told_of_the_end(engine: &Engine) -> &'static str {
    match engine.protocol().route() {
        ReplyRoute::Private => "wait at queues of their own, and nothing tells them",
        _ => "got EIDRM",
    }
}

/// False, and said why, when that cannot be done.
fn close_door(queue: &Queue, mode: u32) -> bool {
    let settings = QueueSettings { mode: Some(mode & !WRITE_FOR_OTHERS), ..QueueSettings::default() };
    let closed = queue.set(&settings);
    match closed {
        Ok(None) => {}
        Ok(Some(limit)) => log::info!("to close the queue its size had to be lowered to kernel.msgmnb, {limit} bytes"),
        Err(error) => log::warn!("cannot close the queue for new requests: {error}"),
    }
    closed.is_ok()
}

/// When somebody reads this, another server may be at work on it.
fn tell_not_removed(error: &QueueError, queue: &Queue) {
    let msqid = queue.id();
    log::error!(
        "cannot remove the queue: {error}; `ipcs -q -i {msqid}` shows whose it is now; once nobody serves it, its owner \
         removes it (`ipcrm -q {msqid}`)"
    );
}

const REMOVED: &str = "queue removed";
const STILL_THERE: &str = "the queue is still there";

/// What has become of the queues, for the log.
fn remove_all(queue: &Queue, second: Option<&Queue>) -> String {
    let end = remove(queue);
    match second.map(remove) {
        None => end.to_owned(),
        Some(REMOVED) if end == REMOVED => "both queues removed".to_owned(),
        Some(second) => format!("{end}, and of that of answers: {second}"),
    }
}

/// What has become of a queue, for the log.
fn remove(queue: &Queue) -> &'static str {
    match queue.remove() {
        Err(error) if !error.is_gone() => {
            tell_not_removed(&error, queue);
            STILL_THERE
        }
        Err(_) => "the queue is gone",
        Ok(()) => REMOVED,
    }
}

fn drain(engine: &mut Engine, deadline: Instant, signals: &Signals, manager: &mut Manager) -> Outcome {
    loop {
        if signals.take_stop() {
            return Outcome::Hurried;
        }
        match engine.finish_when_drained() {
            Ok(true) => return Outcome::Drained,
            Err(error) if error.is_gone() => return Outcome::Removed,
            _ => {}
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Outcome::TimedOut;
        }
        manager.extend(left + LEAVE_LIMIT + Duration::from_secs(1), status::AWAITING_CLIENTS);
        signals.wait(PAUSE.min(left));
    }
}
