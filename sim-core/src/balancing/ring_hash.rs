//! A ring of points (Karger et al. 1997): each backend has several, by hashes of its name and a number; a connection goes to
//! the backend of the first point at or after its hash, the first of all when there is none. Knows names and addresses only.
//!
//! | flavour | points of a backend | hash of a request |
//! | --- | --- | --- |
//! | `ketama` | 160 per unit of weight; each is the CRC-32 of host, NUL, port and the point before (4 bytes, lowest first; 0 before the first), as nginx and pingora have them; of equal points the first of the list stays | CRC-32 of the key's 8 bytes, lowest first |
//! | `envoy` | XXH64 of `name_i`; so many that the lightest backend has a whole number of them and the ring at least `minimumRingSize`, but not more than `maximumRingSize` | the key itself |
//!
//! Where podwire differs: a ketama ring has at most 2^23 points, as many as Envoy's greatest; heavier lists get fewer points
//! per unit of weight, each backend at least one. Envoy's other point hash, `MURMUR_HASH_2`, is not there.

use std::fmt::Write;
use std::net::SocketAddr;

use super::parts::crc32::Crc32;
use super::parts::hash_on::{HASH_ON, HashOn};
use super::parts::mixing::xxh64;
use super::{Algorithm, Backend, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

/// Whose ring it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// nginx's `hash ... consistent`, and pingora's.
    Ketama,
    /// Envoy's, with these bounds on its points.
    Envoy {
        /// `minimum_ring_size`.
        minimum: u64,
        /// `maximum_ring_size`.
        maximum: u64,
    },
}

const KETAMA: &str = "ketama";
const ENVOY: &str = "envoy";
/// Points per unit of weight in a ketama ring.
const KETAMA_POINTS: u64 = 160;
/// The greatest ring: Envoy's own limit.
const MOST_POINTS: u64 = 8_388_608;
const ENVOY_MINIMUM: u64 = 1_024;

const FLAVOUR: Parameter = Parameter {
    name: "flavour",
    summary: "whose points (ketama)",
    kind: ParameterKind::Choice { names: &[KETAMA, ENVOY] },
    required: false,
};
const MINIMUM: Parameter = Parameter {
    name: "minimumRingSize",
    summary: "envoy: least points of the ring",
    kind: ParameterKind::Within { min: 1, max: MOST_POINTS, default: ENVOY_MINIMUM },
    required: false,
};
const MAXIMUM: Parameter = Parameter {
    name: "maximumRingSize",
    summary: "envoy: most points of the ring, not below the least",
    kind: ParameterKind::Within { min: 1, max: MOST_POINTS, default: MOST_POINTS },
    required: false,
};

/// A backend, as rings know it.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    address: SocketAddr,
    weight: u32,
}

/// A ring of points, with an index by their upper bits.
#[derive(Clone, Debug)]
pub struct RingHash {
    flavour: Flavour,
    hash_on: HashOn,
    /// By slot.
    known: Vec<Option<Known>>,
    /// Points in rising order, those of 32 bits in the upper half; a last one behind them stands for the first.
    points: Vec<u64>,
    /// The slots of the points' backends.
    slots: Vec<u32>,
    /// For each value of a hash's upper bits: the first point at or after the first such hash.
    index: Vec<u32>,
    /// How far a hash is shifted to leave the upper bits.
    shift: u32,
}

impl RingHash {
    /// A ring without points; `None` when Envoy's bounds are not from 1 to 2^23 in rising order.
    pub fn new(flavour: Flavour, hash_on: HashOn) -> Option<Self> {
        let allowed = match flavour {
            Flavour::Ketama => true,
            Flavour::Envoy { minimum, maximum } => 1 <= minimum && minimum <= maximum && maximum <= MOST_POINTS,
        };
        let none = (Vec::new(), Vec::new(), Vec::new());
        let (points, slots, index) = none;
        allowed.then(|| Self { flavour, hash_on, known: Vec::new(), points, slots, index, shift: 0 })
    }

    /// The slot of the backend for this place on the ring (of a ketama ring: in the upper 32 bits), `None` without backends.
    #[inline]
    pub fn look_up(&self, hash: u64) -> Option<u32> {
        let cell = usize::try_from(hash >> self.shift).expect("a cell of the index");
        let mut at = *self.index.get(cell)? as usize;
        while self.points[at] < hash {
            at += 1;
        }
        Some(self.slots[at])
    }

    /// The place of a key on the ring.
    #[inline]
    pub fn place(&self, key: u64) -> u64 {
        match self.flavour {
            Flavour::Ketama => u64::from(Crc32::new().with_word(key).value()) << 32,
            Flavour::Envoy { .. } => key,
        }
    }

    fn rebuild(&mut self, order: &[usize]) {
        let listed: Vec<(u32, &Known)> = order
            .iter()
            .filter_map(|slot| {
                Some((u32::try_from(*slot).expect("fewer than 2^32 backends"), self.known[*slot].as_ref()?))
            })
            .collect();
        let mut ring = match self.flavour {
            Flavour::Ketama => ketama(&listed),
            Flavour::Envoy { minimum, maximum } => envoy(&listed, minimum, maximum),
        };
        // Stable, so that of equal points the first of the list comes first.
        ring.sort_by_key(|(point, _)| *point);
        self.points.clear();
        self.slots.clear();
        self.index.clear();
        let Some((_, first)) = ring.first().copied() else { return };
        ring.push((u64::MAX, first));
        self.points.extend(ring.iter().map(|(point, _)| *point));
        self.slots.extend(ring.iter().map(|(_, slot)| *slot));
        // About one point per cell; one bit at least, since a shift by 64 is none.
        let bits = self.points.len().next_power_of_two().trailing_zeros().max(1);
        self.shift = 64 - bits;
        let mut at = 0;
        for cell in 0..1_u64 << bits {
            while self.points[at] < cell << self.shift {
                at += 1;
            }
            self.index.push(u32::try_from(at).expect("at most 2^23 points and one"));
        }
    }
}

/// The points of a ketama ring, in the list's order.
fn ketama(listed: &[(u32, &Known)]) -> Vec<(u64, u32)> {
    let wanted: u64 = listed.iter().map(|(_, known)| u64::from(known.weight) * KETAMA_POINTS).sum();
    let mut ring = Vec::new();
    for (slot, known) in listed {
        let own = u64::from(known.weight) * KETAMA_POINTS;
        let own = if wanted <= MOST_POINTS { own } else { (own * MOST_POINTS / wanted).max(1) };
        let named = format!("{}\0{}", known.address.ip(), known.address.port());
        let start = Crc32::new().with(named.as_bytes());
        let mut point = 0_u32;
        for _ in 0..own {
            point = start.with(&point.to_le_bytes()).value();
            ring.push((u64::from(point) << 32, *slot));
        }
    }
    ring
}

/// The points of Envoy's ring, in the list's order. Its arithmetic is Envoy's, since rounding decides how many each gets.
#[allow(clippy::cast_precision_loss, reason = "weights and ring sizes are far below 2^53")]
fn envoy(listed: &[(u32, &Known)], minimum: u64, maximum: u64) -> Vec<(u64, u32)> {
    let sum = listed.iter().map(|(_, known)| u64::from(known.weight)).sum::<u64>() as f64;
    let share = |known: &Known| f64::from(known.weight) / sum;
    let lightest = listed.iter().map(|(_, known)| share(known)).fold(1.0, f64::min);
    let scale = (libm::ceil(lightest * minimum as f64) / lightest).min(maximum as f64);
    let mut ring = Vec::new();
    let mut target = 0.0;
    let mut text = String::new();
    for (slot, known) in listed {
        target += scale * share(known);
        let mut number = 0_u32;
        while (ring.len() as f64) < target {
            text.clear();
            write!(text, "{}_{number}", known.name).expect("a text takes any");
            ring.push((xxh64(text.as_bytes(), 0), *slot));
            number += 1;
        }
    }
    ring
}

impl LoadBalancer for RingHash {
    fn add(&mut self, slot: usize, backend: &Backend) {
        if self.known.len() <= slot {
            self.known.resize(slot + 1, None);
        }
        let name = backend.name.clone();
        self.known[slot] = Some(Known { name, address: backend.address, weight: backend.weight });
    }

    fn remove(&mut self, slot: usize) {
        self.known[slot] = None;
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        if let Some(known) = &mut self.known[slot] {
            known.weight = weight;
        }
    }

    fn settle(&mut self, order: &[usize]) {
        self.rebuild(order);
    }

    #[inline]
    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        Some(self.look_up(self.place(self.hash_on.hash(request)))? as usize)
    }

    fn table_bytes(&self) -> usize {
        self.points.len() * 8 + (self.slots.len() + self.index.len()) * 4
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "ring-hash",
        summary: "each backend has points on a ring; the first at or after the hash takes the connection",
        source: "Karger et al. 1997; nginx ngx_http_upstream_hash_module, Envoy ring_hash",
        parameters: &[FLAVOUR, MINIMUM, MAXIMUM, HASH_ON],
        build: |arguments| {
            let flavour = if arguments.choice(FLAVOUR.name) == Some(ENVOY) {
                Flavour::Envoy {
                    minimum: arguments.count(MINIMUM.name).unwrap_or(ENVOY_MINIMUM),
                    maximum: arguments.count(MAXIMUM.name).unwrap_or(MOST_POINTS),
                }
            } else {
                Flavour::Ketama
            };
            Some(Box::new(RingHash::new(flavour, HashOn::of(arguments))?))
        },
    },
    reads: &[Input::Weights, Input::Key, Input::Client],
    state: "16 to 20 bytes per point: 160 points per unit of weight (ketama), 1024 or more in all (envoy)",
    cost: "O(1) on average: an index by the hash's upper bits, then a step or two; a change sorts all points",
    use_when: "a lost backend's keys alone may move (ketama; the size of Envoy's ring, and so others' keys, depends on the number of backends), and weights are small; shares differ by about 1 / sqrt(points of a backend)",
};

#[cfg(test)]
mod tests {
    use super::super::parts::mixing::mix;
    use super::*;
    use proptest::prelude::*;

    const SMALL: Flavour = Flavour::Envoy { minimum: 1, maximum: 64 };

    fn built(flavour: Flavour, weights: &[u32]) -> RingHash {
        let mut ring = RingHash::new(flavour, HashOn::Connection).unwrap();
        for (slot, weight) in weights.iter().enumerate() {
            let port = 7_777 + u16::try_from(slot).unwrap();
            ring.add(slot, &Backend::new(([127, 0, 0, 1], port).into()).weighing(*weight));
        }
        ring.settle(&(0..weights.len()).filter(|slot| weights[*slot] > 0).collect::<Vec<_>>());
        ring
    }

    /// The rule, word by word.
    fn plain(ring: &RingHash, hash: u64) -> Option<u32> {
        let points = &ring.points[..ring.points.len().saturating_sub(1)];
        let at = points.partition_point(|point| *point < hash);
        ring.slots.get(if at == points.len() { 0 } else { at }).copied()
    }

    /// What nginx answers for these paths over two servers, by the tests of pingora-ketama, which quote it.
    #[test]
    fn two_servers_share_paths_as_nginx_does() {
        let ring = built(Flavour::Ketama, &[1, 1]);
        for (path, slot) in [
            ("/some/path", 1),
            ("/some/longer/path", 0),
            ("/sad/zaidoon", 1),
            ("/g", 0),
            ("/pingora/team/is/cool/and/this/is/a/long/uri", 1),
            ("/i/am/not/confident/in/this/code", 0),
        ] {
            let place = u64::from(Crc32::new().with(path.as_bytes()).value()) << 32;
            assert_eq!(ring.look_up(place), Some(slot), "{path}");
        }
    }

    #[test]
    fn rings_have_as_many_points_as_their_rule_says() {
        let points = |flavour, weights: &[u32]| built(flavour, weights).points.len().saturating_sub(1);
        let envoy = |minimum, maximum| Flavour::Envoy { minimum, maximum };
        assert_eq!(points(Flavour::Ketama, &[1, 0, 3]), 640);
        assert_eq!(points(envoy(12, 12), &[1; 6]), 12);
        assert_eq!(points(envoy(1_024, MOST_POINTS), &[1; 3]), 1_026, "342 each");
        assert_eq!(points(envoy(10, MOST_POINTS), &[1, 2]), 12, "4 and 8");
        assert_eq!(points(envoy(1, 6), &[1; 4]), 4);
        assert_eq!(points(envoy(6, 6), &[1; 4]), 6, "two, one, two, one");
        assert_eq!(points(envoy(3, 3), &[1; 9]), 3, "not all have one");
        assert_eq!(points(Flavour::Ketama, &[65_535, 1]), 8_388_480 + 128, "scaled down to 2^23");
        assert_eq!(points(Flavour::Ketama, &[]), 0);
        for (minimum, maximum) in [(0, 1), (2, 1), (1, MOST_POINTS + 1)] {
            assert!(RingHash::new(envoy(minimum, maximum), HashOn::Connection).is_none());
        }
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_finds(ketama: bool, weights in prop::collection::vec(0_u32..4, 0..30), keys: [u64; 32]) {
            let ring = built(if ketama { Flavour::Ketama } else { SMALL }, &weights);
            let near = ring.points.iter().flat_map(|point| [point.wrapping_sub(1), *point, point.wrapping_add(1)]);
            for hash in keys.iter().copied().chain(near).chain([0, u64::MAX]) {
                prop_assert_eq!(ring.look_up(hash), plain(&ring, hash), "{}", hash);
            }
        }

        #[test]
        fn one_that_goes_from_a_ketama_ring_moves_its_own_keys_alone(weights in prop::collection::vec(1_u32..4, 2..20)) {
            let mut left = weights.clone();
            left[1] = 0;
            let (before, after) = (built(Flavour::Ketama, &weights), built(Flavour::Ketama, &left));
            for key in (0..2_000).map(mix) {
                let (was, is) = (before.look_up(before.place(key)), after.look_up(after.place(key)));
                prop_assert!(was == is || was == Some(1), "{key}");
            }
        }
    }
}
