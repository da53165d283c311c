//! The future event list: a four-ary heap in the order of law 3, with true cancellation.
//! Knows time, classes and stated orders; knows nothing of what an event means.

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

/// A handle to a pending event that may be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    handle: u32,
    generation: u32,
}

const NO_HANDLE: u32 = u32::MAX;
const CLASS_SHIFT: u32 = 60;
const LINK_SHIFT: u32 = 36;
const ARITY: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    /// Time in the upper half, order among equals in the lower: one comparison decides.
    key: u128,
    handle: u32,
    event: E,
}

fn key_of(time: SimTime, order: u64) -> u128 {
    u128::from(time.as_nanos()) << 64 | u128::from(order)
}

fn time_of(key: u128) -> u64 {
    (key >> 64) as u64
}

#[derive(Clone, Copy, Debug)]
struct Handle {
    position: u32,
    generation: u32,
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
/// packets of class [`EventClass::Link`] by (ingress link, departure number).
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    heap: Vec<Entry<E>>,
    handles: Vec<Handle>,
    free: Vec<u32>,
    sequence: u64,
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> EventQueue<E> {
    /// An empty list.
    pub fn new() -> Self {
        Self { heap: Vec::new(), handles: Vec::new(), free: Vec::new(), sequence: 0 }
    }

    /// Number of pending events.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True when nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The time of the next event.
    pub fn next_time(&self) -> Option<SimTime> {
        self.heap.first().map(|entry| SimTime::from_nanos(time_of(entry.key)))
    }

    /// Adds an event behind all events of the same time and class.
    pub fn push(&mut self, time: SimTime, class: EventClass, event: E) {
        let order = self.next_order(class);
        self.insert(Entry { key: key_of(time, order), handle: NO_HANDLE, event });
    }

    /// Adds an event that [`EventQueue::cancel`] can take out again.
    pub fn push_cancellable(&mut self, time: SimTime, class: EventClass, event: E) -> EventId {
        let order = self.next_order(class);
        let handle = self.free.pop().unwrap_or_else(|| {
            self.handles.push(Handle { position: 0, generation: 0 });
            u32::try_from(self.handles.len() - 1).expect("fewer than 2^32 cancellable events pending")
        });
        self.insert(Entry { key: key_of(time, order), handle, event });
        EventId { handle, generation: self.handles[handle as usize].generation }
    }

    /// Adds the arrival of a packet: at equal times ordered by (link, departure number).
    /// `link` is below 2^24, `departure` below 2^36.
    pub fn push_arrival(&mut self, time: SimTime, link: u32, departure: u64, event: E) {
        debug_assert!(link < 1 << (CLASS_SHIFT - LINK_SHIFT) && departure < 1 << LINK_SHIFT);
        let order = (EventClass::Link as u64) << CLASS_SHIFT | u64::from(link) << LINK_SHIFT | departure;
        self.insert(Entry { key: key_of(time, order), handle: NO_HANDLE, event });
    }

    /// Takes a pending event out; false when it has fired or was cancelled before.
    pub fn cancel(&mut self, id: EventId) -> bool {
        let Some(handle) = self.handles.get(id.handle as usize) else { return false };
        if handle.generation != id.generation {
            return false;
        }
        let position = handle.position as usize;
        self.remove_at(position);
        true
    }

    /// When an event will happen; `None` when it has happened or was cancelled.
    pub fn due(&self, id: EventId) -> Option<SimTime> {
        let handle = self.handles.get(id.handle as usize).filter(|handle| handle.generation == id.generation)?;
        Some(SimTime::from_nanos(time_of(self.heap[handle.position as usize].key)))
    }

    /// Takes the next event if it happens at or before `limit`.
    pub fn pop_until(&mut self, limit: SimTime) -> Option<Fired<E>> {
        if time_of(self.heap.first()?.key) > limit.as_nanos() {
            return None;
        }
        let entry = self.remove_at(0);
        let class = EventClass::ALL[(entry.key >> CLASS_SHIFT) as usize & 15];
        Some(Fired { time: SimTime::from_nanos(time_of(entry.key)), class, event: entry.event })
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<Fired<E>> {
        self.pop_until(SimTime::MAX)
    }

    fn next_order(&mut self, class: EventClass) -> u64 {
        self.sequence += 1;
        (class as u64) << CLASS_SHIFT | self.sequence
    }

    fn insert(&mut self, entry: Entry<E>) {
        self.heap.push(entry);
        self.sift_up(self.heap.len() - 1, entry);
    }

    fn remove_at(&mut self, position: usize) -> Entry<E> {
        let removed = self.heap[position];
        if removed.handle != NO_HANDLE {
            let handle = &mut self.handles[removed.handle as usize];
            handle.generation = handle.generation.wrapping_add(1);
            self.free.push(removed.handle);
        }
        let Some(last) = self.heap.pop() else { return removed };
        if position < self.heap.len() {
            let hole = self.sink_hole(position, last.key);
            self.sift_up(hole, last);
        }
        removed
    }

    /// Moves parents of the hole at `position` down until `entry` fits into it.
    fn sift_up(&mut self, mut position: usize, entry: Entry<E>) {
        let key = entry.key;
        while position > 0 {
            let parent = (position - 1) / ARITY;
            let above = self.heap[parent];
            if above.key <= key {
                break;
            }
            self.put(position, above);
            position = parent;
        }
        self.put(position, entry);
    }

    /// Moves least children up into the hole at `position` while they come before `key`; returns where the hole ends.
    fn sink_hole(&mut self, mut position: usize, key: u128) -> usize {
        loop {
            let first = position * ARITY + 1;
            let last = (first + ARITY).min(self.heap.len());
            if first >= last {
                return position;
            }
            let children = &self.heap[first..last];
            let mut least = 0;
            let mut least_key = children[0].key;
            for (index, child) in children.iter().enumerate().skip(1) {
                if child.key < least_key {
                    least = index;
                    least_key = child.key;
                }
            }
            if least_key >= key {
                return position;
            }
            let child = children[least];
            self.put(position, child);
            position = first + least;
        }
    }

    fn put(&mut self, position: usize, entry: Entry<E>) {
        if entry.handle != NO_HANDLE {
            self.handles[entry.handle as usize].position =
                u32::try_from(position).expect("fewer than 2^32 events pending");
        }
        self.heap[position] = entry;
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
    fn packets_of_one_instant_go_by_link_and_departure() {
        let mut queue = EventQueue::new();
        queue.push_arrival(at(9), 7, 1, "late link");
        queue.push_arrival(at(9), 2, 11, "second");
        queue.push_arrival(at(9), 2, 10, "first");
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
}
