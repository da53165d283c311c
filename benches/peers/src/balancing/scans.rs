//! Schedulers that look at every backend, against a plain scan: to pick and open a connection, and to close a random live one
//! before that. Weights are unequal.

use sim_core::balancing::lc::Lc;
use sim_core::balancing::sed::Sed;
use sim_core::balancing::wlc::Wlc;
use sim_core::balancing::{Backend, Load, LoadBalancer};

use super::{address, request};
use crate::race::{Race, Wanted};

const BACKENDS: u32 = 10_000;
/// Live connections per backend in the races that close some.
const LIVE: u32 = 8;
/// What one call does.
const PICKS: u64 = 256;

/// A destination as a plain scan sees it.
#[derive(Clone, Copy)]
struct Plain {
    weight: u64,
    active: u64,
}

/// What a scan compares: (cost of the first) * (weight of the second).
type Cost = fn(Plain) -> u64;

fn weight(number: u32) -> u32 {
    1 + number * 7 % 40
}

fn overhead(plain: Plain) -> u64 {
    plain.active << 8
}

fn expected(plain: Plain) -> u64 {
    plain.active + 1
}

/// The least cost per weight, or per backend; the newest of equal ones.
fn scan(list: &[Plain], cost: Cost, weighted: bool) -> usize {
    let weight = |plain: Plain| if weighted { plain.weight } else { 1 };
    let mut least = list.len() - 1;
    for place in (0..list.len() - 1).rev() {
        if cost(list[place]) * weight(list[least]) < cost(list[least]) * weight(list[place]) {
            least = place;
        }
    }
    least
}

struct Rule {
    name: &'static str,
    cost: Cost,
    weighted: bool,
}

pub fn races() -> Vec<Race> {
    let rule = |name, cost, weighted| Rule { name, cost, weighted };
    [
        both(Wlc::new, &rule("wlc", overhead, true)),
        both(Sed::new, &rule("sed", expected, true)),
        both(Lc::new, &rule("lc", overhead, false)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A balancer and the connections that it was told of.
struct Ours<B> {
    balancer: B,
    active: Vec<u32>,
    live: Vec<u32>,
    random: u64,
}

impl<B: LoadBalancer> Ours<B> {
    fn new(mut balancer: B) -> Self {
        for number in 0..BACKENDS {
            balancer.add(number as usize, &Backend::new(address(number)).weighing(weight(number)));
        }
        balancer.settle(&(0..BACKENDS as usize).collect::<Vec<_>>());
        Self { balancer, active: vec![0; BACKENDS as usize], live: Vec::new(), random: 1 }
    }

    fn open(&mut self) -> usize {
        let slot = self.balancer.pick(&request(0), &mut || 0).expect("there are backends");
        self.active[slot] += 1;
        self.tell(slot);
        slot
    }

    fn tell(&mut self, slot: usize) {
        self.balancer.set_load(slot, Load { active: self.active[slot], inactive: 0 });
    }

    fn close_and_open(&mut self) -> usize {
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let place = (((self.random >> 32) * self.live.len() as u64) >> 32) as usize;
        let slot = self.live[place] as usize;
        self.active[slot] -= 1;
        self.tell(slot);
        let picked = self.open();
        self.live[place] = picked as u32;
        picked
    }
}

/// A plain scan's picks and openings.
fn plain(rule: &Rule) -> impl FnMut() -> u64 + use<> {
    let Rule { cost, weighted, .. } = *rule;
    let mut list: Vec<Plain> =
        (0..BACKENDS).map(|number| Plain { weight: u64::from(weight(number)), active: 0 }).collect();
    move || {
        (0..PICKS).fold(0, |sum, _| {
            let place = scan(&list, cost, weighted);
            list[place].active += 1;
            sum + place as u64
        })
    }
}

fn both<B: LoadBalancer + 'static>(made: fn() -> B, rule: &Rule) -> [Race; 2] {
    let mut opening = Ours::new(made());
    let mut other: Vec<Plain> =
        (0..BACKENDS).map(|number| Plain { weight: u64::from(weight(number)), active: 0 }).collect();
    for _ in 0..2_000 {
        let place = scan(&other, rule.cost, rule.weighted);
        other[place].active += 1;
        assert_eq!(opening.open(), place, "{}: the answers differ", rule.name);
    }
    let mut churning = Ours::new(made());
    for _ in 0..BACKENDS * LIVE {
        let slot = churning.open();
        churning.live.push(slot as u32);
    }
    let open = move || (0..PICKS).fold(0, |sum, _| sum + opening.open() as u64);
    let churn = move || (0..PICKS).fold(0, |sum, _| sum + churning.close_and_open() as u64);
    let name = |what: &str| format!("{}, {BACKENDS} backends, {what}", rule.name);
    [
        Race::new(name("pick + open"), PICKS, open).against(
            "scan, pick + open",
            Wanted::times_faster(200.0),
            plain(rule),
        ),
        Race::new(name("close + pick + open"), PICKS, churn).against(
            "scan, pick + open",
            Wanted::times_faster(110.0),
            plain(rule),
        ),
    ]
}
