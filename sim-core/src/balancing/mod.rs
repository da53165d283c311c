//! Balancing algorithms: one file each, one registry line each. An algorithm answers "which of these backends"; it knows
//! their names, addresses, weights and loads, and the time, but no pods, no nodes and no network.
//!
//! A [`Group`] joins an algorithm with its list. `docs/your-own-balancer.md` shows how to write an algorithm and how to use
//! this room alone.

pub mod anchor;
mod dh;
mod fo;
mod group;
mod iptables_random;
pub mod jump;
mod lblc;
mod lblcr;
pub mod lc;
mod least_request;
pub mod maglev;
mod mh;
mod nftables_random;
mod nq;
mod ovf;
mod p2c;
mod p2c_peak_ewma;
pub mod parts;
mod prequal;
mod random;
pub mod rendezvous;
pub mod ring_hash;
mod round_robin;
mod rr;
pub mod sed;
mod sh;
mod smooth_wrr;
mod twos;
pub mod wlc;
mod wrr;

use std::net::{IpAddr, SocketAddr};

pub use group::Group;
pub use iptables_random::Chains;
pub use nftables_random::scaled as place_in_verdict_map;

use crate::kernel::draws::RandomBits;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::parameters::{Arguments, Spec};

/// The greatest weight of a backend, as IPVS has it (`ipvsadm`: 0 to 65535).
pub const MAX_WEIGHT: u32 = 65_535;

/// A backend, as an algorithm knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// What name-hashing algorithms hash: `address:port` unless the holder says otherwise.
    pub name: String,
    /// Where it is dialled; no two backends of a list share it.
    pub address: SocketAddr,
    /// Its share of new connections, 0 to [`MAX_WEIGHT`]; 0: it keeps those it has and gets no new one (drained).
    pub weight: u32,
    /// IPVS: with so many connections it is overloaded (`ipvsadm --u-threshold`); 0: never.
    pub upper_threshold: u32,
    /// IPVS: an overloaded one is not any more below so many (`--l-threshold`); 0: below three quarters of the upper one.
    pub lower_threshold: u32,
}

impl Backend {
    /// A backend of weight 1 without thresholds, named by its address.
    pub fn new(address: SocketAddr) -> Self {
        Self { name: address.to_string(), address, weight: 1, upper_threshold: 0, lower_threshold: 0 }
    }

    /// The same with another weight.
    pub fn weighing(self, weight: u32) -> Self {
        Self { weight, ..self }
    }
}

/// The connections of a backend that the holder of the list knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Established ones (of a proxy: requests on their way).
    pub active: u32,
    /// Remembered ones that are not established: half-open, or closed and not yet forgotten.
    pub inactive: u32,
}

/// What a pick may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// 64 bits that stand for the connection (its addresses and ports) or for what the user has it hashed by.
    pub key: u64,
    /// Where it comes from.
    pub client: SocketAddr,
    /// Where its client dialled: the Service's address.
    pub destination: IpAddr,
    /// When.
    pub now: SimTime,
}

/// Chooses among the backends of one list. One balancer serves one holder of a list (a node, a client, a front proxy) and
/// knows what that holder knows. Backends are named by slots: small numbers that the holder gives, free again after `remove`.
pub trait LoadBalancer: std::fmt::Debug + Send + Sync {
    /// A backend comes, in a slot that is free. The order of the calls is the order of addition.
    fn add(&mut self, _slot: usize, _backend: &Backend) {}

    /// The backend of a slot goes.
    fn remove(&mut self, _slot: usize) {}

    /// A backend's weight changes.
    fn set_weight(&mut self, _slot: usize, _weight: u32) {}

    /// A backend's connections change.
    fn set_load(&mut self, _slot: usize, _load: Load) {}

    /// A backend has answered a request after this time.
    fn answered(&mut self, _slot: usize, _latency: SimDuration, _now: SimTime) {}

    /// Changes of the list are complete: the slots with a weight above 0, in the list's own order. Called after every batch
    /// of `add`, `remove` and `set_weight` and before the next pick; tables are made here, so that no pick allocates.
    fn settle(&mut self, _order: &[usize]) {}

    /// The slot of the chosen backend; `None` when the rule drops the connection (or nothing is there to choose).
    fn pick(&mut self, request: &Request, bits: &mut dyn RandomBits) -> Option<usize>;

    /// Bytes of its tables and state, as a measure of what it costs a node.
    fn table_bytes(&self) -> usize;

    /// A copy, so that a world can be forked.
    fn boxed_clone(&self) -> Box<dyn LoadBalancer>;
}

impl Clone for Box<dyn LoadBalancer> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// What a pick depends on besides the list of backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The backends' weights.
    Weights,
    /// Their connections: the holder counts them.
    Loads,
    /// Their thresholds, which make them overloaded: IPVS's schedulers have these, and nobody else. A holder whose backends
    /// have some counts connections for them.
    Thresholds,
    /// How long they took to answer: the holder tells.
    Latencies,
    /// The connection's key.
    Key,
    /// The client's address.
    Client,
    /// The address dialled.
    Destination,
    /// Random bits.
    Bits,
    /// Earlier picks.
    History,
}

/// An algorithm, as the registry lists it.
pub struct Algorithm {
    /// Its name, parameters, source and how to build it.
    pub spec: Spec<Box<dyn LoadBalancer>>,
    /// What its picks depend on besides the list.
    pub reads: &'static [Input],
    /// What it keeps, with `n` backends.
    pub state: &'static str,
    /// What a pick costs, and a change of the list.
    pub cost: &'static str,
    /// When to use it, and when not.
    pub use_when: &'static str,
}

impl Algorithm {
    /// Whether its picks depend on this.
    pub fn reads(&self, input: Input) -> bool {
        self.reads.contains(&input)
    }

    /// Whether the kernel's own balancer has it: kube-proxy's ipvs mode can name it.
    pub fn is_ipvs_scheduler(&self) -> bool {
        self.reads(Input::Thresholds)
    }

    /// A balancer with these arguments, or `None` when one does not do.
    pub fn build(&self, arguments: &Arguments) -> Option<Box<dyn LoadBalancer>> {
        (self.spec.build)(arguments)
    }
}

/// Every algorithm that scenario files and the command line can name.
pub const BALANCERS: &[Algorithm] = &[
    iptables_random::SPEC,
    nftables_random::SPEC,
    rr::SPEC,
    wrr::SPEC,
    lc::SPEC,
    wlc::SPEC,
    lblc::SPEC,
    lblcr::SPEC,
    sed::SPEC,
    nq::SPEC,
    dh::SPEC,
    sh::SPEC,
    mh::SPEC,
    fo::SPEC,
    ovf::SPEC,
    twos::SPEC,
    round_robin::SPEC,
    smooth_wrr::SPEC,
    least_request::SPEC,
    p2c::SPEC,
    p2c_peak_ewma::SPEC,
    prequal::SPEC,
    random::SPEC,
    maglev::SPEC,
    ring_hash::SPEC,
    rendezvous::SPEC,
    jump::SPEC,
    anchor::SPEC,
];

/// The algorithm of this name.
pub fn find(name: &str) -> Option<&'static Algorithm> {
    BALANCERS.iter().find(|algorithm| algorithm.spec.name == name)
}
