//! Timers of constant delay: one first-in first-out list per (delay, class), so arming and cancelling are O(1)
//! and only each list's head stands in the future event list. Knows nothing of what a timer is for.

use std::num::NonZeroU32;

use super::queue::EventClass;
use super::time::{SimDuration, SimTime};

/// A handle to an armed timer; stale handles are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId {
    slot: u32,
    /// Never zero, so that an absent handle takes no room of its own.
    generation: NonZeroU32,
}

/// The number of a per-delay list; the event that wakes it carries it.
pub type TimerList = u32;

const NIL: u32 = u32::MAX;
/// Lists that are remembered, a power of two.
const RECENT: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Slot<P> {
    deadline: SimTime,
    payload: P,
    list: u32,
    previous: u32,
    next: u32,
    generation: NonZeroU32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    delay: SimDuration,
    class: EventClass,
    head: u32,
    tail: u32,
    /// True while an event for this list stands in the future event list.
    awake: bool,
}

/// A wake-up that the caller must put into the future event list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeUp {
    /// When the list wants to be woken.
    pub time: SimTime,
    /// The class of its timers.
    pub class: EventClass,
    /// Which list.
    pub list: TimerList,
}

/// All armed timers with payload `P`.
#[derive(Clone, Debug)]
pub struct Timers<P> {
    slots: Vec<Slot<P>>,
    free: u32,
    lists: Vec<List>,
    /// The list that was asked for last, by a few bits of its delay: the same few are asked for again and again.
    recent: [TimerList; RECENT],
}

impl<P: Copy> Default for Timers<P> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: NIL, lists: Vec::new(), recent: [0; RECENT] }
    }
}

impl<P: Copy> Timers<P> {
    /// What an armed timer takes in memory.
    pub const BYTES_PER_TIMER: usize = size_of::<Slot<P>>();

    /// Heap memory in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * Self::BYTES_PER_TIMER + self.lists.capacity() * size_of::<List>()
    }

    /// The list for timers of this delay and class, made on first use.
    #[inline]
    pub fn list(&mut self, delay: SimDuration, class: EventClass) -> TimerList {
        let place = place_of(delay);
        let recent = self.recent[place];
        if self.lists.get(recent as usize).is_some_and(|list| list.delay == delay && list.class == class) {
            return recent;
        }
        let list = self.find_list(delay, class);
        self.recent[place] = list;
        list
    }

    #[cold]
    fn find_list(&mut self, delay: SimDuration, class: EventClass) -> TimerList {
        let found = self.lists.iter().position(|list| list.delay == delay && list.class == class);
        let index = found.unwrap_or_else(|| {
            self.lists.push(List { delay, class, head: NIL, tail: NIL, awake: false });
            self.lists.len() - 1
        });
        u32::try_from(index).expect("fewer than 2^32 distinct delays")
    }

    /// Arms a timer that fires one delay of `list` after `now`. A returned wake-up must be scheduled.
    #[inline]
    pub fn arm(&mut self, now: SimTime, list: TimerList, payload: P) -> (TimerId, Option<WakeUp>) {
        let entry = &mut self.lists[list as usize];
        let deadline = now.saturating_add(entry.delay);
        let wake_up = (!entry.awake).then_some(WakeUp { time: deadline, class: entry.class, list });
        entry.awake = true;
        let previous = entry.tail;
        let armed = Slot { deadline, payload, list, previous, next: NIL, generation: NonZeroU32::MIN };
        let (slot, generation) = Self::take_slot(&mut self.slots, &mut self.free, armed);
        entry.tail = slot;
        if previous == NIL {
            entry.head = slot;
        } else {
            self.slots[previous as usize].next = slot;
        }
        (TimerId { slot, generation }, wake_up)
    }

    /// Unlinks a timer; false when it has fired or was cancelled before.
    #[inline(never)]
    pub fn cancel(&mut self, id: TimerId) -> bool {
        let live = self.slots.get(id.slot as usize).is_some_and(|slot| slot.generation == id.generation);
        if live {
            self.unlink(id.slot);
        }
        live
    }

    /// When an armed timer fires; `None` when it has fired or was cancelled.
    #[inline]
    pub fn due(&self, id: TimerId) -> Option<SimTime> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation);
        slot.map(|slot| slot.deadline)
    }

    /// Whether a list's first timer is due.
    pub fn is_due(&self, now: SimTime, list: TimerList) -> bool {
        let head = self.lists[list as usize].head;
        head != NIL && self.slots[head as usize].deadline <= now
    }

    /// Called when a list's wake-up fires: takes the head's payload if it is due.
    pub fn pop_due(&mut self, now: SimTime, list: TimerList) -> Option<P> {
        if !self.is_due(now, list) {
            return None;
        }
        let head = self.lists[list as usize].head;
        let payload = self.slots[head as usize].payload;
        self.unlink(head);
        Some(payload)
    }

    /// Called after the due timers of a woken list were taken: its next wake-up, if a timer is left.
    pub fn rearm(&mut self, list: TimerList) -> Option<WakeUp> {
        let entry = &mut self.lists[list as usize];
        entry.awake = entry.head != NIL;
        entry.awake.then(|| WakeUp { time: self.slots[entry.head as usize].deadline, class: entry.class, list })
    }

    /// The place of a timer and its generation, which the place decides.
    #[inline]
    fn take_slot(slots: &mut Vec<Slot<P>>, free: &mut u32, armed: Slot<P>) -> (u32, NonZeroU32) {
        let index = *free;
        if index == NIL {
            slots.push(armed);
            let index = u32::try_from(slots.len() - 1).expect("fewer than 2^32 timers armed");
            return (index, armed.generation);
        }
        let slot = &mut slots[index as usize];
        let generation = slot.generation;
        *free = slot.next;
        *slot = Slot { generation, ..armed };
        (index, generation)
    }

    fn unlink(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Slot { previous, next, list, .. } = *slot;
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        slot.next = self.free;
        self.free = index;
        let entry = &mut self.lists[list as usize];
        if previous == NIL {
            entry.head = next;
        } else {
            self.slots[previous as usize].next = next;
        }
        if next == NIL {
            entry.tail = previous;
        } else {
            self.slots[next as usize].previous = previous;
        }
    }
}

/// A place among the lists that are remembered: timeouts differ by milliseconds, about 2^20 ns.
fn place_of(delay: SimDuration) -> usize {
    usize::try_from((delay.as_nanos() >> 20) % RECENT as u64).expect("a few bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: SimDuration = SimDuration::from_nanos(10);

    fn at(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    #[test]
    fn one_wake_up_serves_a_whole_list() {
        let mut timers = Timers::default();
        let list = timers.list(DELAY, EventClass::Transport);
        let (_, wake_up) = timers.arm(at(0), list, 'a');
        assert_eq!(wake_up.map(|w| w.time), Some(at(10)));
        assert_eq!(timers.arm(at(3), list, 'b').1, None);
        assert_eq!(timers.pop_due(at(10), list), Some('a'));
        assert_eq!(timers.pop_due(at(10), list), None);
        assert_eq!(timers.rearm(list).map(|w| w.time), Some(at(13)));
        assert_eq!(timers.pop_due(at(13), list), Some('b'));
        assert_eq!(timers.rearm(list), None);
    }

    #[test]
    fn cancelling_unlinks_head_middle_and_tail() {
        for victim in 0..3 {
            let mut timers = Timers::default();
            let list = timers.list(DELAY, EventClass::Transport);
            let ids: Vec<TimerId> = (0..3).map(|n| timers.arm(at(0), list, n).0).collect();
            assert!(timers.cancel(ids[victim]));
            assert!(!timers.cancel(ids[victim]));
            let fired: Vec<usize> = std::iter::from_fn(|| timers.pop_due(at(10), list)).collect();
            let expected: Vec<usize> = (0..3).filter(|n| *n != victim).collect();
            assert_eq!(fired, expected);
        }
    }

    #[test]
    fn a_slot_is_reused_under_a_new_generation() {
        let mut timers = Timers::default();
        let list = timers.list(DELAY, EventClass::Transport);
        let (first, _) = timers.arm(at(0), list, 1);
        timers.cancel(first);
        let (second, _) = timers.arm(at(0), list, 2);
        assert_ne!(first, second);
        assert!(!timers.cancel(first));
        assert!(timers.cancel(second));
    }
}
