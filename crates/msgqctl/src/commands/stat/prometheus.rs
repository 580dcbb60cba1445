//! The state of a queue in the text format of Prometheus.

use super::report::{ServerState, StatReport};
use super::second_queue::SecondQueueState;
use crate::daemon::{DaemonReport, LatencySummary, ServerPhase};
use crate::output::{StyledText, Text};
use msgq_core::queue::QueueKey;
use serde::Serialize;
use std::fmt::{Display, Write as _};

/// Metrics, one a line, each family behind its meaning and type.
#[derive(Debug, Serialize)]
pub(crate) struct Exposition {
    metrics: String,
    #[serde(skip)]
    key: String,
}

impl Text for Exposition {
    fn text(&self) -> StyledText {
        self.metrics.as_str().into()
    }
}

impl Exposition {
    /// The metrics of a queue that is not there.
    pub(crate) fn without_queue(key: QueueKey) -> Self {
        let mut exposition = Self { metrics: String::new(), key: key.to_string() };
        exposition.up(false);
        exposition
    }

    /// The metrics of a queue, and of the daemon that serves it.
    pub(crate) fn of_queue(report: &StatReport) -> Self {
        let mut exposition = Self { metrics: String::new(), key: report.queue.key.clone() };
        let server = &report.server;
        let serves = match &server.daemon {
            Some(daemon) => matches!(daemon.phase, ServerPhase::Serving | ServerPhase::Starting),
            None => server.state == ServerState::Msgqd,
        };
        exposition.up(serves);
        let closed = u8::from(report.closed.is_some());
        exposition.gauge("closed", "1 while the operator has closed the door for new requests.", closed);
        exposition.queue(report);
        if let Some(daemon) = &server.daemon {
            exposition.daemon(daemon);
        }
        exposition
    }

    fn up(&mut self, serves: bool) {
        self.gauge("up", "1 while a msgqd serves the queue and shows signs of life.", u8::from(serves));
    }

    fn queue(&mut self, report: &StatReport) {
        let queue = &report.queue;
        self.gauge("queue_bytes", "Bytes of all messages in the queue.", queue.bytes);
        self.gauge("queue_max_bytes", "Bytes that the queue holds at most.", queue.max_bytes);
        self.gauge("queue_messages", "Messages in the queue.", queue.messages);
        if let Some(waiting) = report.waiting.as_ref().filter(|waiting| waiting.is_complete) {
            self.gauge("queue_requests", "Requests that wait in the queue.", waiting.requests);
            let others = waiting.responses + waiting.others;
            self.gauge("queue_responses", "Messages in the queue that are no requests.", others);
        }
        if let Some(answers) = &report.answers {
            let is_there = u8::from(answers.state != SecondQueueState::Missing);
            self.gauge("answer_queue_up", "1 while the queue is there into which answers go.", is_there);
            if let Some(queue) = &answers.queue {
                self.gauge("answer_queue_bytes", "Bytes of all answers in their queue.", queue.bytes);
                self.gauge("answer_queue_max_bytes", "Bytes that the queue of answers holds at most.", queue.max_bytes);
                self.gauge("answer_queue_messages", "Answers in their queue.", queue.messages);
            }
        }
        if let Some(waiting) = &report.dead_letters {
            self.gauge("dead_letters", "Messages that no handler took, and that wait for somebody.", waiting.letters);
        }
    }

    fn daemon(&mut self, daemon: &DaemonReport) {
        let about = format!(",version=\"{}\",handler=\"{}\"", escaped(&daemon.version), escaped(&daemon.handler));
        self.family("info", "gauge", "Version and handler of the daemon.");
        self.sample("info", &about, 1);
        self.gauge("start_time_seconds", "When the daemon was started, in seconds since 1970.", daemon.started_at_s);
        self.gauge("silence_seconds", "How long ago the daemon last showed a sign of life.", seconds(daemon.silent_ms));
        let trouble = u8::from(daemon.handler_trouble.is_some());
        self.gauge("handler_down", "1 while the handler cannot work and clients get errors.", trouble);
        self.gauge("in_hand", "Requests that are being worked on.", daemon.in_hand.len());
        let oldest_ms = daemon.in_hand.iter().map(|held| held.age_ms).max().unwrap_or(0);
        self.gauge("in_hand_oldest_seconds", "Age of the oldest request in hand.", seconds(oldest_ms));
        self.gauge("outbox_answers", "Answers that wait for room or for their client.", daemon.outbox.answers);
        self.gauge("outbox_capacity", "Answers that the outbox holds at most.", daemon.outbox.capacity);
        let latency = "Time from the receipt of a request to the hand-over of its answer to the kernel.";
        self.summary("latency_seconds", latency, daemon.latency.as_ref());
        let latency = "Time that the handler took for a request.";
        self.summary("handler_latency_seconds", latency, daemon.handler_latency.as_ref());
        for (name, meaning, value) in daemon.counters.described() {
            let name = format!("{name}_total");
            self.family(&name, "counter", meaning);
            self.sample(&name, "", value);
        }
    }

    fn gauge(&mut self, name: &str, meaning: &str, value: impl Display) {
        self.family(name, "gauge", meaning);
        self.sample(name, "", value);
    }

    fn summary(&mut self, name: &str, meaning: &str, summary: Option<&LatencySummary>) {
        let Some(LatencySummary { count, p50_us, p99_us, p999_us }) = summary else { return };
        self.family(name, "summary", meaning);
        for (quantile, microseconds) in [("0.5", p50_us), ("0.99", p99_us), ("0.999", p999_us)] {
            let value = format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000);
            self.sample(name, &format!(",quantile=\"{quantile}\""), value);
        }
        self.sample(&format!("{name}_count"), "", count);
    }

    fn family(&mut self, name: &str, kind: &str, meaning: &str) {
        let meaning = meaning.replace('\\', "\\\\").replace('\n', " ");
        let _ = writeln!(self.metrics, "# HELP msgqd_{name} {meaning}\n# TYPE msgqd_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.metrics, "msgqd_{name}{{key=\"{}\"{labels}}} {value}", self.key);
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// Text as the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
