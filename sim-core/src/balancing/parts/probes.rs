//! What a balancer by probes keeps: probe answers, how busy is too busy, and latencies seen lately. Knows no list and chooses
//! nothing.

use crate::kernel::time::{SimDuration, SimTime};

/// What was known of a backend at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::balancing) struct Probe {
    pub(in crate::balancing) slot: usize,
    /// Requests in flight, those that followed this probe included.
    pub(in crate::balancing) in_flight: u32,
    pub(in crate::balancing) latency: SimDuration,
    pub(in crate::balancing) at: SimTime,
    /// How many requests may still follow it.
    pub(in crate::balancing) uses_left: u64,
}

/// How many probes the quantile goes over.
const SEEN: usize = 64;

/// A quantile of the requests in flight that probes found lately.
#[derive(Clone, Debug)]
pub(in crate::balancing) struct HotAbove {
    /// In millionths.
    quantile: usize,
    /// By age, in a ring; `next` is the oldest once it is full.
    seen: [u32; SEEN],
    sorted: [u32; SEEN],
    count: usize,
    next: usize,
}

impl HotAbove {
    /// Nothing seen yet; the quantile in millionths, up to a million.
    pub(in crate::balancing) fn new(quantile: u32) -> Self {
        let quantile = usize::try_from(quantile).expect("millionths");
        Self { quantile, seen: [0; SEEN], sorted: [0; SEEN], count: 0, next: 0 }
    }

    /// A probe found so many requests in flight.
    pub(in crate::balancing) fn saw(&mut self, in_flight: u32) {
        if self.count == SEEN {
            let place = self.sorted.partition_point(|known| *known < self.seen[self.next]);
            self.sorted.copy_within(place + 1.., place);
            self.count -= 1;
        }
        let place = self.sorted[..self.count].partition_point(|known| *known < in_flight);
        self.sorted.copy_within(place..self.count, place + 1);
        self.sorted[place] = in_flight;
        self.count += 1;
        self.seen[self.next] = in_flight;
        self.next = (self.next + 1) % SEEN;
    }

    /// Whether so many requests in flight exceed the quantile (by nearest rank); of a quantile of 0 all do.
    pub(in crate::balancing) fn is_hot(&self, in_flight: u32) -> bool {
        let rank = (self.count * self.quantile).div_ceil(1_000_000);
        rank.checked_sub(1).is_none_or(|place| in_flight > self.sorted[place])
    }
}

/// How many latencies a median goes over.
const KEPT: usize = 5;

/// The last latencies of each slot.
#[derive(Clone, Debug, Default)]
pub(in crate::balancing) struct Latencies {
    by_slot: Vec<Recent>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    /// A ring.
    kept: [SimDuration; KEPT],
    count: usize,
    next: usize,
}

impl Latencies {
    /// A backend comes to this slot, of which nothing is known.
    pub(in crate::balancing) fn add(&mut self, slot: usize) {
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, Recent::default());
        }
        self.by_slot[slot] = Recent::default();
    }

    /// A slot has answered after so long.
    pub(in crate::balancing) fn saw(&mut self, slot: usize, latency: SimDuration) {
        let recent = &mut self.by_slot[slot];
        recent.kept[recent.next] = latency;
        recent.next = (recent.next + 1) % KEPT;
        recent.count = (recent.count + 1).min(KEPT);
    }

    /// The median of a slot's last five latencies, the lower one of two in the middle; 0 when it has not answered.
    pub(in crate::balancing) fn median(&self, slot: usize) -> SimDuration {
        let Recent { mut kept, count, .. } = self.by_slot[slot];
        kept[..count].sort_unstable();
        count.checked_sub(1).map_or(SimDuration::ZERO, |last| kept[last / 2])
    }

    /// Bytes of what is kept.
    pub(in crate::balancing) fn bytes(&self) -> usize {
        size_of_val(&self.by_slot[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_that_of_the_last_64() {
        let mut hot_above = HotAbove::new(840_000);
        assert!(hot_above.is_hot(0), "nothing is known to be as busy");
        for number in 0..1_000_u32 {
            hot_above.saw(number.wrapping_mul(2_654_435_761) % 97);
            let mut last: Vec<u32> =
                (number.saturating_sub(63)..=number).map(|number| number.wrapping_mul(2_654_435_761) % 97).collect();
            last.sort_unstable();
            let bound = last[(last.len() * 84).div_ceil(100) - 1];
            assert!(!hot_above.is_hot(bound) && hot_above.is_hot(bound + 1), "after {number}");
        }
    }

    #[test]
    fn the_median_is_that_of_the_last_five() {
        let mut latencies = Latencies::default();
        latencies.add(1);
        let medians = [9, 1, 5, 7, 3, 8, 8].map(|nanos| {
            latencies.saw(1, SimDuration::from_nanos(nanos));
            latencies.median(1).as_nanos()
        });
        assert_eq!(medians, [9, 1, 5, 5, 5, 5, 7]);
        latencies.add(1);
        assert_eq!(latencies.median(1), SimDuration::ZERO);
    }
}
