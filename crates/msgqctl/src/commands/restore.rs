//! `restore`: puts messages back that `--save` wrote into a file.

mod report;

use super::dead::put_back_letters;
use super::interrupt::Interrupt;
use super::saving::failure_of_saving;
use super::values::parse_timeout;
use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::{Style, counted, shown_path};
use crate::target::{QueueOptions, Target};
use clap::{Args, ValueHint};
use msgq_core::saved_messages::{LeftMessage, Restore, RestoreEnd, Restored, SaveError, SaveFile, SavedFrom};
use report::RestoreReport;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  msgqctl restore f.jsonl                                 into the queue that the file names
  msgqctl --msqid 7 restore --into-another-queue f.jsonl  into another one";

/// Put messages back that --save wrote into a file, each with its type and every byte, in their order
///
/// Without --key, --msqid or --config into the queue that the file names; that one may have been made anew since, with the same
/// key. The file notes of each message where it is, so what is back already is not put back again, also when an earlier run was
/// killed. The file stays. What `dead drop --save` wrote goes back to the dead letters of its queue.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RestoreArguments {
    /// What `purge --save` or `remove --save` wrote
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,

    /// How long to wait for room in the queue: seconds, or a number with ms, s or m
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, default_value = "10")]
    timeout: Duration,

    /// Put them into the queue that is named, though they are of another one
    #[arg(long)]
    into_another_queue: bool,

    /// Put back as well what may be in the queue already, since an earlier run was killed while it sent it
    #[arg(long)]
    doubtful: bool,
}

impl RunCommand for RestoreArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let failed = |error: &SaveError| {
            let failure = failure_of_saving(error);
            Failure::new(failure.status, format!("nothing was put back: {}", failure.message))
        };
        let file = match SaveFile::open(&self.file) {
            Err(error @ SaveError::Line { .. }) => {
                return put_back_letters(&self.file, queue)?.ok_or_else(|| failed(&error));
            }
            file => file.map_err(|error| failed(&error))?,
        };
        let target = queue_of(file.saved_from(), queue).open()?;
        self.check_queue(&file, &target)?;
        let interrupt = Interrupt::install()?;
        let is_interrupted = || interrupt.signal().is_some();
        let how = Restore { patience: self.timeout, with_doubtful: self.doubtful, is_interrupted: &is_interrupted };
        let restored = file.restore(&target.queue, &how).map_err(|error| failed(&error))?;
        let (diagnostics, status) = self.judge(&restored);
        let ended_by = interrupt.signal().filter(|_| matches!(restored.end, RestoreEnd::Interrupted));
        let report = RestoreReport::new(shown_path(&self.file), &target, &restored);
        Ok(CommandOutcome { diagnostics, status, ended_by, ..CommandOutcome::done(report) })
    }
}

impl RestoreArguments {
    fn check_queue(&self, file: &SaveFile, target: &Target) -> Result<(), Failure> {
        if self.into_another_queue {
            return Ok(());
        }
        let named = SavedFrom::of_queue(&target.queue).map_err(|error| target.failure(&error))?;
        file.check_queue(&named).map_err(|error| {
            let message = format!("{error}, so nothing was put back; --into-another-queue does it all the same");
            Failure::new(Status::Usage, message)
        })
    }

    fn judge(&self, restored: &Restored) -> (Vec<String>, Status) {
        let (doubtful, left): (Vec<_>, Vec<_>) = restored.left.iter().partition(|left| left.is_doubtful);
        let stay = |left: &[&LeftMessage]| match left {
            [] => String::new(),
            [first, ..] => {
                format!(
                    "; {} still in the file, from line {} on: run it again",
                    counted(left.len(), "message"),
                    first.line
                )
            }
        };
        let mut diagnostics = Vec::new();
        let mut status = Status::Ok;
        let mut say = |what: String, of: Status| {
            diagnostics.push(what);
            status = of;
        };
        match &restored.end {
            RestoreEnd::Complete | RestoreEnd::Interrupted => {}
            RestoreEnd::NoRoom => {
                say(format!("the queue had no room within {:?}{}", self.timeout, stay(&left)), Status::Other);
            }
            RestoreEnd::Failed(error) => {
                let failure = failure_of_saving(error);
                say(format!("{}{}", failure.message, stay(&left)), failure.status);
            }
        }
        for doubt in doubtful {
            let LeftMessage { line, mtype, len, .. } = doubt;
            let what = format!(
                "line {line}: msgqctl was killed while it put this message back (type {mtype}, {}), and whether the queue got \
                 it nobody can tell any more: --doubtful sends it again",
                counted(*len, "byte")
            );
            say(what, Status::Other);
        }
        (diagnostics, status)
    }
}

/// The queue of the file, unless the command line names one.
fn queue_of(from: &SavedFrom, queue: &QueueOptions) -> QueueOptions {
    if queue.key.is_some() || queue.msqid.is_some() || queue.config.is_some() {
        return queue.clone();
    }
    let msqid = from.queue_key.is_none().then_some(from.msqid);
    QueueOptions { key: from.queue_key, msqid, ..queue.clone() }
}
