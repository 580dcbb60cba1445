//! The queue of requests, where answers have another: what is no request in it is nobody's.

use super::scan::SCAN_LIMITS;
use super::{Janitor, QueueFill, SCAN_PAUSE};
use msgq_core::queue::Browse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

impl Janitor {
    /// Looks whether the queue is there, whether a herd waits at it, and now and then what rests in it.
    pub(super) fn tend_requests(&mut self) -> QueueFill {
        let shared = Arc::clone(&self.shared);
        let queue = shared.served.current();
        let stat = match queue.stat() {
            Ok(stat) => stat,
            Err(error) => {
                if error.is_gone() {
                    shared.replace_lost_queue(&queue, &error);
                }
                return QueueFill::Empty;
            }
        };
        shared.served.note_sender(&stat);
        let is_full = self.herd.look(&shared, &queue, &stat);
        if stat.messages == 0 {
            shared.served.foreign_messages.keep_only(|_| false);
            return QueueFill::Empty;
        }
        let is_due = self.last_request_scan.is_none_or(|last| last.elapsed() >= SCAN_PAUSE);
        let may_hold_junk = self.can_copy && !shared.protocol.request_types().is_any();
        if is_due && may_hold_junk {
            self.last_request_scan = Some(Instant::now());
            if self.remove_what_is_no_request() > 0 {
                // As long as a scan finds junk there may be more behind it.
                self.last_request_scan = None;
                return QueueFill::MoreJunk;
            }
        }
        if is_full { QueueFill::FullOfRequests } else { QueueFill::Resting }
    }

    /// Returns how many were removed.
    fn remove_what_is_no_request(&mut self) -> usize {
        let (queue, types) = (self.shared.served.current(), self.shared.protocol.request_types());
        let mut found: BTreeMap<i64, usize> = BTreeMap::new();
        let mut browse = Browse::new(queue, SCAN_LIMITS, &mut self.buffer);
        while let Some((_, message)) = browse.next_message() {
            if !types.contains(message.mtype()) {
                *found.entry(message.mtype()).or_default() += 1;
            }
        }
        match browse.is_complete() {
            Ok(true) => self.shared.served.foreign_messages.keep_only(|mtype| found.contains_key(&mtype)),
            Ok(false) => {}
            Err(error) => self.cannot_look(&error),
        }
        found.retain(|mtype, _| !self.shared.served.foreign_messages.contains(*mtype));
        found.into_iter().map(|(mtype, count)| self.remove_of_nobody(&queue, mtype, count)).sum()
    }
}
