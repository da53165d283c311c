//! The destinations of an IPVS virtual server: a list with the newest first (`__ip_vs_update_dest` adds at the head), each
//! with its weight, its connections and its overload flag. Knows no rule of choice.
//!
//! A destination has a *place*: places rise from the oldest to the newest and have gaps where one has gone, so that a tree
//! over places keeps the list's order. When the places are used up, they are given anew.

use crate::balancing::{Backend, Load};

/// No slot stands at this place, or no place belongs to this slot.
pub const NONE: u32 = u32::MAX;

/// A destination. Two of them share a cache line, and none lies across two.
#[derive(Clone, Debug)]
#[repr(align(32))]
pub struct Destination {
    /// 0 to `MAX_WEIGHT`; 0: quiesced.
    pub weight: u32,
    /// Its connections, as the holder counts them.
    pub load: Load,
    /// So many connections set the overload flag; 0: none do.
    upper: u32,
    /// Below so many connections the flag falls.
    lower: u32,
    place: u32,
    /// `IP_VS_DEST_F_OVERLOAD`.
    pub overloaded: bool,
}

const ABSENT: Destination = Destination {
    weight: 0,
    load: Load { active: 0, inactive: 0 },
    upper: 0,
    lower: 0,
    place: NONE,
    overloaded: false,
};

impl Destination {
    /// Whether most schedulers may pick it.
    pub fn is_usable(&self) -> bool {
        self.weight > 0 && !self.overloaded
    }

    /// `ip_vs_dest_conn_overhead`: an active connection counts as much as 256 others. At most 2^32 - 1.
    pub fn overhead(&self) -> u32 {
        self.load.active.saturating_mul(256).saturating_add(self.load.inactive)
    }

    /// The overload flag after a change of the connections (`ip_vs_bind_dest` sets it, `ip_vs_unbind_dest` clears it).
    /// A lower threshold of 0 stands for three quarters of the upper one.
    fn judge(&mut self) {
        if self.upper == 0 {
            return;
        }
        let connections = self.load.active.saturating_add(self.load.inactive);
        if connections >= self.upper {
            self.overloaded = true;
        } else if connections < self.lower {
            self.overloaded = false;
        }
    }
}

/// The list.
#[derive(Clone, Debug)]
pub struct Destinations {
    by_slot: Vec<Destination>,
    /// The slot at each place that has been given.
    slots: Vec<u32>,
    /// How many places there are.
    room: usize,
    present: usize,
}

impl Default for Destinations {
    fn default() -> Self {
        Self { by_slot: Vec::new(), slots: Vec::new(), room: 8, present: 0 }
    }
}

impl Destinations {
    /// One comes, at the list's head. True when the others have other places from now on, and there are others.
    pub fn add(&mut self, slot: usize, backend: &Backend) -> bool {
        let full = self.slots.len() == self.room;
        if full {
            self.close_gaps();
        }
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, ABSENT);
        }
        let place = u32::try_from(self.slots.len()).expect("fewer than 2^32 places");
        let (upper, weight) = (backend.upper_threshold, backend.weight);
        let three_quarters = upper - upper / 4;
        let lower = if backend.lower_threshold == 0 { three_quarters } else { backend.lower_threshold };
        self.by_slot[slot] = Destination { weight, upper, lower, place, ..ABSENT };
        self.slots.push(u32::try_from(slot).expect("fewer than 2^32 slots"));
        self.present += 1;
        full
    }

    /// Places are used up: the list moves together, into twice the room when more than half of it is taken.
    fn close_gaps(&mut self) {
        self.slots.retain(|slot| *slot != NONE);
        for (place, slot) in self.slots.iter().enumerate() {
            self.by_slot[*slot as usize].place = u32::try_from(place).expect("fewer than 2^32 places");
        }
        if self.present > self.room / 2 {
            self.room *= 2;
        }
    }

    /// One goes; the place where it was.
    pub fn remove(&mut self, slot: usize) -> usize {
        let place = self.place(slot);
        self.by_slot[slot] = ABSENT;
        self.slots[place] = NONE;
        self.present -= 1;
        place
    }

    /// A weight changes.
    pub fn set_weight(&mut self, slot: usize, weight: u32) {
        self.by_slot[slot].weight = weight;
    }

    /// The connections of one change, and its overload flag with them.
    pub fn set_load(&mut self, slot: usize, load: Load) {
        let destination = &mut self.by_slot[slot];
        destination.load = load;
        destination.judge();
    }

    /// The destination of a slot.
    pub fn of(&self, slot: usize) -> &Destination {
        &self.by_slot[slot]
    }

    /// The place of a slot.
    pub fn place(&self, slot: usize) -> usize {
        self.by_slot[slot].place as usize
    }

    /// The slot at a place that is taken.
    pub fn at(&self, place: usize) -> usize {
        self.slots[place] as usize
    }

    /// The slot just before this one in the list.
    pub fn newer_than(&self, slot: usize) -> Option<usize> {
        let newer = &self.slots[self.place(slot) + 1..];
        newer.iter().find(|slot| **slot != NONE).map(|slot| *slot as usize)
    }

    /// Places that there are.
    pub fn room(&self) -> usize {
        self.room
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.present
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// The slots in the list's order.
    pub fn newest_first(&self) -> impl DoubleEndedIterator<Item = usize> + Clone {
        self.slots.iter().rev().filter(|slot| **slot != NONE).map(|slot| *slot as usize)
    }

    /// Bytes of the list.
    pub fn bytes(&self) -> usize {
        self.by_slot.len() * size_of::<Destination>() + self.slots.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::backend;
    use super::*;

    #[test]
    fn the_newest_stands_first_also_when_places_are_given_anew() {
        let mut list = Destinations::default();
        for slot in 0..8 {
            assert!(!list.add(slot, &backend(1)));
        }
        assert_eq!([3, 7, 0].map(|slot| list.remove(slot)), [3, 7, 0]);
        assert!(list.add(3, &backend(1)), "eight places have been given");
        assert_eq!(list.newest_first().collect::<Vec<_>>(), [3, 6, 5, 4, 2, 1]);
        assert_eq!((list.place(1), list.place(3), list.room(), list.len()), (0, 5, 16, 6));
    }

    #[test]
    fn many_comings_and_goings_of_few_take_no_more_room() {
        let mut list = Destinations::default();
        for _ in 0..1_000 {
            list.add(0, &backend(1));
            list.remove(0);
        }
        assert_eq!((list.room(), list.len()), (8, 0));
    }

    #[test]
    fn the_flag_rises_at_the_upper_threshold_and_falls_below_the_lower_one() {
        let flags = |upper_threshold: u32, lower_threshold: u32, counts: &[u32]| -> Vec<bool> {
            let mut list = Destinations::default();
            list.add(0, &Backend { upper_threshold, lower_threshold, ..backend(1) });
            let flag = |count: &u32| {
                list.set_load(0, Load { active: count / 2, inactive: count - count / 2 });
                list.of(0).overloaded
            };
            counts.iter().map(flag).collect()
        };
        assert_eq!(flags(4, 2, &[3, 4, 3, 2, 1, 3]), [false, true, true, true, false, false]);
        // Without a lower one it is `connections * 4 < upper * 3`: 6 * 4 < 7 * 3 does not hold, 5 * 4 < 7 * 3 does.
        assert_eq!(flags(7, 0, &[7, 6, 5]), [true, true, false]);
        assert_eq!(flags(0, 3, &[u32::MAX, 1]), [false, false]);
    }
}
