//! How evenly the ok requests of each Service port lay on its pods.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sim_core::trace::{Body, Record, TraceHeader};

use super::facts::Facts;
use crate::id_map::IdMap;
use crate::trace_io::Names;

/// Load of one Service port.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceBalance {
    /// `NAME:PORT`.
    pub service: String,
    /// The busiest instance's requests over the mean; 1 is even. `None` without requests.
    pub max_over_mean: Option<f64>,
    /// Jain's index, (sum x)^2 / (n * sum x^2); 1 is even, 1/n is all on one. `None` without requests.
    pub jain: Option<f64>,
    /// Every pod that ever stood behind it.
    pub instances: Vec<InstanceLoad>,
}

/// Load of one pod behind a Service port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceLoad {
    /// The pod's name.
    pub instance: String,
    /// Its node's name.
    pub node: String,
    /// The address that clients or rules knew it by.
    pub address: String,
    /// Its ok requests.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub requests: u64,
}

/// Counts while a run goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct BalanceTally {
    ports: IdMap<IdMap<u64>>,
    /// By pod: requests that asked for any of several Services.
    any: IdMap<u64>,
}

impl BalanceTally {
    /// A request of a source to this Service port ended well in this pod.
    pub(crate) fn ok(&mut self, service_port: u32, pod: u32) {
        *self.ports.slot(service_port).slot(pod) += 1;
    }

    /// Pods are numbered as they are made: each gets its place while it is the next one.
    pub(crate) fn learn(&mut self, record: &Record) {
        if let Body::PodCreated { pod, .. } = record.body {
            self.any.slot(pod.0);
        }
    }

    /// A request that asked for any of several Services ended well in this pod.
    pub(crate) fn ok_of_any(&mut self, pod: u32) {
        *self.any.slot(pod) += 1;
    }

    /// The load of every Service port. Requests that asked for any count at the first port that their pod stands behind.
    pub(crate) fn finish(&self, header: &TraceHeader, facts: &Facts, names: &Names) -> Vec<ServiceBalance> {
        let mut first_port = BTreeMap::new();
        for (port, number) in header.service_ports.iter().zip(0_u32..) {
            for workload in &port.workloads {
                first_port.entry(*workload).or_insert(number);
            }
        }
        let mut of_workload: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (id, pod) in facts.pods().filter(|(_, pod)| pod.was_ready) {
            if let Some(workload) = pod.workload {
                of_workload.entry(workload).or_default().push(id);
            }
        }
        let ports = header.service_ports.iter().zip(0_u32..);
        let loads = ports.map(|(port, number)| {
            let counted = self.ports.get(number);
            let is_first = |pod: u32| {
                facts.pod(pod).and_then(|pod| pod.workload).and_then(|it| first_port.get(&it)) == Some(&number)
            };
            let of_any = |pod: u32| self.any.get(pod).filter(|_| is_first(pod)).copied().unwrap_or(0);
            let count = |pod: u32| counted.and_then(|pods| pods.get(pod)).copied().unwrap_or(0) + of_any(pod);
            let behind = port.workloads.iter().filter_map(|workload| of_workload.get(workload)).flatten().copied();
            let others = counted.into_iter().flat_map(IdMap::iter).filter(|(_, count)| **count > 0).map(|(id, _)| id);
            let shown: BTreeSet<u32> = behind.chain(others).collect();
            let mut instances = Vec::new();
            for (id, pod) in shown.into_iter().filter_map(|id| Some((id, facts.pod(id)?))) {
                instances.push(InstanceLoad {
                    instance: names.pod(sim_core::model::ids::PodId(id)),
                    node: pod.node.map_or_else(String::new, |node| names.node(sim_core::model::ids::NodeId(node))),
                    address: facts.known_address(number, port.port, id),
                    requests: count(id),
                });
            }
            let counts: Vec<u64> = instances.iter().map(|instance| instance.requests).collect();
            ServiceBalance {
                service: names.service_port(sim_core::model::ids::ServicePortId(number)),
                max_over_mean: max_over_mean(&counts),
                jain: jain(&counts),
                instances,
            }
        });
        loads.collect()
    }
}

/// `numerator / denominator` for display; `None` for a division by zero.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn ratio(numerator: u128, denominator: u128) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}

fn max_over_mean(counts: &[u64]) -> Option<f64> {
    let sum: u128 = counts.iter().copied().map(u128::from).sum();
    let max = u128::from(counts.iter().copied().max()?);
    ratio(max * counts.len() as u128, sum)
}

fn jain(counts: &[u64]) -> Option<f64> {
    let sum: u128 = counts.iter().copied().map(u128::from).sum();
    let squares: u128 = counts.iter().map(|count| u128::from(*count) * u128::from(*count)).sum();
    ratio(sum * sum, squares * counts.len() as u128)
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn ratios_by_hand() {
        assert_eq!(max_over_mean(&[10, 20, 30]), Some(1.5));
        assert_eq!(jain(&[10, 20, 30]), Some(3_600.0 / 4_200.0));
        assert_eq!((max_over_mean(&[5, 5]), jain(&[5, 5])), (Some(1.0), Some(1.0)));
        assert_eq!((max_over_mean(&[8, 0]), jain(&[8, 0])), (Some(2.0), Some(0.5)));
        assert_eq!((max_over_mean(&[0, 0]), jain(&[])), (None, None));
    }
}
