//! The queues of the service together: that of requests, and the second one, where answers have one.
//!
//! The second queue is had before that of requests, and goes after it: at no moment can somebody send a request whose
//! answer would have no queue.

use super::acquire::{AcquiredQueue, QueuePlan, restore};
use super::queue_size::TooLarge;
use crate::engine::{OwnedQueue, Recreate};
use msgq_core::config::Config;
use msgq_core::queue::{Queue, QueueKey, QueueStat};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// A plan that a reload may replace.
#[derive(Debug, Clone)]
pub(super) struct CurrentPlan(Arc<Mutex<Arc<QueuePlan>>>);

impl CurrentPlan {
    fn new(plan: QueuePlan) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(plan))))
    }

    pub(super) fn get(&self) -> Arc<QueuePlan> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a new plan into effect, or changes nothing. Nobody makes the queue anew meanwhile, as one plan or the other.
    fn replace(&self, queue: &Queue, plan: QueuePlan) -> Result<(), String> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plan.apply(queue, TooLarge::Refuse)?;
        *current = Arc::new(plan);
        Ok(())
    }

    /// Puts the plan back that was in effect before, and the queue to what it was.
    fn take_back(&self, queue: &Queue, old: Arc<QueuePlan>, before: &QueueStat) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        restore(queue, before);
        *current = old;
    }

    fn recreate(&self) -> Recreate {
        let plan = self.clone();
        Box::new(move || {
            let plan = plan.0.lock().unwrap_or_else(PoisonError::into_inner);
            plan.acquire(TooLarge::ServeSmaller).map(|acquired| acquired.queue)
        })
    }
}

/// What the queues must look like.
#[derive(Debug, Clone)]
pub(super) struct QueuePlans {
    pub(super) requests: CurrentPlan,
    pub(super) answers: Option<CurrentPlan>,
}

/// The queues as they were had, until they are served.
#[derive(Debug)]
pub(super) struct AcquiredQueues {
    pub(super) requests: AcquiredQueue,
    pub(super) answers: Option<AcquiredQueue>,
}

/// The keys of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueKeys {
    pub(super) requests: QueueKey,
    pub(super) answers: Option<QueueKey>,
}

impl QueueKeys {
    /// As the configuration names them; the error is a sentence for the log.
    pub(super) fn of(config: &Config) -> Result<Self, String> {
        let requests = config.queue.key.resolve().map_err(|error| error.to_string())?;
        let second = config.reply_queue.as_ref().map(|queue| queue.key.resolve()).transpose();
        let answers = second.map_err(|error| error.to_string().replace("(queue.key)", "(protocol.reply)"))?;
        if answers == Some(requests) {
            return Err(format!(
                "protocol.reply names queue {requests}, which is the one that requests come from; give it another key, or write \
                 reply = \"shared\""
            ));
        }
        Ok(Self { requests, answers })
    }
}

impl QueuePlans {
    /// As the configuration wants them; `known` is the msqid of a second queue that an earlier server named as its own. Errors are
    /// sentences for the log.
    pub(super) fn new(
        config: &Config,
        keys: QueueKeys,
        closed: Arc<AtomicBool>,
        known: Option<i32>,
    ) -> Result<Self, String> {
        let requests = CurrentPlan::new(QueuePlan::new(keys.requests, &config.queue, &config.protocol, closed)?);
        let answers = match (keys.answers, &config.reply_queue) {
            (Some(key), Some(queue)) => Some(QueuePlan::of_answers(key, queue, &config.protocol, known)?),
            _ => None,
        };
        Ok(Self { requests, answers: answers.map(CurrentPlan::new) })
    }

    /// Creates the queues or takes them over, or leaves both as they were.
    pub(super) fn acquire(&self) -> Result<AcquiredQueues, String> {
        let answers = self.answers.as_ref().map(|plan| plan.get().acquire(TooLarge::Refuse)).transpose()?;
        match self.requests.get().acquire(TooLarge::Refuse) {
            Ok(requests) => Ok(AcquiredQueues { requests, answers }),
            Err(reason) => {
                if let Some(answers) = answers {
                    answers.give_back();
                }
                Err(reason)
            }
        }
    }

    /// Undoes what somebody did to the queues. The caller holds their sizes, see `Engine::hold_sizes`.
    pub(super) fn mend(&self, requests: &Queue, second: Option<&Queue>) {
        self.requests.get().mend(requests);
        if let (Some(plan), Some(queue)) = (&self.answers, second) {
            plan.get().mend(queue);
        }
    }

    /// Puts new plans into effect, those that are given, or changes nothing: first what can be taken back. The caller holds the
    /// sizes of the queues, see `Engine::hold_sizes`.
    pub(super) fn replace(
        &self,
        requests: Option<(Queue, QueuePlan)>,
        answers: Option<(Queue, QueuePlan)>,
    ) -> Result<(), String> {
        let requests = requests.map(|change| (&self.requests, change));
        let mut changes: Vec<_> = requests.into_iter().chain(self.answers.as_ref().zip(answers)).collect();
        changes.sort_by_key(|(_, (queue, plan))| !plan.can_be_taken_back(queue));
        let mut done = Vec::new();
        for (current, (queue, plan)) in changes {
            let (old, before) = (current.get(), queue.stat());
            let replaced = before.map_err(|error| error.to_string()).and_then(|before| {
                current.replace(&queue, plan)?;
                Ok(before)
            });
            match replaced {
                Ok(before) => done.push((current, queue, old, before)),
                Err(reason) => {
                    done.into_iter().for_each(|(current, queue, old, before)| current.take_back(&queue, old, &before));
                    return Err(reason);
                }
            }
        }
        Ok(())
    }
}

impl AcquiredQueues {
    /// What the engine is started with.
    pub(super) fn owned(&self, plans: &QueuePlans) -> (OwnedQueue, Option<OwnedQueue>) {
        let owned = |acquired: &AcquiredQueue, plan: &CurrentPlan| OwnedQueue {
            queue: acquired.queue,
            recreate: plan.recreate(),
        };
        let second = self.answers.as_ref().zip(plans.answers.as_ref());
        (owned(&self.requests, &plans.requests), second.map(|(acquired, plan)| owned(acquired, plan)))
    }

    /// The queue into which answers go.
    pub(super) fn for_answers(&self) -> &AcquiredQueue {
        self.answers.as_ref().unwrap_or(&self.requests)
    }

    /// They will not be served after all: each that is new is removed, so that nobody waits in it, and each other is as
    /// before. First that of requests, so that nobody sends one whose answer would have no queue.
    pub(super) fn give_back(&self) {
        self.requests.give_back();
        if let Some(answers) = &self.answers {
            answers.give_back();
        }
    }
}
