//! Every IPVS scheduler against a plain scan that is written as literally as the kernel's rule and shares no code with the
//! core: random lives of a virtual server, pick by pick. Keeps no more of a list than the rule itself looks at.

mod hashes;
mod locality;
mod scans;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use sim_core::balancing::{self, BALANCERS, Backend, Group, Load, Request};
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::parameters::{Argument, Arguments};

use crate::cases::config;

/// A destination as the rules see it.
#[derive(Clone, Debug)]
struct Dest {
    address: SocketAddr,
    weight: u32,
    /// Since it came: the last one above 0.
    last_weight: u32,
    active: u32,
    inactive: u32,
    upper: u32,
    lower: u32,
    overload: bool,
}

impl Dest {
    fn overhead(&self) -> u64 {
        u64::from(self.active) * 256 + u64::from(self.inactive)
    }

    fn update_overload(&mut self) {
        let total = self.active + self.inactive;
        if self.upper != 0 && total >= self.upper {
            self.overload = true;
        } else if self.lower != 0 {
            self.overload &= total >= self.lower;
        } else {
            self.overload &= total * 4 >= self.upper * 3;
        }
    }
}

/// A virtual server: the newest destination first.
type List = Vec<Dest>;

/// What a pick is asked with.
#[derive(Clone, Copy, Debug)]
struct Asked {
    client: SocketAddr,
    destination: IpAddr,
    /// Two draws, uniform from 0 to this bound, exclusively.
    draws: [u64; 2],
    /// Seconds.
    now: u64,
}

/// A scheduler's rule: hooks as the kernel has them, and the choice as a place in the list.
trait Rule {
    fn added(&mut self, _list: &List) {}
    /// It is out of the list already; `place` is where it was.
    fn deleted(&mut self, _list: &List, _dest: &Dest, _place: usize) {}
    fn updated(&mut self, _list: &List) {}
    fn schedule(&mut self, list: &List, asked: Asked) -> Option<usize>;
}

#[derive(Clone, Debug)]
enum Step {
    Add { address: u16, weight: u32, upper: u32, lower: u32 },
    Remove(usize),
    Weigh(usize, u32),
    WeighAll(u32),
    Count(usize, u32, u32),
    Pick { client: u32, destination: u8, draws: [u64; 2] },
    Wait(u64),
}

fn weight() -> impl Strategy<Value = u32> {
    prop_oneof![2 => Just(0), 6 => 1..5_u32, 2 => (1..5_u32).prop_map(|times| times * 6), 1 => Just(65_535), 1 => 1..65_535_u32]
}

/// A step among destinations of `addresses` addresses.
fn step(addresses: u16) -> impl Strategy<Value = Step> {
    let threshold = || prop_oneof![3 => Just(0), 1 => 1..6_u32];
    prop_oneof![
        3 => (0..addresses, weight(), threshold(), threshold())
            .prop_map(|(address, weight, upper, lower)| Step::Add { address, weight, upper, lower }),
        1 => any::<usize>().prop_map(Step::Remove),
        2 => (any::<usize>(), weight()).prop_map(|(which, weight)| Step::Weigh(which, weight)),
        1 => prop_oneof![Just(0), Just(1), Just(4)].prop_map(Step::WeighAll),
        6 => (any::<usize>(), 0..5_u32, 0..4_u32).prop_map(|(which, active, inactive)| Step::Count(which, active, inactive)),
        1 => (any::<usize>(), 0..1_u32 << 20, 0..1_u32 << 20)
            .prop_map(|(which, active, inactive)| Step::Count(which, active, inactive)),
        12 => (any::<u32>(), 0..3_u8, any::<[u64; 2]>())
            .prop_map(|(client, destination, draws)| Step::Pick { client, destination, draws }),
        1 => (1..6_000_u64).prop_map(Step::Wait),
    ]
}

fn address(number: u16) -> SocketAddr {
    let [upper, lower] = number.to_be_bytes();
    SocketAddr::from(([10, 244, upper, lower], 8_080))
}

/// The core and the rule, side by side.
struct Pair {
    group: Group,
    rule: Box<dyn Rule>,
    list: List,
    /// In the order of addition, as the group tells places.
    added: Vec<SocketAddr>,
    now: u64,
}

impl Pair {
    fn new(name: &str, arguments: &Arguments, rule: Box<dyn Rule>) -> Self {
        let algorithm = balancing::find(name).unwrap();
        let group = Group::new(algorithm, algorithm.build(arguments).unwrap());
        Self { group, rule, list: Vec::new(), added: Vec::new(), now: 0 }
    }

    fn add(&mut self, address: SocketAddr, weight: u32, (upper, lower): (u32, u32)) {
        if self.added.contains(&address) {
            return;
        }
        self.added.push(address);
        let fresh = Backend::new(address).weighing(weight);
        self.group.add(Backend { upper_threshold: upper, lower_threshold: lower, ..fresh });
        let (active, inactive, overload) = (0, 0, false);
        let dest = Dest { address, weight, last_weight: weight, active, inactive, upper, lower, overload };
        self.list.insert(0, dest);
        self.rule.added(&self.list);
    }

    fn weigh(&mut self, place: usize, weight: u32) {
        let dest = &mut self.list[place];
        if dest.weight == weight {
            return;
        }
        dest.weight = weight;
        if weight > 0 {
            dest.last_weight = weight;
        }
        self.group.set_weight(dest.address, weight);
        self.rule.updated(&self.list);
    }

    fn count(&mut self, place: usize, active: u32, inactive: u32) {
        let dest = &mut self.list[place];
        (dest.active, dest.inactive) = (active, inactive);
        dest.update_overload();
        self.group.set_load(dest.address, Load { active, inactive });
    }

    /// The picks of both.
    fn pick(&mut self, client: u32, destination: u8, draws: [u64; 2]) -> [Option<SocketAddr>; 2] {
        let usable = self.list.iter().filter(|dest| !dest.overload);
        let bound = usable.map(|dest| u64::from(dest.weight)).sum::<u64>() + 1;
        // Away from the ends of what a draw is scaled by, so that none is drawn again.
        let bits = draws.map(|draw| (draw % bound) * (u64::MAX / bound) + u64::MAX / bound / 2);
        let draws = bits.map(|bits| u64::try_from((u128::from(bits) * u128::from(bound)) >> 64).unwrap());
        let client = SocketAddr::from((client.to_be_bytes(), u16::try_from(client % 60_000).unwrap()));
        let destination = IpAddr::from([10, 96, 0, destination]);
        let asked = Asked { client, destination, draws, now: self.now };
        let now = SimTime::ZERO + SimDuration::from_secs(self.now);
        let mut next = bits.into_iter();
        let request = Request { key: 0, client, destination, now };
        let found = self.group.pick(&request, &mut || next.next().unwrap());
        let expected = self.rule.schedule(&self.list, asked);
        [found.map(|place| self.added[place]), expected.map(|place| self.list[place].address)]
    }

    fn play(&mut self, step: &Step) -> Option<[Option<SocketAddr>; 2]> {
        let some = |which: &usize| which % self.list.len().max(1);
        match step {
            Step::Add { address: number, weight, upper, lower } => {
                self.add(address(*number), *weight, (*upper, *lower));
            }
            Step::Remove(which) if !self.list.is_empty() => {
                let place = some(which);
                let gone = self.list.remove(place);
                self.added.retain(|known| *known != gone.address);
                self.group.remove(gone.address);
                self.rule.deleted(&self.list, &gone, place);
            }
            Step::Weigh(which, weight) if !self.list.is_empty() => self.weigh(some(which), *weight),
            Step::WeighAll(weight) => {
                for place in 0..self.list.len() {
                    self.weigh(place, *weight);
                }
            }
            Step::Count(which, active, inactive) if !self.list.is_empty() => {
                self.count(some(which), *active, *inactive);
            }
            Step::Pick { client, destination, draws } => return Some(self.pick(*client, *destination, *draws)),
            Step::Wait(seconds) => self.now += seconds,
            Step::Remove(_) | Step::Weigh(..) | Step::Count(..) => {}
        }
        None
    }
}

type Made = fn() -> Box<dyn Rule>;

/// What a scheduler is told.
type Told = Vec<(&'static str, Argument)>;

/// Every rule, by the scheduler's name, with what the scheduler is told.
fn rules() -> Vec<(&'static str, Told, Made)> {
    let yes = |name| (name, Argument::Choice("yes"));
    let hour = || vec![("expiration", Argument::Duration(SimDuration::from_secs(locality::EXPIRATION)))];
    let small = || ("tableIndex", Argument::Count(8));
    vec![
        ("rr", vec![], || Box::new(scans::Rr::default())),
        ("wrr", vec![], || Box::new(scans::Wrr::default())),
        ("lc", vec![], || Box::new(scans::Lc)),
        ("wlc", vec![], || Box::new(scans::Wlc)),
        ("sed", vec![], || Box::new(scans::Sed)),
        ("nq", vec![], || Box::new(scans::Nq)),
        ("fo", vec![], || Box::new(scans::Fo)),
        ("ovf", vec![], || Box::new(scans::Ovf)),
        ("twos", vec![], || Box::new(scans::Twos)),
        ("dh", vec![], || Box::new(hashes::Dh)),
        ("sh", vec![], || Box::new(hashes::Sh { port: false, fallback: false })),
        ("sh", vec![yes("port"), yes("fallback")], || Box::new(hashes::Sh { port: true, fallback: true })),
        ("mh", vec![], || Box::new(hashes::Mh::new(12, false, false))),
        ("mh", vec![small(), yes("port")], || Box::new(hashes::Mh::new(8, true, false))),
        ("mh", vec![small(), yes("fallback")], || Box::new(hashes::Mh::new(8, false, true))),
        ("lblc", hour(), || Box::new(locality::Lblc::default())),
        ("lblcr", hour(), || Box::new(locality::Lblcr::default())),
    ]
}

fn pairs() -> Vec<(&'static str, Pair)> {
    let pair = |(name, given, made): (&'static str, Told, Made)| {
        let mut arguments = Arguments::default();
        for (key, value) in given {
            arguments.set(key, value);
        }
        (name, Pair::new(name, &arguments, made()))
    };
    rules().into_iter().map(pair).collect()
}

#[test]
fn every_scheduler_has_its_plain_rule() {
    let with_rules: BTreeSet<&str> = rules().into_iter().map(|(name, ..)| name).collect();
    let registered = BALANCERS.iter().filter(|algorithm| algorithm.is_ipvs_scheduler());
    let registered: BTreeSet<&str> = registered.map(|algorithm| algorithm.spec.name).collect();
    assert_eq!(with_rules, registered);
    assert_eq!(registered.len(), 14);
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn picks_are_those_of_the_kernels_own_scan(steps in proptest::collection::vec(step(14), 1..160)) {
        for (name, mut pair) in pairs() {
            for (number, step) in steps.iter().enumerate() {
                if let Some([found, expected]) = pair.play(step) {
                    prop_assert_eq!(found, expected, "{} at step {} of {:?}", name, number, steps);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(config(12))]

    /// Lists of several levels of a tree, in which places are given anew.
    #[test]
    fn picks_from_long_lists_are_those_of_the_scan_too(
        weights in proptest::collection::vec(weight(), 70..600),
        steps in proptest::collection::vec(step(700), 400..800),
    ) {
        for (name, mut pair) in pairs() {
            for (address, weight) in (0_u16..).zip(&weights) {
                pair.play(&Step::Add { address, weight: *weight, upper: 0, lower: 0 });
            }
            for (number, step) in steps.iter().enumerate() {
                if let Some([found, expected]) = pair.play(step) {
                    prop_assert_eq!(found, expected, "{} at step {} over {}", name, number, weights.len());
                }
            }
        }
    }
}

/// Few destinations with a connection more or less, which overloads most of them.
fn crowded() -> impl Strategy<Value = Step> {
    let add = |(address, weight)| Step::Add { address, weight, upper: 1, lower: 0 };
    prop_oneof![
        1 => (0..4_u16, prop_oneof![1..4_u32, Just(6)]).prop_map(add),
        6 => (any::<usize>(), 0..2_u32).prop_map(|(which, active)| Step::Count(which, active, 0)),
        6 => Just(Step::Pick { client: 0, destination: 0, draws: [0; 2] }),
    ]
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn turns_go_on_where_overloaded_destinations_have_stopped_them(
        steps in proptest::collection::vec(crowded(), 20..100)
    ) {
        for (name, mut pair) in pairs().into_iter().filter(|(name, _)| ["rr", "wrr"].contains(name)) {
            for (number, step) in steps.iter().enumerate() {
                if let Some([found, expected]) = pair.play(step) {
                    prop_assert_eq!(found, expected, "{} at step {} of {:?}", name, number, steps);
                }
            }
        }
    }
}

#[test]
fn lives_of_these_schedulers_are_lively() {
    // What the comparison above would not notice: a programme that never picks, or never finds anybody.
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let (mut somebody, mut nobody) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..60 {
        let steps = proptest::collection::vec(step(14), 100..160).new_tree(&mut runner).unwrap().current();
        for (name, mut pair) in pairs() {
            for step in &steps {
                match pair.play(step) {
                    Some([Some(_), _]) if pair.list.len() > 3 => {
                        somebody.insert(name);
                    }
                    Some([None, _]) if !pair.list.is_empty() => {
                        nobody.insert(name);
                    }
                    Some(_) | None => {}
                }
            }
        }
    }
    assert_eq!((somebody.len(), nobody.len()), (14, 14));
}
