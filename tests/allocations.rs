//! Nothing that happens per connection or per event asks for memory: picks, what algorithms are told of connections, and the
//! future event list. A program of its own, because the allocator that counts belongs to the whole program.

use std::net::SocketAddr;

use allocation_counter::measure;
use reports::balance::{Contender, Plan, Rehearsal};
use sim_core::balancing::{BALANCERS, Group, Load, Request};
use sim_core::kernel::draws::{EntityKey, RandomBits};
use sim_core::kernel::queue::{EventClass, EventId, EventQueue};
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

/// The hold model, in which each event also takes back the timer of its last firing and sets it anew.
struct Hold {
    list: EventQueue<usize>,
    timers: Vec<Option<EventId>>,
    drawn: u64,
}

impl Hold {
    fn new(pending: usize) -> Self {
        let mut hold = Self { list: EventQueue::new(), timers: vec![None; pending], drawn: 0 };
        (0..pending).for_each(|token| hold.schedule(SimTime::ZERO, token));
        hold
    }

    fn schedule(&mut self, now: SimTime, token: usize) {
        self.drawn += 1;
        let gap = SimDuration::from_nanos(EntityKey::of("hold").spread(self.drawn) % 1_000_000_000);
        self.list.push(now + gap, EventClass::Workload, token);
        if let Some(timer) = self.timers[token].take() {
            assert!(self.list.cancel(timer));
        }
        let timeout = now + gap + SimDuration::from_secs(1);
        self.timers[token] = Some(self.list.push_cancellable(timeout, EventClass::Transport, token));
    }

    fn fire(&mut self, events: usize) {
        for _ in 0..events {
            let fired = self.list.pop().expect("events are pending");
            self.schedule(fired.time, fired.event);
        }
    }
}

#[test]
fn an_event_list_that_has_grown_asks_for_no_memory() {
    let mut hold = Hold::new(3_000);
    hold.fire(100_000);
    assert_eq!(measure(|| hold.fire(300_000)).count_total, 0);
    assert_eq!(hold.list.len(), 6_000);
}

#[test]
fn a_burst_leaves_the_event_list_with_memory_for_the_next_one() {
    let mut hold = Hold::new(100);
    hold.fire(10_000);
    let mut burst = || {
        let asked = measure(|| {
            let now = hold.list.next_time().expect("events are pending");
            for token in 0..50_000_u64 {
                let later = SimDuration::from_nanos(token * 7_919 % 1_000_003);
                hold.list.push(now + later, EventClass::Observe, usize::MAX);
            }
            while hold.list.len() > 200 {
                let fired = hold.list.pop().expect("events are pending");
                if fired.event != usize::MAX {
                    hold.schedule(fired.time, fired.event);
                }
            }
            hold.fire(1_000);
        });
        asked.bytes_max
    };
    let first = burst();
    // An entry of 32 bytes each, in a vector that doubles, and what is in chunks that are not full.
    assert!(first < 10_000_000, "{first} bytes");
    let later: u64 = (0..20).map(|_| burst()).sum();
    assert_eq!(later, 0);
}

/// However many events are cancelled, memory is for those that are pending.
#[test]
fn cancelled_events_do_not_pile_up() {
    let asked = measure(|| {
        let mut list = EventQueue::new();
        for number in 0..500_000_u64 {
            let soon = SimTime::from_nanos(number * 1_000);
            list.push(soon, EventClass::Workload, number);
            let much_later = soon + SimDuration::from_nanos(EntityKey::of("timer").spread(number) % 60_000_000_000);
            let timer = list.push_cancellable(much_later, EventClass::Transport, number);
            assert!(list.cancel(timer));
            assert_eq!(list.pop().map(|fired| fired.event), Some(number));
        }
        assert!(list.is_empty());
    });
    assert!(asked.bytes_max < 1_000_000, "{} bytes", asked.bytes_max);
}

/// The counter counts.
#[test]
fn an_allocation_is_seen() {
    let asked = measure(|| {
        std::hint::black_box(vec![1_u8; 100]);
    });
    assert_eq!(asked.count_total, 1);
}
