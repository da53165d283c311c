//! What works worse than it should while faults last: who is hit, counters for faults that overlap, and whom the control
//! plane hears of. How each impairment shows is in the files beside this one.

use std::collections::BTreeMap;

use super::World;
use super::docker_daemon::Daemon;
use super::event::Event;
use super::faults::Struck;
use super::hangs::Hang;
use super::partitions::Parting;
use super::pod_hangs::PodTrouble;
use crate::faults::{Effect, Impairment};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimTime;
use crate::model::Model;
use crate::model::ids::{LinkId, NodeId, PodId};
use crate::trace::{Body, RecordId};

/// The impairments of a world; empty tables when its model plans none.
#[derive(Clone, Debug, Default)]
pub(super) struct Impairments {
    /// By node.
    nodes: Vec<NodeTrouble>,
    /// By fault: how often it has begun, of those that come at random.
    pub occurrences: Vec<u64>,
    /// By pod, of those that a fault has ever made hang.
    pub pods: BTreeMap<PodId, PodTrouble>,
    /// Nodes and pods that hang now; while there are none, nobody looks for them.
    pub hung: u32,
    /// Nodes that are slow now.
    pub slow: u32,
    /// Partitions under way.
    pub partings: Vec<Parting>,
    /// Links that faults make lossy now: the fault, the direction, the share in millionths, the fault's record.
    pub losses: Vec<(usize, usize, u32, RecordId)>,
    /// Links that flap now, by fault: the link, and whether it is down by that fault.
    pub flaps: BTreeMap<usize, (LinkId, bool)>,
    /// Faults that keep the API server away.
    pub api_out_by: u32,
    /// Since when.
    pub api_out_since: SimTime,
    /// What waits for the API server, in order.
    pub api_waiting: Vec<Event>,
    /// Faults that keep the registry away.
    pub registry_out_by: u32,
}

/// What faults do to a node that is up.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeTrouble {
    /// Faults that stall its kube-proxy, and that make it hang: a boot ends both at once, the counts go on.
    pub stalled_by: u32,
    pub hung_by: u32,
    /// The last change in the rules of a node whose kube-proxy stands still.
    pub rules: Option<u64>,
    /// What waits for a hanging node to go on.
    pub hang: Option<Hang>,
    /// What its service times are multiplied by, in thousandths, by fault.
    pub factors: Vec<(usize, u64)>,
    /// The record of their last change.
    pub speed_record: RecordId,
    /// Faults that part it from the control plane alone.
    pub parted_by: u32,
    /// Its Docker daemon.
    pub daemon: Daemon,
}

impl Impairments {
    /// The impairments of a model's start: none.
    pub(super) fn new(model: &Model) -> Self {
        let planned = model.faults.iter().any(|fault| matches!(fault.kind.begin, Effect::Impair(_)));
        let nodes = if planned { vec![NodeTrouble::default(); model.topology.nodes().len()] } else { Vec::new() };
        Self { nodes, occurrences: vec![0; model.faults.len()], ..Self::default() }
    }

    /// What a node suffers; `None` when the model plans no impairment.
    pub(super) fn of(&self, node: NodeId) -> Option<&NodeTrouble> {
        self.nodes.get(node.index())
    }

    /// The same, to change it.
    pub(super) fn of_mut(&mut self, node: NodeId) -> Option<&mut NodeTrouble> {
        self.nodes.get_mut(node.index())
    }
}

impl World {
    /// An impairment begins.
    pub(super) fn impair(&mut self, fault: usize, impairment: &Impairment, struck: Option<Struck>, record: RecordId) {
        match (impairment, struck) {
            (Impairment::ProxyStall(_), Some(Struck::Node(node))) => self.stall_proxy_by_fault(node, record),
            (Impairment::SlowNode { permille, .. }, Some(Struck::Node(node))) => {
                self.slow_down(fault, node, *permille, record);
            }
            (Impairment::NodeHang(_), Some(Struck::Node(node))) => self.hang_node(node, record),
            (Impairment::ContainerHang(_), Some(Struck::Pod(pod))) => self.hang_pod(pod, record),
            (Impairment::PacketLoss { ppm, way, .. }, Some(Struck::Link(link))) => {
                self.lose_packets(fault, link, *ppm, *way, record);
            }
            (Impairment::LinkFlap { .. }, Some(Struck::Link(link))) => self.begin_flapping(fault, link),
            (Impairment::ControlPlanePartition(_), Some(Struck::Node(node))) => self.part_from_control(node, record),
            (Impairment::Partition { a, b, way }, _) => self.part(fault, a, b, *way, record),
            (Impairment::ApiOutage, _) => self.lose_api(record),
            (Impairment::RegistryOutage, _) => self.lose_registry(),
            (Impairment::DockerDaemon { stops_containers, .. }, Some(Struck::Node(node))) => {
                self.stop_daemon(node, *stops_containers, record);
            }
            // Its role has no holder now.
            (_, None) => {}
            (_, Some(_)) => unreachable!("a fault's victim is of the kind that its impairment asks for"),
        }
    }

    /// An impairment ends.
    pub(super) fn restore(&mut self, fault: usize, impairment: &Impairment, struck: Option<Struck>, record: RecordId) {
        match (impairment, struck) {
            (Impairment::ProxyStall(_), Some(Struck::Node(node))) => self.resume_proxy_by_fault(node, record),
            (Impairment::SlowNode { .. }, Some(Struck::Node(node))) => self.speed_up(fault, node, record),
            (Impairment::NodeHang(_), Some(Struck::Node(node))) => self.unhang_node(node, record),
            (Impairment::ContainerHang(_), Some(Struck::Pod(pod))) => self.unhang_pod(pod, record),
            (Impairment::PacketLoss { .. }, Some(Struck::Link(link))) => self.lose_no_more(fault, link, record),
            (Impairment::LinkFlap { .. }, Some(Struck::Link(_))) => self.end_flapping(fault, record),
            (Impairment::ControlPlanePartition(_), Some(Struck::Node(node))) => self.join_control(node, record),
            (Impairment::Partition { .. }, _) => self.join(fault, record),
            (Impairment::ApiOutage, _) => self.regain_api(record),
            (Impairment::RegistryOutage, _) => self.regain_registry(record),
            (Impairment::DockerDaemon { .. }, Some(Struck::Node(node))) => self.start_daemon(node, record),
            (_, None) => {}
            (_, Some(_)) => unreachable!("a fault's victim is of the kind that its impairment asks for"),
        }
    }

    /// Something has changed about who reaches whom: nodes fall silent or are heard again.
    pub(super) fn review_contact(&mut self, record: RecordId) {
        for node in self.workers() {
            if !self.up[node.index()] {
                continue;
            }
            let checked = self.answers_checks(node);
            if !checked || self.is_kept_from_control(node) {
                self.fall_silent(node, record);
            } else if self.nodes[node.index()].silent.is_some() {
                self.be_heard(node, record);
            }
            if !checked {
                self.hide_containers(node, record);
            } else if self.nodes[node.index()].silent.is_some() {
                self.checks_pass_again(node, record);
            }
        }
    }

    /// Whether the kubelet or agent of a node that is up runs and reaches the control plane, which answers.
    pub(super) fn is_in_contact(&self, node: NodeId) -> bool {
        !self.is_kept_from_control(node) && self.answers_checks(node)
    }

    fn is_kept_from_control(&self, node: NodeId) -> bool {
        self.is_api_out() || self.impairments.of(node).is_some_and(|trouble| trouble.parted_by > 0)
    }

    /// Whether processes on a node that is up run and answer somebody who asks from the control plane's node.
    pub(super) fn answers_checks(&self, node: NodeId) -> bool {
        !self.hangs(node) && self.reaches_control_plane(node)
    }

    /// Keeps back what cannot happen now because the API server is away or a node hangs; true when it waits.
    #[inline]
    pub(super) fn is_held_back(&mut self, event: Event) -> bool {
        let hangs = self.impairments.hung > 0;
        (self.is_api_out() && self.waits_for_api(event))
            || (hangs && (self.waits_for_node(event) || self.waits_for_pod(event)))
    }

    /// The agents of a node lose the control plane.
    fn part_from_control(&mut self, node: NodeId, cause: RecordId) {
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.parted_by += 1;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::ControlPlaneLost { node });
        self.review_contact(record);
    }

    fn join_control(&mut self, node: NodeId, cause: RecordId) {
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.parted_by -= 1;
        if trouble.parted_by == 0 {
            let record = self.journal.write(self.agenda.now(), cause, 0, Body::ControlPlaneFound { node });
            self.review_contact(record);
        }
    }

    /// A flapping link turns.
    #[cold]
    pub(super) fn fault_goes_on(&mut self, fault: usize) {
        let Some((link, down)) = self.impairments.flaps.get(&fault).copied() else { return };
        let cause = self.fault_records[fault];
        if down {
            self.mend_link(link, cause);
        } else {
            self.cut_link(link, cause);
        }
        self.impairments.flaps.insert(fault, (link, !down));
        self.plan_flap(fault, !down);
    }

    fn begin_flapping(&mut self, fault: usize, link: LinkId) {
        self.impairments.flaps.insert(fault, (link, false));
        self.fault_goes_on(fault);
    }

    fn plan_flap(&mut self, fault: usize, down: bool) {
        let Effect::Impair(Impairment::LinkFlap { down: length, up, .. }) = self.model.faults[fault].kind.begin else {
            return;
        };
        let wait = if down { length } else { up };
        let event = Event::FaultGoesOn { fault: u32::try_from(fault).expect("faults number below 2^32") };
        self.agenda.after(wait, EventClass::Fault, event);
    }

    fn end_flapping(&mut self, fault: usize, cause: RecordId) {
        if let Some((link, true)) = self.impairments.flaps.remove(&fault) {
            self.mend_link(link, cause);
        }
    }
}
