//! Nothing that happens per connection asks for memory: picks, and what algorithms are told of connections. A program of
//! its own, because the allocator that counts belongs to the whole program.

use std::net::SocketAddr;

use allocation_counter::measure;
use reports::balance::{Contender, Plan, Rehearsal};
use sim_core::balancing::{Algorithm, BALANCERS, Group, Load, Request};
use sim_core::kernel::draws::{EntityKey, RandomBits};
use sim_core::kernel::time::{SimDuration, SimTime};

/// Numbers of backends: one, few, many.
const BACKENDS: [u32; 4] = [1, 3, 100, 2_000];
const ROUNDS: u64 = 2_000;

/// Bits for pick number `index`.
fn bits(index: u64) -> impl RandomBits {
    let mut drawn = 0;
    move || {
        drawn += 1;
        EntityKey::of("allocations").part("pick", index).spread(drawn)
    }
}

/// A connection from one of many clients to one of many destinations.
fn request(index: u64) -> Request {
    let key = EntityKey::of("allocations").spread(index);
    let [a, b, c, d, ..] = key.to_le_bytes();
    let now = SimTime::ZERO + SimDuration::from_micros(10 * index);
    Request { key, client: SocketAddr::from(([172, 16, a, b], 40_000)), destination: [10, 96, c, d].into(), now }
}

/// Everything that a holder of a list does between two changes of it.
fn live(group: &mut Group, addresses: &[SocketAddr], from: u64) -> u64 {
    let mut picked = 0;
    for index in from..from + ROUNDS {
        let request = request(index);
        let place = group.pick(&request, &mut bits(index));
        let address = addresses[place.unwrap_or(0)];
        picked += u64::from(place.is_some());
        group.opened(address);
        group.established(address);
        group.answered(address, SimDuration::from_micros(100 + index % 50), request.now);
        if index % 3 != 0 {
            group.ended(address);
        }
        if index % 5 == 0 {
            group.forgotten(address);
        }
        if index % 7 == 0 {
            group.set_load(address, Load { active: 2, inactive: 1 });
        }
        assert!(group.load(address).active < 1_000_000);
    }
    picked
}

fn settled(algorithm: &'static Algorithm, backends: u32) -> (Group, Vec<SocketAddr>) {
    let mut group = Contender::new(algorithm).group().expect("no algorithm has a required parameter");
    let list = Plan { weights: vec![3, 1, 2, 5], ..Plan::new(1, backends, 1) }.list();
    group.sync(&list);
    (group, list.iter().map(|backend| backend.address).collect())
}

#[test]
fn nothing_asks_for_memory_from_the_first_pick_on() {
    let mut wrong = Vec::new();
    for algorithm in BALANCERS {
        for backends in BACKENDS {
            let (mut group, mut addresses) = settled(algorithm, backends);
            let (mut picked, mut total) = (0, 0);
            total += measure(|| picked += live(&mut group, &addresses, 0)).count_total;
            // And again after changes of the list.
            if backends > 1 {
                group.set_weight(addresses[1], 7);
                group.remove(addresses.remove(0));
            }
            total += measure(|| picked += live(&mut group, &addresses, ROUNDS)).count_total;
            assert!(picked > 0, "{} over {backends}: nothing was picked", algorithm.spec.name);
            if total > 0 {
                wrong.push(format!("{} over {backends}: {total} allocations", algorithm.spec.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What the benches and `podwire balance` measure is free of them, too.
#[test]
fn nothing_that_is_timed_asks_for_memory() {
    let keys = Rehearsal::keys(1, 512);
    for algorithm in BALANCERS {
        for backends in BACKENDS {
            let plan = Plan::new(1, backends, 10_000);
            let mut rehearsal = Rehearsal::new(&plan, &Contender::new(algorithm), keys.clone());
            let asked = measure(|| {
                std::hint::black_box(rehearsal.run(ROUNDS));
            });
            assert_eq!(asked.count_total, 0, "{} over {backends}", algorithm.spec.name);
        }
    }
}

/// The counter counts.
#[test]
fn an_allocation_is_seen() {
    let asked = measure(|| {
        std::hint::black_box(vec![1_u8; 100]);
    });
    assert_eq!(asked.count_total, 1);
}
