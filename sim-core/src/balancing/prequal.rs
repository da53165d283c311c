//! Prequal: Probing to Reduce Queuing and Latency (Wydrowski et al., NSDI 2024).
//!
//! Each pick chooses by a pool of probe answers, each the requests in flight (RIF) and the latency of a backend when it was
//! probed. A probe is hot when its RIF exceeds the 0.84 quantile of the RIF seen lately. Of the cold ones the one with the
//! lowest latency is used; if all are hot, the one with the fewest RIF; of equal ones the oldest. With fewer than two probes
//! a random backend is picked. A used probe's backend counts one request more in the whole pool; after
//! max(1, 2 / ((1 - m/n) r - q)) uses a probe goes (m the pool's size, n the backends, r probes and q removals per pick;
//! a part of a use is rounded by chance, and a denominator of 0 or less is no limit). Then q probes go, in turn the worst
//! (the hot one with the most RIF, else the cold one with the highest latency) and the oldest, and r different random
//! backends are probed; a full pool drops its oldest. Probes older than the greatest age are dropped first of all.
//!
//! Deviations: a balancer here has no wire, so that a probe is answered at once, and by what the holder itself knows: the
//! requests that it has in flight there, and the median of the last five latencies that it saw (the paper's
//! servers tell those of all clients, latencies by RIF). A backend that has not answered yet counts as latency 0, so it is
//! tried. The paper leaves open over how many probes the quantile goes: here 64. No probes while there are no requests.

use super::parts::in_flight::InFlight;
use super::parts::probes::{HotAbove, Latencies, Probe};
use super::parts::sampling;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Arguments, Parameter, ParameterKind, Spec};

/// Most probes per pick that can be asked for.
const MAX_PROBES: usize = 16;
/// 2^-0.25, in millionths.
const DEFAULT_QUANTILE: u32 = 840_000;
const DEFAULT_POOL: u64 = 16;
const DEFAULT_PROBES: u64 = 3;
const DEFAULT_REMOVALS: u64 = 1;
const DEFAULT_MAX_AGE: SimDuration = SimDuration::from_secs(1);
/// With fewer probes the pool says too little.
const LEAST_POOL: usize = 2;

#[derive(Clone, Debug)]
struct Prequal {
    pool_size: usize,
    probes: usize,
    removals: usize,
    max_age: SimDuration,
    in_flight: InFlight,
    latencies: Latencies,
    hot_above: HotAbove,
    order: Vec<usize>,
    /// By age, the oldest first.
    pool: Vec<Probe>,
    /// The next removal takes the oldest, not the worst.
    oldest_next: bool,
}

impl Prequal {
    fn new(arguments: &Arguments) -> Option<Self> {
        let count = |name, otherwise| usize::try_from(arguments.count(name).unwrap_or(otherwise)).ok();
        let pool_size = count("pool", DEFAULT_POOL)?;
        Some(Self {
            pool_size,
            probes: count("probes", DEFAULT_PROBES)?.min(MAX_PROBES),
            removals: count("removals", DEFAULT_REMOVALS)?,
            max_age: arguments.duration("maxAge").unwrap_or(DEFAULT_MAX_AGE),
            in_flight: InFlight::default(),
            latencies: Latencies::default(),
            hot_above: HotAbove::new(arguments.percent("hotAbove").unwrap_or(DEFAULT_QUANTILE)),
            order: Vec::new(),
            pool: Vec::with_capacity(pool_size),
            oldest_next: false,
        })
    }

    /// The place in the pool of the probe to go by.
    fn best(&self) -> Option<usize> {
        if self.pool.len() < LEAST_POOL {
            return None;
        }
        let places = || self.pool.iter().enumerate();
        let cold = places().filter(|(_, probe)| !self.hot_above.is_hot(probe.in_flight));
        let best = cold.min_by_key(|(_, probe)| probe.latency);
        best.or_else(|| places().min_by_key(|(_, probe)| probe.in_flight)).map(|(place, _)| place)
    }

    /// The place in the pool of the probe that tells of the worst choice; the oldest of several.
    fn worst(&self) -> Option<usize> {
        let places = || self.pool.iter().enumerate().rev();
        let hot = places().filter(|(_, probe)| self.hot_above.is_hot(probe.in_flight));
        let worst = hot.max_by_key(|(_, probe)| probe.in_flight);
        worst.or_else(|| places().max_by_key(|(_, probe)| probe.latency)).map(|(place, _)| place)
    }

    /// A request goes where this probe says.
    fn follow(&mut self, place: usize) -> usize {
        let slot = self.pool[place].slot;
        let uses_left = &mut self.pool[place].uses_left;
        *uses_left = uses_left.saturating_sub(1);
        if *uses_left == 0 {
            self.pool.remove(place);
        }
        slot
    }

    /// So that a pool does not fill with what nobody wants to use.
    fn thin_out(&mut self) {
        for _ in 0..self.removals {
            let place = if self.oldest_next { (!self.pool.is_empty()).then_some(0) } else { self.worst() };
            if let Some(place) = place {
                self.pool.remove(place);
                self.oldest_next = !self.oldest_next;
            }
        }
    }

    /// How often a probe may be used: 2n / ((n - m) r - n q) times at best.
    fn uses(&self, bits: &mut dyn RandomBits) -> u64 {
        let backends = self.order.len() as u64;
        let fresh = backends.saturating_sub(self.pool_size as u64) * self.probes as u64;
        let divisor = fresh.saturating_sub(backends * self.removals as u64);
        let Some(whole) = (2 * backends).checked_div(divisor) else { return u64::MAX };
        let rest = 2 * backends % divisor;
        if whole == 0 || rest == 0 { whole.max(1) } else { whole + u64::from(bits.below(divisor) < rest) }
    }

    fn probe(&mut self, request: &Request, picked: usize, bits: &mut dyn RandomBits) {
        let (places, count) = sampling::places::<MAX_PROBES>(bits, self.order.len(), self.probes);
        for place in &places[..count] {
            let slot = self.order[*place];
            // The request that is just going there counts, though nobody has told of it yet.
            let in_flight = self.in_flight.of(slot).saturating_add(u32::from(slot == picked));
            self.hot_above.saw(in_flight);
            if self.pool.len() == self.pool_size {
                self.pool.remove(0);
            }
            let (latency, uses_left) = (self.latencies.median(slot), self.uses(bits));
            self.pool.push(Probe { slot, in_flight, latency, at: request.now, uses_left });
        }
    }
}

impl LoadBalancer for Prequal {
    fn add(&mut self, slot: usize, _backend: &Backend) {
        self.in_flight.add(slot);
        self.latencies.add(slot);
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.in_flight.set(slot, load);
    }

    fn answered(&mut self, slot: usize, latency: SimDuration, _now: crate::kernel::time::SimTime) {
        self.latencies.saw(slot, latency);
    }

    fn remove(&mut self, slot: usize) {
        self.pool.retain(|probe| probe.slot != slot);
    }

    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend_from_slice(order);
        self.pool.retain(|probe| order.contains(&probe.slot));
    }

    fn pick(&mut self, request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        if self.order.is_empty() {
            return None;
        }
        self.pool.retain(|probe| request.now.since(probe.at) <= self.max_age);
        let picked = match self.best() {
            Some(place) => self.follow(place),
            None => self.order[sampling::place(bits, self.order.len())],
        };
        for probe in self.pool.iter_mut().filter(|probe| probe.slot == picked) {
            probe.in_flight = probe.in_flight.saturating_add(1);
        }
        self.thin_out();
        self.probe(request, picked, bits);
        Some(picked)
    }

    fn table_bytes(&self) -> usize {
        let pool = self.pool_size * size_of::<Probe>() + size_of::<HotAbove>();
        self.in_flight.bytes() + self.latencies.bytes() + size_of_val(&self.order[..]) + pool
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        let mut pool = Vec::with_capacity(self.pool_size);
        pool.extend_from_slice(&self.pool);
        Box::new(Self { pool, ..self.clone() })
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "prequal",
        summary: "by a pool of probes: the lowest latency among backends that are not too busy, else the least busy",
        source: "Wydrowski et al., Load is not what you should balance: Introducing Prequal, NSDI 2024",
        parameters: &[
            Parameter {
                name: "pool",
                summary: "probes that are kept",
                kind: ParameterKind::Within { min: 2, max: 64, default: DEFAULT_POOL },
                required: false,
            },
            Parameter {
                name: "probes",
                summary: "backends that are probed at each pick",
                kind: ParameterKind::Within { min: 1, max: MAX_PROBES as u64, default: DEFAULT_PROBES },
                required: false,
            },
            Parameter {
                name: "removals",
                summary: "probes that are dropped at each pick, in turn the worst and the oldest",
                kind: ParameterKind::Within { min: 0, max: MAX_PROBES as u64, default: DEFAULT_REMOVALS },
                required: false,
            },
            Parameter {
                name: "hotAbove",
                summary: "share of lately seen probes that are at most as busy as a backend may be; by default 84%",
                kind: ParameterKind::Percent,
                required: false,
            },
            Parameter {
                name: "maxAge",
                summary: "how long a probe is believed; by default 1s",
                kind: ParameterKind::Duration,
                required: false,
            },
        ],
        build: |arguments| Prequal::new(arguments).map(|balancer| Box::new(balancer) as Box<dyn LoadBalancer>),
    },
    reads: &[Input::Loads, Input::Latencies, Input::Bits, Input::History],
    state: "16 probes, 64 numbers; requests in flight and five latencies per backend",
    cost: "O(pool), however many backends",
    use_when: "backends of unequal and changing speed under many holders, where latency counts more than even shares",
};
