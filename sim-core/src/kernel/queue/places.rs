//! Which cancellable events are pending: a handle stays while the event's entry moves. A cancelled event leaves its place
//! at once; its entry stays where it is and is dropped when it is next looked at, which is told by the place being
//! another event's or nobody's. Knows no entries.

use std::num::NonZeroU32;

use super::SimTime;

/// A handle to a pending event that may be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The number of its place, from 1 on, so that an absent handle takes no room of its own.
    number: NonZeroU32,
    /// The lower half of its order among equals: another one for each of the place's next 2^32 events.
    tag: u32,
}

impl EventId {
    /// What its entry carries.
    pub(super) fn handle(self) -> u32 {
        self.number.get()
    }
}

/// The handle of an event that cannot be cancelled.
pub(super) const NO_HANDLE: u32 = 0;
/// No event has this order: sequence numbers begin at 1.
const NOBODY: u64 = 0;

/// The places of all cancellable events.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The order among equals of each place's event; the first place is nobody's. Every dropped entry asks for it, so it
    /// stands apart from what is seldom asked.
    orders: Vec<u64>,
    times: Vec<SimTime>,
    free: Vec<NonZeroU32>,
    cancelled: usize,
}

impl Places {
    pub(super) fn new() -> Self {
        Self { orders: vec![NOBODY], times: vec![SimTime::ZERO], free: Vec::new(), cancelled: 0 }
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.orders.capacity() * size_of::<u64>()
            + self.times.capacity() * size_of::<SimTime>()
            + self.free.capacity() * size_of::<NonZeroU32>()
    }

    /// A place for a new event.
    pub(super) fn take(&mut self, time: SimTime, order: u64) -> EventId {
        let number = self.free.pop().unwrap_or_else(|| self.one_more());
        self.orders[number.get() as usize] = order;
        self.times[number.get() as usize] = time;
        EventId { number, tag: tag_of(order) }
    }

    #[cold]
    fn one_more(&mut self) -> NonZeroU32 {
        self.orders.push(NOBODY);
        self.times.push(SimTime::ZERO);
        let number = u32::try_from(self.orders.len() - 1).expect("fewer than 2^32 cancellable events pending");
        NonZeroU32::new(number).expect("the first place is nobody's")
    }

    /// When an event will happen; `None` when it has happened or was cancelled.
    pub(super) fn due(&self, id: EventId) -> Option<SimTime> {
        self.order(id).map(|_| self.times[id.handle() as usize])
    }

    /// The order among equals of a pending event.
    pub(super) fn order(&self, id: EventId) -> Option<u64> {
        let order = *self.orders.get(id.handle() as usize)?;
        (order != NOBODY && tag_of(order) == id.tag).then_some(order)
    }

    /// Cancels an event; false when it has happened or was cancelled before.
    pub(super) fn cancel(&mut self, id: EventId) -> bool {
        let pending = self.order(id).is_some();
        if pending {
            self.release(id.number);
            self.cancelled += 1;
        }
        pending
    }

    /// An event happens: it cannot be cancelled any more.
    #[inline]
    pub(super) fn happens(&mut self, handle: u32) {
        if let Some(number) = NonZeroU32::new(handle) {
            self.release(number);
        }
    }

    /// True when the entry of this handle and order is that of a pending event; false when it is that of a cancelled one,
    /// which is then dropped.
    #[inline]
    pub(super) fn keeps(&mut self, handle: u32, order: u64) -> bool {
        let keeps = handle == NO_HANDLE || self.orders[handle as usize] == order;
        self.cancelled -= usize::from(!keeps);
        keeps
    }

    /// How many cancelled events have their entries still somewhere.
    pub(super) fn cancelled(&self) -> usize {
        self.cancelled
    }

    fn release(&mut self, number: NonZeroU32) {
        self.orders[number.get() as usize] = NOBODY;
        self.free.push(number);
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn tag_of(order: u64) -> u32 {
    order as u32
}
