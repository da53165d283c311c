//! The future event list against a plain sorted model: any mix of additions, removals and looks, at equal times, near and far.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sim_core::kernel::queue::{EventClass, EventId, EventQueue};
use sim_core::kernel::time::SimTime;

#[derive(Clone, Debug)]
enum Step {
    /// So many events, each so long after the last one that fired, of this class, cancellable or not.
    Push { count: usize, gap: u64, step: u64, class: usize, cancellable: bool },
    /// A packet's arrival.
    Arrival { gap: u64, link: u32, departure: u64 },
    /// Take so many.
    Pop { count: usize },
    /// Take what comes within so long.
    PopUntil { gap: u64 },
    /// Cancel one of those that can be.
    Cancel { which: usize },
    /// Look at the next time.
    Look,
    /// Look at the next time, then add an event between now and it: so far on the way there, of 256.
    LookAndPushBefore { part: u64, cancellable: bool },
    /// As many at one instant as no part of the list holds sorted.
    Burst { count: usize, gap: u64, class: usize, cancellable: bool },
    /// Times that lists have trouble with, so many of them.
    Pattern { pattern: Pattern, count: u64, class: usize },
    /// Fire so many, each followed by another one, with a timer that is taken back at once.
    Hold { count: usize, gap: u64, class: usize },
}

/// How times follow each other.
#[derive(Clone, Copy, Debug)]
enum Pattern {
    /// Half soon, half a second later.
    TwoClusters,
    /// Powers of two.
    Geometric,
    /// Each before the last.
    Decreasing,
    /// A few at each whole millisecond.
    Bursts,
}

impl Pattern {
    /// How long after now the event with this number is.
    fn gap(self, number: u64) -> u64 {
        match self {
            Self::TwoClusters => number % 2 * 1_000_000_000 + number * 7_919 % 1_000,
            Self::Geometric => 1 << (number % 44),
            Self::Decreasing => 1_000_000_000 - number * 1_000,
            Self::Bursts => (number % 11) * 1_000_000,
        }
    }
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![Just(Pattern::TwoClusters), Just(Pattern::Geometric), Just(Pattern::Decreasing), Just(Pattern::Bursts)]
}

/// Gaps of every size, many of them equal.
fn gap() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        0..4_u64,
        0..1_000_u64,
        (0..45_u32).prop_map(|power| 1 << power),
        (0..45_u32, 0..1_000_u64).prop_map(|(power, more)| (1 << power) + more),
    ]
}

/// Class 3 is for arrivals.
fn other_class() -> impl Strategy<Value = usize> {
    prop_oneof![0..3_usize, 4..7_usize]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..150_usize, gap(), prop_oneof![Just(0), 0..3_u64, gap()], other_class(), any::<bool>())
            .prop_map(|(count, gap, step, class, cancellable)| Step::Push { count, gap, step, class, cancellable }),
        1 => (gap(), 0..8_u32, 0..8_u64).prop_map(|(gap, link, departure)| Step::Arrival { gap, link, departure }),
        4 => (1..150_usize).prop_map(|count| Step::Pop { count }),
        1 => gap().prop_map(|gap| Step::PopUntil { gap }),
        3 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => Just(Step::Look),
        2 => (0..256_u64, any::<bool>()).prop_map(|(part, cancellable)| Step::LookAndPushBefore { part, cancellable }),
        1 => (500..3_000_usize, gap(), other_class(), any::<bool>())
            .prop_map(|(count, gap, class, cancellable)| Step::Burst { count, gap, class, cancellable }),
        2 => (pattern(), 50..1_500_u64, other_class())
            .prop_map(|(pattern, count, class)| Step::Pattern { pattern, count, class }),
        1 => (1..1_500_usize, gap(), other_class()).prop_map(|(count, gap, class)| Step::Hold { count, gap, class }),
    ]
}

/// Time, and order among equals.
type Key = (u64, u64);

/// The list and its model, moved together.
#[derive(Default)]
struct Both {
    list: EventQueue<u64>,
    model: BTreeMap<Key, u64>,
    pending: Vec<(EventId, Key)>,
    sequence: u64,
    now: u64,
    events: u64,
}

impl Both {
    fn push(&mut self, time: u64, class: usize, cancellable: bool) {
        self.events += 1;
        self.sequence += 1;
        let (at, kind) = (SimTime::from_nanos(time), EventClass::ALL[class]);
        let key = (time, (class as u64) << 60 | self.sequence);
        if cancellable {
            let id = self.list.push_cancellable(at, kind, self.events);
            self.pending.push((id, key));
        } else {
            self.list.push(at, kind, self.events);
        }
        self.model.insert(key, self.events);
    }

    fn arrive(&mut self, time: u64, link: u32, departure: u64) {
        let key = (time, 3 << 60 | u64::from(link) << 36 | departure);
        if !self.model.contains_key(&key) {
            self.events += 1;
            self.list.push_arrival(SimTime::from_nanos(time), u64::from(link) << 36 | departure, self.events);
            self.model.insert(key, self.events);
        }
    }

    fn pop(&mut self, limit: u64) -> Result<bool, TestCaseError> {
        let fired = self.list.pop_until(SimTime::from_nanos(limit));
        let first = self.model.first_key_value().map(|(key, event)| (*key, *event)).filter(|(key, _)| key.0 <= limit);
        let expected = first.map(|(key, event)| (key.0, key.1 >> 60, event));
        let found = fired.map(|fired| (fired.time.as_nanos(), fired.class as u64, fired.event));
        prop_assert_eq!(found, expected);
        let Some((key, _)) = first else { return Ok(false) };
        self.model.remove(&key);
        self.now = self.now.max(key.0);
        Ok(true)
    }

    /// Cancels one of those that were cancellable, pending or not.
    fn cancel(&mut self, which: usize) -> Result<(), TestCaseError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (id, key) = self.pending.swap_remove(which % self.pending.len());
        let due = self.model.contains_key(&key).then(|| SimTime::from_nanos(key.0));
        prop_assert_eq!(self.list.due(id), due);
        prop_assert_eq!(self.list.cancel(id), self.model.remove(&key).is_some());
        prop_assert!(!self.list.cancel(id));
        prop_assert_eq!(self.list.due(id), None);
        Ok(())
    }

    fn look(&mut self) -> Result<Option<u64>, TestCaseError> {
        let next = self.model.first_key_value().map(|(key, _)| key.0);
        prop_assert_eq!(self.list.next_time(), next.map(SimTime::from_nanos));
        Ok(next)
    }

    fn hold(&mut self, count: usize, gap: u64, class: usize) -> Result<(), TestCaseError> {
        for number in 0..count as u64 {
            self.pop(u64::MAX)?;
            self.push(self.now + 2 * gap + 1, class, true);
            self.push(self.now + gap % (number + 1), class, false);
            self.cancel(self.pending.len() - 1)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Push { count, gap, step, class, cancellable } => {
                for number in 0..count as u64 {
                    self.push(self.now + gap + number % 97 * step, class, cancellable);
                }
            }
            Step::Arrival { gap, link, departure } => self.arrive(self.now + gap, link, departure),
            Step::Pop { count } => {
                for _ in 0..count {
                    self.pop(u64::MAX)?;
                }
            }
            Step::PopUntil { gap } => {
                let limit = self.now + gap;
                while self.pop(limit)? {}
                self.now = limit;
            }
            Step::Cancel { which } => self.cancel(which)?,
            Step::Look => {
                self.look()?;
            }
            Step::LookAndPushBefore { part, cancellable } => {
                if let Some(next) = self.look()? {
                    self.push(self.now + next.saturating_sub(self.now) / 256 * part, 0, cancellable);
                }
            }
            Step::Burst { count, gap, class, cancellable } => {
                for _ in 0..count {
                    self.push(self.now + gap, class, cancellable);
                }
            }
            Step::Pattern { pattern, count, class } => {
                for number in 0..count {
                    self.push(self.now + pattern.gap(number), class, number % 3 == 0);
                }
            }
            Step::Hold { count, gap, class } => self.hold(count, gap, class)?,
        }
        prop_assert_eq!(self.list.len(), self.model.len());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_list_does_what_a_sorted_map_does(steps in prop::collection::vec(step(), 1..60)) {
        let mut both = Both::default();
        for step in &steps {
            both.carry_out(step)?;
        }
        while both.pop(u64::MAX)? {}
        prop_assert!(both.list.is_empty());
    }
}
