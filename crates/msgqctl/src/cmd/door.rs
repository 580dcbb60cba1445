//! `drain` and `resume`: closes and opens the door of a queue without stopping its server.

use super::Outcome;
use crate::cli::{DrainArguments, ResumeArguments};
use crate::door::{note, path, sentence};
use crate::failure::{Failure, Status};
use crate::inside;
use crate::names::Named;
use crate::report::{DoorReport, counted};
use crate::target::Target;
use msgq_core::door::{self, Closed, MAX_REASON_LEN, WRITE_FOR_OTHERS};
use msgq_core::instance::LockState;
use msgq_core::queue::{QueueKey, QueueSettings, QueueStat};
use msgq_core::time::unix_time_s;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// The daemon looks every second.
const REACTION: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn drain(
    options: &DrainArguments,
    key: QueueKey,
    open: impl FnOnce() -> Result<Target, Failure>,
) -> Result<Outcome, Failure> {
    if options.reason.len() > MAX_REASON_LEN {
        let message = format!("the reason has {} bytes; at most {MAX_REASON_LEN} are kept", options.reason.len());
        return Err(Failure::new(Status::Usage, message));
    }
    let (queue, owner) = queue_and_owner(open)?;
    if let Some((target, stat)) = queue
        && inside::find(key, owner).is_none()
    {
        return close_foreign(&target, &stat);
    }
    let path = path(key, owner).ok_or_else(|| nowhere(key))?;
    let wish = Closed {
        by: Named::user(nix::unistd::geteuid().as_raw()).label(),
        at_s: unix_time_s(),
        reason: options.reason.clone(),
    };
    let is_new = door::write(&path, &wish).map_err(|error| cannot_write(&path, &error))?;
    let known = note(key, owner).unwrap_or(wish);
    let said = if is_new { sentence(&known) } else { format!("{}, already", sentence(&known)) };
    let Some((target, stat)) = queue.filter(|_| is_served(key, owner)) else {
        return Ok(done(true, format!("{said}; no server runs: the next start comes up with the door closed")));
    };
    wait_for(&target, |now| now.mode & WRITE_FOR_OTHERS == 0, "close the door")?;
    let said = match stat.mode & WRITE_FOR_OTHERS {
        0 if is_new => format!("{said}; its mode {:04o} lets nobody but its owner send anyway", stat.mode),
        _ => said,
    };
    match options.wait {
        None => Ok(done(true, format!("{said}; what is queued is answered"))),
        Some(limit) => {
            wait_until_empty(&target, limit)?;
            Ok(done(true, format!("{said}; nothing is queued or in hand any more")))
        }
    }
}

pub(crate) fn resume(
    options: &ResumeArguments,
    key: QueueKey,
    open: impl FnOnce() -> Result<Target, Failure>,
) -> Result<Outcome, Failure> {
    let (queue, owner) = queue_and_owner(open)?;
    if let Some((target, _)) = queue
        && (inside::find(key, owner).is_none() || options.mode.is_some())
    {
        return open_foreign(&target, options.mode);
    }
    let path = path(key, owner).ok_or_else(|| nowhere(key))?;
    let was_closed = door::remove(&path).map_err(|error| cannot_write(&path, &error))?;
    if !was_closed {
        return Ok(done(false, "the door was open".to_owned()));
    }
    let Some((target, before)) = queue.filter(|_| is_served(key, owner)) else {
        return Ok(done(false, "the next start comes up with the door open".to_owned()));
    };
    // With a configured mode that lets nobody but the owner send, only the time of the change shows it.
    let is_open = |now: &QueueStat| now.mode & WRITE_FOR_OTHERS != 0 || now.last_change_time != before.last_change_time;
    wait_for(&target, is_open, "open the door")?;
    Ok(done(false, "open: new requests are welcome".to_owned()))
}

/// The queue, where there is one, and the user whose daemon would serve it.
fn queue_and_owner(
    open: impl FnOnce() -> Result<Target, Failure>,
) -> Result<(Option<(Target, QueueStat)>, u32), Failure> {
    let queue = match open() {
        Ok(target) => Some((target, stat(&target)?)),
        Err(failure) if failure.status == Status::NoQueue => None,
        Err(failure) => return Err(failure),
    };
    let owner = queue.map_or_else(|| nix::unistd::geteuid().as_raw(), |(_, stat)| stat.uid);
    Ok((queue, owner))
}

fn done(is_closed: bool, sentence: String) -> Outcome {
    Outcome::done(DoorReport { is_closed, sentence })
}

fn stat(target: &Target) -> Result<QueueStat, Failure> {
    target.queue.stat().map_err(|error| Failure::of_queue(target.key, &error))
}

fn is_served(key: QueueKey, owner: u32) -> bool {
    inside::find(key, owner).is_some_and(|found| found.lock != LockState::Free)
}

fn nowhere(key: QueueKey) -> Failure {
    let message = format!(
        "no msgqd has kept files for queue {key} on this machine since it was started, so there is no door; start \
         msgqd first, or set RUNTIME_DIRECTORY to where it keeps them"
    );
    Failure::new(Status::NoQueue, message)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let status = if error.kind() == io::ErrorKind::PermissionDenied { Status::Permission } else { Status::Other };
    let message = format!(
        "cannot change {}: {error}; only root and the user that runs msgqd may open and close its door",
        path.display()
    );
    Failure::new(status, message)
}

fn wait_for(target: &Target, is_done: impl Fn(&QueueStat) -> bool, what: &str) -> Result<(), Failure> {
    let limit = Instant::now() + REACTION;
    while !is_done(&stat(target)?) {
        if Instant::now() >= limit {
            let message = format!(
                "the server did not {what} within {} s; it hangs, or may not change the queue: see msgqctl stat, and \
                 its log (journalctl -u msgqd). It will when it goes on",
                REACTION.as_secs()
            );
            return Err(Failure::new(Status::Timeout, message));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn wait_until_empty(target: &Target, limit: Duration) -> Result<(), Failure> {
    let end = Instant::now() + limit;
    loop {
        let stat = stat(target)?;
        let held = match inside::table_of(target.key, &stat) {
            Ok((found, _)) => {
                inside::look(&found, target.key, &stat).map_or(0, |inside| inside.in_hand.len() + inside.outbox.answers)
            }
            Err(_) => 0,
        };
        if stat.messages == 0 && held == 0 {
            return Ok(());
        }
        if Instant::now() >= end {
            let messages = counted(usize::try_from(stat.messages).unwrap_or(usize::MAX), "message");
            let message = format!(
                "the door is closed, but after {} s there are still {messages} in the queue and {held} in hand or in the \
                 outbox; msgqctl stat shows whose they are",
                limit.as_secs()
            );
            return Err(Failure::new(Status::Timeout, message));
        }
        std::thread::sleep(PAUSE);
    }
}

/// No msgqd: the mode is changed here and now, where that is allowed.
fn close_foreign(target: &Target, stat: &QueueStat) -> Result<Outcome, Failure> {
    let closed = stat.mode & !WRITE_FOR_OTHERS;
    set_mode(target, closed)?;
    Ok(done(
        true,
        format!(
            "closed for new requests: no msgqd serves this queue, so its mode was changed from {:04o} to {closed:04o}; \
             open it with: msgqctl resume --mode {:04o}",
            stat.mode, stat.mode
        ),
    ))
}

fn open_foreign(target: &Target, mode: Option<u32>) -> Result<Outcome, Failure> {
    let Some(mode) = mode else {
        let message = "no msgqd serves this queue, so nobody knows which mode it had: say it with --mode, for example \
                       --mode 0660";
        return Err(Failure::new(Status::Usage, message));
    };
    set_mode(target, mode)?;
    Ok(done(mode & WRITE_FOR_OTHERS == 0, format!("the queue has mode {mode:04o}")))
}

fn set_mode(target: &Target, mode: u32) -> Result<(), Failure> {
    let settings = QueueSettings { mode: Some(mode), ..QueueSettings::default() };
    target.queue.set(&settings).map_err(|error| Failure::of_queue(target.key, &error))
}
