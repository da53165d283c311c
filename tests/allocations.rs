//! Nothing that happens per connection asks for memory: picks, and what algorithms are told of connections. A program of
//! its own, because the allocator that counts belongs to the whole program.

use std::net::SocketAddr;

use allocation_counter::measure;
use reports::balance::{Contender, Plan, Rehearsal};
use sim_core::balancing::{BALANCERS, Group, Load, Request};
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

/// What connections are like: to how many destinations they go, and how far apart they come.
#[derive(Clone, Copy)]
struct Life {
    destinations: u64,
    gap: SimDuration,
}

/// To all that an address can tell apart; to a few, which are known after a while; so slowly that things run out.
const LIVES: [Life; 3] = [
    Life { destinations: 65_536, gap: SimDuration::from_micros(10) },
    Life { destinations: 8, gap: SimDuration::from_micros(10) },
    Life { destinations: 8, gap: SimDuration::from_secs(7) },
];

/// A connection from one of many clients.
fn request(life: Life, index: u64) -> Request {
    let key = EntityKey::of("allocations").spread(index);
    let [a, b, ..] = key.to_le_bytes();
    let [c, d, ..] = ((key >> 16) % life.destinations).to_le_bytes();
    let now = SimTime::ZERO + life.gap * index;
    Request { key, client: SocketAddr::from(([172, 16, a, b], 40_000)), destination: [10, 96, c, d].into(), now }
}

/// Everything that a holder of a list does between two changes of it.
fn live(group: &mut Group, addresses: &[SocketAddr], life: Life, rounds: std::ops::Range<u64>) -> u64 {
    let mut picked = 0;
    for index in rounds {
        let request = request(life, index);
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

fn settled(contender: &Contender, backends: u32) -> (Group, Vec<SocketAddr>) {
    let mut group = contender.group().expect("these arguments fit");
    let list = Plan { weights: vec![3, 1, 2, 5], ..Plan::new(1, backends, 1) }.list();
    group.sync(&list);
    (group, list.iter().map(|backend| backend.address).collect())
}

#[test]
fn nothing_asks_for_memory_from_the_first_pick_on() {
    let mut wrong = Vec::new();
    for contender in BALANCERS.iter().flat_map(Contender::variants) {
        for (backends, life) in BACKENDS.into_iter().flat_map(|backends| LIVES.map(|life| (backends, life))) {
            let (mut group, mut addresses) = settled(&contender, backends);
            let (mut picked, mut total) = (0, 0);
            total += measure(|| picked += live(&mut group, &addresses, life, 0..ROUNDS)).count_total;
            // And again after changes of the list.
            if backends > 1 {
                group.set_weight(addresses[1], 7);
                group.remove(addresses.remove(0));
            }
            total += measure(|| picked += live(&mut group, &addresses, life, ROUNDS..2 * ROUNDS)).count_total;
            assert!(picked > 0, "{} over {backends}: nothing was picked", contender.label);
            if total > 0 {
                wrong.push(format!("{} over {backends}: {total} allocations", contender.label));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The kernel's tables of addresses dialled have no bound: beyond 16 384 entries, which are too many for it, they grow.
#[test]
fn beyond_what_is_prepared_only_tables_of_addresses_grow() {
    let mut growing = Vec::new();
    for algorithm in BALANCERS {
        let (mut group, addresses) = settled(&Contender::new(algorithm), 3);
        let mut picked = 0;
        let total = measure(|| picked += live(&mut group, &addresses, LIVES[0], 0..60_000)).count_total;
        if total > 0 {
            growing.push(algorithm.spec.name);
        }
        assert!(total < 10, "{}: {total} allocations, more than tables that double need", algorithm.spec.name);
    }
    assert_eq!(growing, ["lblc", "lblcr"]);
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
