//! The executive: the clock, the future event list and the loop that runs a world until a named stop.
//! Generic over the event; knows nothing of what events mean.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::queue::{EventClass, EventId, EventQueue, Fired};
use super::time::{SimDuration, SimTime};
use super::timers::{TimerId, Timers, WakeUp};

/// Why a run ended (law 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopReason {
    /// The simulated duration was reached.
    Duration,
    /// Nothing was left to happen.
    Exhausted,
    /// The limit on events was reached.
    EventLimit,
    /// The limit on pending events, connections or queued work was reached.
    CapacityLimit,
}

impl StopReason {
    /// The name that reports print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Exhausted => "exhausted",
            Self::EventLimit => "event-limit",
            Self::CapacityLimit => "capacity-limit",
        }
    }
}

/// An event that carries the wake-up of a timer list.
pub trait TimerEvent: Copy {
    /// The event that wakes `list`.
    fn wake_up(list: u32) -> Self;
}

/// The clock, what is due, and the armed timers: what a world schedules with.
#[derive(Clone, Debug)]
pub struct Agenda<E, P: Copy> {
    now: SimTime,
    class: EventClass,
    queue: EventQueue<E>,
    timers: Timers<P>,
    unrest: Unrest,
    end: SimTime,
}

/// When events of the classes below [`EventClass::Link`] happen, or would if they were not taken back: they are few.
#[derive(Clone, Debug)]
struct Unrest {
    times: BinaryHeap<Reverse<SimTime>>,
    next: SimTime,
}

impl Default for Unrest {
    fn default() -> Self {
        Self { times: BinaryHeap::new(), next: SimTime::MAX }
    }
}

impl Unrest {
    fn expect(&mut self, time: SimTime) {
        self.times.push(Reverse(time));
        self.next = self.next.min(time);
    }

    /// What would have happened before an event has happened; at the instant of one of a low class more may be pending.
    fn forget(&mut self, now: SimTime, class: EventClass) {
        let is_over = |time: SimTime| time < now || (time == now && class >= EventClass::Link);
        while self.times.peek().is_some_and(|Reverse(time)| is_over(*time)) {
            self.times.pop();
        }
        self.next = self.times.peek().map_or(SimTime::MAX, |Reverse(time)| *time);
    }
}

impl<E: TimerEvent, P: Copy> Default for Agenda<E, P> {
    fn default() -> Self {
        Self {
            now: SimTime::ZERO,
            class: EventClass::Fault,
            queue: EventQueue::new(),
            timers: Timers::default(),
            unrest: Unrest::default(),
            end: SimTime::ZERO,
        }
    }
}

impl<E: TimerEvent, P: Copy> Agenda<E, P> {
    /// The current instant.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// True when events of `class` at `time` happen before the present one.
    #[inline]
    pub fn has_passed(&self, time: SimTime, class: EventClass) -> bool {
        (time, class) < (self.now, self.class)
    }

    /// The run goes on to this instant, which events are then taken up to.
    pub fn go_on_until(&mut self, end: SimTime) {
        self.end = end;
    }

    /// Whether the run goes on to an instant, and nothing happens up to it but packets' arrivals and what is of the classes
    /// above theirs: of the others all are pending already, but for those that others of them will schedule.
    #[inline]
    pub fn is_calm_until(&self, time: SimTime) -> bool {
        time < self.unrest.next && time <= self.end
    }

    /// How many events are pending; timers of one length count as one.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Heap memory of events and timers in bytes.
    pub fn heap_bytes(&self) -> usize {
        let unrest = self.unrest.times.capacity() * size_of::<SimTime>();
        self.queue.heap_bytes() + self.timers.heap_bytes() + unrest
    }

    /// Schedules an event at `time`, which is now (of this class or a higher one) or later.
    pub fn at(&mut self, time: SimTime, class: EventClass, event: E) {
        self.note(time, class);
        self.queue.push(time, class, event);
    }

    /// Schedules an event `delay` from now.
    pub fn after(&mut self, delay: SimDuration, class: EventClass, event: E) {
        self.at(self.now.saturating_add(delay), class, event);
    }

    /// Schedules an event that can be cancelled.
    pub fn at_cancellable(&mut self, time: SimTime, class: EventClass, event: E) -> EventId {
        self.note(time, class);
        self.queue.push_cancellable(time, class, event)
    }

    /// Schedules an event of a plan, before all events of its time and class that are not planned.
    pub fn at_planned(&mut self, time: SimTime, class: EventClass, event: E) -> EventId {
        self.note(time, class);
        self.queue.push_planned(time, class, event)
    }

    /// Moves a scheduled event to a time that is still to come; it keeps its order among the events of one time. `None`
    /// when it has happened or was taken back.
    pub fn move_to(&mut self, id: EventId, time: SimTime, event: E) -> Option<EventId> {
        assert!(time > self.now, "an event moves to a time that is still to come");
        self.unrest.expect(time);
        self.queue.move_to(id, time, event)
    }

    /// Takes back a scheduled event; false when it has happened already.
    pub fn cancel(&mut self, id: EventId) -> bool {
        self.queue.cancel(id)
    }

    /// When a scheduled event will happen; `None` when it has happened or was taken back.
    pub fn due(&self, id: EventId) -> Option<SimTime> {
        self.queue.due(id)
    }

    /// Schedules a packet's arrival, at least one nanosecond ahead, at equal times ordered by this number.
    pub fn arrival(&mut self, time: SimTime, order: u64, event: E) {
        assert!(time > self.now, "every delivery takes at least 1 ns");
        self.queue.push_arrival(time, order, event);
    }

    /// Arms a timer of constant delay.
    pub fn arm(&mut self, delay: SimDuration, class: EventClass, payload: P) -> TimerId {
        let list = self.timers.list(delay, class);
        let (id, wake_up) = self.timers.arm(self.now, list, payload);
        self.schedule(wake_up);
        id
    }

    /// Disarms a timer; false when it has fired already.
    pub fn disarm(&mut self, id: TimerId) -> bool {
        self.timers.cancel(id)
    }

    /// When an armed timer fires; `None` when it has fired or was disarmed.
    pub fn timer_due(&self, id: TimerId) -> Option<SimTime> {
        self.timers.due(id)
    }

    /// Whether a timer of a list is due.
    pub fn is_due(&self, list: u32) -> bool {
        self.timers.is_due(self.now, list)
    }

    /// The next due timer of a woken list.
    pub fn due_timer(&mut self, list: u32) -> Option<P> {
        self.timers.pop_due(self.now, list)
    }

    /// Puts a woken list back to sleep or schedules its next wake-up.
    pub fn rearm(&mut self, list: u32) {
        let wake_up = self.timers.rearm(list);
        self.schedule(wake_up);
    }

    /// Takes the next event at or before `limit` and moves the clock to it.
    #[inline]
    pub fn next(&mut self, limit: SimTime) -> Option<Fired<E>> {
        let fired = self.queue.pop_until(limit)?;
        self.move_clock(&fired);
        Some(fired)
    }

    /// The first events at the least time and class, in their order: at most `most` of them, and none when that time is
    /// after `limit`.
    pub fn tied(&mut self, limit: SimTime, most: usize) -> Vec<E> {
        self.queue.tied(limit, most)
    }

    /// Takes of those events the one at `place`, from 0 on, instead of the next one, and moves the clock to it.
    pub fn next_tied(&mut self, limit: SimTime, place: usize) -> Option<Fired<E>> {
        let fired = self.queue.pop_tied(limit, place)?;
        self.move_clock(&fired);
        Some(fired)
    }

    /// Moves the clock to `time` when nothing is left to happen before it.
    pub fn advance_to(&mut self, time: SimTime) {
        debug_assert!(self.queue.next_time().is_none_or(|next| next > time));
        self.now = self.now.max(time);
    }

    /// When the next event happens, if any is pending.
    pub fn next_time(&mut self) -> Option<SimTime> {
        self.queue.next_time()
    }

    /// True when nothing is pending.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    #[inline]
    fn move_clock(&mut self, fired: &Fired<E>) {
        debug_assert!(fired.time >= self.now, "time never goes back");
        self.now = fired.time;
        self.class = fired.class;
        if self.unrest.next <= fired.time {
            self.unrest.forget(fired.time, fired.class);
        }
    }

    fn schedule(&mut self, wake_up: Option<WakeUp>) {
        if let Some(WakeUp { time, class, list }) = wake_up {
            self.at(time, class, E::wake_up(list));
        }
    }

    /// Checks that an event is not scheduled before the present one, and notes when it happens if it is of a low class.
    #[inline]
    fn note(&mut self, time: SimTime, class: EventClass) {
        if class < EventClass::Link {
            self.unrest.expect(time);
        }
        assert!(
            time > self.now || (time == self.now && class >= self.class),
            "an event of class {class:?} at {time} was scheduled from class {:?} at {}",
            self.class,
            self.now
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Named(u32);

    impl TimerEvent for Named {
        fn wake_up(list: u32) -> Self {
            Self(list)
        }
    }

    #[test]
    fn it_is_calm_up_to_the_next_event_of_a_low_class_and_not_beside_another_one() {
        let at = SimTime::from_nanos;
        let mut agenda: Agenda<Named, ()> = Agenda::default();
        agenda.go_on_until(at(30));
        for number in 0..2 {
            agenda.at(at(10), EventClass::Control, Named(number));
        }
        agenda.at(at(10), EventClass::Workload, Named(2));
        assert_eq!([9, 10].map(|ns| agenda.is_calm_until(at(ns))), [true, false]);
        // While one is handled, the other one may still change everything.
        assert_eq!(agenda.next(at(30)).map(|fired| fired.event), Some(Named(0)));
        assert!(!agenda.is_calm_until(at(11)));
        agenda.next(at(30));
        assert_eq!(agenda.next(at(30)).map(|fired| fired.event), Some(Named(2)));
        assert_eq!([30, 31].map(|ns| agenda.is_calm_until(at(ns))), [true, false]);
    }
}
