//! Events that tie: those of the least time and class, of which a caller may take another one than the first. The rest stay
//! as they were, with their keys. Nothing here is asked on the way of a run that takes events in their order.

use super::super::time::SimTime;
use super::{CLASS_SHIFT, Entry, EventQueue, Fired};

/// What ties have in common: their time, in nanoseconds, and their class.
type Tie = (u64, u64);

fn tie_of<E>(entry: &Entry<E>) -> Tie {
    (entry.time, entry.order >> CLASS_SHIFT)
}

impl<E: Copy> EventQueue<E> {
    /// The first events of the least time and class, in their order: at most `most` of them, and none when they happen
    /// after `limit`.
    pub fn tied(&mut self, limit: SimTime, most: usize) -> Vec<E> {
        let entries = self.take_tied(limit, most);
        let events = entries.iter().map(|entry| entry.event).collect();
        self.put_back(entries);
        events
    }

    /// Takes of the events of the least time and class the one at `place` in their order, from 0 on. `None` when they happen
    /// after `limit`, or are fewer.
    pub fn pop_tied(&mut self, limit: SimTime, place: usize) -> Option<Fired<E>> {
        let mut entries = self.take_tied(limit, place + 1);
        let taken = if entries.len() > place { entries.pop() } else { None };
        self.put_back(entries);
        taken.map(|entry| self.fire(entry))
    }

    /// Takes entries out whose events are still pending.
    fn take_tied(&mut self, limit: SimTime, most: usize) -> Vec<Entry<E>> {
        let mut taken: Vec<Entry<E>> = Vec::new();
        while taken.len() < most {
            self.make_ready();
            let Some(entry) = self.bottom.last().copied() else { break };
            let tied = taken.first().is_none_or(|first| tie_of(first) == tie_of(&entry));
            if !tied || SimTime::from_nanos(entry.time) > limit {
                break;
            }
            self.bottom.pop();
            taken.push(entry);
        }
        taken
    }

    /// Puts entries back, the last one first, so that each is the next one of all.
    fn put_back(&mut self, entries: Vec<Entry<E>>) {
        for entry in entries.into_iter().rev() {
            self.insert(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::EventClass;
    use super::*;
    use proptest::prelude::*;

    fn at(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    #[test]
    fn ties_are_of_one_time_and_class_and_stay_in_order() {
        let mut queue = EventQueue::new();
        queue.push(at(5), EventClass::Workload, 'x');
        queue.push(at(5), EventClass::Control, 'a');
        let cancelled = queue.push_cancellable(at(5), EventClass::Control, 'b');
        queue.push_cancellable(at(5), EventClass::Control, 'c');
        queue.push(at(6), EventClass::Control, 'y');
        assert!(queue.cancel(cancelled));
        assert_eq!(queue.tied(at(4), 9), []);
        assert_eq!(queue.tied(at(5), 9), ['a', 'c']);
        assert_eq!(queue.tied(at(5), 1), ['a']);
        assert_eq!(queue.pop_tied(at(9), 2), None);
        assert_eq!(queue.pop_tied(at(9), 1).map(|fired| fired.event), Some('c'));
        let rest: Vec<char> = std::iter::from_fn(|| queue.pop()).map(|fired| fired.event).collect();
        assert_eq!(rest, ['a', 'x', 'y']);
    }

    /// An event to add: so long after the last one that happened, of this class (3 is for arrivals), cancellable or not.
    type Added = (u64, usize, bool);

    fn add(queue: &mut EventQueue<usize>, now: u64, (gap, class, cancellable): Added, number: usize) {
        let (time, class) = (at(now + gap), EventClass::ALL[class]);
        if class == EventClass::Link {
            queue.push_arrival(time, (number as u64 % 5) << 36 | number as u64, number);
        } else if cancellable {
            queue.push_cancellable(time, class, number);
        } else {
            queue.push(time, class, number);
        }
    }

    proptest! {
        /// Whatever is chosen, all events happen once, by time and class, and what is passed over keeps its order.
        #[test]
        fn any_choices_take_the_same_events_by_time_and_class(
            added in prop::collection::vec((prop_oneof![Just(0_u64), 0..3_u64, 0..100_000_u64], 0..7_usize, any::<bool>()), 1..400),
            choices in prop::collection::vec(0..70_usize, 1..50),
        ) {
            let mut queue = EventQueue::new();
            for (number, event) in added.iter().enumerate() {
                add(&mut queue, 0, *event, number);
            }
            let mut taken = Vec::new();
            while !queue.is_empty() {
                let tied = queue.tied(SimTime::MAX, 64);
                let place = choices[taken.len() % choices.len()] % tied.len();
                let fired = queue.pop_tied(SimTime::MAX, place).unwrap();
                prop_assert_eq!(fired.event, tied[place]);
                let mut rest = tied.clone();
                rest.remove(place);
                let now = queue.tied(SimTime::MAX, 64);
                let kept = rest.is_empty() || now.starts_with(&rest);
                prop_assert!(kept, "{:?} and then {:?}", rest, now);
                taken.push((fired.time, fired.class, fired.event));
                // Now and then something comes that was not there before.
                if let Some(later) = added.get(taken.len()).filter(|_| taken.len() % 3 == 0 && taken.len() < 100) {
                    add(&mut queue, fired.time.as_nanos() + 1, *later, added.len() + taken.len());
                }
            }
            prop_assert!(taken.iter().map(|(time, class, _)| (time, class)).is_sorted());
            let mut events: Vec<usize> = taken.iter().map(|(_, _, event)| *event).collect();
            events.sort_unstable();
            let count = events.len();
            events.dedup();
            prop_assert_eq!(events.len(), count);
            prop_assert!(count >= added.len());
        }
    }
}
