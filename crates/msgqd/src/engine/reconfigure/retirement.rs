//! The thread that sees off what a change replaced: workers that are not wanted any more, and the old handler.

use crate::engine::shared::Shared;
use crate::engine::threads::group::{ThreadGroup, WAKE_PAUSE};
use crate::handler::Handler;
use crate::panics::{caught, vital};
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The thread, before it knows of whom. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Retirement {
    thread: JoinHandle<()>,
    tell: mpsc::Sender<Farewell>,
}

struct Farewell {
    shared: Arc<Shared>,
    workers: ThreadGroup,
    handler: Option<Arc<dyn Handler>>,
}

impl Retirement {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(super) fn start() -> io::Result<Self> {
        let (tell, told) = mpsc::channel::<Farewell>();
        let (body, announcement) = vital(move || {
            if let Ok(farewell) = told.recv() {
                farewell.bid();
            }
        });
        let thread = std::thread::Builder::new().name("retirement".to_owned()).spawn(body)?;
        announcement.wait();
        Ok(Self { thread, tell })
    }

    /// Sees off these workers, which were told to leave, and this handler, which was replaced.
    pub(super) fn of(
        self,
        shared: Arc<Shared>,
        workers: ThreadGroup,
        handler: Option<Arc<dyn Handler>>,
    ) -> JoinHandle<()> {
        let _ = self.tell.send(Farewell { shared, workers, handler });
        self.thread
    }
}

impl Farewell {
    fn bid(mut self) {
        let lifecycle = &self.shared.lifecycle;
        while !self.workers.stop(Instant::now() + WAKE_PAUSE * 100) && !lifecycle.is_stopping() {}
        let Some(handler) = self.handler else { return };
        while Arc::strong_count(&handler) > 1 && !lifecycle.is_stopping() {
            std::thread::sleep(WAKE_PAUSE);
        }
        if let Err(panic) = caught(|| handler.stop(Instant::now() + HANDLER_LIMIT)) {
            log::error!("the handler {} panicked when it was stopped: {panic}", handler.name());
        }
    }
}

/// How long the programs of a handler that was replaced may take to end.
const HANDLER_LIMIT: Duration = Duration::from_secs(5);
