//! The future event list in the order of law 3, with true cancellation: the next few events sorted, all later ones in
//! buckets by the digits of their keys. Knows time, classes and stated orders; knows nothing of what an event means.

mod buckets;
mod places;
mod sorter;
mod ties;

use buckets::Buckets;
use places::{NO_HANDLE, Places};
use sorter::Sorter;

pub use places::EventId;

use super::time::SimTime;

/// What kind of cause an event has; at one instant a lower class happens first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EventClass {
    /// Faults and planned actions.
    Fault = 0,
    /// Controllers, kubelets, daemons, registries.
    Control = 1,
    /// Rule changes on a node.
    Dataplane = 2,
    /// A packet's arrival at the end of a link.
    Link = 3,
    /// Timers of TCP.
    Transport = 4,
    /// Arrivals, service completions and client deadlines.
    Workload = 5,
    /// Observers that change nothing.
    Observe = 6,
}

impl EventClass {
    /// All classes in their order.
    pub const ALL: [Self; 7] =
        [Self::Fault, Self::Control, Self::Dataplane, Self::Link, Self::Transport, Self::Workload, Self::Observe];
}

/// Bits of an arrival's order among those of its time.
pub const ORDER_BITS: u32 = 60;
const CLASS_SHIFT: u32 = ORDER_BITS;
/// Sequence numbers begin behind those of planned events.
const FIRST_SEQUENCE: u64 = 1 << 32;
/// A bucket of so many entries is sorted; a larger one is split.
const FEW: usize = 96;
/// Fewer sorted entries than these call for the next bucket too: what is near goes between them at once, and passes no bucket.
const ENOUGH: usize = 26;
/// So many more cancelled events than pending ones are kept, until they are dropped all at once.
const SPARE: usize = 1024;
/// More sorted entries than these are too many to shift at each insertion.
const MOST: usize = 160;

/// A pending event. Its key is in two halves, so that an entry is no larger than its parts.
#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    /// Nanoseconds.
    time: u64,
    /// Order among equals.
    order: u64,
    handle: u32,
    event: E,
}

impl<E> Entry<E> {
    /// Time in the upper half, order among equals in the lower: one comparison decides.
    fn key(&self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.order)
    }
}

/// An event taken from the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired<E> {
    /// When it happens.
    pub time: SimTime,
    /// Its class.
    pub class: EventClass,
    /// What happens.
    pub event: E,
}

/// The future event list. Order: time, then class, then first-in first-out;
/// packets of class [`EventClass::Link`] by a stated number, made of ingress link and departure.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    /// The next events, the very next one last; when it is empty, the next one is in the buckets.
    bottom: Vec<Entry<E>>,
    /// No key of the bottom is above it, and every key in the buckets is.
    base: u128,
    buckets: Buckets<E>,
    sorter: Sorter<E>,
    places: Places,
    sequence: u64,
    /// Planned events so far.
    planned: u64,
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> EventQueue<E> {
    /// An empty list.
    pub fn new() -> Self {
        Self {
            bottom: Vec::with_capacity(MOST + 1),
            base: 0,
            buckets: Buckets::new(),
            sorter: Sorter::with_capacity(MOST + 1),
            places: Places::new(),
            sequence: FIRST_SEQUENCE,
            planned: 0,
        }
    }

    /// Heap memory in bytes.
    pub fn heap_bytes(&self) -> usize {
        let near = self.bottom.capacity() * size_of::<Entry<E>>() + self.sorter.heap_bytes();
        near + self.places.heap_bytes() + self.buckets.heap_bytes()
    }

    /// Number of pending events.
    pub fn len(&self) -> usize {
        self.bottom.len() + self.buckets.len() - self.places.cancelled()
    }

    /// True when nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of the next event.
    pub fn next_time(&mut self) -> Option<SimTime> {
        self.make_ready();
        self.bottom.last().map(|entry| SimTime::from_nanos(entry.time))
    }

    /// Adds an event behind all events of the same time and class. A list that takes arrivals takes no other events of
    /// class [`EventClass::Link`].
    #[inline]
    pub fn push(&mut self, time: SimTime, class: EventClass, event: E) {
        let order = self.next_order(class);
        self.insert(Entry { time: time.as_nanos(), order, handle: NO_HANDLE, event });
    }

    /// Adds an event that [`EventQueue::cancel`] can take out again.
    pub fn push_cancellable(&mut self, time: SimTime, class: EventClass, event: E) -> EventId {
        let order = self.next_order(class);
        self.insert_cancellable(time, order, event)
    }

    /// Adds an event of a plan: behind all planned events of the same time and class, and before those that are not
    /// planned. So a plan can be taken out and another one put in its place at any time.
    pub fn push_planned(&mut self, time: SimTime, class: EventClass, event: E) -> EventId {
        self.planned += 1;
        debug_assert!(self.planned < FIRST_SEQUENCE, "fewer than 2^32 planned events");
        self.insert_cancellable(time, (class as u64) << CLASS_SHIFT | self.planned, event)
    }

    /// Moves a pending event to another time, as if it had been put there when it was added: it keeps its order among
    /// the events of one time. `None` when it has happened or was cancelled.
    pub fn move_to(&mut self, id: EventId, time: SimTime, event: E) -> Option<EventId> {
        let order = self.places.order(id)?;
        self.cancel(id);
        // An entry is told by its order, so the old one has to go before another one has the same.
        self.buckets.purge(self.base, &mut self.places);
        self.bottom.retain(|entry| self.places.keeps(entry.handle, entry.order));
        Some(self.insert_cancellable(time, order, event))
    }

    /// Adds the arrival of a packet, at equal times in the order of these numbers, which are below 2^[`ORDER_BITS`].
    pub fn push_arrival(&mut self, time: SimTime, order: u64, event: E) {
        debug_assert!(order >> ORDER_BITS == 0);
        let order = (EventClass::Link as u64) << CLASS_SHIFT | order;
        self.insert(Entry { time: time.as_nanos(), order, handle: NO_HANDLE, event });
    }

    /// Takes a pending event out; false when it has fired or was cancelled before.
    pub fn cancel(&mut self, id: EventId) -> bool {
        if !self.places.cancel(id) {
            return false;
        }
        if self.places.cancelled() > self.len() + SPARE {
            self.buckets.purge(self.base, &mut self.places);
        }
        true
    }

    /// When an event will happen; `None` when it has happened or was cancelled.
    pub fn due(&self, id: EventId) -> Option<SimTime> {
        self.places.due(id)
    }

    /// Takes the next event if it happens at or before `limit`.
    #[inline]
    pub fn pop_until(&mut self, limit: SimTime) -> Option<Fired<E>> {
        self.make_ready();
        let entry = *self.bottom.last()?;
        let time = SimTime::from_nanos(entry.time);
        if time > limit {
            return None;
        }
        self.bottom.pop();
        Some(self.fire(entry))
    }

    /// Takes the next event.
    #[inline]
    pub fn pop(&mut self) -> Option<Fired<E>> {
        self.pop_until(SimTime::MAX)
    }

    /// An event happens whose entry was taken out.
    #[inline]
    fn fire(&mut self, entry: Entry<E>) -> Fired<E> {
        self.places.happens(entry.handle);
        let class = EventClass::ALL[(entry.order >> CLASS_SHIFT) as usize];
        Fired { time: SimTime::from_nanos(entry.time), class, event: entry.event }
    }

    fn next_order(&mut self, class: EventClass) -> u64 {
        self.sequence += 1;
        (class as u64) << CLASS_SHIFT | self.sequence
    }

    fn insert_cancellable(&mut self, time: SimTime, order: u64, event: E) -> EventId {
        let id = self.places.take(time, order);
        self.insert(Entry { time: time.as_nanos(), order, handle: id.handle(), event });
        id
    }

    #[inline]
    fn insert(&mut self, entry: Entry<E>) {
        if self.bottom.is_empty() && self.buckets.len() == 0 {
            self.base = entry.key();
            self.bottom.push(entry);
        } else if entry.key() > self.base {
            self.buckets.insert(self.base, entry);
        } else {
            self.insert_sorted(entry);
        }
    }

    fn insert_sorted(&mut self, entry: Entry<E>) {
        let mut at = self.bottom.partition_point(|later| later.time > entry.time);
        // Half a key is cheaper to look at than both, and times differ nearly always.
        if self.bottom.get(at).is_some_and(|it| it.time == entry.time) {
            at += self.bottom[at..].partition_point(|later| later.key() > entry.key());
        }
        self.bottom.insert(at, entry);
        if self.bottom.len() > MOST {
            self.spill();
        }
    }

    /// Puts the later events of the bottom into buckets.
    #[cold]
    fn spill(&mut self) {
        let later = self.bottom.len() - MOST / 2;
        let base = self.bottom[later].key();
        self.buckets.rebase(self.base, base, &mut self.places);
        self.base = base;
        for entry in self.bottom.drain(..later) {
            self.buckets.insert(self.base, entry);
        }
    }

    /// After this the last event of the bottom is the next one that is pending, if any is.
    #[inline]
    fn make_ready(&mut self) {
        if self.bottom.last().is_none_or(|entry| entry.handle != NO_HANDLE) {
            self.refill();
        }
    }

    /// Drops cancelled events from the bottom, and once it is empty sorts the next ones into it.
    #[inline(never)]
    fn refill(&mut self) {
        while !self.drop_cancelled() && self.buckets.len() > 0 {
            let before = self.base;
            while self.bottom.len() < ENOUGH && self.buckets.len() > 0 {
                self.base = self.buckets.take_least(self.base, FEW, &mut self.bottom, &mut self.places);
            }
            self.sorter.sort(&mut self.bottom, (before >> 64) as u64);
        }
    }

    /// Drops cancelled events until the next one in the bottom is pending; false when none is.
    fn drop_cancelled(&mut self) -> bool {
        while let Some(entry) = self.bottom.last() {
            if self.places.keeps(entry.handle, entry.order) {
                return true;
            }
            self.bottom.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    #[test]
    fn time_then_class_then_first_in_first_out() {
        let mut queue = EventQueue::new();
        queue.push(at(5), EventClass::Workload, 1);
        queue.push(at(5), EventClass::Fault, 2);
        queue.push(at(5), EventClass::Workload, 3);
        queue.push(at(4), EventClass::Observe, 4);
        let order: Vec<i32> = std::iter::from_fn(|| queue.pop()).map(|fired| fired.event).collect();
        assert_eq!(order, [4, 2, 1, 3]);
    }

    #[test]
    fn a_plan_comes_first_in_its_own_order_and_a_moved_event_keeps_its_place() {
        let mut queue = EventQueue::new();
        queue.push(at(5), EventClass::Fault, "first of no plan");
        let moved = queue.push_cancellable(at(9), EventClass::Fault, "moved");
        queue.push(at(5), EventClass::Fault, "last of no plan");
        let old = queue.push_planned(at(5), EventClass::Fault, "of an old plan");
        assert!(queue.cancel(old));
        queue.push_planned(at(5), EventClass::Fault, "first of the plan");
        queue.push_planned(at(5), EventClass::Fault, "second of the plan");
        let once = queue.move_to(moved, at(7), "moved").unwrap();
        let twice = queue.move_to(once, at(5), "moved").unwrap();
        assert_eq!((queue.due(twice), queue.len()), (Some(at(5)), 5));
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop()).map(|fired| fired.event).collect();
        let expected = ["first of the plan", "second of the plan", "first of no plan", "moved", "last of no plan"];
        assert_eq!(order, expected);
    }

    #[test]
    fn packets_of_one_instant_go_by_link_and_departure() {
        let mut queue = EventQueue::new();
        queue.push_arrival(at(9), 7 << 36, "late link");
        queue.push_arrival(at(9), (2 << 36) + 11, "second");
        queue.push_arrival(at(9), (2 << 36) + 10, "first");
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop()).map(|fired| fired.event).collect();
        assert_eq!(order, ["first", "second", "late link"]);
    }

    #[test]
    fn cancel_takes_out_exactly_one_event_once() {
        let mut queue = EventQueue::new();
        let first = queue.push_cancellable(at(1), EventClass::Control, 1);
        queue.push(at(2), EventClass::Control, 2);
        assert!(queue.cancel(first));
        assert!(!queue.cancel(first));
        let reused = queue.push_cancellable(at(3), EventClass::Control, 3);
        assert!(!queue.cancel(first), "an old handle must not reach the event that reuses its slot");
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.pop().map(|fired| fired.event), Some(2));
        assert_eq!(queue.pop().map(|fired| fired.event), Some(3));
        assert!(!queue.cancel(reused), "a fired event cannot be cancelled");
    }

    #[test]
    fn pop_until_leaves_later_events() {
        let mut queue = EventQueue::new();
        queue.push(at(10), EventClass::Link, ());
        assert!(queue.pop_until(at(9)).is_none());
        assert!(queue.pop_until(at(10)).is_some());
    }

    #[test]
    fn events_before_those_that_were_looked_at_come_first() {
        let mut queue = EventQueue::new();
        for ns in [1_u64 << 40, (1 << 40) + 1, (1 << 40) + (1 << 20)] {
            queue.push(at(ns), EventClass::Control, ns);
        }
        assert_eq!(queue.next_time(), Some(at(1 << 40)));
        // More than are kept sorted, all before what was next.
        for ns in (1..=200).rev() {
            queue.push(at(ns << 16), EventClass::Control, ns << 16);
        }
        let order: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|fired| fired.event).collect();
        assert!(order.is_sorted() && order.len() == 203, "{order:?}");
    }
}
