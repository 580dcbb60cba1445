//! Long slots: texts that are longer than a message, and the parts that are made of them.

use super::block::Table;
use super::series::{LONGEST_ANSWER, LongHeader, PartForm, Series};
use super::slot::SlotHeader;
use crate::layout::protocol::PartTypes;
use crate::queue::MTYPE_LEN;
use std::sync::atomic::Ordering;

impl Table {
    fn long_header(&self, index: u32) -> Option<&LongHeader> {
        self.region.shared(self.offsets.long(index)?)
    }

    fn long_text(&self, index: u32) -> Option<usize> {
        self.offsets.long(index).map(|offset| offset + size_of::<LongHeader>())
    }

    /// Puts a text into a free long slot and returns the series that it makes; `None` when none is free.
    #[must_use]
    pub fn store_long(&self, text: &[u8], form: PartForm) -> Option<Series> {
        let text = text.get(..LONGEST_ANSWER).unwrap_or(text);
        let (index, header) = self.take_long()?;
        header.len.store(u32::try_from(text.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        header.set_form(form);
        self.long_text(index).filter(|offset| self.region.write(*offset, text))?;
        Some(Series::in_long_slot(index))
    }

    fn take_long(&self) -> Option<(u32, &LongHeader)> {
        (0..self.geometry().long_slots).find_map(|index| {
            let header = self.long_header(index)?;
            let taken = header.is_taken.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed);
            taken.is_ok().then_some((index, header))
        })
    }

    /// The long slot of this series, if it has one, is free.
    pub fn free_long(&self, series: Series) {
        if let Some(header) = series.long_slot().and_then(|index| self.long_header(index)) {
            header.is_taken.store(0, Ordering::Release);
        }
    }

    /// How many long slots are in use.
    #[must_use]
    pub fn long_slots_taken(&self) -> usize {
        let is_taken = |header: &LongHeader| header.is_taken.load(Ordering::Relaxed) != 0;
        (0..self.geometry().long_slots).filter(|index| self.long_header(*index).is_some_and(is_taken)).count()
    }

    /// Frees each long slot that no slot names: its server died before it noted for which answer it is.
    pub fn free_forgotten_long_slots(&self) {
        let landings = self.landings().map(SlotHeader::series);
        let responses = (0..self.geometry().capacity).filter_map(|index| Some(self.response(index)?.series()));
        let named: Vec<u32> = landings.chain(responses).filter_map(Series::long_slot).collect();
        for index in (0..self.geometry().long_slots).filter(|index| !named.contains(index)) {
            self.free_long(Series::in_long_slot(index));
        }
    }

    /// Copies the text of a series out of another table into a free long slot of this one; `None` when none is free. A series
    /// without text stays as it is.
    #[must_use]
    pub fn copy_long(&self, from: &Self, series: Series) -> Option<Series> {
        let Some(index) = series.long_slot() else { return Some(series) };
        let header = from.long_header(index)?;
        let mut text = vec![0; header.text_len()];
        from.long_text(index).filter(|offset| from.region.read(*offset, &mut text))?;
        let copied = self.store_long(&text, header.form())?;
        Some(series.moved_to(copied.long_slot()?))
    }

    /// How many messages the series has, its end included.
    #[must_use]
    pub fn messages_of(&self, series: Series, types: Option<PartTypes>) -> u32 {
        let header = series.long_slot().and_then(|index| self.long_header(index));
        let parts = header.map_or(1, |header| u32::try_from(header.form().parts).unwrap_or(1));
        parts.saturating_add(u32::from(types.is_some_and(|types| types.end.is_some())))
    }

    /// Makes the message of the part that a series is at out of its template, which stands in `message`, with room for every
    /// response behind it; returns its length.
    #[must_use]
    pub fn make_part(
        &self,
        series: Series,
        types: Option<PartTypes>,
        message: &mut [u8],
        template_len: usize,
    ) -> usize {
        let (part, messages) = (series.part(), self.messages_of(series, types));
        if let Some(types) = types {
            set_mtype(message, types.of_part(part, messages));
            if types.end.is_some() && part + 1 >= messages {
                return MTYPE_LEN;
            }
        }
        let header = series.long_slot().and_then(|index| Some((self.long_header(index)?, self.long_text(index)?)));
        let Some((header, text)) = header else { return template_len };
        let (form, all) = (header.form(), header.text_len());
        let start = MTYPE_LEN.saturating_add(form.offset);
        let from = usize::try_from(part).unwrap_or(usize::MAX).saturating_mul(form.part_len).min(all);
        let len = form.part_len.min(all - from);
        let Some(field) = message.get_mut(start..start.saturating_add(form.part_len)) else { return template_len };
        field.fill(0);
        if !field.get_mut(..len).is_some_and(|field| self.region.read(text + from, field)) {
            return template_len;
        }
        let Some(behind) = form.behind_text else { return template_len };
        let end = start.saturating_add(len).saturating_add(behind);
        end.max(MTYPE_LEN.saturating_add(form.least_len)).min(message.len())
    }
}

fn set_mtype(message: &mut [u8], mtype: i64) {
    if let Some(first) = message.first_chunk_mut::<MTYPE_LEN>() {
        *first = mtype.to_ne_bytes();
    }
}
