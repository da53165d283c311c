//! Two choices by cost, as tower and Finagle have it: cost = peak-EWMA of the latency x (requests in flight + 1).
//!
//! The estimate jumps up to an answer's latency when that is higher, and otherwise nears it by 1 - exp(-elapsed / decay),
//! where elapsed is the time since its last change. Looking at it counts as an answer after no time at all, so that a
//! backend that was slow once is tried again. Of two equal costs the first drawn has it. Weights do not count.
//!
//! One deviation: tower starts a new backend's clock when it comes; here it starts at the first pick or answer after that,
//! because nobody tells a balancer the time of a change of the list.

use super::parts::in_flight::InFlight;
use super::parts::sampling;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

/// What Linkerd's proxy sets; tower itself has no default.
const DEFAULT_RTT: SimDuration = SimDuration::from_millis(30);
/// The same.
const DEFAULT_DECAY: SimDuration = SimDuration::from_secs(10);

/// The latency that a backend is thought to have.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    seconds: f64,
    /// When it changed last; never yet for a backend that nobody has looked at.
    since: Option<SimTime>,
}

impl Estimate {
    /// An answer that took `latency` seconds.
    fn update(&mut self, latency: f64, now: SimTime, decay: f64) {
        if self.seconds < latency {
            self.seconds = latency;
        } else {
            let elapsed = self.since.map_or(SimDuration::ZERO, |since| now.since(since));
            let kept = libm::exp(-elapsed.as_secs_f64() / decay);
            self.seconds = self.seconds * kept + latency * (1.0 - kept);
        }
        self.since = Some(now);
    }
}

#[derive(Clone, Debug)]
struct P2cPeakEwma {
    /// Of a backend that has not answered yet, in seconds.
    default_rtt: f64,
    /// Time constant, in seconds.
    decay: f64,
    in_flight: InFlight,
    /// By slot.
    estimates: Vec<Estimate>,
    order: Vec<usize>,
}

impl P2cPeakEwma {
    fn new(default_rtt: SimDuration, decay: SimDuration) -> Option<Self> {
        (!default_rtt.is_zero() && !decay.is_zero()).then(|| Self {
            default_rtt: default_rtt.as_secs_f64(),
            decay: decay.as_secs_f64(),
            in_flight: InFlight::default(),
            estimates: Vec::new(),
            order: Vec::new(),
        })
    }

    fn cost(&mut self, slot: usize, now: SimTime) -> f64 {
        let estimate = &mut self.estimates[slot];
        estimate.update(0.0, now, self.decay);
        estimate.seconds * (f64::from(self.in_flight.of(slot)) + 1.0)
    }
}

impl LoadBalancer for P2cPeakEwma {
    fn add(&mut self, slot: usize, _backend: &Backend) {
        let unknown = Estimate { seconds: self.default_rtt, since: None };
        self.in_flight.add(slot);
        if self.estimates.len() <= slot {
            self.estimates.resize(slot + 1, unknown);
        }
        self.estimates[slot] = unknown;
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.in_flight.set(slot, load);
    }

    fn answered(&mut self, slot: usize, latency: SimDuration, now: SimTime) {
        self.estimates[slot].update(latency.as_secs_f64(), now, self.decay);
    }

    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend_from_slice(order);
    }

    fn pick(&mut self, request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        if self.order.len() < 2 {
            return self.order.first().copied();
        }
        let [first, second] = sampling::two_places(bits, self.order.len()).map(|place| self.order[place]);
        let costs = [first, second].map(|slot| self.cost(slot, request.now));
        Some(if costs[0].total_cmp(&costs[1]).is_le() { first } else { second })
    }

    fn table_bytes(&self) -> usize {
        self.in_flight.bytes() + size_of_val(&self.estimates[..]) + size_of_val(&self.order[..])
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "p2c-peak-ewma",
        summary: "of two different random backends the one with the lower peak latency x requests in flight",
        source: "tower load::PeakEwma, after Finagle; default values of Linkerd's proxy",
        parameters: &[
            Parameter {
                name: "defaultRtt",
                summary: "latency of a backend that has not answered yet, above 0; by default 30ms",
                kind: ParameterKind::Duration,
                required: false,
            },
            Parameter {
                name: "decay",
                summary: "time constant by which an old peak is forgotten, above 0; by default 10s",
                kind: ParameterKind::Duration,
                required: false,
            },
        ],
        build: |arguments| {
            let default_rtt = arguments.duration("defaultRtt").unwrap_or(DEFAULT_RTT);
            let balancer = P2cPeakEwma::new(default_rtt, arguments.duration("decay").unwrap_or(DEFAULT_DECAY));
            balancer.map(|balancer| Box::new(balancer) as Box<dyn LoadBalancer>)
        },
    },
    reads: &[Input::Loads, Input::Latencies, Input::Bits],
    state: "requests in flight, a latency and its time per backend",
    cost: "O(1), two exponentials",
    use_when: "backends of unequal or changing speed; it leaves a slow one within one answer and comes back by itself",
};
