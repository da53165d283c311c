//! IPVS `mh`, Maglev hashing (`ip_vs_mh.c`): a table of a prime number of entries. Destinations take turns, from the newest
//! on, in taking the next free entry of their own sequence, as many in a row as their weights' quotients by the greatest
//! common divisor (shifted right until they fit the table's bits). The client's address is hashed to an entry.
//!
//! A destination's share follows its last weight above 0: one that is quiesced keeps its entries, and its connections are
//! dropped, or with `fallback` go to other entries. With more destinations than entries the kernel refuses to make a new
//! table and keeps the one it has; there it would go on with destinations that are deleted, whose connections are dropped
//! here. `hsiphash` is that of a 64-bit kernel.

use std::net::IpAddr;

use super::parts::address_hash::{folded, hsiphash};
use super::parts::buckets::{FALLBACK, PORT, is_on};
use super::parts::destinations::{Destinations, NONE};
use super::parts::divisors::Divisors;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

/// Where a destination's sequence begins, and where a client's entry is.
const FIRST_KEY: u64 = 2_654_435_761;
/// How far apart the sequence's entries are.
const SECOND_KEY: u64 = 2_654_446_892;

/// The table's sizes for indices from 8 on.
const PRIMES: [u32; 10] = [251, 509, 1_021, 2_039, 4_093, 8_191, 16_381, 32_749, 65_521, 131_071];

const TABLE_INDEX: Parameter = Parameter {
    name: "tableIndex",
    summary: "`CONFIG_IP_VS_MH_TAB_INDEX`: entries are 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071",
    kind: ParameterKind::Within { min: 8, max: 17, default: 12 },
    required: false,
};

/// What the table is made from, by slot.
#[derive(Clone, Copy, Debug, Default)]
struct Sequence {
    offset: u32,
    skip: u32,
    /// The last weight above 0.
    weight: u32,
}

#[derive(Clone, Debug)]
struct Mh {
    port: bool,
    fallback: bool,
    /// Bits that a number of turns may have.
    turn_bits: u32,
    destinations: Destinations,
    sequences: Vec<Sequence>,
    weights: Divisors,
    entries: Vec<u32>,
    /// The list has changed since the table was made, and still fits it.
    stale: bool,
}

impl Mh {
    fn new(index: u64, port: bool, fallback: bool) -> Option<Self> {
        let size = PRIMES.get(usize::try_from(index.checked_sub(8)?).ok()?)?;
        Some(Self {
            port,
            fallback,
            turn_bits: u32::try_from(index / 2).expect("at most 8"),
            destinations: Destinations::default(),
            sequences: Vec::new(),
            weights: Divisors::default(),
            entries: vec![NONE; *size as usize],
            stale: false,
        })
    }

    /// `ip_vs_mh_hashkey`, before the modulus.
    fn hash(ip: IpAddr, port: u16, key: u64, offset: u32) -> u32 {
        hsiphash(folded(ip).wrapping_add(u32::from(port)).wrapping_add(offset), key)
    }

    fn fits(&self) -> bool {
        self.destinations.len() <= self.entries.len()
    }

    /// `ip_vs_mh_permutate` and `ip_vs_mh_populate`.
    fn make_table(&mut self) {
        self.stale = false;
        self.entries.fill(NONE);
        let divisor = self.weights.greatest_common();
        if divisor == 0 {
            return;
        }
        let used_bits = u32::BITS - (self.weights.maximum() / divisor).leading_zeros();
        let shift = used_bits.saturating_sub(self.turn_bits);
        let size = self.entries.len();
        // Slot, next entry of its sequence, distance, turns.
        let mut players: Vec<(u32, usize, usize, u32)> = self
            .destinations
            .newest_first()
            .map(|slot| (slot, &self.sequences[slot]))
            .filter(|(_, it)| it.weight > 0)
            .map(|(slot, it)| {
                let turns = ((it.weight / divisor) >> shift).max(1);
                (u32::try_from(slot).expect("fewer than 2^32 slots"), it.offset as usize, it.skip as usize, turns)
            })
            .collect();
        let mut free = size;
        while free > 0 {
            for (slot, next, skip, turns) in &mut players {
                for _ in 0..(*turns as usize).min(free) {
                    while self.entries[*next] != NONE {
                        *next += *skip;
                        if *next >= size {
                            *next -= size;
                        }
                    }
                    self.entries[*next] = *slot;
                    free -= 1;
                }
            }
        }
    }

    /// The slot at an entry when it is usable; otherwise whether there is one at all.
    fn usable(&self, hash: u32) -> Result<usize, bool> {
        let slot = self.entries[hash as usize % self.entries.len()];
        if slot == NONE {
            return Err(false);
        }
        let slot = slot as usize;
        if self.destinations.of(slot).is_usable() { Ok(slot) } else { Err(true) }
    }

    /// `ip_vs_mh_get_fallback`: other hashes of the client, until one is usable or falls to nobody.
    fn elsewhere(&self, ip: IpAddr, port: u16) -> Option<usize> {
        let size = u32::try_from(self.entries.len()).expect("at most 131071");
        let home = Self::hash(ip, port, FIRST_KEY, 0) % size;
        let hashes = (0..size).map(|offset| Self::hash(ip, port, FIRST_KEY, (offset + home) % size));
        hashes.map(|hash| self.usable(hash)).find(|found| *found != Err(true))?.ok()
    }
}

impl LoadBalancer for Mh {
    fn add(&mut self, slot: usize, backend: &Backend) {
        if self.stale && self.destinations.len() == self.entries.len() {
            // The kernel makes a table after each change; the next one is one too many.
            self.make_table();
        }
        self.destinations.add(slot, backend);
        if self.sequences.len() <= slot {
            self.sequences.resize(slot + 1, Sequence::default());
        }
        let (ip, port) = (backend.address.ip(), backend.address.port());
        let size = u32::try_from(self.entries.len()).expect("at most 131071");
        let offset = Self::hash(ip, port, FIRST_KEY, 0) % size;
        let skip = Self::hash(ip, port, SECOND_KEY, 0) % (size - 1) + 1;
        self.sequences[slot] = Sequence { offset, skip, weight: backend.weight };
        self.weights.set(slot, backend.weight);
        self.stale |= self.fits();
    }

    fn remove(&mut self, slot: usize) {
        self.destinations.remove(slot);
        self.weights.set(slot, 0);
        self.stale |= self.fits();
        if !self.fits() {
            let gone = u32::try_from(slot).expect("fewer than 2^32 slots");
            self.entries.iter_mut().filter(|entry| **entry == gone).for_each(|entry| *entry = NONE);
        }
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.destinations.set_weight(slot, weight);
        if weight > 0 {
            self.sequences[slot].weight = weight;
            self.weights.set(slot, weight);
            self.stale |= self.fits();
        }
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.destinations.set_load(slot, load);
    }

    fn settle(&mut self, _order: &[usize]) {
        if self.stale {
            self.make_table();
        }
    }

    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        let (ip, port) = (request.client.ip(), if self.port { request.client.port() } else { 0 });
        match self.usable(Self::hash(ip, port, FIRST_KEY, 0)) {
            Ok(slot) => Some(slot),
            Err(true) if self.fallback => self.elsewhere(ip, port),
            Err(_) => None,
        }
    }

    fn table_bytes(&self) -> usize {
        let made_from = self.sequences.len() * size_of::<Sequence>() + self.weights.bytes();
        self.entries.len() * size_of::<u32>() + made_from + self.destinations.bytes()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "mh",
        summary: "IPVS Maglev hashing: by the client's address, over a table that few changes touch",
        source: "linux ip_vs_mh.c",
        parameters: &[TABLE_INDEX, PORT, FALLBACK],
        build: |arguments| {
            let index = arguments.count(TABLE_INDEX.name).unwrap_or(12);
            let mh = Mh::new(index, is_on(arguments, PORT), is_on(arguments, FALLBACK))?;
            Some(Box::new(mh))
        },
    },
    reads: &[Input::Weights, Input::Thresholds, Input::Client],
    state: "a table of 4093",
    cost: "O(1); a change makes the table anew",
    use_when: "as sh, when backends come and go: most clients keep theirs",
};

#[cfg(test)]
mod tests {
    use super::super::parts::testing::{Mixer, backend, request};
    use super::*;

    fn numbered(number: usize) -> Backend {
        let [.., high, low] = number.to_be_bytes();
        Backend { address: ([10, 244, high, low], 80).into(), ..backend(1) }
    }

    fn shares(mh: &Mh, slots: usize) -> Vec<usize> {
        let mut counts = vec![0; slots];
        mh.entries.iter().filter(|slot| **slot != NONE).for_each(|slot| counts[*slot as usize] += 1);
        counts
    }

    #[test]
    fn shares_are_the_floor_or_ceiling_of_the_table_by_the_backends() {
        for (index, backends) in [(8, 3), (12, 10), (12, 100), (12, 4_093)] {
            let mut mh = Mh::new(index, false, false).unwrap();
            (0..backends).for_each(|slot| mh.add(slot, &numbered(slot)));
            mh.settle(&[]);
            let size = mh.entries.len();
            let even = [size / backends, size.div_ceil(backends)];
            assert!(shares(&mh, backends).iter().all(|share| even.contains(share)), "{index} {backends}");
        }
    }

    #[test]
    fn one_backend_more_than_entries_leaves_the_table_as_it_is() {
        let mut mh = Mh::new(8, false, false).unwrap();
        for slot in 0..300 {
            mh.add(slot, &numbered(slot));
        }
        mh.settle(&[]);
        // The table of the first 251, each with one entry.
        let expected: Vec<usize> = (0..300).map(|slot| usize::from(slot < 251)).collect();
        assert_eq!(shares(&mh, 300), expected);
        mh.remove(7);
        mh.settle(&[]);
        assert_eq!(shares(&mh, 300).iter().sum::<usize>(), 250);
        (8..60).for_each(|slot| mh.remove(slot));
        mh.settle(&[]);
        assert_eq!(shares(&mh, 300).iter().sum::<usize>(), 251);
        assert!(shares(&mh, 300)[299] > 0);
    }

    #[test]
    fn great_weights_are_shifted_to_the_tables_bits_and_small_ones_keep_a_turn() {
        let mut mh = Mh::new(12, false, false).unwrap();
        for (slot, weight) in [65_535, 1].into_iter().enumerate() {
            mh.add(slot, &numbered(slot).weighing(weight));
        }
        mh.settle(&[]);
        // 16 bits to 6: 63 turns and 1, so 64 entries per round; of 63 rounds and 61 entries the oldest has the rest.
        assert_eq!(shares(&mh, 2), [63 * 63 + 60, 64]);
    }

    #[test]
    fn a_client_without_luck_finds_another_one_only_when_told_to() {
        let mut mixer = Mixer(5);
        for fallback in [false, true] {
            let mut mh = Mh::new(8, false, fallback).unwrap();
            (0..4).for_each(|slot| mh.add(slot, &numbered(slot)));
            mh.set_weight(2, 0);
            mh.settle(&[]);
            let mut none = 0;
            for _ in 0..200 {
                let address = u32::try_from(mixer.below(1 << 30)).unwrap();
                let asked = Request { client: (address.to_be_bytes(), 1).into(), ..request(0) };
                match mh.pick(&asked, &mut || 0) {
                    None => none += 1,
                    Some(slot) => assert_ne!(slot, 2),
                }
            }
            assert_eq!(none == 0, fallback, "{none}");
        }
    }
}
