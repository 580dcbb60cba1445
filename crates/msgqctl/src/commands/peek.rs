//! `peek`: lists messages and takes none.

mod row;

use super::values::{client_number, clients, whole_number};
use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::messages::{Described, browse_within, describe_foreign_message, describe_message};
use crate::output::{Style, StyledText, Text, counted, pad, widest, width};
use crate::target::{QueueOptions, Target};
use clap::{Args, ValueEnum};
use msgq_core::process::ClientNumber;
use row::{MessageRow, Processes, message_row};
use serde::Serialize;

/// What all columns but the text take, with the gap before it, where programs have short names.
const FIXED_COLUMNS: usize = 65;
const PROGRAM_ROOM: usize = 12;
const PID_ROOM: usize = 8;
/// Every name unescaped, and most of those with a character that is not.
const WIDE_PROGRAM_ROOM: usize = 24;
/// From here on there is room for both.
const WIDE: usize = 120;

/// Which of two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueChoice {
    /// That of the requests
    Requests,
    /// That of the answers
    Answers,
}

const EXAMPLES: &str = "\
Examples:
  msgqctl peek --limit 20  the oldest 20 messages
  msgqctl peek --pid 4711  what client 4711 asked, and what waits for it
  msgqctl peek --full      with all of each text
  msgqctl --msqid 7 peek   a queue that has no key";

/// List the messages in the queue, oldest first, and take none
///
/// Where answers have a queue of their own, as the configuration says, its messages follow.
///
/// The look ends after half a second, and says so. In a queue that is in use it is an approximation: what moves
/// meanwhile may be missed or have another index.
///
/// What a message is and for whom is known on a queue that msgqd serves, or served until it died. On any other, type,
/// size and bytes are shown.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct PeekArguments {
    /// Only messages of this type: in the plain protocol 1 for requests, a client's PID for its responses
    #[arg(long, value_name = "N", value_parser = whole_number::<i64>("", 1..=i64::MAX))]
    pub(crate) r#type: Option<i64>,

    /// Only requests that name this client and messages for it
    #[arg(long, value_name = "PID", value_parser = client_number(), add = clients())]
    pub(crate) pid: Option<i64>,

    /// Show the whole text of each message, on a line of its own
    #[arg(long)]
    pub(crate) full: bool,

    /// Only the messages of this one, where requests and answers have a queue each
    #[arg(long, value_name = "WHICH")]
    pub(crate) queue: Option<QueueChoice>,

    /// Show at most this many messages, of two queues of each
    #[arg(long, value_name = "N", default_value = "100", value_parser = whole_number::<usize>("", 0..=i64::MAX))]
    pub(crate) limit: usize,
}

/// Result of `peek`.
#[derive(Debug, Serialize)]
struct PeekReport {
    #[serde(flatten)]
    requests: QueueMessages,
    /// The queue of the answers, where they have one of their own; the other members are about that of the requests then.
    answers: Option<AnswerMessages>,
    #[serde(skip)]
    choice: Option<QueueChoice>,
    #[serde(skip)]
    is_full: bool,
}

/// What was asked for of one queue.
#[derive(Debug, Serialize)]
struct QueueMessages {
    /// False when a limit ended the look, so that there may be more.
    is_complete: bool,
    looked_at: usize,
    /// Messages that were asked for, shown or not.
    matched: usize,
    /// The oldest first.
    messages: Vec<MessageRow>,
}

/// What was asked for of the second queue.
#[derive(Debug, Serialize)]
struct AnswerMessages {
    key: String,
    #[serde(flatten)]
    of_queue: QueueMessages,
}

impl RunCommand for PeekArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        self.pid.map(|number| queue.client(number)).transpose()?;
        let target = queue.open()?;
        let foreign = target.why_unknown(&target.identity()?);
        if let (Some(seen), Some(_)) = (&foreign, self.pid) {
            let advice = "so nobody knows for whom its messages are; `--type N` shows those of type N";
            return Err(Failure::new(Status::Other, format!("{seen}, {advice}")));
        }
        if self.queue.is_some() && target.known.reply_key.is_none() {
            let source = &target.known.source;
            let message =
                format!("queue {} has no second queue for answers beside it (the protocol is {source})", target.name);
            return Err(Failure::new(Status::Usage, message));
        }
        let is_foreign = foreign.is_some();
        let requests = match self.queue {
            Some(QueueChoice::Answers) => {
                QueueMessages { is_complete: true, looked_at: 0, matched: 0, messages: vec![] }
            }
            _ => self.messages_of(&target, is_foreign)?,
        };
        let mut diagnostics = Vec::new();
        let answers = match self.queue {
            Some(QueueChoice::Requests) => None,
            Some(QueueChoice::Answers) => target.answers()?,
            None => target.answers().map_err(|failure| diagnostics.push(failure.message)).ok().flatten(),
        };
        let answers = answers.map(|answers| -> Result<AnswerMessages, Failure> {
            Ok(AnswerMessages { key: answers.name.to_string(), of_queue: self.messages_of(&answers, is_foreign)? })
        });
        let report = PeekReport { requests, answers: answers.transpose()?, choice: self.queue, is_full: self.full };
        Ok(CommandOutcome { diagnostics, ..CommandOutcome::done(report) })
    }
}

impl PeekArguments {
    fn messages_of(&self, target: &Target, is_foreign: bool) -> Result<QueueMessages, Failure> {
        let mut processes = Processes::default();
        let (mut messages, mut matched) = (Vec::new(), 0);
        let browsed = browse_within(&target.queue, target.look_limits(), |index, message| {
            let described = match is_foreign {
                true => describe_foreign_message(message.body()),
                false => describe_message(&target.messages, message.mtype(), message.body()),
            };
            if is_wanted(self, message.mtype(), &described) {
                matched += 1;
                if messages.len() < self.limit {
                    messages.push(message_row(index, message, &described, &mut processes));
                }
            }
        });
        let browsed = browsed.map_err(|error| target.failure(&error))?;
        Ok(QueueMessages { is_complete: browsed.is_complete, looked_at: browsed.looked_at, matched, messages })
    }
}

fn is_wanted(options: &PeekArguments, mtype: i64, described: &Described) -> bool {
    let client = described.client.map(ClientNumber::get);
    options.r#type.is_none_or(|wanted| wanted == mtype) && options.pid.is_none_or(|pid| client == Some(pid))
}

impl Text for PeekReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        if self.choice != Some(QueueChoice::Answers) {
            self.requests.write(self.is_full, &mut text);
        }
        if let Some(answers) = &self.answers {
            if self.choice.is_none() {
                text.line(String::new());
                text.line(format!("answers, in queue {}:", answers.key));
            }
            answers.of_queue.write(self.is_full, &mut text);
        }
        text
    }
}

impl QueueMessages {
    fn write(&self, is_full: bool, text: &mut StyledText) {
        let width = width();
        let program_room = if width < WIDE { PROGRAM_ROOM } else { WIDE_PROGRAM_ROOM };
        let clients: Vec<String> = self.messages.iter().map(MessageRow::client_in_column).collect();
        let client_room = widest(clients.iter().map(String::as_str), PID_ROOM, usize::MAX);
        if !self.messages.is_empty() {
            let program = pad("program", program_room);
            let are_pids = self.messages.iter().all(|message| message.pid.is_some() || message.client.is_none());
            let client = if are_pids { "pid" } else { "client" };
            text.line(format!("index       type  kind     {client:>client_room$}  state   {program}  size  text"));
        }
        let fixed_columns = FIXED_COLUMNS + program_room - PROGRAM_ROOM + client_room - PID_ROOM;
        let text_room = (!is_full).then(|| width.saturating_sub(fixed_columns));
        for message in &self.messages {
            message.write(client_room, program_room, text_room, text);
        }
        if self.matched == 0 {
            let among = if self.is_complete { "" } else { " among those that were looked at" };
            text.line(format!("no such message{among}"));
        }
        let shown = self.messages.len();
        if shown < self.matched {
            let all = counted(self.matched, "message");
            text.line(format!("{shown} of {all} shown; --limit shows more"));
        }
        if !self.is_complete {
            let seen = counted(self.looked_at, "message");
            text.line(format!("the look ended at its limit, after {seen}: there may be more"));
        }
    }
}
