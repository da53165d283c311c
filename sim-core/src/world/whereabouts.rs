//! Which pods there are by node and by workload, and how full nodes are, so that nobody looks through all pods: what is
//! asked at every placement, death and change costs what it is about, not what the cluster holds.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::state::PodState;
use crate::model::Model;
use crate::model::ids::{NodeId, PodId, ServicePortId, WorkloadId};
use crate::topology::NodeRole;

/// Pods that are not gone, and what stands behind what.
#[derive(Clone, Debug)]
pub(super) struct Whereabouts {
    /// By node, in order of creation.
    on_node: Vec<Vec<PodId>>,
    /// By workload, in order of creation.
    of_workload: Vec<Vec<PodId>>,
    /// Workers by their number of pods.
    by_pods: BTreeSet<(u32, NodeId)>,
    /// Pods that may wait for a node or an address.
    waiting: BTreeSet<PodId>,
    /// How many nodes serve clients of Services.
    pub serving_nodes: u32,
    /// By workload: the Service ports that it stands behind.
    ports: Vec<Vec<ServicePortId>>,
    /// Before the run, when pods are placed workload by workload: where those of the present one are.
    placing: Option<(WorkloadId, Siblings)>,
}

/// Pods of one workload by node.
#[derive(Clone, Debug, Default)]
pub(super) struct Siblings {
    by_node: BTreeMap<NodeId, u32>,
    /// How many nodes have so many of them, from 1.
    nodes_with: Vec<u32>,
    /// Those without a node.
    pub nowhere: u32,
}

impl Siblings {
    fn add(&mut self, node: NodeId) {
        let count = self.by_node.entry(node).or_default();
        *count += 1;
        let place = *count as usize - 1;
        if place == self.nodes_with.len() {
            self.nodes_with.push(0);
        }
        self.nodes_with[place] += 1;
        if place > 0 {
            self.nodes_with[place - 1] -= 1;
        }
    }

    /// How many are on a node.
    pub(super) fn on(&self, node: NodeId) -> u32 {
        self.by_node.get(&node).copied().unwrap_or(0)
    }

    /// No node of so many has fewer of them than this.
    pub(super) fn least(&self, nodes: usize) -> u32 {
        if self.by_node.len() < nodes {
            return 0;
        }
        let place = self.nodes_with.iter().position(|count| *count > 0);
        place.map_or(0, |place| u32::try_from(place + 1).expect("pods number below 2^32"))
    }
}

impl Whereabouts {
    /// No pod yet.
    pub(super) fn new(model: &Model) -> Self {
        let mut ports = vec![Vec::new(); model.workloads.len()];
        for (index, port) in model.service_ports.iter().enumerate() {
            for (workload, _) in &port.backends {
                let behind: &mut Vec<ServicePortId> = &mut ports[workload.index()];
                let port = ServicePortId::from_index(index);
                if behind.last() != Some(&port) {
                    behind.push(port);
                }
            }
        }
        Self {
            on_node: vec![Vec::new(); model.topology.nodes().len()],
            of_workload: vec![Vec::new(); model.workloads.len()],
            by_pods: model.topology.with_role(NodeRole::Worker).map(|node| (0, node)).collect(),
            waiting: BTreeSet::new(),
            serving_nodes: 0,
            ports,
            placing: None,
        }
    }

    /// A pod is made; pods are numbered in that order.
    pub(super) fn made(&mut self, pod: PodId, workload: WorkloadId) {
        self.of_workload[workload.index()].push(pod);
        self.waiting.insert(pod);
    }

    /// It gets its node.
    pub(super) fn placed(&mut self, pod: PodId, workload: WorkloadId, node: NodeId) {
        let here = &mut self.on_node[node.index()];
        let count = count(here);
        let place = here.partition_point(|other| *other < pod);
        here.insert(place, pod);
        self.recount(node, count, count + 1);
        if let Some((_, siblings)) = self.placing.as_mut().filter(|(of, _)| *of == workload) {
            siblings.add(node);
        }
    }

    /// It goes.
    fn gone(&mut self, pod: PodId, workload: WorkloadId, node: Option<NodeId>) {
        if let Ok(place) = self.of_workload[workload.index()].binary_search(&pod) {
            self.of_workload[workload.index()].remove(place);
        }
        let Some(node) = node else { return };
        let here = &mut self.on_node[node.index()];
        let count = count(here);
        if let Ok(place) = here.binary_search(&pod) {
            here.remove(place);
            self.recount(node, count, count - 1);
        }
    }

    fn recount(&mut self, node: NodeId, before: u32, after: u32) {
        if self.by_pods.remove(&(before, node)) {
            self.by_pods.insert((after, node));
        }
    }

    /// Pods bound to a node.
    pub(super) fn on_node(&self, node: NodeId) -> &[PodId] {
        &self.on_node[node.index()]
    }

    /// Pods of a workload.
    pub(super) fn of_workload(&self, workload: WorkloadId) -> &[PodId] {
        &self.of_workload[workload.index()]
    }

    /// The Service ports that a workload stands behind.
    pub(super) fn ports(&self, workload: WorkloadId) -> &[ServicePortId] {
        &self.ports[workload.index()]
    }

    /// Workers, those with the fewest pods first.
    pub(super) fn by_pods(&self) -> &BTreeSet<(u32, NodeId)> {
        &self.by_pods
    }

    /// Heap memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        let lists =
            self.on_node.iter().chain(&self.of_workload).map(|list| size_of::<Vec<PodId>>() + list.capacity() * 4);
        let ports = self.ports.iter().map(|list| size_of::<Vec<ServicePortId>>() + list.capacity() * 4);
        lists.chain(ports).sum::<usize>() + (self.by_pods.len() * 8 + self.waiting.len() * 4) * 2
    }
}

fn count(list: &[PodId]) -> u32 {
    u32::try_from(list.len()).expect("pods number below 2^32")
}

impl World {
    /// Pods bound to a node that still exist.
    pub(super) fn pods_on(&self, node: NodeId) -> Vec<PodId> {
        self.whereabouts.on_node(node).to_vec()
    }

    /// Pods of a workload that count for its controller.
    pub(super) fn active_pods(&self, workload: WorkloadId) -> impl Iterator<Item = PodId> + '_ {
        let pods = self.whereabouts.of_workload(workload).iter().copied();
        pods.filter(|pod| !self.pods[pod.index()].deleted)
    }

    /// Where the pods of a workload are that are not deleted.
    pub(super) fn siblings(&mut self, workload: WorkloadId) -> Siblings {
        if let Some((_, siblings)) = self.whereabouts.placing.take_if(|(of, _)| self.setting_up && *of == workload) {
            return siblings;
        }
        let mut siblings = Siblings::default();
        for pod in self.active_pods(workload) {
            match self.pods[pod.index()].node {
                Some(node) => siblings.add(node),
                None => siblings.nowhere += 1,
            }
        }
        siblings
    }

    /// Keeps what [`World::siblings`] has told, for the next pod of the same workload.
    pub(super) fn keep_siblings(&mut self, workload: WorkloadId, siblings: Siblings) {
        self.whereabouts.placing = self.setting_up.then_some((workload, siblings));
    }

    /// A pod has no address or port to start with, and waits for one.
    pub(super) fn pod_waits(&mut self, pod: PodId) {
        self.whereabouts.waiting.insert(pod);
    }

    /// A pod is gone.
    pub(super) fn forget_pod(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        self.whereabouts.gone(pod, state.workload, state.node);
    }

    /// Pods that wait for a node or an address, in order of creation.
    pub(super) fn pending_pods(&mut self) -> Vec<PodId> {
        let pods = &self.pods;
        self.whereabouts.waiting.retain(|pod| pods[pod.index()].state == PodState::Pending);
        self.whereabouts.waiting.iter().copied().collect()
    }
}
