//! Events under port mapping, in the words of `docker events`: what each host's daemon does to a container. Knows no
//! Kubernetes; an orchestrator's view of hosts is told as that of a cluster's nodes.

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::words::ExitReason;
use sim_core::trace::{Body, Record};

use super::ClusterState;
use super::events::{About, Said, Weight, pod_about};

/// What a record says; `None` when no daemon tells of it.
#[allow(clippy::wildcard_enum_match_arm)] // only what a daemon or an orchestrator tells of
pub(super) fn of(state: &ClusterState, record: &Record) -> Option<Said> {
    match record.body {
        Body::PodScheduled { pod, .. } => container(state, pod, Weight::Normal, "create", "container create"),
        Body::ContainerStarted { pod, .. } => container(state, pod, Weight::Normal, "start", "container start"),
        Body::ContainerExited { pod, reason, .. } => of_exit(state, pod, reason),
        Body::StopSignal { pod } => container(state, pod, Weight::Normal, "kill", "container kill (signal=15)"),
        Body::PodGone { pod } => container(state, pod, Weight::Normal, "destroy", "container destroy"),
        Body::ImagePulled { pod, .. } => container(state, pod, Weight::Normal, "pull", "image pull"),
        Body::PortConflict { pod, host_port, .. } => {
            let message = format!("Bind for 0.0.0.0:{host_port} failed: port is already allocated");
            container(state, pod, Weight::Warning, "error", &message)
        }
        Body::NodeNotReady { node } => Some(host(state, node, "down", "the orchestrator counts the host as lost")),
        Body::NodeReady { node } => Some(host(state, node, "ready", "the orchestrator hears of the host again")),
        _ => None,
    }
}

fn of_exit(state: &ClusterState, pod: PodId, reason: ExitReason) -> Option<Said> {
    // A host that stops takes its daemon along, which can tell nothing.
    let (weight, code) = match reason {
        ExitReason::NodeDown => return None,
        ExitReason::Killed => (Weight::Warning, 137),
        ExitReason::AddressInUse => (Weight::Warning, 1),
        ExitReason::Removed | ExitReason::Stopped => (Weight::Normal, 0),
    };
    container(state, pod, weight, "die", &format!("container die (exitCode={code})"))
}

fn container(state: &ClusterState, pod: PodId, weight: Weight, reason: &'static str, message: &str) -> Option<Said> {
    let about = About { kind: "container", ..pod_about(state, pod)? };
    let node = state.pods.get(pod.0).and_then(|pod| pod.node);
    let from = node.map_or_else(|| "dockerd".to_owned(), |node| format!("dockerd, {}", state.node_name(node)));
    Some(Said { weight, reason, about, from, message: message.to_owned() })
}

fn host(state: &ClusterState, node: NodeId, reason: &'static str, message: &str) -> Said {
    let about = About { kind: "node", namespace: "default".to_owned(), name: state.node_name(node).to_owned() };
    let weight = if reason == "down" { Weight::Warning } else { Weight::Normal };
    Said { weight, reason, about, from: "orchestrator".to_owned(), message: message.to_owned() }
}
