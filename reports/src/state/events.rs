//! Events as a cluster's components tell them, made of control-plane records: who says what of which object, how often.
//! The words are those of Kubernetes 1.34 where it has an event for the change; a record without one makes none.

use std::collections::BTreeMap;

use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::ids::{NodeId, PodId, WorkloadId};
use sim_core::trace::words::{DeleteReason, ExitReason, PendingReason, ProbeKind};
use sim_core::trace::{Body, Record};

use super::rows::Spaced;
use super::table::{Cell, Row};
use super::{ClusterState, Query, docker_events};

/// `--event-ttl` of the API server: an event is forgotten so long after it was last told.
const TIME_TO_LIVE: SimDuration = SimDuration::from_secs(3_600);

/// How much an event asks to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Normal,
    Warning,
}

impl Weight {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct About {
    /// `pod`, `node`, `replicaset`, ...
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// One thing that somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) weight: Weight,
    pub(super) reason: &'static str,
    pub(super) about: About,
    /// The component that says it.
    pub(super) from: String,
    pub(super) message: String,
}

/// The same thing said once or more often.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) said: Said,
    pub(super) first: SimTime,
    pub(super) last: SimTime,
    pub(super) count: u64,
    /// Number of the record that first told it.
    pub(super) id: u64,
}

impl Event {
    /// The name that the API would give it: the object's, and a number.
    pub(super) fn name(&self) -> String {
        format!("{}.{:016x}", self.said.about.name, self.id)
    }
}

/// Every event of a run so far.
#[derive(Clone, Debug, Default)]
pub(super) struct EventLog {
    events: Vec<Event>,
    /// Where the same thing of the same object stands already.
    known: BTreeMap<(About, &'static str, String), usize>,
    /// How many pods of its template each workload wanted last.
    wanted: BTreeMap<(WorkloadId, u32), u32>,
}

impl EventLog {
    /// Takes in what a record says, which `state` knows already; false when that is nothing.
    pub(super) fn take(&mut self, state: &ClusterState, record: &Record) -> bool {
        let said = if state.is_docker() { docker_events::of(state, record) } else { self.of(state, record) };
        let Some(said) = said else { return false };
        let key = (said.about.clone(), said.reason, said.message.clone());
        if let Some(event) = self.known.get(&key).and_then(|place| self.events.get_mut(*place)) {
            (event.last, event.count) = (record.time, event.count + 1);
        } else {
            self.known.insert(key, self.events.len());
            self.events.push(Event { said, first: record.time, last: record.time, count: 1, id: record.id });
        }
        true
    }

    /// Events that are not forgotten at `at`, the last told last.
    pub(super) fn at(&self, at: SimTime) -> Vec<&Event> {
        let mut events: Vec<&Event> = self.events.iter().filter(|event| at.since(event.last) <= TIME_TO_LIVE).collect();
        events.sort_by_key(|event| (event.last, event.id));
        events
    }

    #[allow(clippy::wildcard_enum_match_arm)] // only what a component tells of
    fn of(&mut self, state: &ClusterState, record: &Record) -> Option<Said> {
        match record.body {
            Body::NodeRegistered { node, .. }
            | Body::NodeNotReady { node }
            | Body::NodeReady { node }
            | Body::NodeCordoned { node }
            | Body::NodeUncordoned { node }
            | Body::NodeUp { node } => Some(of_node(state, node, &record.body)),
            Body::ReplicasWanted { workload, revision, replicas } => {
                let before = self.wanted.insert((workload, revision), replicas).unwrap_or(0);
                of_size(state, workload, before, replicas)
            }
            Body::PodCreated { pod, .. } => of_controller(state, pod, true),
            Body::PodDeleted { pod, reason } => of_deletion(state, pod, reason),
            Body::PodScheduled { pod, .. }
            | Body::PodPending { pod, .. }
            | Body::ImagePulled { pod, .. }
            | Body::ContainerStarted { pod, .. }
            | Body::ContainerExited { pod, .. }
            | Body::PodNotReady { pod }
            | Body::StopSignal { pod }
            | Body::ProbeFailed { pod, .. }
            | Body::PortConflict { pod, .. } => of_pod(state, pod, &record.body),
            _ => None,
        }
    }
}

fn said(weight: Weight, reason: &'static str, about: About, from: &str, message: String) -> Said {
    Said { weight, reason, about, from: from.to_owned(), message }
}

/// What is said of a node.
#[allow(clippy::wildcard_enum_match_arm)] // the caller has the list
fn of_node(state: &ClusterState, node: NodeId, body: &Body) -> Said {
    let name = state.node_name(node).to_owned();
    let about = About { kind: "node", namespace: "default".to_owned(), name: name.clone() };
    let status = |reason: &'static str, from: &str| {
        said(Weight::Normal, reason, about.clone(), from, format!("Node {name} status is now: {reason}"))
    };
    match body {
        Body::NodeNotReady { .. } => status("NodeNotReady", "node-controller"),
        Body::NodeReady { .. } => status("NodeReady", "kubelet"),
        Body::NodeCordoned { .. } => status("NodeNotSchedulable", "kubelet"),
        Body::NodeUncordoned { .. } => status("NodeSchedulable", "kubelet"),
        Body::NodeUp { .. } => {
            said(Weight::Warning, "Rebooted", about, "kubelet", format!("Node {name} has been rebooted"))
        }
        _ => {
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            said(Weight::Normal, "RegisteredNode", about, "node-controller", message)
        }
    }
}

/// A Deployment's ReplicaSet gets another size.
fn of_size(state: &ClusterState, workload: WorkloadId, before: u32, replicas: u32) -> Option<Said> {
    let owner = state.header.workloads.get(workload.index()).filter(|owner| owner.kind == "deployment")?;
    let about = About { kind: "deployment", namespace: owner.namespace.clone(), name: owner.name.clone() };
    let way = if replicas >= before { "up" } else { "down" };
    let message = format!("Scaled {way} replica set of {} from {before} to {replicas}", owner.name);
    (before != replicas).then(|| said(Weight::Normal, "ScalingReplicaSet", about, "deployment-controller", message))
}

/// Who made a pod: kind and name of its controller, if it has one.
pub(super) fn controller(kind: &str, workload: &str, pod: &str) -> Option<(&'static str, &'static str, String)> {
    match kind {
        // A pod of a Deployment is its ReplicaSet's, whose name is the pod's without its own suffix.
        "deployment" => {
            let (set, _) = pod.rsplit_once('-')?;
            Some(("replicaset", "ReplicaSet", set.to_owned()))
        }
        "replicaset" => Some(("replicaset", "ReplicaSet", workload.to_owned())),
        "replicationcontroller" => Some(("replicationcontroller", "ReplicationController", workload.to_owned())),
        "statefulset" => Some(("statefulset", "StatefulSet", workload.to_owned())),
        "daemonset" => Some(("daemonset", "DaemonSet", workload.to_owned())),
        _ => None,
    }
}

/// A controller makes a pod or takes one away.
fn of_controller(state: &ClusterState, pod: PodId, made: bool) -> Option<Said> {
    let (name, owner) = names(state, pod)?;
    let (kind, _, controller) = controller(&owner.kind, &owner.name, name)?;
    let about = About { kind, namespace: owner.namespace.clone(), name: controller };
    let (reason, verb) = if made { ("SuccessfulCreate", "Created") } else { ("SuccessfulDelete", "Deleted") };
    let message = match (kind, made) {
        ("statefulset", true) => format!("create Pod {name} in StatefulSet {} successful", owner.name),
        ("statefulset", false) => format!("delete Pod {name} in StatefulSet {} successful", owner.name),
        _ => format!("{verb} pod: {name}"),
    };
    Some(said(Weight::Normal, reason, about, &format!("{kind}-controller"), message))
}

fn of_deletion(state: &ClusterState, pod: PodId, reason: DeleteReason) -> Option<Said> {
    match reason {
        DeleteReason::ScaledDown | DeleteReason::Updated => of_controller(state, pod, false),
        DeleteReason::TaintEviction => {
            let about = pod_about(state, pod)?;
            let message = format!("Marking for deletion Pod {}/{}", about.namespace, about.name);
            Some(said(Weight::Normal, "TaintManagerEviction", about, "taint-eviction-controller", message))
        }
        DeleteReason::Fault
        | DeleteReason::HostLost
        | DeleteReason::Finalised
        | DeleteReason::Requested
        | DeleteReason::Drained => None,
    }
}

/// A pod's name and whose it is.
pub(super) fn names(state: &ClusterState, pod: PodId) -> Option<(&str, &sim_core::trace::header::WorkloadName)> {
    let (workload, name) = state.pods.get(pod.0)?.name.as_ref()?;
    Some((name, state.header.workloads.get(workload.index())?))
}

pub(super) fn pod_about(state: &ClusterState, pod: PodId) -> Option<About> {
    let (name, owner) = names(state, pod)?;
    Some(About { kind: "pod", namespace: owner.namespace.clone(), name: name.to_owned() })
}

/// What the scheduler, the kubelet and the node controller say of a pod.
#[allow(clippy::wildcard_enum_match_arm)] // the caller has the list
fn of_pod(state: &ClusterState, pod: PodId, body: &Body) -> Option<Said> {
    let about = pod_about(state, pod)?;
    let node = state.pods.get(pod.0).and_then(|pod| pod.node);
    let kubelet = node.map_or_else(|| "kubelet".to_owned(), |node| format!("kubelet, {}", state.node_name(node)));
    let by_kubelet =
        |weight, reason, message: &str| Some(said(weight, reason, about.clone(), &kubelet, message.to_owned()));
    match *body {
        Body::PodScheduled { node, .. } => {
            let message =
                format!("Successfully assigned {}/{} to {}", about.namespace, about.name, state.node_name(node));
            Some(said(Weight::Normal, "Scheduled", about, "default-scheduler", message))
        }
        Body::PodPending { reason, .. } => Some(of_pending(state, about, &kubelet, reason)),
        Body::ImagePulled { .. } => by_kubelet(Weight::Normal, "Pulled", "Successfully pulled image"),
        Body::ContainerStarted { container, .. } => {
            by_kubelet(Weight::Normal, "Started", &format!("Started container{}", which(state, pod, container)))
        }
        Body::ContainerExited { container, reason: ExitReason::Killed | ExitReason::AddressInUse, .. } => {
            let exits = state.pods.get(pod.0).and_then(|pod| pod.containers.get(&container))?.exits;
            let message = format!("Back-off restarting failed container{}", which(state, pod, container));
            if exits > 1 { by_kubelet(Weight::Warning, "BackOff", &message) } else { None }
        }
        Body::PodNotReady { .. } => {
            let lost = node.and_then(|node| state.nodes.get(node.0)).is_some_and(|node| node.not_ready);
            let message = "Node is not ready".to_owned();
            lost.then(|| said(Weight::Warning, "NodeNotReady", about, "node-controller", message))
        }
        Body::StopSignal { .. } => by_kubelet(Weight::Normal, "Killing", "Stopping containers"),
        Body::ProbeFailed { probe, .. } => {
            let which = match probe {
                ProbeKind::Startup => "Startup",
                ProbeKind::Liveness => "Liveness",
                ProbeKind::Readiness => "Readiness",
            };
            by_kubelet(Weight::Warning, "Unhealthy", &format!("{which} probe failed"))
        }
        Body::PortConflict { host_port, .. } => {
            let message = format!("Error: Bind for 0.0.0.0:{host_port} failed: port is already allocated");
            by_kubelet(Weight::Warning, "Failed", &message)
        }
        _ => None,
    }
}

/// Which of several containers: a trace knows no names of them.
fn which(state: &ClusterState, pod: PodId, container: u8) -> String {
    match names(state, pod) {
        Some((_, owner)) if owner.containers > 1 => format!(" {} of {}", u32::from(container) + 1, owner.containers),
        _ => String::new(),
    }
}

fn of_pending(state: &ClusterState, about: About, kubelet: &str, reason: PendingReason) -> Said {
    let nodes = state.nodes.iter().filter(|(_, node)| node.registered.is_some()).count();
    let why = match reason {
        PendingReason::NoNode => "no node is left for it",
        PendingReason::HostPort => "node(s) didn't have free ports for the requested pod ports",
        PendingReason::TooManyPods => "Too many pods",
        PendingReason::NoAddress => {
            let message = "Failed to create pod sandbox: no IP addresses available in range set".to_owned();
            return said(Weight::Warning, "FailedCreatePodSandBox", about, kubelet, message);
        }
        PendingReason::NoHostPort => {
            let message = "Error: all dynamic host ports are in use".to_owned();
            return said(Weight::Warning, "Failed", about, kubelet, message);
        }
    };
    let message = format!("0/{nodes} nodes are available: {why}.");
    said(Weight::Warning, "FailedScheduling", about, "default-scheduler", message)
}

/// LAST SEEN TYPE REASON OBJECT MESSAGE, wide: SOURCE before it, FIRST SEEN COUNT NAME after it.
pub(super) fn rows(state: &ClusterState, query: &Query) -> Spaced {
    let titles = if query.wide {
        vec!["LAST SEEN", "TYPE", "REASON", "OBJECT", "SOURCE", "MESSAGE", "FIRST SEEN", "COUNT", "NAME"]
    } else {
        vec!["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    };
    let row = |event: &Event| {
        let said = &event.said;
        let mut cells = vec![Cell::Since(event.last), Cell::text(said.weight.word()), Cell::text(said.reason)];
        cells.push(Cell::Text(format!("{}/{}", said.about.kind, said.about.name)));
        if query.wide {
            cells.push(Cell::text(&said.from));
        }
        cells.push(Cell::text(&said.message));
        if query.wide {
            cells.extend([Cell::Since(event.first), Cell::Times(event.count, None), Cell::Text(event.name())]);
        }
        (said.about.namespace.clone(), Row { name: event.name(), id: event.id, cells })
    };
    (titles, selected(state, query).into_iter().map(row).collect())
}

/// Events of the namespace that a query asks for. Events have no labels here.
pub(super) fn selected<'a>(state: &'a ClusterState, query: &Query) -> Vec<&'a Event> {
    let all = state.log.as_ref().map(|log| log.at(state.at)).unwrap_or_default();
    let fits = |event: &&Event| query.has_namespace(&event.said.about.namespace) && query.labels.is_empty();
    all.into_iter().filter(fits).collect()
}
