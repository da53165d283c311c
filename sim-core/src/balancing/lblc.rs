//! IPVS `lblc`, locality-based least connection (`ip_vs_lblc.c`): each address dialled has a destination that its
//! connections go to, unless that one is gone, quiesced, or has more active connections than its weight while another one
//! has fewer than half of its own; then, and at first, the weighted least connected one takes its place.
//!
//! The overload flag keeps a destination from becoming an address's, not from staying it. One that is deleted and comes
//! back while it is remembered is known again. Behind one Service address there is one such destination.

use super::parts::locality::{EXPIRATION, KnownBackends, Locality};
use super::parts::ranking::Ranking;
use super::wlc::WeightedOverhead;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

/// A list by weighted overhead that knows which destinations are less than half busy.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    pub(super) ranking: Ranking<WeightedOverhead>,
    pub(super) known: KnownBackends,
    /// How many have fewer active connections than half of their weights.
    half_idle: usize,
}

impl Shares {
    fn is_half_idle(&self, slot: usize) -> bool {
        let destination = self.ranking.destinations().of(slot);
        u64::from(destination.load.active) * 2 < u64::from(destination.weight)
    }

    fn change(&mut self, slot: usize, change: impl FnOnce(&mut Ranking<WeightedOverhead>)) {
        self.half_idle -= usize::from(self.is_half_idle(slot));
        change(&mut self.ranking);
        self.half_idle += usize::from(self.is_half_idle(slot));
    }

    /// `is_overloaded` of these two schedulers, which has nothing to do with the flag.
    pub(super) fn is_too_busy(&self, slot: usize) -> bool {
        let destination = self.ranking.destinations().of(slot);
        destination.load.active > destination.weight && self.half_idle > 0
    }

    pub(super) fn add(&mut self, slot: usize, backend: &Backend) {
        self.ranking.add(slot, backend);
        self.half_idle += usize::from(self.is_half_idle(slot));
        self.known.come(slot, backend.address);
    }

    pub(super) fn remove(&mut self, slot: usize) {
        let destination = self.ranking.destinations().of(slot);
        self.known.go(slot, (destination.weight, destination.overhead()));
        // What is removed weighs nothing and is not half idle.
        self.change(slot, |ranking| ranking.remove(slot));
    }

    pub(super) fn set_weight(&mut self, slot: usize, weight: u32) {
        self.change(slot, |ranking| ranking.set_weight(slot, weight));
    }

    pub(super) fn set_load(&mut self, slot: usize, load: Load) {
        self.change(slot, |ranking| ranking.set_load(slot, load));
    }

    pub(super) fn bytes(&self) -> usize {
        self.ranking.table_bytes() + self.known.bytes()
    }
}

pub(super) const EXPIRES: Parameter = Parameter {
    name: "expiration",
    summary: "`net.ipv4.vs.lblc_expiration` and `lblcr_expiration`: how long an address is remembered; 24h by default",
    kind: ParameterKind::Duration,
    required: false,
};

#[derive(Clone, Debug)]
struct Lblc {
    shares: Shares,
    /// By address dialled: a known backend.
    cache: Locality<u32>,
}

impl LoadBalancer for Lblc {
    fn add(&mut self, slot: usize, backend: &Backend) {
        self.shares.add(slot, backend);
    }

    fn remove(&mut self, slot: usize) {
        self.shares.remove(slot);
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.shares.set_weight(slot, weight);
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.shares.set_load(slot, load);
    }

    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        let Self { shares, cache } = self;
        let (address, now) = (request.destination, request.now);
        cache.collect(now, |number| shares.known.let_go(number));
        let cached = cache.use_of(address, now).copied();
        if let Some(slot) = cached.and_then(|number| shares.known.of(number).slot)
            && shares.ranking.destinations().of(slot).weight > 0
            && !shares.is_too_busy(slot)
        {
            return Some(slot);
        }
        let slot = shares.ranking.first()?;
        let number = shares.known.number(slot);
        if cached != Some(number) {
            shares.known.hold(number);
            if let Some(old) = cache.put(address, number, now) {
                shares.known.let_go(old);
            }
        }
        Some(slot)
    }

    fn table_bytes(&self) -> usize {
        self.shares.bytes() + self.cache.bytes()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "lblc",
        summary: "IPVS locality-based least connection: each address dialled keeps its backend while that is not too busy",
        source: "linux ip_vs_lblc.c",
        parameters: &[EXPIRES],
        build: |arguments| {
            let expiration = arguments.duration(EXPIRES.name).unwrap_or(EXPIRATION);
            Some(Box::new(Lblc { shares: Shares::default(), cache: Locality::new(expiration) }))
        },
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds, Input::Destination, Input::History],
    state: "a tournament of n; an entry per address dialled",
    cost: "the kernel scans n when a backend is busy; O(log n) here",
    use_when: "transparent caches with many destinations; behind one Service address it fills one backend up first",
};
