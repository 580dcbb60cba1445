//! Chains of slots: doubly linked lists over slot numbers, in memory that is there from the start. A slot stands in one
//! chain at most; which one its caller knows.

/// No slot.
const NONE: u32 = u32::MAX;

/// The ends of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    head: u32,
    tail: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self { head: NONE, tail: NONE }
    }
}

impl Chain {
    pub(super) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    pub(super) fn first(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }

    pub(super) fn last(&self) -> Option<u32> {
        (self.tail != NONE).then_some(self.tail)
    }
}

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
    sequence: u64,
}

/// What stands before and behind each slot, and the number of its request.
#[derive(Debug)]
pub(super) struct Links(Vec<Link>);

impl Links {
    pub(super) fn new(slots: usize) -> Self {
        Self(vec![Link { before: NONE, after: NONE, sequence: 0 }; slots])
    }

    /// The number of the request whose answer the slot holds; 0 for a slot that was never used.
    pub(super) fn sequence(&self, slot: u32) -> u64 {
        self.get(slot).map_or(0, |link| link.sequence)
    }

    /// The slots of a chain, first to last.
    pub(super) fn slots(&self, chain: &Chain) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(chain.first(), |slot| Some(self.get(*slot)?.after).filter(|after| *after != NONE))
    }

    pub(super) fn insert_first(&mut self, chain: &mut Chain, slot: u32, sequence: u64) {
        self.insert_behind(NONE, chain, slot, sequence);
    }

    /// Puts a slot behind all with a lower number, looking from the end.
    pub(super) fn insert_by_sequence(&mut self, chain: &mut Chain, slot: u32, sequence: u64) {
        let mut before = chain.tail;
        while let Some(link) = self.get(before).filter(|link| link.sequence > sequence) {
            before = link.before;
        }
        self.insert_behind(before, chain, slot, sequence);
    }

    pub(super) fn remove(&mut self, chain: &mut Chain, slot: u32) {
        let Some(Link { before, after, .. }) = self.get(slot) else { return };
        self.join(chain, before, after);
    }

    fn insert_behind(&mut self, before: u32, chain: &mut Chain, slot: u32, sequence: u64) {
        let after = self.get(before).map_or(chain.head, |link| link.after);
        if let Some(link) = self.get_mut(slot) {
            *link = Link { before, after, sequence };
        }
        self.join(chain, before, slot);
        self.join(chain, slot, after);
    }

    /// Makes two slots neighbours; [`NONE`] stands for what is beyond an end.
    fn join(&mut self, chain: &mut Chain, before: u32, after: u32) {
        match self.get_mut(before) {
            Some(link) => link.after = after,
            None => chain.head = after,
        }
        match self.get_mut(after) {
            Some(link) => link.before = before,
            None => chain.tail = before,
        }
    }

    fn get(&self, slot: u32) -> Option<Link> {
        self.0.get(usize::try_from(slot).ok()?).copied()
    }

    fn get_mut(&mut self, slot: u32) -> Option<&mut Link> {
        self.0.get_mut(usize::try_from(slot).ok()?)
    }
}
