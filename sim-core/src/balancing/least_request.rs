//! Envoy's least request.
//!
//! Equal weights: `choices` random backends, each drawn from all (so one may be drawn twice), and of them the one with the
//! fewest requests in flight; of several the first drawn. Unequal weights: a schedule by earliest deadline. The backend with
//! the earliest deadline is picked (of equal ones the one that has waited longer) and comes again 1 / weight later, where its
//! weight is w / (requests in flight + 1)^bias at that moment; so a load counts from a backend's next turn on. As in Envoy the
//! schedule begins as if a random number of picks had been made, drawn once per holder, so that many holders do not start
//! at the same backend.
//!
//! Deviations: draws are without Envoy's modulo bias; the schedule of a new list is made at the first pick from it, not at the
//! change (the loads of that moment count); no slow start; Envoy's newest versions schedule equal weights too when a
//! bias is configured, here weights alone decide, as the versions before do.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::parts::in_flight::InFlight;
use super::parts::sampling;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

/// `choice_count` of Envoy.
const DEFAULT_CHOICES: u64 = 2;
/// `active_request_bias` of Envoy, in thousandths.
const DEFAULT_BIAS: u64 = 1_000;
/// Envoy bounds the picks that a schedule begins after: a tenth of the greatest 32-bit number.
const STARTS: u64 = 429_496_729;
/// Envoy adds this to a weight while it counts the picks before the start, so that multiples of each other do not tie.
const START_EPSILON: f64 = 1e-13;

/// A backend's place in the schedule.
#[derive(Clone, Copy, Debug)]
struct Entry {
    deadline: f64,
    /// The number of its addition to the schedule.
    turn: u64,
    slot: usize,
}

impl Ord for Entry {
    /// The greatest is the next to be picked.
    fn cmp(&self, other: &Self) -> Ordering {
        other.deadline.total_cmp(&self.deadline).then(other.turn.cmp(&self.turn))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// What weighs how much now.
#[derive(Clone, Debug)]
struct Weights {
    /// In thousandths.
    bias: u64,
    in_flight: InFlight,
    /// By slot, as configured.
    configured: Vec<u32>,
}

impl Weights {
    fn of(&self, slot: usize) -> f64 {
        let configured = f64::from(self.configured[slot]);
        let requests = f64::from(self.in_flight.of(slot)) + 1.0;
        match u32::try_from(self.bias) {
            Ok(1_000) => configured / requests,
            Ok(0) => configured,
            bias => configured / libm::pow(requests, f64::from(bias.unwrap_or(u32::MAX)) / 1_000.0),
        }
    }
}

/// Weighted turns, by earliest deadline.
#[derive(Clone, Debug, Default)]
struct Schedule {
    entries: BinaryHeap<Entry>,
    turns: u64,
}

impl Schedule {
    /// The schedule of these slots as it is after so many picks.
    fn start(&mut self, order: &[usize], weights: &Weights, picks: u32) {
        let augmented = |slot: usize| weights.of(slot) + START_EPSILON;
        let sum: f64 = order.iter().map(|slot| augmented(*slot)).sum();
        let picks = f64::from(picks);
        let mut done = 0.0;
        self.entries.clear();
        for (turn, slot) in (0_u64..).zip(order) {
            let weight = augmented(*slot);
            let mut turns = libm::floor(weight * picks / sum);
            if turns > 0.0 && turns / weight >= picks / sum {
                turns -= 1.0;
            }
            done += turns;
            self.entries.push(Entry { deadline: (turns + 1.0) / weight, turn, slot: *slot });
        }
        self.turns = order.len() as u64;
        // Fewer than one for each backend are left.
        while done < picks {
            self.pick(weights);
            done += 1.0;
        }
    }

    /// The next slot; it comes again when its present weight says.
    fn pick(&mut self, weights: &Weights) -> Option<usize> {
        let mut next = self.entries.peek_mut()?;
        let slot = next.slot;
        next.deadline += 1.0 / weights.of(slot);
        next.turn = self.turns;
        self.turns += 1;
        Some(slot)
    }
}

#[derive(Clone, Debug)]
struct LeastRequest {
    choices: u64,
    weights: Weights,
    order: Vec<usize>,
    unequal: bool,
    /// A change of the list has made the schedule worthless.
    stale: bool,
    /// The picks that the schedule begins after, once drawn.
    start: Option<u32>,
    schedule: Schedule,
}

impl LeastRequest {
    fn new(choices: u64, bias: u64) -> Self {
        Self {
            choices,
            weights: Weights { bias, in_flight: InFlight::default(), configured: Vec::new() },
            order: Vec::new(),
            unequal: false,
            stale: false,
            start: None,
            schedule: Schedule::default(),
        }
    }

    fn scheduled(&mut self, bits: &mut dyn RandomBits) -> Option<usize> {
        if self.stale {
            let drawn = || u32::try_from(bits.next_u64() % STARTS).expect("a tenth of the 32-bit numbers");
            let start = *self.start.get_or_insert_with(drawn);
            self.schedule.start(&self.order, &self.weights, start);
            self.stale = false;
        }
        self.schedule.pick(&self.weights)
    }

    fn chosen(&mut self, bits: &mut dyn RandomBits) -> usize {
        let mut draw = || self.order[sampling::place(bits, self.order.len())];
        let mut best = draw();
        for _ in 1..self.choices {
            let other = draw();
            if self.weights.in_flight.of(other) < self.weights.in_flight.of(best) {
                best = other;
            }
        }
        best
    }
}

impl LoadBalancer for LeastRequest {
    fn add(&mut self, slot: usize, backend: &Backend) {
        self.weights.in_flight.add(slot);
        if self.weights.configured.len() <= slot {
            self.weights.configured.resize(slot + 1, 0);
        }
        self.weights.configured[slot] = backend.weight;
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.weights.configured[slot] = weight;
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.weights.in_flight.set(slot, load);
    }

    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend_from_slice(order);
        let weight = |slot: &usize| self.weights.configured[*slot];
        self.unequal = order.windows(2).any(|pair| weight(&pair[0]) != weight(&pair[1]));
        self.stale = self.unequal;
        self.schedule.entries.clear();
        if self.unequal {
            // Holds the places, so that the first pick does not allocate, not even in a copy.
            self.schedule.start(order, &self.weights, 0);
        }
    }

    fn pick(&mut self, _request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        match self.order.len() {
            0 | 1 => self.order.first().copied(),
            _ if self.unequal => self.scheduled(bits),
            _ => Some(self.chosen(bits)),
        }
    }

    fn table_bytes(&self) -> usize {
        let scheduled = if self.unequal { self.order.len() * size_of::<Entry>() } else { 0 };
        let configured = size_of_val(&self.weights.configured[..]);
        self.weights.in_flight.bytes() + configured + size_of_val(&self.order[..]) + scheduled
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "least-request",
        summary: "of some random backends the one with the fewest requests in flight; by weight and load where weights differ",
        source: "Envoy load_balancing_policies/least_request and edf_scheduler.h",
        parameters: &[
            Parameter {
                name: "choices",
                summary: "how many backends are drawn when weights are equal; Envoy: 2 or more",
                kind: ParameterKind::Within { min: 1, max: 100, default: DEFAULT_CHOICES },
                required: false,
            },
            Parameter {
                name: "activeRequestBias",
                summary: "how strongly requests in flight count when weights differ; by default 1.0",
                kind: ParameterKind::Factor,
                required: false,
            },
        ],
        build: |arguments| {
            let choices = arguments.count("choices").unwrap_or(DEFAULT_CHOICES);
            let bias = arguments.factor("activeRequestBias").unwrap_or(DEFAULT_BIAS);
            (choices > 0).then(|| Box::new(LeastRequest::new(choices, bias)) as Box<dyn LoadBalancer>)
        },
    },
    reads: &[Input::Weights, Input::Loads, Input::Bits, Input::History],
    state: "requests in flight per backend; where weights differ, a heap of deadlines",
    cost: "O(choices) with equal weights, O(log n) with others; the first pick after a change O(n)",
    use_when: "requests of unequal length; the usual choice of a front proxy",
};

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::parts::testing::{picks, request};
    use super::*;

    fn balancer(weights: &[u32], choices: u64) -> LeastRequest {
        let mut balancer = LeastRequest::new(choices, DEFAULT_BIAS);
        let address = SocketAddr::from(([10, 0, 0, 1], 80));
        for (slot, weight) in weights.iter().enumerate() {
            balancer.add(slot, &Backend::new(address).weighing(*weight));
        }
        balancer.settle(&(0..weights.len()).collect::<Vec<_>>());
        balancer
    }

    #[test]
    fn the_first_drawn_has_ties_and_one_may_be_drawn_twice() {
        let mut balancer = balancer(&[1; 4], 3);
        let mut draws = [3_u64, 1, 2, 0, 0, 0, 2, 3, 3].into_iter();
        let mut pick = |balancer: &mut LeastRequest| {
            balancer.pick(&request(0), &mut || (draws.next().unwrap() << 62) + 5).expect("there are backends")
        };
        assert_eq!(pick(&mut balancer), 3);
        balancer.set_load(0, Load { active: 2, inactive: 1 });
        assert_eq!(pick(&mut balancer), 0, "drawn three times, whatever its load");
        balancer.set_load(2, Load { active: 1, inactive: 0 });
        assert_eq!(pick(&mut balancer), 3);
    }

    #[test]
    fn a_schedule_begins_as_if_picks_had_been_made() {
        // Deadlines of a third and of a seventh; at every tenth pick both are whole, and tie.
        let period = [1, 1, 0, 1, 1, 0, 1, 1];
        for start in [0_u32, 10, 70, 123_450].into_iter().flat_map(|whole| whole..whole + 8) {
            let mut balancer = balancer(&[3, 7], 2);
            balancer.start = Some(start);
            let rest = &period[start as usize % 10..];
            assert_eq!(picks(&mut balancer, rest.len()), rest.iter().copied().map(Some).collect::<Vec<_>>(), "{start}");
        }
    }

    #[test]
    fn one_is_picked_and_none_is_not() {
        assert_eq!(picks(&mut balancer(&[7], 2), 2), [Some(0); 2]);
        assert_eq!(picks(&mut balancer(&[], 2), 1), [None]);
    }
}
