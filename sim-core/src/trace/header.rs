//! The head of a trace: what was run, and the names behind the numbers in its records.

use super::fields::{Field, Suffix, TemplateHash};
use crate::kernel::time::SimDuration;
use crate::model::Model;
use crate::model::application::{Target, WorkloadKind};
use crate::model::call::OnFailure;
use crate::model::call_graph::{Edge, Path, behind};
use crate::model::ids::{PodId, ServicePortId, SourceId, WorkloadId};
use crate::topology::NodeRole;

/// Version of the trace format; any change of a byte's meaning raises it.
pub const TRACE_FORMAT: u32 = 2;

/// A node's name in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// `worker`, `control-plane` or `external`.
    pub role: String,
}

/// A workload's name in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadName {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `deployment`, `statefulset`, ...
    pub kind: String,
    /// Template hash of a Deployment.
    pub template_hash: String,
    /// Labels of its pods, `key=value`.
    pub labels: Vec<String>,
    /// Number of containers in each pod.
    pub containers: u32,
    /// How many pods are wanted.
    pub replicas: u32,
}

/// A Service's name in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `type`.
    pub kind: String,
    /// The selector, `key=value`.
    pub selector: Vec<String>,
}

/// A Service port's name in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePortName {
    /// Number of its Service.
    pub service: u32,
    /// `port`.
    pub port: u16,
    /// Numbers of the workloads behind it.
    pub workloads: Vec<u32>,
}

/// The name of a traffic source, or of a path of calls below one, in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceName {
    /// Its name; of a path, the source and every call down to the last one.
    pub name: String,
    /// Number of the Service port it calls; `None` for a pod.
    pub service_port: Option<u32>,
    /// The path without its last call; `None` for a source.
    pub parent: Option<u32>,
    /// Number of its last edge: the source itself, or the call.
    pub edge: u32,
}

/// An edge of the call graph in a trace: a traffic source, or a call of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeName {
    /// Its name.
    pub name: String,
    /// The calling workload; `None` for a traffic source.
    pub caller: Option<u32>,
    /// Number of the Service port it calls; `None` for a pod.
    pub service_port: Option<u32>,
    /// The workload that it is meant for; `None` when nobody stands behind its target.
    pub workload: Option<u32>,
    /// 1 when its failure fails the caller's own request.
    pub fails_caller: u32,
}

/// What stands before the records of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceHeader {
    /// Version of podwire that made it.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// The effective scenario: file, includes and overrides, in canonical text.
    pub effective_scenario: String,
    /// Name of the arm.
    pub arm: String,
    /// Address model of the arm.
    pub model: String,
    /// Discovery of the arm.
    pub discovery: String,
    /// The seed.
    pub seed: u64,
    /// The run's duration.
    pub duration: SimDuration,
    /// Arrivals before this time are left out of the metrics.
    pub warm_up: SimDuration,
    /// Arrivals in the last stretch of this length are left out of the metrics.
    pub drain: SimDuration,
    /// Nodes by number.
    pub nodes: Vec<NodeName>,
    /// Links by number.
    pub links: Vec<String>,
    /// Workloads by number.
    pub workloads: Vec<WorkloadName>,
    /// Services by number.
    pub services: Vec<ServiceName>,
    /// Service ports by number.
    pub service_ports: Vec<ServicePortName>,
    /// Sources by number, then the paths of calls below them.
    pub sources: Vec<SourceName>,
    /// Edges of the call graph by number: the sources, then the workloads' calls.
    pub edges: Vec<EdgeName>,
    /// Faults by number, and after them the actions.
    pub faults: Vec<String>,
}

impl TraceHeader {
    /// The header of a run of `model`.
    pub fn new(model: &Model, scenario: &str, effective_scenario: &str, arm: &str) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.to_owned(),
            effective_scenario: effective_scenario.to_owned(),
            arm: arm.to_owned(),
            model: model.address_model.name().to_owned(),
            discovery: model.discovery.name().to_owned(),
            seed: model.seed,
            duration: model.duration,
            warm_up: model.warm_up,
            drain: model.drain,
            nodes: node_names(model),
            links: model.topology.links().iter().map(|link| link.name.clone()).collect(),
            workloads: workload_names(model),
            services: service_names(model),
            service_ports: service_port_names(model),
            sources: source_names(model),
            edges: edge_names(model),
            faults: disturbance_names(model),
        }
    }

    /// The name of a pod as kubectl shows it, from what its `pod-created` record says.
    pub fn pod_name(&self, workload: WorkloadId, ordinal: u32, suffix: Suffix) -> String {
        let Some(owner) = self.workloads.get(workload.index()) else { return format!("?-{ordinal}") };
        let (name, hash, suffix) = (&owner.name, &owner.template_hash, suffix.as_str());
        if owner.kind == WorkloadKind::Deployment.reference() {
            format!("{name}-{hash}-{suffix}")
        } else if owner.kind == WorkloadKind::StatefulSet.reference() {
            format!("{name}-{ordinal}")
        } else if suffix.is_empty() {
            name.clone()
        } else {
            format!("{name}-{suffix}")
        }
    }

    /// From here on pods of a workload are named with this template hash.
    pub fn use_template(&mut self, workload: WorkloadId, hash: TemplateHash) {
        if let Some(owner) = self.workloads.get_mut(workload.index()) {
            hash.as_str().clone_into(&mut owner.template_hash);
        }
    }

    /// `NAME:PORT` of a Service port.
    pub fn service_port_name(&self, id: ServicePortId) -> String {
        let Some(port) = self.service_ports.get(id.index()) else { return format!("?:{}", id.0) };
        let service = self.services.get(port.service as usize);
        format!("{}:{}", service.map_or("?", |service| service.name.as_str()), port.port)
    }

    /// Appends the canonical form: every field in order, texts and lists with a u32 length before them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"podwire\0");
        TRACE_FORMAT.encode_part(out);
        for text in [&self.version, &self.scenario, &self.effective_scenario, &self.arm, &self.model, &self.discovery] {
            text.encode_part(out);
        }
        out.extend_from_slice(&self.seed.to_le_bytes());
        for length in [self.duration, self.warm_up, self.drain] {
            out.extend_from_slice(&length.as_nanos().to_le_bytes());
        }
        self.nodes.encode_part(out);
        self.links.encode_part(out);
        self.workloads.encode_part(out);
        self.services.encode_part(out);
        self.service_ports.encode_part(out);
        self.sources.encode_part(out);
        self.edges.encode_part(out);
        self.faults.encode_part(out);
    }

    /// Reads a header and moves `input` past it; `None` when it is none, cut short or of another format.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let magic: [u8; 8] = super::fields::take(input)?;
        if &magic != b"podwire\0" || u32::decode(input)? != TRACE_FORMAT {
            return None;
        }
        Some(Self {
            version: Part::decode_part(input)?,
            scenario: Part::decode_part(input)?,
            effective_scenario: Part::decode_part(input)?,
            arm: Part::decode_part(input)?,
            model: Part::decode_part(input)?,
            discovery: Part::decode_part(input)?,
            seed: u64::decode(input)?,
            duration: SimDuration::from_nanos(u64::decode(input)?),
            warm_up: SimDuration::from_nanos(u64::decode(input)?),
            drain: SimDuration::from_nanos(u64::decode(input)?),
            nodes: Part::decode_part(input)?,
            links: Part::decode_part(input)?,
            workloads: Part::decode_part(input)?,
            services: Part::decode_part(input)?,
            service_ports: Part::decode_part(input)?,
            sources: Part::decode_part(input)?,
            edges: Part::decode_part(input)?,
            faults: Part::decode_part(input)?,
        })
    }
}

/// The name of pod number `pod`, for tables that were built from `pod-created` records.
pub fn pod_placeholder(pod: PodId) -> String {
    format!("pod#{}", pod.0)
}

/// A part of the header with a canonical form.
trait Part: Sized {
    fn encode_part(&self, out: &mut Vec<u8>);
    fn decode_part(input: &mut &[u8]) -> Option<Self>;
}

impl Part for u32 {
    fn encode_part(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        Self::decode(input)
    }
}

impl Part for u16 {
    fn encode_part(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        Self::decode(input)
    }
}

impl Part for Option<u32> {
    fn encode_part(&self, out: &mut Vec<u8>) {
        self.unwrap_or(u32::MAX).encode_part(out);
    }
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        let number = u32::decode(input)?;
        Some((number != u32::MAX).then_some(number))
    }
}

impl Part for String {
    fn encode_part(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).expect("a text of the header is below 4 GiB").encode_part(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        let length = u32::decode(input)? as usize;
        let (text, rest) = input.split_at_checked(length)?;
        *input = rest;
        Self::from_utf8(text.to_vec()).ok()
    }
}

impl<T: Part> Part for Vec<T> {
    fn encode_part(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).expect("a list of the header has fewer than 2^32 entries").encode_part(out);
        for entry in self {
            entry.encode_part(out);
        }
    }
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        let length = u32::decode(input)?;
        (0..length).map(|_| T::decode_part(input)).collect()
    }
}

macro_rules! parts {
    ($($name:ident { $($field:ident,)* })*) => {$(
        impl Part for $name {
            fn encode_part(&self, out: &mut Vec<u8>) {
                $(self.$field.encode_part(out);)*
            }
            fn decode_part(input: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Part::decode_part(input)?,)* })
            }
        }
    )*};
}

parts! {
    NodeName { name, zone, role, }
    WorkloadName { name, namespace, kind, template_hash, labels, containers, replicas, }
    ServiceName { name, namespace, kind, selector, }
    ServicePortName { service, port, workloads, }
    SourceName { name, service_port, parent, edge, }
    EdgeName { name, caller, service_port, workload, fails_caller, }
}

fn node_names(model: &Model) -> Vec<NodeName> {
    let name = |node: &crate::topology::Node| NodeName {
        name: node.name.clone(),
        zone: node.zone.clone(),
        role: match node.role {
            NodeRole::Worker => "worker",
            NodeRole::ControlPlane => "control-plane",
            NodeRole::External => "external",
        }
        .to_owned(),
    };
    model.topology.nodes().iter().map(name).collect()
}

fn pairs(labels: &[(String, String)]) -> Vec<String> {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn workload_names(model: &Model) -> Vec<WorkloadName> {
    let name = |workload: &crate::model::application::Workload| WorkloadName {
        name: workload.name.clone(),
        namespace: workload.namespace.clone(),
        kind: workload.kind.reference().to_owned(),
        template_hash: workload.template_hash.clone(),
        labels: pairs(&workload.labels),
        containers: u32::try_from(workload.containers.len()).unwrap_or(u32::MAX),
        replicas: workload.replicas,
    };
    model.workloads.iter().map(name).collect()
}

fn service_names(model: &Model) -> Vec<ServiceName> {
    let name = |service: &crate::model::application::Service| ServiceName {
        name: service.name.clone(),
        namespace: service.namespace.clone(),
        kind: service.kind.type_name().to_owned(),
        selector: pairs(&service.selector),
    };
    model.services.iter().map(name).collect()
}

fn service_port_names(model: &Model) -> Vec<ServicePortName> {
    let name = |port: &crate::model::application::ServicePort| ServicePortName {
        service: port.service.0,
        port: port.port,
        workloads: port.backends.iter().map(|(workload, _)| workload.0).collect(),
    };
    model.service_ports.iter().map(name).collect()
}

/// Faults, and after them actions.
fn disturbance_names(model: &Model) -> Vec<String> {
    let faults = model.faults.iter().map(|fault| fault.name.clone());
    faults.chain(model.actions.iter().map(|action| action.name.clone())).collect()
}

fn port_of(target: Target) -> Option<u32> {
    match target {
        Target::Service(port) => Some(port.0),
        Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => None,
    }
}

/// The workload that a target means; of several Services none, so that readers look for each request's own.
fn workload_of(model: &Model, target: Target) -> Option<u32> {
    match target {
        Target::Services { .. } => None,
        Target::Service(_) | Target::Pod { .. } | Target::Address { .. } => {
            behind(target, &model.service_ports).first().map(|workload| workload.0)
        }
    }
}

fn source_names(model: &Model) -> Vec<SourceName> {
    let graph = model.graph();
    let name = |(path, definition): (usize, &Path)| SourceName {
        name: graph.path_name(SourceId::from_index(path)),
        service_port: port_of(graph.edges[definition.edge as usize].call.to),
        parent: definition.parent.map(|parent| parent.0),
        edge: definition.edge,
    };
    graph.paths.iter().enumerate().map(name).collect()
}

fn edge_names(model: &Model) -> Vec<EdgeName> {
    let name = |edge: &Edge| EdgeName {
        name: edge.name.clone(),
        caller: edge.caller.map(|caller| caller.0),
        service_port: port_of(edge.call.to),
        workload: workload_of(model, edge.call.to),
        fails_caller: u32::from(edge.on_failure == OnFailure::Fail),
    };
    model.graph().edges.iter().map(name).collect()
}
