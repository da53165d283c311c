//! Picks of hashing algorithms. Where a peer's rule is the same, its answers are compared first.

use std::cmp::Reverse;

use anchorhash::{AnchorHash, Builder};
use maglev::ConsistentHasher;
use pingora_ketama::{Bucket, Continuum};
use sim_core::balancing::anchor::Anchor;
use sim_core::balancing::jump::Jump;
use sim_core::balancing::maglev::{Flavour, Maglev};
use sim_core::balancing::parts::hash_on::HashOn;
use sim_core::balancing::parts::mixing::{mix, xxh64};
use sim_core::balancing::rendezvous::{Rendezvous, score};
use sim_core::balancing::ring_hash::{self, RingHash};

use super::{KEYS, address, asks, filled, keys, picks};
use crate::race::{Race, Wanted};

const TABLE: u64 = 65_537;
const CAPACITY: u16 = 1_024;

pub fn races() -> Vec<Race> {
    let mut races = Vec::new();
    for count in KEYS {
        races.extend([10, 100, 1_000].map(|backends| table(backends, count)));
        races.extend([100, 1_000].map(|backends| ring(backends, count)));
        races.extend([10, 100, 1_000].map(|backends| jump(backends, count)));
        races.extend([100, 1_000].map(|backends| anchor(backends, count)));
    }
    for count in KEYS {
        races.extend([100, 1_000].map(|backends| scores(backends, count)));
    }
    races
}

fn name(algorithm: &str, backends: u32, keys: usize) -> String {
    format!("{algorithm}, {backends} backends, {keys} keys")
}

fn table(backends: u32, count: usize) -> Race {
    let ours = filled(Maglev::new(Flavour::Envoy, TABLE, HashOn::Connection).expect("a prime"), backends);
    let plain: Vec<u32> = (0..TABLE).map(|place| ours.look_up(place).expect("there are backends")).collect();
    let peer = maglev::Maglev::with_capacity(0..backends, TABLE as usize);
    Race::new(name("maglev", backends, count), count as u64, picks(ours, keys(count)))
        .against(
            "plain table",
            Wanted::AtMost(1.15),
            asks(keys(count), move |key| u64::from(plain[(key % TABLE) as usize])),
        )
        .against(
            "maglev 0.2.1",
            Wanted::times_faster(5.0),
            asks(keys(count), move |key| u64::from(*peer.get(&key).expect("a node"))),
        )
}

fn ring(backends: u32, count: usize) -> Race {
    let ours = filled(RingHash::new(ring_hash::Flavour::Ketama, HashOn::Connection).expect("a flavour"), backends);
    let buckets: Vec<Bucket> = (0..backends).map(|number| Bucket::new(address(number), 1)).collect();
    let peer = Continuum::new(&buckets);
    // Points that coincide are few, and the peer's sort leaves it open which of them stays.
    let all = keys(1 << 18);
    let equal = all.iter().filter(|key| {
        let picked = ours.look_up(ours.place(**key)).expect("there are backends");
        peer.node(&key.to_le_bytes()) == Some(address(picked))
    });
    let differ = all.len() - equal.count();
    assert!(differ <= all.len() / 5_000, "{differ} of {} answers differ from pingora-ketama's", all.len());
    Race::new(name("ring-hash", backends, count), count as u64, picks(ours, keys(count))).against(
        "pingora-ketama 0.6.0",
        Wanted::times_faster(2.0),
        asks(keys(count), move |key| u64::from(peer.node(&key.to_le_bytes()).expect("a node").port())),
    )
}

fn jump(backends: u32, count: usize) -> Race {
    let ours = filled(Jump::new(HashOn::Connection), backends);
    let peer = move |key| jump_consistent_hash::hash(key, backends as usize);
    assert!(keys(4_096).into_iter().all(|key| ours.look_up(key) == Some(peer(key))), "the answers differ");
    Race::new(name("jump", backends, count), count as u64, picks(ours, keys(count))).against(
        "jump-consistent-hash 0.1.0",
        Wanted::AtMost(1.05),
        asks(keys(count), move |key| u64::from(peer(key))),
    )
}

fn anchor(backends: u32, count: usize) -> Race {
    let ours = filled(Anchor::new(u64::from(CAPACITY), HashOn::Connection).expect("a capacity"), backends);
    let peer: AnchorHash<u64, u32, _> = Builder::default().with_resources(0..backends).build(CAPACITY);
    Race::new(name("anchor", backends, count), count as u64, picks(ours, keys(count))).against(
        "anchorhash 0.2.2",
        Wanted::times_faster(2.0),
        asks(keys(count), move |key| u64::from(*peer.get_resource(key).expect("a resource"))),
    )
}

fn scores(backends: u32, count: usize) -> Race {
    let ours = filled(Rendezvous::new(HashOn::Connection), backends);
    let seeds: Vec<u64> = (0..backends).map(|number| xxh64(address(number).to_string().as_bytes(), 0)).collect();
    for key in keys(4_096) {
        let scored = (0_u32..).zip(&seeds).map(|(slot, seed)| (score(mix(key), *seed), Reverse(slot)));
        let scanned = scored.max().map(|(_, Reverse(slot))| slot);
        assert_eq!(ours.look_up(key), scanned, "the answers differ from a plain scan's");
    }
    let peer = hrw::Rendezvous::from_nodes(0..backends);
    let wanted = if backends == 1_000 { Wanted::times_faster(5.0) } else { Wanted::Reported };
    Race::new(name("rendezvous", backends, count), count as u64, picks(ours, keys(count))).against(
        "hrw 0.1.2",
        wanted,
        asks(keys(count), move |key| u64::from(*peer.pick_top(&key).expect("a node"))),
    )
}
