//! What the files say, before anything is resolved: names are still names, and everything knows its place.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{Container, Protocol, Publish, RestartPolicy, ServiceKind, WorkloadKind};
use sim_core::model::budgets::Healthy;
use sim_core::model::lifecycle::{Termination, Updates};
use sim_core::model::service_traffic::ServiceTraffic;
use sim_core::model::units::Subnet;
use std::net::IpAddr;
use std::ops::Range;

use crate::diagnostics::Place;

/// All sources together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) workloads: Vec<DraftWorkload>,
    pub(crate) services: Vec<DraftService>,
    /// What stands side by side above because one entry of the scenario made it.
    pub(crate) groups: Vec<DraftGroup>,
    pub(crate) nodes: Vec<DraftNode>,
    pub(crate) budgets: Vec<DraftBudget>,
    /// What Ingresses send requests to; read for `init`, which looks for the way in.
    pub(crate) ingress_backends: Vec<DraftBackend>,
    /// Objects and compose services that are not imported, as `Kind/name`.
    pub(crate) skipped: Vec<String>,
}

/// The workloads and Services that one entry under `synthetic` has made, by their places.
#[derive(Clone, Debug)]
pub(crate) struct DraftGroup {
    pub(crate) name: String,
    pub(crate) workloads: Range<usize>,
    pub(crate) services: Range<usize>,
}

/// A Node object of a manifest.
#[derive(Clone, Debug)]
pub(crate) struct DraftNode {
    pub(crate) place: Place,
    pub(crate) name: String,
    /// `topology.kubernetes.io/zone`, or empty.
    pub(crate) zone: String,
    pub(crate) pod_cidr: Option<Subnet>,
    /// It belongs to the control plane and keeps workload away.
    pub(crate) control_plane: bool,
    /// Somebody cordoned it.
    pub(crate) unschedulable: bool,
}

/// A pod disruption budget.
#[derive(Clone, Debug)]
pub(crate) struct DraftBudget {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// Labels of the pods it means; without any, all of its namespace.
    pub(crate) selector: Vec<(String, String)>,
    pub(crate) healthy: Healthy,
    pub(crate) always_allow_unhealthy: bool,
}

/// A Service that an Ingress names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftBackend {
    pub(crate) ingress: String,
    pub(crate) namespace: String,
    pub(crate) service: String,
    /// Number or name of the Service's port.
    pub(crate) port: String,
}

/// The object that made another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// What a file says of whom a workload asks; nothing is guessed yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clues {
    /// Environment variables with their values.
    pub(crate) environment: Vec<(String, String)>,
    /// Words of commands and arguments.
    pub(crate) words: Vec<String>,
    /// Compose services that it waits for.
    pub(crate) depends_on: Vec<String>,
    /// Compose services with the names that it knows them by.
    pub(crate) links: Vec<(String, String)>,
}

/// A workload as its file has it.
#[derive(Clone, Debug)]
pub(crate) struct DraftWorkload {
    pub(crate) place: Place,
    pub(crate) kind: WorkloadKind,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) replicas: u32,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) containers: Vec<DraftContainer>,
    pub(crate) restart_policy: RestartPolicy,
    pub(crate) unreachable_toleration: Option<SimDuration>,
    pub(crate) template_hash: String,
    /// Labels of the object itself.
    pub(crate) own_labels: Vec<(String, String)>,
    /// How it is updated.
    pub(crate) updates: Updates,
    /// How its pods stop.
    pub(crate) termination: Termination,
    /// What its selector asks for that its own template must have.
    pub(crate) selector: Vec<(String, String)>,
    /// Its selector has `matchExpressions` too.
    pub(crate) selector_expressions: bool,
    /// Where the selector stands.
    pub(crate) selector_place: Place,
    /// `nodeName`, if the manifest binds the pod itself.
    pub(crate) node_name: Option<(Place, String)>,
    /// Published ports of a compose service; `None` for a manifest.
    pub(crate) published: Option<Vec<Publish>>,
    /// Docker networks that a compose service is in, in order; none for a manifest.
    pub(crate) networks: Vec<String>,
    /// The controller that made it, until `import::owners` has dealt with it.
    pub(crate) owner: Option<Owner>,
    /// Nodes of the pods that a dump of a cluster holds, in the order of their numbers or of the dump.
    pub(crate) pod_nodes: Vec<String>,
    /// No file holds it: `import::owners` made it from its pods.
    pub(crate) made_up: bool,
    pub(crate) clues: Clues,
}

impl DraftWorkload {
    /// `deployment/web`, as scenario files name it.
    pub(crate) fn reference(&self) -> String {
        format!("{}/{}", self.kind.reference(), self.name)
    }
}

/// A container with the places of its ports.
#[derive(Clone, Debug)]
pub(crate) struct DraftContainer {
    pub(crate) container: Container,
    pub(crate) port_places: Vec<Place>,
    /// The ports that its probes ask, with the places that say so.
    pub(crate) probe_places: Vec<(u16, Place)>,
}

/// The target of a Service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetPort {
    /// This port of each selected pod.
    Number(u16),
    /// The container port of this name.
    Name(String),
}

/// A port of a Service.
#[derive(Clone, Debug)]
pub(crate) struct DraftServicePort {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    pub(crate) node_port: Option<u16>,
    pub(crate) target: TargetPort,
}

/// A Service as its file has it.
#[derive(Clone, Debug)]
pub(crate) struct DraftService {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) kind: ServiceKind,
    pub(crate) cluster_ip: Option<IpAddr>,
    pub(crate) publish_not_ready_addresses: bool,
    /// Policies, affinity and the like.
    pub(crate) traffic: ServiceTraffic,
    /// Labels of the object itself.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) selector: Vec<(String, String)>,
    pub(crate) ports: Vec<DraftServicePort>,
}
