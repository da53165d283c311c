//! Making a table anew, as every change of the list does.

use sim_core::balancing::maglev::{Flavour, Maglev};
use sim_core::balancing::parts::hash_on::HashOn;
use sim_core::balancing::{Backend, LoadBalancer};
use twox_hash::XxHash64;

use super::address;
use crate::race::{Race, Wanted};

pub fn races() -> Vec<Race> {
    [(16_381, Wanted::Reported), (65_537, Wanted::AtMost(0.8)), (655_373, Wanted::Reported)]
        .into_iter()
        .map(|(size, wanted)| build(1_000, size, wanted))
        .collect()
}

/// Offset and skip of a name in a table.
fn permutation(name: &str, size: u64) -> (u64, u64) {
    let hash = |seed| XxHash64::oneshot(seed, name.as_bytes());
    (hash(0) % size, hash(1) % (size - 1) + 1)
}

/// The build as the paper has it, with a modulo per step.
fn plain(permutations: &[(u64, u64)], size: u64) -> Vec<u32> {
    let mut table = vec![u32::MAX; size as usize];
    let mut next = vec![0_u64; permutations.len()];
    let mut filled = 0;
    loop {
        for (backend, (offset, skip)) in permutations.iter().enumerate() {
            let mut place = (offset + next[backend] * skip) % size;
            while table[place as usize] != u32::MAX {
                next[backend] += 1;
                place = (offset + next[backend] * skip) % size;
            }
            table[place as usize] = backend as u32;
            next[backend] += 1;
            filled += 1;
            if filled == size {
                return table;
            }
        }
    }
}

fn build(backends: u32, size: u64, wanted: Wanted) -> Race {
    let mut ours = Maglev::new(Flavour::Envoy, size, HashOn::Connection).expect("a prime");
    let mut listed: Vec<Backend> = (0..backends).map(|number| Backend::new(address(number))).collect();
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    listed.iter().enumerate().for_each(|(slot, backend)| ours.add(slot, backend));
    let order: Vec<usize> = (0..backends as usize).collect();
    ours.settle(&order);
    let permutations: Vec<(u64, u64)> = listed.iter().map(|backend| permutation(&backend.name, size)).collect();
    let table = plain(&permutations, size);
    assert!((0..size).all(|place| ours.look_up(place) == Some(table[place as usize])), "the tables differ");
    let work = move || {
        ours.settle(&order);
        u64::from(ours.look_up(1).expect("there are backends"))
    };
    Race::new(format!("maglev table of {size} slots, {backends} backends"), 1, work).against(
        "plain build",
        wanted,
        move || u64::from(plain(&permutations, size)[1]),
    )
}
