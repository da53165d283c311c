//! The balancing core: one module per group of races.

mod building;
mod drawing;
mod hashing;
mod scans;
mod tower;

use std::net::{IpAddr, SocketAddr};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sim_core::balancing::{Backend, LoadBalancer, Request};
use sim_core::kernel::time::SimTime;

use crate::race::Race;

/// Working sets of keys: one that stays in the nearest cache and flatters what branches, and one that does not.
const KEYS: [usize; 2] = [4_096, 1 << 20];

pub fn races() -> Vec<Race> {
    [hashing::races(), building::races(), scans::races(), drawing::races(), tower::races()]
        .into_iter()
        .flatten()
        .collect()
}

/// So many keys, always the same.
fn keys(count: usize) -> Vec<u64> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    (0..count).map(|_| random.next_u64()).collect()
}

fn address(number: u32) -> SocketAddr {
    ([10, 0, (number / 250) as u8, (number % 250) as u8 + 1], 80).into()
}

fn request(key: u64) -> Request {
    let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
    Request { key, client, destination: IpAddr::from([10, 96, 0, 1]), now: SimTime::ZERO }
}

/// A balancer with so many backends of weight 1, in the slots 0, 1 and so on.
fn filled<B: LoadBalancer>(mut balancer: B, backends: u32) -> B {
    for number in 0..backends {
        balancer.add(number as usize, &Backend::new(address(number)));
    }
    balancer.settle(&(0..backends as usize).collect::<Vec<_>>());
    balancer
}

/// Work that picks for every key.
fn picks<B: LoadBalancer + 'static>(mut balancer: B, keys: Vec<u64>) -> impl FnMut() -> u64 {
    move || {
        keys.iter().fold(0, |sum: u64, key| {
            let picked = balancer.pick(&request(*key), &mut || 0).expect("there are backends");
            sum.wrapping_add(picked as u64)
        })
    }
}

/// Work that asks a function for every key.
fn asks(keys: Vec<u64>, mut ask: impl FnMut(u64) -> u64) -> impl FnMut() -> u64 {
    move || keys.iter().fold(0, |sum: u64, key| sum.wrapping_add(ask(*key)))
}
