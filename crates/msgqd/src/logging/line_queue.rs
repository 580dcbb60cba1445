//! The lines of the log on their way to whoever reads it, written by a thread of their own: nobody who logs ever waits for
//! the reader. When that one has stopped, lines come late, or are lost and counted.

use super::entry::Entry;
use super::output::Output;
use crate::own_threads::announced;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where lines are put; a clone puts them into the same queue.
#[derive(Debug, Clone)]
pub(super) struct LineQueue(Arc<Lines>);

#[derive(Debug)]
struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Entry>,
    /// Length of what waits, in bytes.
    len: usize,
    is_writing: bool,
    lost: u64,
    /// How many of the lost ones the log itself tells of.
    told: u64,
}

/// What may wait for a reader, in bytes: some thousand lines.
const ROOM: usize = 256 * 1024;

impl LineQueue {
    /// Starts the thread that writes to `out`. `note` makes the line that tells how many were lost.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(super) fn start(
        out: impl Output + Send + 'static,
        note: impl Fn(u64) -> Entry + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self(Arc::new(Lines { state: Mutex::default(), changed: Condvar::new() }));
        let lines = Arc::clone(&queue.0);
        let (body, announcement) = announced(move || lines.write_all(out, note));
        std::thread::Builder::new().name("log".to_owned()).spawn(body)?;
        announcement.wait();
        Ok(queue)
    }

    /// Takes an entry, or counts it as lost where too much waits.
    pub(super) fn put(&self, entry: Entry) {
        let mut state = self.0.lock();
        if state.len + entry.len() > ROOM {
            state.lost += 1;
        } else {
            state.len += entry.len();
            state.waiting.push_back(entry);
            self.0.changed.notify_all();
        }
    }

    /// How many lines were lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.0.lock().lost
    }

    /// Waits until all is written, at most `limit`.
    pub(super) fn await_written(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.0.lock();
        while state.is_writing || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut out: impl Output, note: impl Fn(u64) -> Entry) {
        loop {
            let line = self.next(&note);
            let written = out.write(&line);
            let mut state = self.lock();
            state.is_writing = false;
            if written.is_err() {
                state.lost += 1;
                // A note of it would be lost as well.
                state.told = state.lost;
            }
            self.changed.notify_all();
        }
    }

    /// Waits for a line. What was lost is told behind those that had come before.
    fn next(&self, note: &impl Fn(u64) -> Entry) -> Entry {
        let mut state = self.lock();
        loop {
            if let Some(line) = state.waiting.pop_front() {
                state.len -= line.len();
                state.is_writing = true;
                return line;
            }
            if state.told < state.lost {
                let untold = state.lost - state.told;
                state.told = state.lost;
                state.is_writing = true;
                return note(untold);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use log::Level;
    use std::sync::mpsc;

    /// A reader that takes a line only when the test lets it.
    struct Reader {
        may_go_on: mpsc::Receiver<()>,
        lines: mpsc::Sender<String>,
    }

    impl Output for Reader {
        fn write(&mut self, entry: &Entry) -> io::Result<()> {
            let _ = self.may_go_on.recv();
            let _ = self.lines.send(entry.text.clone());
            Ok(())
        }
    }

    fn entry(text: &str) -> Entry {
        Entry { level: Level::Info, text: text.to_owned(), fields: Vec::new() }
    }

    #[test]
    fn beside_a_reader_that_stops_lines_are_late_or_lost_and_counted_and_nobody_waits() {
        let (go_on, may_go_on) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let note = |lost| entry(&format!("{lost} lost"));
        let queue = LineQueue::start(Reader { may_go_on, lines: tell }, note).unwrap();
        let line = "x".repeat(1024);
        for _ in 0..300 {
            queue.put(entry(&line));
        }
        queue.await_written(Duration::from_millis(1));
        let lost = queue.lost();
        // The thread may have taken one out to write it.
        assert!((43..=44).contains(&lost), "{lost}");
        drop(go_on);
        queue.await_written(Duration::from_secs(60));
        let lines: Vec<String> = told.try_iter().collect();
        let (last, late) = lines.split_last().unwrap();
        assert_eq!(u64::try_from(late.len()).unwrap() + lost, 300);
        assert!(late.iter().all(|late| *late == line));
        assert_eq!(*last, format!("{lost} lost"));
        queue.put(entry("next"));
        assert_eq!(told.recv().unwrap(), "next");
    }
}
