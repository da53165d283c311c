//! Picks one after the other with everything drawn before, for somebody with a clock.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sim_core::balancing::Request;
use sim_core::kernel::draws::{Draws, EntityKey, RandomBits, Stream};
use sim_core::kernel::time::{SimDuration, SimTime};

use super::flows::{CLIENTS, DESTINATIONS, FIRST_PORT, Flow, MEAN_LIFE, placed};
use super::plan::{Contender, Plan};
use super::play::Play;

/// An algorithm that is warm, and keys of connections that are gone through again and again.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    play: Play,
    keys: Arc<[u64]>,
    next: usize,
    now: SimTime,
    gap: SimDuration,
}

/// Random bits that follow from a key and cost next to nothing (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
struct SplitMix(u64);

impl RandomBits for SplitMix {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The lowest bits of a number.
fn low(key: u64, bits: u32) -> u32 {
    u32::try_from(key & ((1 << bits) - 1)).expect("at most 32 bits")
}

/// A connection whose ends are parts of its key.
fn flow(key: u64, now: SimTime) -> Flow {
    let port = FIRST_PORT + u16::try_from(low(key, 14)).expect("14 bits");
    let request = Request {
        key,
        client: SocketAddr::from((placed(CLIENTS, low(key >> 44, 20)), port)),
        destination: IpAddr::V4(placed(DESTINATIONS, low(key >> 24, 20))),
        now,
    };
    Flow { request, pick: key, end: key.rotate_left(20) }
}

impl Rehearsal {
    /// So many keys, drawn; several rehearsals may share them.
    pub fn keys(seed: u64, count: usize) -> Arc<[u64]> {
        let (mut draws, mut stream) = (Draws::new(seed), Stream::new(EntityKey::of("balance/rehearsal"), "key"));
        (0..count as u64).map(|index| draws.read(&mut stream, index)).collect()
    }

    /// With as many connections open as the plan has, if the algorithm looks at connections. There must be keys.
    pub fn new(plan: &Plan, contender: &Contender, keys: Arc<[u64]>) -> Self {
        let play = Play::new(plan, contender);
        let gap = SimDuration::from_nanos((MEAN_LIFE / plan.concurrency).max(1));
        let mut rehearsal = Self { play, keys, next: 0, now: SimTime::ZERO, gap };
        if rehearsal.play.watches_connections() {
            rehearsal.run(plan.concurrency);
        }
        rehearsal
    }

    /// Makes so many picks, and gives a number that depends on each, so that none can be left out. Where picks depend on
    /// connections, one ends before each pick and one opens after it.
    pub fn run(&mut self, picks: u64) -> u64 {
        let opens = self.play.watches_connections();
        let mut digest = 0_u64;
        for _ in 0..picks {
            let key = self.keys[self.next];
            let flow = flow(key, self.now);
            let mut bits = SplitMix(key);
            let picked = if opens { self.play.step(&flow, &mut bits) } else { self.play.pick(&flow, &mut bits) };
            let picked = picked.map_or(u64::MAX, u64::from);
            digest = (digest.rotate_left(5) ^ picked).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.now = self.now.saturating_add(self.gap);
            self.next = if self.next + 1 == self.keys.len() { 0 } else { self.next + 1 };
        }
        digest
    }
}
