//! What proxies pick, against plain scans that share no code with the core: the rules as nginx, Envoy, tower and the Prequal
//! paper state them, played side by side through picks, closes, answers and changes of the list.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use sim_core::balancing::{self, Backend, Group, Load, Request};
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::parameters::{Argument, Arguments};

mod plain;

use crate::cases::config;
use plain::{LeastRequest, P2c, PeakEwma, Plain, Prequal, SmoothWrr};

/// Something that happens to a group.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pick,
    /// A request at one of the backends is answered after so many milliseconds.
    Answer(usize, u64),
    Wait(u64),
    Weight(usize, u32),
    Remove(usize),
    Add(u32),
}

/// A backend, as a scan sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Never given twice.
    id: usize,
    weight: u32,
    in_flight: u32,
}

fn address(id: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], u16::try_from(1_000 + id).unwrap()))
}

/// Two balancers of one list.
struct Both {
    group: Group,
    plain: Box<dyn Plain>,
    list: Vec<Peer>,
    added: usize,
    millis: u64,
    /// Of a generator by Steele, Lea and Flood (`SplitMix64`), one for each side.
    states: [u64; 2],
    /// Picks among several.
    choices: usize,
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Both {
    fn new(name: &str, arguments: &Arguments, plain: Box<dyn Plain>, seed: u64) -> Self {
        let algorithm = balancing::find(name).unwrap();
        let group = Group::new(algorithm, algorithm.build(arguments).unwrap());
        Self { group, plain, list: Vec::new(), added: 0, millis: 0, states: [seed; 2], choices: 0 }
    }

    fn step(&mut self, step: Step) {
        let place = |number: usize, list: &[Peer]| (!list.is_empty()).then(|| number % list.len());
        match step {
            Step::Pick => self.pick(),
            Step::Wait(millis) => self.millis += millis,
            Step::Answer(number, latency) => {
                if let Some(place) = place(number, &self.list)
                    && self.list[place].in_flight > 0
                {
                    self.answer(place, latency);
                }
            }
            Step::Add(weight) => {
                let id = self.added;
                self.added += 1;
                self.group.add(Backend::new(address(id)).weighing(weight));
                self.list.push(Peer { id, weight, in_flight: 0 });
                self.plain.changed(&self.usable());
            }
            Step::Weight(number, weight) => {
                if let Some(place) = place(number, &self.list)
                    && self.list[place].weight != weight
                {
                    self.group.set_weight(address(self.list[place].id), weight);
                    self.list[place].weight = weight;
                    self.plain.changed(&self.usable());
                }
            }
            Step::Remove(number) => {
                if let Some(place) = place(number, &self.list) {
                    self.group.remove(address(self.list.remove(place).id));
                    self.plain.changed(&self.usable());
                }
            }
        }
    }

    fn usable(&self) -> Vec<Peer> {
        self.list.iter().filter(|peer| peer.weight > 0).copied().collect()
    }

    fn now(&self) -> SimTime {
        SimTime::from_nanos(self.millis * 1_000_000)
    }

    fn answer(&mut self, place: usize, latency: u64) {
        let peer = &mut self.list[place];
        peer.in_flight -= 1;
        let (address, load) = (address(peer.id), Load { active: peer.in_flight, inactive: 0 });
        self.plain.answered(peer.id, latency, self.millis);
        self.group.answered(address, SimDuration::from_millis(latency), self.now());
        self.group.set_load(address, load);
    }

    fn pick(&mut self) {
        let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
        let request = Request { key: 0, client, destination: IpAddr::from([10, 96, 0, 1]), now: self.now() };
        let [states, plain_states] = &mut self.states;
        let found = self.group.pick(&request, &mut || next(states)).map(|place| self.list[place].id);
        let usable: Vec<Peer> = self.list.iter().filter(|peer| peer.weight > 0).copied().collect();
        let wanted = self.plain.pick(&usable, self.millis, &mut || next(plain_states));
        match wanted.as_slice() {
            [] => assert_eq!(found, None),
            among => assert!(found.is_some_and(|found| among.contains(&found)), "{found:?}, not {among:?}"),
        }
        assert_eq!(self.states[0], self.states[1], "as many draws");
        if let Some(id) = found {
            self.choices += usize::from(usable.len() > 1);
            let peer = self.list.iter_mut().find(|peer| peer.id == id).unwrap();
            peer.in_flight += 1;
            self.group.opened(address(id));
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => Just(Step::Pick),
        12 => (any::<usize>(), 1..400_u64).prop_map(|(number, latency)| Step::Answer(number, latency)),
        6 => (1..600_u64).prop_map(Step::Wait),
        1 => (any::<usize>(), 0..6_u32).prop_map(|(number, weight)| Step::Weight(number, weight)),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => (0..6_u32).prop_map(Step::Add),
    ]
}

/// Weights at first, what happens, and the bits' seed.
fn play() -> impl Strategy<Value = (Vec<u32>, Vec<Step>, u64)> {
    let equal = (1..30_usize).prop_map(|count| vec![1; count]);
    let weights =
        prop_oneof![prop::collection::vec(0..6_u32, 1..12), prop::collection::vec(1..60_000_u32, 1..30), equal];
    (weights, prop::collection::vec(step(), 1..400), any::<u64>())
}

fn side_by_side(both: &mut Both, weights: &[u32], steps: &[Step]) {
    for weight in weights {
        both.step(Step::Add(*weight));
    }
    for step in steps {
        both.step(*step);
    }
}

type Made = fn() -> Box<dyn Plain>;

#[test]
fn these_programmes_choose() {
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let rules: [(&str, Made); 5] = [
        ("smooth-wrr", || Box::new(SmoothWrr::default())),
        ("least-request", || Box::new(LeastRequest::new(2, 1_000))),
        ("p2c", || Box::new(P2c)),
        ("p2c-peak-ewma", || Box::new(PeakEwma::new(10_000))),
        ("prequal", || Box::new(Prequal::new(16, 1))),
    ];
    for (name, rule) in rules {
        let mut choices = 0;
        for _ in 0..20 {
            let (weights, steps, seed) = play().new_tree(&mut runner).unwrap().current();
            let mut both = Both::new(name, &Arguments::default(), rule(), seed);
            side_by_side(&mut both, &weights, &steps);
            choices += both.choices;
        }
        assert!(choices > 500, "{name}: {choices}");
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn smooth_wrr_is_nginx_literally((weights, steps, seed) in play()) {
        let plain = Box::new(SmoothWrr::default());
        side_by_side(&mut Both::new("smooth-wrr", &Arguments::default(), plain, seed), &weights, &steps);
    }

    #[test]
    fn least_request_is_a_scan_over_deadlines(
        (weights, steps, seed) in play(),
        choices in 1..5_u64,
        bias in prop::sample::select(vec![0, 1_000, 1_000, 2_000]),
    ) {
        let mut arguments = Arguments::default();
        arguments.set("choices", Argument::Count(choices));
        arguments.set("activeRequestBias", Argument::Factor(bias));
        let plain = Box::new(LeastRequest::new(choices, bias));
        side_by_side(&mut Both::new("least-request", &arguments, plain, seed), &weights, &steps);
    }

    #[test]
    fn p2c_is_the_lesser_of_two((weights, steps, seed) in play()) {
        side_by_side(&mut Both::new("p2c", &Arguments::default(), Box::new(P2c), seed), &weights, &steps);
    }

    #[test]
    fn peak_ewma_is_the_cheaper_of_two((weights, steps, seed) in play(), decay in 1..5_000_u64) {
        let mut arguments = Arguments::default();
        arguments.set("decay", Argument::Duration(SimDuration::from_millis(decay)));
        let plain = Box::new(PeakEwma::new(decay));
        side_by_side(&mut Both::new("p2c-peak-ewma", &arguments, plain, seed), &weights, &steps);
    }

    #[test]
    fn prequal_is_a_scan_over_its_pool((weights, steps, seed) in play(), pool in 2..20_u64, removals in 0..3_u64) {
        let mut arguments = Arguments::default();
        arguments.set("pool", Argument::Count(pool));
        arguments.set("removals", Argument::Count(removals));
        let plain = Box::new(Prequal::new(pool, removals));
        side_by_side(&mut Both::new("prequal", &arguments, plain, seed), &weights, &steps);
    }
}
