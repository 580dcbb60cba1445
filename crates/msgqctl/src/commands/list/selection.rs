//! Which queues are listed, and in which order.

use crate::failure::{Failure, Status};
use crate::overview::{InstanceRow, QueueFacts, QueueVerdict};
use crate::target::QueueOptions;
use clap::{Args, ValueEnum};
use nix::unistd::User;
use std::cmp::Reverse;

/// What the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Order {
    /// Trouble first, then who holds the most bytes
    Verdict,
    Key,
    Msqid,
    Owner,
    /// The most first
    Messages,
    /// The most first
    Bytes,
    /// What moved last first
    Age,
}

/// The options that choose queues.
#[derive(Debug, Clone, Args)]
pub(super) struct Selection {
    /// Only queues of this user, by name or number
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Only queues that are abandoned, or whose reader is gone
    #[arg(long)]
    abandoned: bool,

    /// Only queues that are stuck or deadlocked
    #[arg(long)]
    stuck: bool,

    /// What to sort by
    #[arg(long, value_name = "WHAT", default_value = "verdict", value_enum)]
    sort: Order,
}

impl Selection {
    /// The number of the user, where one is named.
    pub(super) fn user(&self) -> Result<Option<u32>, Failure> {
        let Some(name) = &self.user else { return Ok(None) };
        let by_name = || User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
        let number = by_name().or_else(|| name.parse().ok());
        let unknown = || {
            let name = name.escape_default();
            Failure::new(Status::Usage, format!("there is no user {name} here; `msgqctl list` shows who has queues"))
        };
        number.map(Some).ok_or_else(unknown)
    }

    /// Those that are asked for, in the order that is asked for.
    pub(super) fn of(&self, queues: Vec<QueueFacts>, options: &QueueOptions) -> Result<Vec<QueueFacts>, Failure> {
        let user = self.user()?;
        // The queue of the instance that is named.
        let key = match options.instance {
            Some(_) => Some(options.resolve_key()?),
            None => options.key,
        };
        let mut chosen = queues;
        chosen.retain(|queue| {
            let is_users = user.is_none_or(|uid| queue.stat.uid == uid);
            let is_named = key.is_none_or(|key| queue.stat.key == Some(key));
            let is_numbered = options.msqid.is_none_or(|msqid| queue.stat.msqid == msqid);
            is_users && is_named && is_numbered && self.takes(queue)
        });
        chosen.sort_by_key(|queue| queue.stat.msqid);
        match self.sort {
            Order::Verdict => chosen.sort_by_key(|queue| (queue.verdict(), Reverse(queue.stat.bytes))),
            Order::Key => chosen.sort_by_key(|queue| queue.stat.key.map(|key| key.raw().cast_unsigned())),
            Order::Msqid => {}
            Order::Owner => chosen.sort_by_key(|queue| queue.owner.label()),
            Order::Messages => chosen.sort_by_key(|queue| Reverse(queue.stat.messages)),
            Order::Bytes => chosen.sort_by_key(|queue| Reverse(queue.stat.bytes)),
            Order::Age => chosen.sort_by_key(|queue| Reverse(queue.moved_at_s())),
        }
        Ok(chosen)
    }

    /// The one that is named, or all; none where other options choose.
    pub(super) fn of_instances(&self, instances: Vec<InstanceRow>, options: &QueueOptions) -> Vec<InstanceRow> {
        if self.user.is_some() || self.abandoned || self.stuck || options.key.is_some() || options.msqid.is_some() {
            return Vec::new();
        }
        let mut chosen = instances;
        chosen.retain(|row| options.instance.as_ref().is_none_or(|name| row.name == name.as_str()));
        chosen
    }

    /// Of several kinds one is enough.
    fn takes(&self, queue: &QueueFacts) -> bool {
        let has = |kinds: &[QueueVerdict]| queue.findings.iter().any(|finding| kinds.contains(&finding.verdict));
        let is_abandoned = has(&[QueueVerdict::Abandoned, QueueVerdict::ReaderGone]);
        let is_stuck = has(&[QueueVerdict::Stuck, QueueVerdict::Deadlocked]);
        (!self.abandoned && !self.stuck) || (self.abandoned && is_abandoned) || (self.stuck && is_stuck)
    }
}
