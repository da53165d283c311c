//! Faults carried out: their victims found, links cut, nodes out of the control plane's reach.

use super::World;
use super::event::Event;
use super::state::appended;
use crate::faults::Effect;
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimTime;
use crate::model::ids::{FaultId, LinkId, NodeId, PodId, VertexId, WorkloadId};
use crate::model::parameters::Victim;
use crate::topology::NodeRole;
use crate::trace::words::DeleteReason;
use crate::trace::{Body, RecordId};

/// Whom a fault hit, kept for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Struck {
    Node(NodeId),
    Pod(PodId),
    Link(LinkId),
    ZoneOf(NodeId),
}

impl World {
    #[cold]
    pub(super) fn fault_begins(&mut self, fault: usize) {
        let definition = self.model.faults[fault].clone();
        let now = self.agenda.now();
        let body = Body::FaultStarted { fault: FaultId::from_index(fault) };
        let record = self.journal.write(now, 0, 0, body);
        self.fault_records[fault] = record;
        let effect = definition.kind.begin;
        self.disturbances.struck[fault] = effect.victim().and_then(|victim| self.find(victim));
        match (&effect, self.disturbances.struck[fault]) {
            (Effect::Impair(impairment), struck) => self.impair(fault, impairment, struck, record),
            (effect, Some(struck)) => self.apply(fault, effect, struck, record),
            (_, None) => {}
        }
        let drawn = self.begin_occurrence(fault);
        if definition.kind.end.is_none() {
            return self.fault_ends(fault);
        }
        let Some(length) = drawn.or(definition.length).or(definition.kind.default_length) else { return };
        if length.is_zero() {
            return self.fault_ends(fault);
        }
        let end = self.agenda.now().saturating_add(length);
        self.disturbances.ends[fault] = Some(self.agenda.at_cancellable(end, EventClass::Fault, ends(fault)));
    }

    #[cold]
    pub(super) fn fault_ends(&mut self, fault: usize) {
        let cause = self.fault_records[fault];
        let body = Body::FaultEnded { fault: FaultId::from_index(fault) };
        let record = self.journal.write(self.agenda.now(), cause, 0, body);
        match (self.model.faults[fault].kind.end.clone(), self.disturbances.struck[fault]) {
            (Some(Effect::Restore(impairment)), struck) => self.restore(fault, &impairment, struck, record),
            (Some(effect), Some(struck)) => self.apply(fault, &effect, struck, record),
            (None, _) | (_, None) => {}
        }
        self.plan_occurrence(fault);
    }

    /// The end of a fault lies elsewhere, since its model is another one.
    pub(super) fn move_end(&mut self, fault: usize, end: SimTime) {
        let moved = self.disturbances.ends[fault].and_then(|id| self.agenda.move_to(id, end, ends(fault)));
        self.disturbances.ends[fault] = moved;
    }

    pub(super) fn find(&self, victim: Victim) -> Option<Struck> {
        match victim {
            Victim::Node(node) => Some(Struck::Node(node)),
            Victim::Link(link) => Some(Struck::Link(link)),
            Victim::ZoneOf(node) => Some(Struck::ZoneOf(node)),
            Victim::PodOf { workload, index } => {
                self.pods_of(workload).nth(index as usize).map(|(pod, _)| Struck::Pod(pod))
            }
            Victim::NodeHosting { workload, index } => {
                self.pods_of(workload).nth(index as usize).map(|(_, node)| Struck::Node(node))
            }
        }
    }

    /// The placed pods of a workload in order of creation, first those that are not deleted, then those that are but whose
    /// objects are still there, and their nodes.
    fn pods_of(&self, workload: WorkloadId) -> impl Iterator<Item = (PodId, NodeId)> {
        let of = move |deleted: bool| {
            let pods = self.whereabouts.of_workload(workload).iter().copied();
            let pods = pods.filter(move |pod| self.pods[pod.index()].deleted == deleted);
            pods.filter_map(|pod| Some((pod, self.pods[pod.index()].node?)))
        };
        of(false).chain(of(true))
    }

    fn apply(&mut self, fault: usize, effect: &Effect, struck: Struck, cause: RecordId) {
        match (effect, struck) {
            (_, Struck::ZoneOf(node)) => {
                for node in self.zone_of(node) {
                    self.apply(fault, effect, Struck::Node(node), cause);
                }
            }
            (Effect::StopNode(_), Struck::Node(node)) => {
                self.nodes[node.index()].stopped_by += 1;
                self.stop_node(node, cause);
            }
            (Effect::StartNode(_), Struck::Node(node)) => {
                self.nodes[node.index()].stopped_by -= 1;
                if self.nodes[node.index()].stopped_by == 0 {
                    self.start_node(node, cause);
                }
            }
            (Effect::RemovePod(_), Struck::Pod(pod)) => self.remove_pod(pod, DeleteReason::Fault, cause),
            (Effect::KillContainers(_), Struck::Pod(pod)) => {
                let state = &mut self.pods[pod.index()];
                state.killers = appended(&state.killers, cause);
                self.kill_processes(pod, cause);
            }
            (Effect::SpareContainers(_), Struck::Pod(pod)) => {
                let begun = self.fault_records[fault];
                let state = &mut self.pods[pod.index()];
                state.killers = state.killers.iter().copied().filter(|killer| *killer != begun).collect();
            }
            (Effect::CutLink(_), Struck::Link(link)) => self.cut_link(link, cause),
            (Effect::MendLink(_), Struck::Link(link)) => self.mend_link(link, cause),
            (
                Effect::StopNode(_)
                | Effect::StartNode(_)
                | Effect::RemovePod(_)
                | Effect::KillContainers(_)
                | Effect::SpareContainers(_)
                | Effect::CutLink(_)
                | Effect::MendLink(_)
                | Effect::Impair(_)
                | Effect::Restore(_),
                _,
            ) => unreachable!("a fault's victim is of the kind that its effect asks for"),
        }
    }

    /// All workers in the zone of one.
    fn zone_of(&self, node: NodeId) -> Vec<NodeId> {
        let zone = &self.model.topology.node(node).zone;
        self.workers().into_iter().filter(|other| self.model.topology.node(*other).zone == *zone).collect()
    }

    pub(super) fn cut_link(&mut self, link: LinkId, cause: RecordId) {
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::LinkDown { link });
        let state = &mut self.wires.links[link.index()];
        state.cut_by += 1;
        state.cut_at = Some(self.agenda.now());
        state.mended_at = None;
        state.record = record;
        self.set_cut(link, Some(record));
        self.targets_move(record);
        self.review_contact(record);
    }

    fn set_cut(&mut self, link: LinkId, cut: Option<RecordId>) {
        self.wires.directions[link.index() * 2].set_cut(cut);
        self.wires.directions[link.index() * 2 + 1].set_cut(cut);
    }

    pub(super) fn mend_link(&mut self, link: LinkId, cause: RecordId) {
        let state = &mut self.wires.links[link.index()];
        state.cut_by -= 1;
        if state.cut_by > 0 {
            return;
        }
        state.mended_at = Some(self.agenda.now());
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::LinkUp { link });
        self.set_cut(link, None);
        self.targets_move(record);
        self.review_contact(record);
    }

    /// The registry's checker gets no answer from a host that it cannot reach.
    pub(super) fn hide_containers(&mut self, node: NodeId, record: RecordId) {
        for pod in self.pods_on(node) {
            self.watch_failures(pod, record, true);
        }
    }

    pub(super) fn workers(&self) -> Vec<NodeId> {
        self.model.topology.with_role(NodeRole::Worker).collect()
    }

    /// Whether a path of whole links joins a node and the first control-plane node; true without one.
    pub(super) fn reaches_control_plane(&self, node: NodeId) -> bool {
        let Some(control) = self.model.topology.with_role(NodeRole::ControlPlane).next() else { return true };
        self.reaches(node, control)
    }

    /// Whether a path of whole links joins two nodes, and no partition parts them in either direction.
    pub(super) fn reaches(&self, node: NodeId, other: NodeId) -> bool {
        if self.parted(node, other).is_some() || self.parted(other, node).is_some() {
            return false;
        }
        let graph = self.model.topology.graph();
        let mut seen = vec![false; graph.node_count()];
        let mut open = vec![node.index()];
        while let Some(vertex) = open.pop() {
            if vertex == other.index() {
                return true;
            }
            let forwards = vertex == node.index() || self.model.topology.is_switch(VertexId::from_index(vertex));
            if std::mem::replace(&mut seen[vertex], true) || !forwards {
                continue;
            }
            for edge in graph.edges(petgraph::graph::NodeIndex::new(vertex)) {
                use petgraph::visit::EdgeRef;
                if self.wires.directions[edge.weight().index() * 2].cut().is_none() {
                    let ends = [edge.source().index(), edge.target().index()];
                    open.extend(ends.into_iter().filter(|end| *end != vertex));
                }
            }
        }
        false
    }
}

fn ends(fault: usize) -> Event {
    Event::FaultEnds { fault: u32::try_from(fault).expect("faults number below 2^32") }
}
