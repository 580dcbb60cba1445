//! Answers longer than one message: where the rest of one stands, and which part of it a slot is at.
//!
//! The slot of the answer holds a *template*, the message of its first part: the fields that all parts share. Its text stands in
//! one of a few *long slots*, whose number the slot names. So each part is made at the moment in which it goes out.

use crate::memory::shared_struct;
use std::sync::atomic::{AtomicU32, Ordering};

/// The longest text or body that goes out in parts, in bytes.
pub const LONGEST_ANSWER: usize = 1 << 20;
/// Long slots of a table whose server sends answers in parts.
pub const LONG_SLOTS: u32 = 16;

/// Where an answer in parts is: one number, so that a step is one atomic store in [`super::SlotHeader`].
///
/// ```text
/// bits 0-22   number of the part that is next, or in the send call, or rests in the queue
/// bit 23      that part was begun: the state of the slot is about it, and not about the one before
/// bits 24-31  the long slot and 1; all of them: what follows needs no text; 0: the answer is one message
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Series(u32);

const PART: u32 = (1 << 23) - 1;
const BEGUN: u32 = 1 << 23;
const PLACE_SHIFT: u32 = 24;
const NO_TEXT: u32 = 0xff;

impl Series {
    /// An answer of one message.
    pub const NONE: Self = Self(0);
    /// One whose text is in the template: its end follows as a message of its own.
    pub const WITHOUT_TEXT: Self = Self(NO_TEXT << PLACE_SHIFT);

    /// One whose text is in this long slot.
    #[must_use]
    pub fn in_long_slot(index: u32) -> Self {
        if index < NO_TEXT - 1 { Self((index + 1) << PLACE_SHIFT) } else { Self::NONE }
    }

    pub(super) fn of_number(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// True for an answer of more than one message.
    #[must_use]
    #[inline]
    pub fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The long slot with its text.
    #[must_use]
    pub fn long_slot(self) -> Option<u32> {
        (self.0 >> PLACE_SHIFT).checked_sub(1).filter(|index| *index < NO_TEXT - 1)
    }

    /// The number of the part that it is at, from 0.
    #[must_use]
    pub fn part(self) -> u32 {
        self.0 & PART
    }

    /// True when the state of its slot is about this part: it is in the send call, or rests in the queue.
    #[must_use]
    pub fn is_begun(self) -> bool {
        self.0 & BEGUN != 0
    }

    /// True when a part of it has reached its client, or may have.
    #[must_use]
    pub fn has_started(self) -> bool {
        self.part() > 0 || self.is_begun()
    }

    /// With its part in the send call.
    #[must_use]
    pub fn begun(self) -> Self {
        if self.is_some() { Self(self.0 | BEGUN) } else { self }
    }

    /// At the next part.
    #[must_use]
    pub fn next(self) -> Self {
        Self((self.0 & !(PART | BEGUN)) | (self.part().saturating_add(1) & PART))
    }

    /// The same, with its text in another long slot.
    #[must_use]
    pub fn moved_to(self, index: u32) -> Self {
        Self(Self::in_long_slot(index).0 | (self.0 & (PART | BEGUN)))
    }
}

shared_struct! {
    /// What stands in front of the text of a long answer.
    #[repr(align(64))]
    pub struct LongHeader {
        pub(super) is_taken: AtomicU32,
        /// Bytes of text.
        pub(super) len: AtomicU32,
        /// Bytes of text in each part but the last.
        part_len: AtomicU32,
        /// Parts that hold text; the last one may have none.
        parts: AtomicU32,
        /// Where the text begins in a body.
        offset: AtomicU32,
        /// A body ends so many bytes behind its text, and is not shorter than [`LongHeader::least_len`]; `u32::MAX`: all bodies
        /// are as long as that of the template.
        behind_text: AtomicU32,
        least_len: AtomicU32,
    }
}

/// How a text is laid into bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartForm {
    /// Where the text begins in a body, in bytes.
    pub offset: usize,
    /// Bytes of text in each part but the last.
    pub part_len: usize,
    /// Parts that hold text.
    pub parts: usize,
    /// Bytes of a body behind its text; `None`: all bodies are as long as the first.
    pub behind_text: Option<usize>,
    /// The shortest body where that follows its text, in bytes.
    pub least_len: usize,
}

impl LongHeader {
    /// How the text behind it is laid into bodies.
    pub(super) fn form(&self) -> PartForm {
        let number = |field: &AtomicU32| usize::try_from(field.load(Ordering::Relaxed)).unwrap_or(0);
        let follows_text = self.behind_text.load(Ordering::Relaxed) != u32::MAX;
        PartForm {
            offset: number(&self.offset),
            part_len: number(&self.part_len),
            parts: number(&self.parts),
            behind_text: follows_text.then(|| number(&self.behind_text)),
            least_len: number(&self.least_len),
        }
    }

    pub(super) fn set_form(&self, form: PartForm) {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let fields = [
            (&self.part_len, number(form.part_len.max(1))),
            (&self.parts, number(form.parts)),
            (&self.offset, number(form.offset)),
            (&self.behind_text, form.behind_text.map_or(u32::MAX, number)),
            (&self.least_len, number(form.least_len)),
        ];
        for (field, value) in fields {
            field.store(value, Ordering::Relaxed);
        }
    }

    /// Bytes of text behind it.
    pub(super) fn text_len(&self) -> usize {
        usize::try_from(self.len.load(Ordering::Relaxed)).unwrap_or(0).min(LONGEST_ANSWER)
    }
}
