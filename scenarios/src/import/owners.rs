//! What controllers made: a dump of a running cluster holds pods and `ReplicaSet`s beside the Deployments they
//! belong to, and they must not count twice. Knows no scenario.

use sim_core::model::application::WorkloadKind;

use crate::diagnostics::Sink;
use crate::diagnostics::codes::{LEFT_OUT, MADE_UP};
use crate::draft::{Draft, DraftWorkload, Owner};

/// The label by which a Deployment's pods tell its `ReplicaSet`s apart.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// Labels that controllers put on pods.
const LABELS_OF_CONTROLLERS: [&str; 5] = [
    TEMPLATE_HASH,
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
];

/// Turns pods and `ReplicaSet`s with an owner into places of the owner's pods, and leaves out what the nodes of
/// the control plane run.
pub(crate) fn settle(draft: &mut Draft, sink: &mut Sink) {
    let (owned, free): (Vec<_>, Vec<_>) =
        std::mem::take(&mut draft.workloads).into_iter().partition(|workload| workload.owner.is_some());
    draft.workloads = free;
    let (sets, mut pods): (Vec<_>, Vec<_>) = owned.into_iter().partition(|made| made.kind != WorkloadKind::Pod);
    let mut of_deployments = Vec::new();
    for mut set in sets {
        match set.owner.take() {
            Some(owner) if find(draft, WorkloadKind::Deployment, &set.namespace, &owner.name).is_some() => {
                of_deployments.push((set.namespace, set.name, owner.name));
            }
            _ => draft.workloads.push(set),
        }
    }
    pods.sort_by_key(ordinal);
    for mut pod in pods {
        let Some(owner) = pod.owner.take() else { continue };
        let set = of_deployments.iter().find(|(space, set, _)| (space, set) == (&pod.namespace, &owner.name));
        match set {
            Some((_, _, deployment)) => {
                let deployment = deployment.clone();
                join(draft, WorkloadKind::Deployment, &deployment, pod, sink);
            }
            None => settle_pod(draft, pod, &owner, sink),
        }
    }
    leave_out_of_control_plane(draft, sink);
}

fn settle_pod(draft: &mut Draft, pod: DraftWorkload, owner: &Owner, sink: &mut Sink) {
    match owner.kind.as_str() {
        "ReplicaSet" => {
            let hash = pod.labels.iter().find(|(key, _)| key == TEMPLATE_HASH).map(|(_, hash)| format!("-{hash}"));
            match hash.and_then(|hash| owner.name.strip_suffix(&hash)) {
                Some(deployment) if find(draft, WorkloadKind::ReplicaSet, &pod.namespace, &owner.name).is_none() => {
                    join(draft, WorkloadKind::Deployment, deployment, pod, sink);
                }
                _ => join(draft, WorkloadKind::ReplicaSet, &owner.name, pod, sink),
            }
        }
        "StatefulSet" => join(draft, WorkloadKind::StatefulSet, &owner.name, pod, sink),
        "DaemonSet" => join(draft, WorkloadKind::DaemonSet, &owner.name, pod, sink),
        "ReplicationController" => join(draft, WorkloadKind::ReplicationController, &owner.name, pod, sink),
        "Job" => {
            let message = format!("the pod belongs to Job {}, and Jobs are not modelled", owner.name);
            sink.report(LEFT_OUT, &pod.place, message);
            draft.skipped.push(format!("Pod/{} of a Job", pod.name));
        }
        // A node's own static pod, or one of a controller that podwire does not know.
        _ => draft.workloads.push(pod),
    }
}

/// Counts a pod as one of its controller's, which is made up when the dump does not hold it.
fn join(draft: &mut Draft, kind: WorkloadKind, name: &str, mut pod: DraftWorkload, sink: &mut Sink) {
    let node = pod.node_name.take().map(|(_, node)| node);
    let index = find(draft, kind, &pod.namespace, name).unwrap_or_else(|| {
        let message = format!("{}/{name} is not in the files, so it is made up from its pods", kind.reference());
        sink.report(MADE_UP, &pod.place, message);
        pod.labels.retain(|(key, _)| !LABELS_OF_CONTROLLERS.contains(&key.as_str()));
        let unreachable_toleration = pod.unreachable_toleration.filter(|_| kind != WorkloadKind::DaemonSet);
        let made_up = DraftWorkload { kind, name: name.to_owned(), replicas: 0, unreachable_toleration, ..pod };
        draft.workloads.push(DraftWorkload { made_up: true, ..made_up });
        draft.workloads.len() - 1
    });
    let workload = &mut draft.workloads[index];
    workload.replicas += u32::from(workload.made_up);
    workload.pod_nodes.extend(node);
}

fn find(draft: &Draft, kind: WorkloadKind, namespace: &str, name: &str) -> Option<usize> {
    let same = |other: &DraftWorkload| (other.kind, &*other.namespace, &*other.name) == (kind, namespace, name);
    draft.workloads.iter().position(same)
}

/// The number at the end of a `StatefulSet`'s pod, so that its pods come in their order; 0 for others.
fn ordinal(pod: &DraftWorkload) -> u32 {
    let of_stateful_set = pod.owner.as_ref().is_some_and(|owner| owner.kind == "StatefulSet");
    let number = pod.name.rsplit('-').next().and_then(|number| number.parse().ok());
    number.filter(|_| of_stateful_set).unwrap_or(0)
}

fn leave_out_of_control_plane(draft: &mut Draft, sink: &mut Sink) {
    let Draft { nodes, workloads, skipped, .. } = draft;
    workloads.retain(|workload| {
        let Some((_, name)) = &workload.node_name else { return true };
        let stays = !nodes.iter().any(|node| node.control_plane && node.name == *name);
        if !stays {
            let message = format!("node {name} belongs to the control plane, which hosts no workload here");
            sink.report(LEFT_OUT, &workload.place, message);
            skipped.push(format!("Pod/{} of node {name}", workload.name));
        }
        stays
    });
}
