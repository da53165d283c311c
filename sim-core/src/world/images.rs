//! Images on nodes: the first pod of an image on a node waits for the pull, one pull at a time (D19); later ones do not.

use std::collections::BTreeMap;

use super::World;
use super::event::Control;
use super::state::PodState;
use crate::kernel::time::SimTime;
use crate::model::ids::{NodeId, PodId, WorkloadId};
use crate::trace::Body;

/// The images of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    /// When each image is there, by workload and its number among the workload's images.
    there: BTreeMap<(WorkloadId, u32), SimTime>,
    /// When the last pull ends.
    free_at: SimTime,
}

impl Images {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.there.len()
    }
}

impl World {
    /// Starts the containers of a placed pod, once their image is on its node.
    pub(super) fn pull_and_start(&mut self, pod: PodId) {
        let now = self.agenda.now();
        let there = self.image_is_there(pod);
        if there <= now {
            return self.start_containers(pod);
        }
        let id = self.control_event(there.since(now), Control::ImagePulled, pod.0);
        let state = &mut self.pods[pod.index()];
        (state.state, state.pulling, state.life_event) = (PodState::Starting, true, Some(id));
    }

    /// When a pod's image is on its node, pulled for it if need be.
    fn image_is_there(&mut self, pod: PodId) -> SimTime {
        let state = &self.pods[pod.index()];
        let (workload, node) = (state.workload, state.node.expect("a starting pod has a node"));
        let length = self.model.workload(workload).behaviour.image_pull_time;
        let now = self.agenda.now();
        if length.is_zero() {
            return now;
        }
        let image = self.controllers[workload.index()].image_of(state.revision);
        let images = &mut self.nodes[node.index()].images;
        if let Some(there) = images.there.get(&(workload, image)) {
            return *there;
        }
        images.free_at = images.free_at.max(now) + length;
        images.there.insert((workload, image), images.free_at);
        images.free_at
    }

    /// What ran on a node at the start needs no pull there.
    pub(super) fn image_was_there(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        if let Some(node) = state.node {
            self.nodes[node.index()].images.there.insert((state.workload, 0), SimTime::ZERO);
        }
    }

    /// A machine that stops keeps what it has, and forgets what it was pulling.
    pub(super) fn pulls_break_off(&mut self, node: NodeId) {
        let now = self.agenda.now();
        let images = &mut self.nodes[node.index()].images;
        images.there.retain(|_, there| *there <= now);
        images.free_at = now;
    }

    /// A pod's image is there.
    pub(super) fn image_pulled(&mut self, pod: PodId) {
        let state = &mut self.pods[pod.index()];
        state.pulling = false;
        let (cause, node) = (state.record, state.node.expect("a starting pod has a node"));
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::ImagePulled { pod, node });
        self.pods[pod.index()].record = record;
        self.start_containers(pod);
        self.die_if_hunted(pod);
    }
}
