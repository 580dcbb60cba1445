use crate::builder::DaemonBuilder;
use crate::process::{Finished, Process};
use crate::second_queue::answers_of;
use crate::wait::wait_until;
use msgq_core::queue::{Queue, QueueKey};
use nix::sys::signal::Signal;

/// A running msgqd; killed when dropped, and its queue removed with the last user of its key.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    builder: DaemonBuilder,
}

impl Daemon {
    pub(crate) fn new(process: Process, builder: DaemonBuilder) -> Self {
        Self { process, builder }
    }

    /// A daemon with the built-in settings that serves.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        DaemonBuilder::new().start()
    }

    /// Its process.
    #[must_use]
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// How it was started, to start another one in the same place.
    #[must_use]
    pub fn builder(&self) -> &DaemonBuilder {
        &self.builder
    }

    /// The key it serves.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.builder.key()
    }

    /// The queue it serves.
    #[must_use]
    #[track_caller]
    pub fn queue(&self) -> Queue {
        Queue::open(self.key()).unwrap()
    }

    /// The queue into which its answers go.
    #[must_use]
    #[track_caller]
    pub fn answers(&self) -> Queue {
        answers_of(&self.queue())
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    /// Waits until it has logged `text`.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str) {
        self.process.wait_for_stderr(text);
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops it as by SIGSTOP and waits until every thread of it stands still.
    #[track_caller]
    pub fn freeze(&mut self) {
        self.process.freeze();
    }

    /// Lets it go on after [`Daemon::freeze`].
    #[track_caller]
    pub fn thaw(&mut self) {
        self.process.thaw();
    }

    /// Kills it as a crash would: the queue stays.
    #[track_caller]
    pub fn crash(mut self) -> DaemonBuilder {
        self.signal(Signal::SIGKILL);
        wait_until("the killed daemon is gone", || !self.process.is_running());
        self.builder.clone()
    }

    /// Waits for its end.
    #[must_use]
    #[track_caller]
    pub fn finish(self) -> Finished {
        self.process.finish()
    }

    /// Sends SIGTERM; the test fails unless it ends with status 0 and its queue is gone.
    #[track_caller]
    pub fn stop(mut self) -> Finished {
        self.signal(Signal::SIGTERM);
        let key = self.key();
        // The builder must outlive the check, or its end removes the queue that may be left.
        let builder = self.builder.clone();
        let second = self.builder.has_second_queue().then(|| self.builder.second_key());
        let finished = self.finish().succeeded();
        assert!(Queue::open(key).is_err(), "the queue outlived the daemon: {finished:?}");
        assert!(
            second.is_none_or(|key| Queue::open(key).is_err()),
            "the second queue outlived the daemon: {finished:?}"
        );
        drop(builder);
        finished
    }
}

/// A queue that no daemon touches and that is msgqd's all the same: the one that served it was killed, and its table names
/// the queue still.
#[must_use]
#[track_caller]
pub fn queue_of_dead_msgqd() -> (DaemonBuilder, Queue) {
    let daemon = Daemon::start();
    let queue = daemon.queue();
    (daemon.crash(), queue)
}
