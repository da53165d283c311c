//! Who takes connections to a Service, as the scenario says it: an algorithm of the registry with its arguments, and the
//! weights of the Service's workloads. Kubernetes has no word for either; front proxies and IPVS have both.

use super::Model;
use super::ids::{ServicePortId, WorkloadId};
use super::parameters::Arguments;
use super::settings::ProxyMode;
use crate::balancing::{self, Algorithm, Input, LoadBalancer};

/// The algorithm that whoever holds a Service's list chooses with: each node's rules, each client, each front proxy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BalancingChoice {
    /// Its name in the registry; empty: what the holder does by itself.
    pub algorithm: String,
    /// What its parameters are set to.
    pub arguments: Arguments,
    /// What each pod of these workloads weighs, 0 to [`balancing::MAX_WEIGHT`]; pods of others weigh 1.
    pub weights: Vec<(WorkloadId, u32)>,
}

impl BalancingChoice {
    /// An algorithm without arguments, all pods weighing the same.
    pub fn of(algorithm: &str) -> Self {
        Self { algorithm: algorithm.to_owned(), ..Self::default() }
    }

    /// True when nothing is said, so that the holder does what it does by itself.
    pub fn is_left_open(&self) -> bool {
        self.algorithm.is_empty()
    }

    /// The algorithm that is named.
    pub fn named(&self) -> Option<&'static Algorithm> {
        balancing::find(&self.algorithm)
    }

    /// A balancer with these arguments, before its first list.
    pub fn build(&self) -> Option<(&'static Algorithm, Box<dyn LoadBalancer>)> {
        let algorithm = self.named()?;
        Some((algorithm, algorithm.build(&self.arguments)?))
    }

    /// True when picks depend on connections or on how long answers took, so that holders have to keep count.
    pub fn reads_the_past(&self) -> bool {
        self.named().is_some_and(|algorithm| algorithm.reads(Input::Loads) || algorithm.reads(Input::Latencies))
    }

    /// What a pod of a workload weighs.
    pub fn weight_of(&self, workload: WorkloadId) -> u32 {
        self.weights.iter().find(|(of, _)| *of == workload).map_or(1, |(_, weight)| *weight)
    }
}

/// What nodes and clients choose with for a Service port: its algorithm, or what the proxy mode does by itself.
pub fn algorithm_of(model: &Model, port: ServicePortId) -> &'static str {
    let service = model.service(model.service_port(port).service);
    service.balancing.named().map_or(
        match model.cluster.proxy_mode {
            ProxyMode::Iptables => "iptables-random",
            ProxyMode::Nftables => "nftables-random",
            // A client that holds a list of its own; virtual servers have schedulers of theirs.
            ProxyMode::Ipvs => "round-robin",
        },
        |algorithm| algorithm.spec.name,
    )
}
