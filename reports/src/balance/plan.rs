//! What is measured: the backends, the flows, and who chooses.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Serialize;
use sim_core::balancing::{Algorithm, Backend, Group, MAX_WEIGHT};
use sim_core::model::parameters::{Argument, Arguments, ParameterKind};

/// Most backends of a plan: their addresses come from one block.
const MOST_BACKENDS: u32 = 1 << 20;
/// Most flows: more are a slip of the finger.
const MOST_FLOWS: u64 = 1_000_000_000;
/// Most clients or destinations: their addresses come from blocks of this size.
const MOST_PLACES: u32 = 1 << 20;
/// So many clients and destinations there are unless the plan says otherwise (or as many as flows): an assumption that is
/// large against every table of hashes but Maglev's.
const DEFAULT_PLACES: u32 = 1 << 16;
/// Live connections per backend unless the plan says otherwise: an assumption; few enough that one more weighs.
const LIVE_PER_BACKEND: u64 = 10;
/// The first backend is one above this: 10.128.0.0/9.
const BACKENDS: u32 = (10 << 24) + (128 << 16);

/// As many clients or destinations as flows, up to 65 536.
pub fn default_places(flows: u64) -> u32 {
    u32::try_from(flows).unwrap_or(u32::MAX).clamp(1, DEFAULT_PLACES)
}

/// The backends and the flows that all algorithms are measured with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The seed of all draws.
    pub seed: u64,
    /// How many backends there are; they are numbered from 0 in the order of their addition.
    pub backends: u32,
    /// Their weights, gone through again when they are fewer than backends; none: all weigh 1.
    pub weights: Vec<u32>,
    /// How many flows come, each a connection of its own.
    pub flows: u64,
    /// Live connections: from this number on, one of them (drawn) ends before a new one opens.
    pub concurrency: u64,
    /// How many clients the flows come from, drawn for each flow.
    pub clients: u32,
    /// How many addresses they dial, drawn for each flow.
    pub destinations: u32,
    /// The number of the backend that goes, for the figures of disruption.
    pub remove: Option<u32>,
}

impl Plan {
    /// A plan of equal backends, with everything else as it is unless one says otherwise.
    pub fn new(seed: u64, backends: u32, flows: u64) -> Self {
        let concurrency = (u64::from(backends) * LIVE_PER_BACKEND).min(flows / 10).max(1);
        let places = default_places(flows);
        Self {
            seed,
            backends,
            weights: Vec::new(),
            flows,
            concurrency,
            clients: places,
            destinations: places,
            remove: None,
        }
    }

    /// The weight of a backend.
    pub fn weight(&self, number: u32) -> u32 {
        match self.weights.len() {
            0 => 1,
            length => self.weights[number as usize % length],
        }
    }

    /// The sum of all weights.
    pub fn total_weight(&self) -> u64 {
        (0..self.backends).map(|number| u64::from(self.weight(number))).sum()
    }

    /// The list: weights, and addresses in the order of the numbers.
    pub fn list(&self) -> Vec<Backend> {
        let address = |number: u32| SocketAddr::from((Ipv4Addr::from(BACKENDS + 1 + number), 80));
        (0..self.backends).map(|number| Backend::new(address(number)).weighing(self.weight(number))).collect()
    }

    /// The spread of counts around the fair share that independent weighted draws would have (a multinomial
    /// distribution): the root of the mean of (1 - p) / (p * flows) over the backends with a share p above 0.
    pub fn floor(&self) -> f64 {
        let total = super::number(self.total_weight());
        let shares =
            (0..self.backends).map(|number| f64::from(self.weight(number)) / total).filter(|share| *share > 0.0);
        let (sum, count) = shares.fold((0.0, 0_u32), |(sum, count), share| {
            (sum + (1.0 - share) / (share * super::number(self.flows)), count + 1)
        });
        (sum / f64::from(count.max(1))).sqrt()
    }

    /// Everything about the plan that cannot be.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut within = |option: &str, given: u64, most: u64| {
            if !(1..=most).contains(&given) {
                problems.push(format!("--{option} {given}: a whole number from 1 to {most}"));
            }
        };
        within("backends", self.backends.into(), MOST_BACKENDS.into());
        within("flows", self.flows, MOST_FLOWS);
        within("concurrency", self.concurrency, self.flows.clamp(1, MOST_FLOWS));
        within("clients", self.clients.into(), MOST_PLACES.into());
        within("destinations", self.destinations.into(), MOST_PLACES.into());
        // What follows goes through all backends.
        if !(1..=MOST_BACKENDS).contains(&self.backends) {
            return problems;
        }
        problems.extend(self.weight_problems());
        if let Some(removed) = self.remove.filter(|removed| *removed >= self.backends) {
            let last = self.backends - 1;
            problems.push(format!("--remove {removed}: the backends are numbered from 0 to {last}"));
        }
        let alone = |removed: u32| (0..self.backends).all(|number| number == removed || self.weight(number) == 0);
        if let Some(removed) = self.remove.filter(|removed| *removed < self.backends && alone(*removed)) {
            problems.push(format!("--remove {removed}: no other backend has a weight above 0"));
        }
        problems
    }

    fn weight_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (place, weight) in self.weights.iter().enumerate().filter(|(_, weight)| **weight > MAX_WEIGHT) {
            problems.push(format!("--weights: number {} is {weight}, above {MAX_WEIGHT}", place + 1));
        }
        if self.weights.is_empty() {
            return problems;
        }
        let (given, backends) = (self.weights.len(), self.backends as usize);
        if !backends.is_multiple_of(given) {
            problems.push(format!(
                "--weights: {given} weights for {backends} backends; give one each, or a pattern that fits in a whole number of times"
            ));
        }
        if self.weights.iter().all(|weight| *weight == 0) {
            problems.push("--weights: all are 0, so no backend gets anything".to_owned());
        }
        let total = self.total_weight();
        if total > u64::from(u32::MAX) {
            problems.push(format!("--weights: together {total}, above {}", u32::MAX));
        }
        problems
    }
}

/// An algorithm with its arguments.
#[derive(Clone)]
pub struct Contender {
    /// The algorithm.
    pub algorithm: &'static Algorithm,
    /// Its arguments, already checked.
    pub arguments: Arguments,
    /// How it is called in tables: `least-request(choices=3)`.
    pub label: String,
}

impl Contender {
    /// The algorithm with its defaults.
    pub fn new(algorithm: &'static Algorithm) -> Self {
        Self { algorithm, arguments: Arguments::default(), label: algorithm.spec.name.to_owned() }
    }

    /// The algorithm with its defaults, and with each other name of each choice.
    pub fn variants(algorithm: &'static Algorithm) -> Vec<Self> {
        let mut all = vec![Self::new(algorithm)];
        for parameter in algorithm.spec.parameters {
            let ParameterKind::Choice { names } = parameter.kind else { continue };
            for name in names.iter().skip(1) {
                let mut arguments = Arguments::default();
                arguments.set(parameter.name, Argument::Choice(name));
                let label = format!("{}({}={name})", algorithm.spec.name, parameter.name);
                all.push(Self { algorithm, arguments, label });
            }
        }
        // A choice may ask for another parameter, which has no value here.
        all.retain(|contender| contender.group().is_ok());
        all
    }

    /// A group without backends, or what is wrong with the arguments.
    pub fn group(&self) -> Result<Group, String> {
        let balancer = self.algorithm.build(&self.arguments);
        let balancer = balancer.ok_or_else(|| format!("{}: these values do not fit together", self.label))?;
        Ok(Group::new(self.algorithm, balancer))
    }
}
