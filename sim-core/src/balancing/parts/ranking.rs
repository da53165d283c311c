//! Destinations of an IPVS virtual server in a tournament: the one with the least rank, the next one in the list that is
//! good enough. A [`Rank`] says what is looked at; everything costs O(log n).

use std::marker::PhantomData;

use super::destinations::{Destination, Destinations};
use super::tournament::{Tournament, UNUSABLE};
use crate::balancing::{Backend, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;

/// How good a usable destination is: the least rank wins, of equal ones the first of the list, which is the newest.
pub trait Rank: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Its rank; [`UNUSABLE`] takes it out.
    fn rank(destination: &Destination) -> u64;
}

/// Orders fractions `count / weight` by whole numbers: equal for equal fractions, less for lesser ones. Two fractions with
/// weights up to 65 535 that differ do so by more than 2^-32, so that their quotients of 2^32 times the count differ too.
pub fn weighted(count: u32, weight: u32) -> u64 {
    (u64::from(count) << 32) / u64::from(weight)
}

/// By weight, the highest first.
#[derive(Clone, Debug)]
pub struct ByWeight;

impl ByWeight {
    /// The rank of a weight; all of this weight and above have this rank or a lesser one.
    pub fn of(weight: u32) -> u64 {
        u64::from(u32::MAX - weight)
    }

    /// The weight of a rank; none for [`UNUSABLE`].
    pub fn weight_of(rank: u64) -> Option<u32> {
        u32::try_from(rank).ok().map(|rank| u32::MAX - rank)
    }
}

impl Rank for ByWeight {
    fn rank(destination: &Destination) -> u64 {
        Self::of(destination.weight)
    }
}

/// The list and its tournament.
#[derive(Clone, Debug)]
pub struct Ranking<R> {
    destinations: Destinations,
    tree: Tournament,
    rank: PhantomData<fn() -> R>,
}

impl<R: Rank> Default for Ranking<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Rank> Ranking<R> {
    /// Nobody yet.
    pub fn new() -> Self {
        let destinations = Destinations::default();
        Self { tree: Tournament::new(destinations.room()), destinations, rank: PhantomData }
    }

    /// The list.
    pub fn destinations(&self) -> &Destinations {
        &self.destinations
    }

    /// The slot with the least rank.
    #[inline]
    pub fn first(&self) -> Option<usize> {
        self.tree.winner().map(|place| self.destinations.at(place))
    }

    /// The least rank.
    pub fn least(&self) -> u64 {
        self.tree.least()
    }

    /// The next in the list after this slot, or from the list's head, with a rank of at most `bound`.
    pub fn after(&self, slot: Option<usize>, bound: u64) -> Option<usize> {
        let from = slot.map_or(self.destinations.room(), |slot| self.destinations.place(slot));
        self.tree.before(from, bound).map(|place| self.destinations.at(place))
    }

    #[inline]
    fn refresh(&mut self, slot: usize) {
        let destination = self.destinations.of(slot);
        let key = if destination.is_usable() { R::rank(destination) } else { UNUSABLE };
        self.tree.set(self.destinations.place(slot), key);
    }
}

impl<R: Rank> LoadBalancer for Ranking<R> {
    fn add(&mut self, slot: usize, backend: &Backend) {
        if self.destinations.add(slot, backend) {
            self.tree = Tournament::new(self.destinations.room());
            let all: Vec<usize> = self.destinations.newest_first().collect();
            for slot in all {
                self.refresh(slot);
            }
        } else {
            self.refresh(slot);
        }
    }

    fn remove(&mut self, slot: usize) {
        let place = self.destinations.remove(slot);
        self.tree.set(place, UNUSABLE);
    }

    #[inline]
    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.destinations.set_weight(slot, weight);
        self.refresh(slot);
    }

    #[inline]
    fn set_load(&mut self, slot: usize, load: Load) {
        self.destinations.set_load(slot, load);
        self.refresh(slot);
    }

    #[inline]
    fn pick(&mut self, _request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        self.first()
    }

    fn table_bytes(&self) -> usize {
        self.destinations.bytes() + self.tree.bytes()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_order_fractions_as_cross_multiplication_does() {
        let counts = [0, 1, 2, 3, 255, 256, 257, 65_535, 65_536, u32::MAX - 1, u32::MAX];
        let weights = [1, 2, 3, 255, 256, 65_534, 65_535];
        let fractions: Vec<(u32, u32)> =
            counts.iter().flat_map(|count| weights.iter().map(|weight| (*count, *weight))).collect();
        for (count, weight) in &fractions {
            for (other, of) in &fractions {
                let exact = (u64::from(*count) * u64::from(*of)).cmp(&(u64::from(*other) * u64::from(*weight)));
                assert_eq!(
                    weighted(*count, *weight).cmp(&weighted(*other, *of)),
                    exact,
                    "{count}/{weight} {other}/{of}"
                );
            }
        }
        // The closest two fractions of all.
        assert!(weighted(65_533, 65_534) < weighted(65_534, 65_535));
        assert!(weighted(u32::MAX, 1) < UNUSABLE);
    }
}
