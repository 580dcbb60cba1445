use super::layout::{counted, field, program};
use super::{Holder, InsideReport, Text, holders};
use crate::names::{Named, utc};
use msgq_core::time::unix_time_s;
use serde::Serialize;
use std::collections::BTreeMap;

const BAR_WIDTH: u64 = 20;

/// Result of `stat`.
#[derive(Debug, Serialize)]
pub(crate) struct StatReport {
    pub(crate) queue: QueueReport,
    /// `null` where the kernel cannot show what waits.
    pub(crate) waiting: Option<Waiting>,
    pub(crate) server: ServerReport,
    /// All for whom something is held, who holds the most first.
    pub(crate) clients: Vec<Holder>,
    /// Who closed the door, since when and why; `null` while it is open.
    pub(crate) closed: Option<String>,
    /// The verdict's kind, for programs.
    pub(crate) condition: &'static str,
    /// In one sentence: whether all is well, and what to do if not.
    pub(crate) verdict: String,
}

/// Whether all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// A word in `snake_case`.
    pub(crate) condition: &'static str,
    pub(crate) sentence: String,
}

/// The queue itself; names with `_s` are seconds since 1970.
#[derive(Debug, Serialize)]
pub(crate) struct QueueReport {
    pub(crate) key: String,
    pub(crate) msqid: i32,
    pub(crate) owner: Named,
    pub(crate) group: Named,
    pub(crate) creator: Named,
    pub(crate) creator_group: Named,
    pub(crate) mode: String,
    pub(crate) bytes: u64,
    pub(crate) max_bytes: u64,
    pub(crate) messages: u64,
    /// The kernel admits as many messages as bytes, so that empty ones have a limit too.
    pub(crate) max_messages: u64,
    pub(crate) last_send: Option<LastCall>,
    pub(crate) last_receive: Option<LastCall>,
    pub(crate) changed_at_s: i64,
}

/// Who did something last; PID 0 is a process of another PID namespace.
#[derive(Debug, Serialize)]
pub(crate) struct LastCall {
    pub(crate) pid: i32,
    pub(crate) program: Option<String>,
    pub(crate) at_s: i64,
}

/// What rests in the queue.
#[derive(Debug, Serialize)]
pub(crate) struct Waiting {
    pub(crate) is_complete: bool,
    pub(crate) looked_at: usize,
    pub(crate) requests: usize,
    pub(crate) responses: usize,
    pub(crate) clients: Vec<Client>,
}

/// Responses for one client.
#[derive(Debug, Serialize)]
pub(crate) struct Client {
    pub(crate) mtype: i64,
    /// `null` for a type that no process can have as its number.
    pub(crate) pid: Option<i32>,
    pub(crate) program: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Whether somebody serves the queue.
#[derive(Debug, Serialize)]
pub(crate) struct ServerReport {
    pub(crate) state: ServerState,
    pub(crate) pid: Option<i32>,
    pub(crate) program: Option<String>,
    pub(crate) lock_file: Option<String>,
    pub(crate) note: String,
    /// All counters of the daemon by name; `null` where `unknown` says why.
    pub(crate) counters: Option<BTreeMap<&'static str, u64>>,
    /// `null` where `unknown` says why.
    pub(crate) inside: Option<InsideReport>,
    /// Why the daemon's inside is not shown; `null` where it is, or where there is no daemon.
    pub(crate) unknown: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerState {
    /// A msgqd holds the lock.
    Msgqd,
    /// No msgqd does; another program may serve the queue.
    NotFound,
    /// The lock cannot be looked at.
    Unknown,
}

impl Text for StatReport {
    fn text(&self) -> String {
        let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
        let mut text = field("verdict", &self.verdict) + &self.queue.text(now_s);
        text.push_str(&field("server", &self.server.note));
        if let Some(inside) = &self.server.inside {
            text.push_str(&inside.text(now_s));
        }
        if let Some(reason) = &self.server.unknown {
            text.push_str(&field("daemon", &format!("its numbers are not shown: {reason}")));
        }
        match &self.waiting {
            Some(waiting) => text.push_str(&waiting.text()),
            None => text.push_str(&field("waiting", "not shown")),
        }
        let lines = text.lines().count();
        text + &holders::table(&self.clients, lines)
    }
}

impl QueueReport {
    fn text(&self, now_s: i64) -> String {
        let last = |call: &Option<LastCall>| {
            call.as_ref().map_or("never".to_owned(), |call| {
                let name = program(call.program.as_deref().or(Some("gone or hidden")));
                format!("{} by PID {} ({name})", moment(call.at_s, now_s), call.pid)
            })
        };
        let whose = format!(
            "{} (msqid {}) of user {}, group {}, mode {}",
            self.key,
            self.msqid,
            numbered(&self.owner),
            numbered(&self.group),
            self.mode
        );
        format!(
            "{}\
             bytes         {}\n\
             messages      {}\n\
             last send     {}\n\
             last receive  {}\n\
             last change   {}\n",
            field("queue", &whose),
            bar(self.bytes, self.max_bytes),
            bar(self.messages, self.max_messages),
            last(&self.last_send),
            last(&self.last_receive),
            moment(self.changed_at_s, now_s),
        )
    }
}

impl Waiting {
    fn text(&self) -> String {
        let (requests, responses) = (counted(self.requests, "request"), counted(self.responses, "response"));
        let clients = counted(self.clients.len(), "client");
        let mut text = field("waiting", &format!("{requests}; {responses} for {clients}"));
        if !self.is_complete {
            let seen = self.looked_at;
            let ended = format!("only the oldest {seen} messages were looked at: there may be more");
            text.push_str(&field("", &ended));
        }
        if self.clients.iter().any(|client| matches!(client.state, "dead" | "zombie" | "impossible")) {
            text.push_str(&field("", "nobody will read some of these; `msgqctl purge` removes them"));
        }
        text
    }
}

fn numbered(named: &Named) -> String {
    named.name.as_ref().map_or_else(|| named.id.to_string(), |name| format!("{name} ({})", named.id))
}

pub(super) fn bar(value: u64, limit: u64) -> String {
    let share = |of: u64| value.saturating_mul(of).checked_div(limit).unwrap_or(0);
    // What is not empty shows at least one mark.
    let filled = share(BAR_WIDTH).clamp(u64::from(value > 0), BAR_WIDTH);
    let marks: String = (0..BAR_WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    format!("[{marks}] {value} of {limit} ({} %)", share(100))
}

pub(super) fn moment(at_s: i64, now_s: i64) -> String {
    if at_s == 0 {
        return "never".to_owned();
    }
    let ago_s = now_s.saturating_sub(at_s).max(0);
    let ago = match ago_s {
        0..120 => format!("{ago_s} s"),
        120..7200 => format!("{} min", ago_s / 60),
        7200..172_800 => format!("{} h", ago_s / 3600),
        _ => format!("{} days", ago_s / 86_400),
    };
    format!("{} ({ago} ago)", utc(at_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(mtype: i64, messages: usize) -> Client {
        Client { mtype, pid: None, program: None, state: "dead", messages, bytes: messages * 264 }
    }

    #[test]
    fn a_bar_shows_the_share_and_never_overflows() {
        assert_eq!(bar(0, 16384), "[....................] 0 of 16384 (0 %)");
        assert_eq!(bar(1, 16384), "[#...................] 1 of 16384 (0 %)");
        assert_eq!(bar(16368, 16384), "[###################.] 16368 of 16384 (99 %)");
        assert_eq!(bar(20000, 10000), "[####################] 20000 of 10000 (200 %)");
        assert_eq!(bar(5, 0), "[#...................] 5 of 0 (0 %)");
    }

    #[test]
    fn an_age_is_given_in_the_unit_that_fits() {
        let ages = [1, 119, 120, 7200, 172_800].map(|age| moment(1_000_000, 1_000_000 + age));
        let units = ["1 s ago", "119 s ago", "2 min ago", "2 h ago", "2 days ago"];
        for (age, unit) in ages.iter().zip(units) {
            assert!(age.ends_with(&format!("({unit})")), "{age}");
        }
        assert_eq!(moment(0, 5), "never");
    }

    #[test]
    fn a_look_that_ended_early_and_messages_for_nobody_are_said() {
        let waiting =
            Waiting { is_complete: false, looked_at: 5, requests: 1, responses: 9, clients: vec![client(77, 9)] };
        let text = waiting.text();
        assert!(text.starts_with("waiting       1 request; 9 responses for 1 client\n"), "{text}");
        assert!(text.contains("the oldest 5 messages were looked at: there may be more"), "{text}");
        assert!(text.contains("msgqctl purge"), "{text}");
    }
}
