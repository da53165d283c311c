//! What the controllers of workloads want, and one pass of each: how many pods, of which template.
//! At the start everything is as wanted; a controller passes again once an action has changed something.

use super::World;
use super::event::{Control, Event};
use crate::control::rollout::{Counted, bounds, step};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::application::{Workload, WorkloadKind};
use crate::model::ids::{PodId, WorkloadId};
use crate::model::lifecycle::UpdateStrategy;
use crate::model::settings::AddressModelKind;
use crate::trace::fields::TemplateHash;
use crate::trace::{Body, RecordId};

/// One template of a workload's pods: a Deployment's ReplicaSet, or a controller revision.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Its hash in pods' names.
    hash: TemplateHash,
    /// How many pods are to be made from it.
    pub wanted: u32,
    /// The record that said so.
    pub record: RecordId,
    /// The controller has not seen it yet.
    fresh: bool,
    /// Pods of the next batch (D21).
    pub batch: u32,
    /// The ReplicaSet controller will look at it.
    pub sync_planned: bool,
    /// The number of its image among the workload's.
    image: u32,
}

/// A workload's controller.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// How many pods are wanted (a DaemonSet: one per worker).
    pub replicas: u32,
    /// In order of creation; the last is the one that new pods should have.
    pub templates: Vec<Template>,
    /// The action that changed it last; 0 before any did.
    pub changed: RecordId,
    /// What it saw last.
    pub trigger: RecordId,
    /// The template whose hash new pods' names carry now.
    named: u32,
    /// Somebody has asked for another number of containers (port mapping).
    pub resized: bool,
    /// The container that is being replaced, or that replaces one (port mapping).
    pub swapping: Option<PodId>,
}

impl Controller {
    /// The controller of a workload as its manifest has it.
    pub(super) fn new(workload: &Workload) -> Self {
        let hash = TemplateHash::of(&workload.template_hash);
        let first = Template { hash, wanted: 0, record: 0, fresh: false, batch: 1, sync_planned: false, image: 0 };
        Self { replicas: 0, templates: vec![first], changed: 0, trigger: 0, named: 0, resized: false, swapping: None }
    }

    /// So many pods stand at the start.
    pub(super) fn start(&mut self, pods: u32) {
        self.replicas = pods;
        self.templates[0].wanted = pods;
    }

    /// The hash of the newest template.
    pub(super) fn newest_hash(&self) -> TemplateHash {
        self.templates.last().expect("a workload has a template").hash
    }

    /// The number of the newest template.
    pub(super) fn newest(&self) -> u32 {
        u32::try_from(self.templates.len() - 1).expect("templates number below 2^32")
    }

    /// From now on new pods should be made from another template.
    pub(super) fn add_template(&mut self, hash: TemplateHash, other_image: bool) {
        let image = self.image_of(self.newest()) + u32::from(other_image);
        self.templates.push(Template { hash, wanted: 0, record: 0, fresh: true, batch: 1, sync_planned: false, image });
    }

    /// The number of a template's image among the workload's.
    pub(super) fn image_of(&self, revision: u32) -> u32 {
        self.templates[revision as usize].image
    }
}

impl World {
    /// An action has changed what a workload should be: its controller hears of it.
    pub(super) fn ask_controller(&mut self, workload: WorkloadId, record: RecordId) {
        let controller = &mut self.controllers[workload.index()];
        controller.changed = record;
        controller.trigger = record;
        self.reconcile_after(workload, self.model.cluster.controller_latency);
    }

    /// Something has changed about the pods of a workload; a Deployment hears it through its ReplicaSet's status.
    pub(super) fn controller_sees(&mut self, workload: WorkloadId, record: RecordId) {
        let wait = self.time_to_controller(workload);
        let controller = &mut self.controllers[workload.index()];
        if controller.changed != 0 {
            controller.trigger = record;
            self.reconcile_after(workload, wait);
        }
    }

    /// A pod has become ready; it counts as available once it has been so for long enough.
    pub(super) fn controller_sees_ready(&mut self, pod: PodId, record: RecordId) {
        let workload = self.pods[pod.index()].workload;
        self.controller_sees(workload, record);
        let min_ready = self.min_ready(workload);
        if !min_ready.is_zero() && self.controllers[workload.index()].changed != 0 {
            self.reconcile_after(workload, min_ready + self.time_to_controller(workload));
        }
    }

    fn time_to_controller(&self, workload: WorkloadId) -> SimDuration {
        let latency = self.model.cluster.controller_latency;
        let through_status = self.model.workload(workload).kind == WorkloadKind::Deployment
            && self.model.address_model == AddressModelKind::FlatPodIp;
        if through_status { latency * 2 } else { latency }
    }

    pub(super) fn reconcile_after(&mut self, workload: WorkloadId, wait: SimDuration) {
        let event = Event::Control { kind: Control::Reconcile, subject: workload.0, detail: 0 };
        self.agenda.after(wait, EventClass::Control, event);
    }

    /// One pass of a workload's controller.
    pub(super) fn reconcile(&mut self, workload: WorkloadId) {
        let kind = self.model.workload(workload).kind;
        match (self.model.address_model, kind) {
            (AddressModelKind::PortMapping, _) => self.recreate_in_turn(workload),
            (_, WorkloadKind::Deployment) => self.deployment_pass(workload),
            (_, WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController) => {
                let replicas = self.controllers[workload.index()].replicas;
                if self.want(workload, 0, replicas) {
                    self.sync_replicas(workload, 0);
                }
            }
            (_, WorkloadKind::StatefulSet) => self.stateful_pass(workload),
            (_, WorkloadKind::DaemonSet) => self.daemon_pass(workload),
            (_, WorkloadKind::Pod) => {}
        }
        self.check_goals();
    }

    /// A Deployment's controller gives every `ReplicaSet` its size (D20).
    fn deployment_pass(&mut self, workload: WorkloadId) {
        let strategy = self.model.workload(workload).updates.strategy;
        let controller = &self.controllers[workload.index()];
        let replicas = controller.replicas;
        let fresh = controller.templates.last().is_some_and(|newest| newest.fresh);
        let sizes = match bounds(strategy, replicas) {
            Some(bounds) => step(replicas, bounds, &self.counted(workload), fresh),
            None => self.recreated(workload),
        };
        if let Some(newest) = self.controllers[workload.index()].templates.last_mut() {
            newest.fresh = false;
        }
        let mut changed = false;
        for (revision, size) in (0_u32..).zip(sizes) {
            changed |= self.want(workload, revision, size);
        }
        if changed {
            self.reconcile_after(workload, self.model.cluster.controller_latency);
        }
    }

    fn counted(&self, workload: WorkloadId) -> Vec<Counted> {
        let templates = &self.controllers[workload.index()].templates;
        let counted = (0_u32..).zip(templates).map(|(revision, template)| {
            let pods = self.active_pods(workload).filter(|pod| self.pods[pod.index()].revision == revision);
            let available = pods.filter(|pod| self.is_available(*pod)).count();
            Counted { wanted: template.wanted, available: u32::try_from(available).unwrap_or(u32::MAX) }
        });
        counted.collect()
    }

    /// `Recreate`: the old sizes first, and the newest once no old pod is left, not even a terminating one.
    fn recreated(&self, workload: WorkloadId) -> Vec<u32> {
        let controller = &self.controllers[workload.index()];
        let mut sizes = vec![0; controller.templates.len()];
        let newest = sizes.len() - 1;
        let old_pod = |pod: &PodId| self.pods[pod.index()].revision != controller.newest();
        let waits = controller.templates[..newest].iter().any(|old| old.wanted > 0)
            || self.whereabouts.of_workload(workload).iter().any(old_pod);
        sizes[newest] = if waits { controller.templates[newest].wanted } else { controller.replicas };
        sizes
    }

    /// Sets how many pods of a template are wanted; false when that is so already.
    fn want(&mut self, workload: WorkloadId, revision: u32, replicas: u32) -> bool {
        let controller = &self.controllers[workload.index()];
        let (cause, because) = (controller.trigger, controller.changed);
        if controller.templates[revision as usize].wanted == replicas {
            return false;
        }
        let body = Body::ReplicasWanted { workload, revision, replicas };
        let record = self.journal.write(self.agenda.now(), cause, because, body);
        let template = &mut self.controllers[workload.index()].templates[revision as usize];
        template.wanted = replicas;
        template.record = record;
        self.plan_sync(workload, revision);
        true
    }

    /// New pods' names carry the hash of their template from here on.
    pub(super) fn name_after(&mut self, workload: WorkloadId, revision: u32, cause: RecordId, because: RecordId) {
        let controller = &mut self.controllers[workload.index()];
        if controller.named != revision {
            controller.named = revision;
            let hash = controller.templates[revision as usize].hash;
            self.journal.write(self.agenda.now(), cause, because, Body::TemplateUsed { workload, hash });
        }
    }

    fn min_ready(&self, workload: WorkloadId) -> SimDuration {
        match self.model.address_model {
            AddressModelKind::FlatPodIp => self.model.workload(workload).updates.min_ready,
            AddressModelKind::PortMapping => SimDuration::ZERO,
        }
    }

    /// Ready for long enough.
    pub(super) fn is_available(&self, pod: PodId) -> bool {
        let state = &self.pods[pod.index()];
        state.ready && !state.deleted && self.agenda.now() >= state.ready_since + self.min_ready(state.workload)
    }

    /// The template of the pod that a workload lacks now that `old` is gone; `None` when it lacks none.
    pub(super) fn missing_template(&self, old: PodId) -> Option<u32> {
        let state = &self.pods[old.index()];
        let (workload, controller) = (state.workload, &self.controllers[state.workload.index()]);
        let in_cluster = self.model.address_model == AddressModelKind::FlatPodIp;
        let count = |revision: Option<u32>| {
            let active = self.active_pods(workload).map(|pod| self.pods[pod.index()].revision);
            active.filter(|other| revision.is_none_or(|revision| revision == *other)).count()
        };
        match self.kind_of(old) {
            WorkloadKind::Deployment | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController if in_cluster => {
                let wanted = controller.templates[state.revision as usize].wanted;
                (count(Some(state.revision)) < wanted as usize).then_some(state.revision)
            }
            WorkloadKind::StatefulSet => {
                let taken = self.active_pods(workload).any(|pod| self.pods[pod.index()].ordinal == state.ordinal);
                let template = self.template_of_ordinal(workload, state.ordinal);
                (state.ordinal < controller.replicas && !taken).then_some(template)
            }
            WorkloadKind::DaemonSet if in_cluster => Some(controller.newest()),
            WorkloadKind::Deployment
            | WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController
            | WorkloadKind::DaemonSet
            | WorkloadKind::Pod => (count(None) < controller.replicas as usize).then_some(controller.newest()),
        }
    }

    /// What `kubectl rollout status` waits for.
    pub(super) fn is_rolled_out(&self, workload: WorkloadId) -> bool {
        if self.model.workload(workload).updates.strategy == UpdateStrategy::OnDelete {
            return true;
        }
        let controller = &self.controllers[workload.index()];
        let mut pods = self.active_pods(workload);
        let newest = pods.all(|pod| {
            let state = &self.pods[pod.index()];
            state.revision == self.template_of_ordinal(workload, state.ordinal) && self.is_available(pod)
        });
        // Plain Docker replaces only what is there.
        let complete = self.model.address_model == AddressModelKind::PortMapping
            || self.active_pods(workload).count() == controller.replicas as usize;
        newest && complete && controller.swapping.is_none()
    }

    /// As many pods as wanted are there, and the ones that are not have gone.
    pub(super) fn is_scaled(&self, workload: WorkloadId) -> bool {
        let leaving = self.whereabouts.of_workload(workload).iter().any(|pod| self.pods[pod.index()].deleted);
        let active = self.active_pods(workload).filter(|pod| self.is_available(*pod)).count();
        !leaving && active == self.controllers[workload.index()].replicas as usize
    }
}
