//! Where everything is at a time: pods that run, addresses, published ports. Follows records up to that time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{NodeId, PodId, ServiceId, ServicePortId, WorkloadId};
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

use crate::id_map::IdMap;
use crate::trace_io::Names;

/// A pod or container.
#[derive(Clone, Debug, Default)]
pub(super) struct Pod {
    /// Its workload and its number there.
    pub(super) of: Option<(WorkloadId, u32)>,
    pub(super) node: Option<NodeId>,
    /// The address it had last.
    pub(super) address: Option<IpAddr>,
    /// (container port, host port), as they were published last.
    pub(super) host_ports: BTreeMap<u16, u16>,
    running: BTreeSet<u8>,
    pub(super) deleted: bool,
    pub(super) gone: bool,
}

impl Pod {
    /// True when one of its containers runs.
    pub(super) fn runs(&self) -> bool {
        !self.running.is_empty() && !self.gone
    }
}

/// A node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) address: Option<IpAddr>,
    pub(super) down: bool,
}

/// Pods, nodes and Services at one time.
#[derive(Clone, Debug)]
pub struct Places {
    pub(super) names: Names,
    pub(super) until: SimTime,
    pub(super) pods: IdMap<Pod>,
    pub(super) nodes: IdMap<Node>,
    pub(super) cluster_ips: BTreeMap<ServiceId, IpAddr>,
    pub(super) node_ports: BTreeMap<ServicePortId, u16>,
}

impl Places {
    /// The places at `until` of a run with this header; needs the run's records up to that time.
    pub fn new(header: &TraceHeader, until: SimTime) -> Self {
        Self {
            names: Names::new(header),
            until,
            pods: IdMap::default(),
            nodes: IdMap::default(),
            cluster_ips: BTreeMap::new(),
            node_ports: BTreeMap::new(),
        }
    }

    pub(super) fn header(&self) -> &TraceHeader {
        self.names.header()
    }

    /// `NAME (NODE)` of a pod.
    pub(super) fn pod_on_node(&self, pod: PodId) -> String {
        let node = self.pods.get(pod.0).and_then(|pod| pod.node);
        node.map_or_else(|| self.names.pod(pod), |node| format!("{} on {}", self.names.pod(pod), self.names.node(node)))
    }

    /// All pods that were not removed, in order of creation.
    pub(super) fn existing(&self) -> impl Iterator<Item = (PodId, &Pod)> {
        let pods = self.pods.iter().map(|(number, pod)| (PodId(number), pod));
        pods.filter(|(_, pod)| pod.of.is_some() && !pod.gone)
    }
}

impl TraceSink for Places {
    #[allow(clippy::wildcard_enum_match_arm)] // only what says where something is
    fn record(&mut self, record: &Record) {
        if record.time > self.until {
            return;
        }
        self.names.learn(record);
        match record.body {
            Body::NodeRegistered { node, address, .. } => self.nodes.slot(node.0).address = Some(address),
            Body::NodeDown { node } => self.nodes.slot(node.0).down = true,
            Body::NodeUp { node } => self.nodes.slot(node.0).down = false,
            Body::PodCreated { pod, workload, ordinal, .. } => self.pods.slot(pod.0).of = Some((workload, ordinal)),
            Body::PodScheduled { pod, node } => self.pods.slot(pod.0).node = Some(node),
            Body::AddressAssigned { pod, address } => self.pods.slot(pod.0).address = Some(address),
            Body::ContainerStarted { pod, container } => drop(self.pods.slot(pod.0).running.insert(container)),
            Body::ContainerExited { pod, container, .. } => drop(self.pods.slot(pod.0).running.remove(&container)),
            Body::PodDeleted { pod, .. } => self.pods.slot(pod.0).deleted = true,
            Body::PodGone { pod } => self.pods.slot(pod.0).gone = true,
            Body::PortPublished { pod, container_port, host_port, .. } => {
                self.pods.slot(pod.0).host_ports.insert(container_port, host_port);
            }
            Body::ServiceCreated { service, cluster_ip } => {
                self.cluster_ips.insert(service, cluster_ip);
            }
            Body::NodePortAllocated { service_port, node_port } => {
                self.node_ports.insert(service_port, node_port);
            }
            _ => {}
        }
    }
}
