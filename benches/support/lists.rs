//! The hold model over lists of pending events: podwire's own, and any priority queue with the same order, such as the
//! standard library's heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sim_core::kernel::queue::{EventClass, EventId, EventQueue};
use sim_core::kernel::time::SimTime;

use super::gaps::{Gaps, Spread};

/// Who an event is for.
pub(crate) type Token = u32;

/// A timer, as opposed to an event that always fires.
const TIMER: Token = 1 << 31;

/// Time, sequence number, token.
pub(crate) type Item = (u64, u64, Token);

/// A priority queue whose least item is that of the least time, and of the least sequence number at equal times.
pub(crate) trait Priority: Default {
    fn push(&mut self, item: Item);
    fn pop(&mut self) -> Option<Item>;
}

/// Pending events in the order (time, first-in first-out).
pub(crate) trait List: Default {
    /// Makes room for the timers of so many tokens.
    fn prepare(&mut self, tokens: u32);
    fn push(&mut self, time: u64, token: Token);
    /// Takes back the token's timer and sets it anew.
    fn set_timer(&mut self, time: u64, token: Token);
    fn pop(&mut self) -> (u64, Token);
    /// How many events are fired at a time, so that what is done now and then for many of them has its share in each time.
    fn at_a_time(_pending: u32) -> u64 {
        100_000
    }
}

/// podwire's event list.
#[derive(Default)]
pub(crate) struct Ours {
    list: EventQueue<Token>,
    timers: Vec<Option<EventId>>,
}

impl List for Ours {
    fn prepare(&mut self, tokens: u32) {
        self.timers = vec![None; tokens as usize];
    }

    #[inline]
    fn push(&mut self, time: u64, token: Token) {
        self.list.push(SimTime::from_nanos(time), EventClass::Workload, token);
    }

    #[inline]
    fn set_timer(&mut self, time: u64, token: Token) {
        let timer = &mut self.timers[token as usize];
        if let Some(old) = timer.take() {
            assert!(self.list.cancel(old), "a timer is set for later than what cancels it");
        }
        *timer = Some(self.list.push_cancellable(SimTime::from_nanos(time), EventClass::Workload, token | TIMER));
    }

    #[inline]
    fn pop(&mut self) -> (u64, Token) {
        let fired = self.list.pop().expect("events are pending");
        (fired.time.as_nanos(), fired.event)
    }

    /// The list spreads the events of 4.3 s at a time, of which each second has as many as are pending.
    fn at_a_time(pending: u32) -> u64 {
        (u64::from(pending) * 9 / 2).max(100_000)
    }
}

/// The standard library's heap.
#[derive(Default)]
pub(crate) struct Heap(BinaryHeap<Reverse<Item>>);

impl Priority for Heap {
    #[inline]
    fn push(&mut self, item: Item) {
        self.0.push(Reverse(item));
    }

    #[inline]
    fn pop(&mut self) -> Option<Item> {
        self.0.pop().map(|Reverse(item)| item)
    }
}

/// A priority queue from which nothing can be taken out: a timer is taken back by forgetting its sequence number, and what
/// is popped without being remembered is dropped.
#[derive(Default)]
pub(crate) struct Lazy<P> {
    queue: P,
    timers: Vec<u64>,
    sequence: u64,
}

impl<P: Priority> List for Lazy<P> {
    fn prepare(&mut self, tokens: u32) {
        self.timers = vec![0; tokens as usize];
    }

    #[inline]
    fn push(&mut self, time: u64, token: Token) {
        self.sequence += 1;
        self.queue.push((time, self.sequence, token));
    }

    #[inline]
    fn set_timer(&mut self, time: u64, token: Token) {
        self.push(time, token | TIMER);
        self.timers[token as usize] = self.sequence;
    }

    #[inline]
    fn pop(&mut self) -> (u64, Token) {
        loop {
            let (time, sequence, token) = self.queue.pop().expect("events are pending");
            if token & TIMER == 0 || self.timers[(token & !TIMER) as usize] == sequence {
                return (time, token);
            }
        }
    }
}

/// Each fired event schedules its successor.
pub(crate) struct Hold<L> {
    list: L,
    gaps: Gaps,
}

impl<L: List> Hold<L> {
    pub(crate) fn new(spread: Spread, pending: u32) -> Self {
        let (mut list, mut gaps) = (L::default(), Gaps::new(spread, pending));
        for token in 0..pending {
            list.push(gaps.after(0), token);
        }
        Self { list, gaps }
    }

    /// Fires so many events; returns a digest of who they were for and when.
    pub(crate) fn fire(&mut self, events: u64) -> u64 {
        let mut digest = 0_u64;
        for _ in 0..events {
            let (now, token) = self.list.pop();
            digest = digest.rotate_left(5) ^ now ^ u64::from(token);
            self.list.push(self.gaps.after(now), token);
        }
        digest
    }
}

/// Each fired event also takes its last timer back and sets it anew, for later than its successor.
pub(crate) struct HoldAndCancel<L> {
    list: L,
    gaps: Gaps,
}

impl<L: List> HoldAndCancel<L> {
    pub(crate) fn new(pending: u32) -> Self {
        let mut hold = Self { list: L::default(), gaps: Gaps::new(Spread::Exponential, pending) };
        hold.list.prepare(pending);
        for token in 0..pending {
            hold.schedule(0, token);
        }
        // Until as many timers that were taken back are forgotten as are taken back.
        hold.fire(3 * u64::from(pending));
        hold
    }

    fn schedule(&mut self, now: u64, token: Token) {
        let next = self.gaps.after(now);
        self.list.push(next, token);
        self.list.set_timer(self.gaps.after(next) + 1, token);
    }

    /// Fires so many events; returns a digest of who they were for and when.
    pub(crate) fn fire(&mut self, events: u64) -> u64 {
        let mut digest = 0_u64;
        for _ in 0..events {
            let (now, token) = self.list.pop();
            assert!(token & TIMER == 0, "a timer is taken back before it fires");
            digest = digest.rotate_left(5) ^ now ^ u64::from(token);
            self.schedule(now, token);
        }
        digest
    }
}
