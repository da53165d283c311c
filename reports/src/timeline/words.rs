//! What a record says, in words.

use sim_core::trace::Body;
use sim_core::trace::words::{DeleteReason, ExitReason, PendingReason};

use super::impairments;
use crate::trace_io::Names;

/// Seconds with three places: `105.901s`.
pub(crate) fn seconds(ns: u64) -> String {
    let ms = (u128::from(ns) + 500_000) / 1_000_000;
    format!("{}.{:03}s", ms / 1_000, ms % 1_000)
}

/// What a control-plane record says. The pattern is complete, so that a new kind asks for its words here.
pub(crate) fn what(body: &Body, names: &Names) -> String {
    match *body {
        Body::PlanApplied {} => "the initial plan".to_owned(),
        Body::FaultStarted { fault: id } | Body::ActionStarted { action: id } => format!("{} begins", names.fault(id)),
        Body::FaultEnded { fault } => format!("{} ends", names.fault(fault)),
        Body::ActionCompleted { action } => format!("{} is done", names.fault(action)),
        Body::NodeDown { .. }
        | Body::NodeUp { .. }
        | Body::NodeNotReady { .. }
        | Body::NodeReady { .. }
        | Body::NodeTainted { .. }
        | Body::NodeCordoned { .. }
        | Body::NodeUncordoned { .. }
        | Body::ConntrackFull { .. } => of_node(body, names),
        Body::ServiceDeleted { service } => names.service(service),
        Body::TemplateUsed { .. } | Body::ReplicasWanted { .. } => of_workload(body, names),
        Body::NodeRegistered { node, address, subnet } => format!("{} {address}, {subnet}", names.node(node)),
        Body::LinkDown { link } | Body::LinkUp { link } => names.link(link),
        Body::NodeHung { .. }
        | Body::NodeResumed { .. }
        | Body::NodeSpeed { .. }
        | Body::PodHung { .. }
        | Body::PodResumed { .. } => impairments::of_pace(body, names),
        Body::ProxyStalled { .. } | Body::ProxyResumed { .. } => impairments::of_rules(body, names),
        Body::LinkLoss { link, a_to_b, b_to_a } => impairments::loss(&names.link(link), a_to_b, b_to_a),
        Body::ControlPlaneLost { .. } | Body::ControlPlaneFound { .. } => impairments::of_contact(body, names),
        Body::ServiceCreated { service, cluster_ip } => format!("{} {cluster_ip}", names.service(service)),
        Body::NodePortAllocated { .. }
        | Body::EndpointAdded { .. }
        | Body::EndpointRemoved { .. }
        | Body::EndpointTerminating { .. }
        | Body::RegistryAdded { .. }
        | Body::RegistryRemoved { .. }
        | Body::ProxySynced { .. }
        | Body::CheckFailed { .. }
        | Body::ClientConfigured { .. }
        | Body::AddressWritten { .. }
        | Body::TargetUnhealthy { .. }
        | Body::TargetHealthy { .. }
        | Body::AddressEjected { .. } => of_addresses(body, names),
        Body::LimitReached { limit } => format!("the limit of {limit} is reached"),
        Body::PodCreated { .. }
        | Body::PodScheduled { .. }
        | Body::PodPending { .. }
        | Body::AddressAssigned { .. }
        | Body::ContainerStarted { .. }
        | Body::ContainerExited { .. }
        | Body::PodReady { .. }
        | Body::PodNotReady { .. }
        | Body::PodDeleted { .. }
        | Body::PodGone { .. }
        | Body::StopSignal { .. }
        | Body::ProbeFailed { .. }
        | Body::EvictionRefused { .. }
        | Body::ImagePulled { .. }
        | Body::PortPublished { .. }
        | Body::PortReleased { .. }
        | Body::PortConflict { .. } => of_pod(body, names),
        #[rustfmt::skip] // a list of names, packed
        Body::RequestArrived { .. } | Body::RequestEnded { .. } | Body::RequestRetried { .. }
        | Body::RequestHedged { .. } | Body::NameResolved { .. } | Body::ConnectionReused { .. }
        | Body::ConnectionOpened { .. } | Body::ConnectionAccepted { .. } | Body::ResponseSent { .. }
        | Body::ConnectionClosed { .. } | Body::SegmentSent { .. } | Body::SegmentDropped { .. }
        | Body::SegmentReceived { .. } | Body::SocketOpened { .. } | Body::BackendOffered { .. }
        | Body::BackendChosen { .. } | Body::AddressTranslated { .. } | Body::ConntrackEntered { .. }
        | Body::ConntrackPeak { .. } | Body::WindowCut { .. } | Body::FlowOpened { .. } | Body::ConntrackDeleted { .. } => String::new(),
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // `what` is the complete list
fn of_node(body: &Body, names: &Names) -> String {
    match *body {
        Body::NodeDown { node } => format!("{} stops", names.node(node)),
        Body::NodeUp { node } => format!("{} has booted", names.node(node)),
        Body::NodeNotReady { node } => format!("{} has been silent for too long", names.node(node)),
        Body::NodeReady { node } => format!("{} is heard again", names.node(node)),
        Body::ConntrackFull { node, entries } => format!("{} takes no more than {entries}", names.node(node)),
        Body::NodeCordoned { node } => format!("{} takes no new pods", names.node(node)),
        Body::NodeUncordoned { node } => format!("{} takes new pods again", names.node(node)),
        Body::NodeTainted { node } => format!("{} node.kubernetes.io/unreachable:NoExecute", names.node(node)),
        _ => String::new(),
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // `what` is the complete list
fn of_workload(body: &Body, names: &Names) -> String {
    match *body {
        Body::TemplateUsed { workload, hash } => format!("{} {}", names.workload(workload), hash.as_str()),
        Body::ReplicasWanted { workload, revision, replicas } => {
            format!("{} template {revision}: {replicas}", names.workload(workload))
        }
        _ => String::new(),
    }
}

/// What is said of the addresses that rules, registries and clients hold.
#[allow(clippy::wildcard_enum_match_arm)] // `what` is the complete list
fn of_addresses(body: &Body, names: &Names) -> String {
    match *body {
        Body::NodePortAllocated { service_port, node_port } => {
            format!("{} on port {node_port} of every node", names.service_port(service_port))
        }
        Body::EndpointAdded { service_port, address, port, version, .. }
        | Body::RegistryAdded { service_port, address, port, version, .. } => {
            format!("{} gains {address}:{port} (version {version})", names.service_port(service_port))
        }
        Body::EndpointTerminating { service_port, address, port, version, .. } => {
            let name = names.service_port(service_port);
            format!("{name} keeps {address}:{port} for want of others only (version {version})")
        }
        Body::EndpointRemoved { service_port, address, port, version, .. }
        | Body::RegistryRemoved { service_port, address, port, version, .. } => {
            format!("{} loses {address}:{port} (version {version})", names.service_port(service_port))
        }
        Body::ProxySynced { node, version } => format!("{} has version {version} in its rules", names.node(node)),
        Body::CheckFailed { service_port, pod } => {
            format!("{} of {} counts as failed", names.pod(pod), names.service_port(service_port))
        }
        Body::ClientConfigured { client, addresses, version, .. } => {
            format!("{} knows {addresses} addresses (version {version})", names.client(client))
        }
        Body::AddressWritten { client, address, port, .. } => {
            format!("{} wrote down {address}:{port}", names.client(client))
        }
        Body::TargetUnhealthy { source, address, port } => {
            format!("the load balancer of {} takes {address}:{port} out", names.source(source))
        }
        Body::TargetHealthy { source, address, port } => {
            format!("the load balancer of {} takes {address}:{port} in", names.source(source))
        }
        Body::AddressEjected { client, address, port, until, .. } => {
            format!("{} leaves {address}:{port} out until {}", names.client(client), seconds(until))
        }
        _ => String::new(),
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // `what` is the complete list
fn of_pod(body: &Body, names: &Names) -> String {
    match *body {
        Body::PodCreated { pod, workload, .. } => format!("{} for {}", names.pod(pod), names.workload(workload)),
        Body::PodScheduled { pod, node } => format!("{} to {}", names.pod(pod), names.node(node)),
        Body::ImagePulled { pod, node } => format!("{} has the image of {}", names.node(node), names.pod(pod)),
        Body::PodPending { pod, reason } => format!("{}: {}", names.pod(pod), pending(reason)),
        Body::AddressAssigned { pod, address } => format!("{} gets {address}", names.pod(pod)),
        Body::ContainerExited { pod, reason, .. } => format!("{}: {}", names.pod(pod), exited(reason)),
        Body::PodDeleted { pod, reason } => format!("{}: {}", names.pod(pod), deleted(reason)),
        Body::PortPublished { pod, node, container_port, host_port } => {
            format!("{}:{host_port} -> {}:{container_port}", names.node(node), names.pod(pod))
        }
        Body::PortReleased { pod, node, host_port } => {
            format!("{}:{host_port} no longer leads to {}", names.node(node), names.pod(pod))
        }
        Body::PortConflict { pod, host_port, holder, .. } => format!(
            "{}: Bind for 0.0.0.0:{host_port} failed: port is already allocated (by {})",
            names.pod(pod),
            names.pod(holder)
        ),
        Body::ProbeFailed { pod, probe, .. } => format!("{}: its {} probe fails", names.pod(pod), probe.word()),
        Body::EvictionRefused { pod, healthy, wanted } => format!(
            "{} stays: Cannot evict pod as it would violate the pod's disruption budget ({healthy} healthy, {wanted} wanted)",
            names.pod(pod)
        ),
        Body::ContainerStarted { pod, .. }
        | Body::PodReady { pod }
        | Body::PodNotReady { pod }
        | Body::StopSignal { pod }
        | Body::PodGone { pod } => names.pod(pod),
        _ => String::new(),
    }
}

fn pending(reason: PendingReason) -> &'static str {
    match reason {
        PendingReason::NoNode => "no node is left for it",
        PendingReason::HostPort => "no node has its host port free",
        PendingReason::TooManyPods => "every node is full",
        PendingReason::NoAddress => "the node has no address left",
        PendingReason::NoHostPort => "the host has no dynamic port left",
    }
}

fn exited(reason: ExitReason) -> &'static str {
    match reason {
        ExitReason::Killed => "its processes are killed",
        ExitReason::AddressInUse => "its port is taken inside its pod (EADDRINUSE)",
        ExitReason::NodeDown => "its machine stopped",
        ExitReason::Removed => "its pod is removed",
        ExitReason::Stopped => "it ended after SIGTERM",
    }
}

fn deleted(reason: DeleteReason) -> &'static str {
    match reason {
        DeleteReason::TaintEviction => "evicted from its unreachable node",
        DeleteReason::Fault => "deleted by the fault",
        DeleteReason::HostLost => "given up with its host",
        DeleteReason::Finalised => "finished off when its machine came back",
        DeleteReason::Requested => "somebody asked for it",
        DeleteReason::ScaledDown => "its controller has too many",
        DeleteReason::Updated => "a newer one takes its place",
        DeleteReason::Drained => "its node is drained",
    }
}
