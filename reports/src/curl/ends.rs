//! The two ends of a connection as people name them: `deployment/curl#0`, `pod/NAME`, `node/NAME`, `external`;
//! `service/NAME:PORT`, a name, an address. Knows what stands at the connection's time, not how it goes.

use std::net::IpAddr;

use sim_core::model::application::{Origin, Target};
use sim_core::model::ids::{NodeId, PodId, ServiceId};
use sim_core::model::settings::AddressModelKind;

use super::lookup::{Lookup, in_cluster, ports_of};
use super::places::{Places, Pod};

/// Why an end is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndError {
    /// A name that nothing has.
    Unknown {
        /// What is not there, with its name.
        message: String,
        /// The part of it that was looked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Something else.
    Other(String),
}

/// Where a connection starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// For the model.
    pub origin: Origin,
    /// The pod, unless a node itself asks.
    pub pod: Option<PodId>,
    /// The node.
    pub node: NodeId,
    /// The name as it is shown.
    pub name: String,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// For the model; nothing when the name leads nowhere.
    pub target: Option<Target>,
    /// How its name was looked up, if it is one.
    pub lookup: Option<Lookup>,
    /// The pod that was named.
    pub meant: Option<PodId>,
}

fn other<T>(message: String) -> Result<T, EndError> {
    Err(EndError::Other(message))
}

fn unknown<T>(what: &str, name: &str, known: Vec<String>) -> Result<T, EndError> {
    Err(EndError::Unknown { message: format!("there is no {what} `{name}`"), name: name.to_owned(), known })
}

/// Reads where a connection starts.
pub fn start(text: &str, places: &Places) -> Result<Start, EndError> {
    if text == "external" {
        let outside = places.header().nodes.iter().position(|node| node.role == "external");
        return match outside {
            Some(index) => Ok(at_node(NodeId::from_index(index), places)),
            None => other("no node stands outside; --set topology.external=true makes one".to_owned()),
        };
    }
    if let Some(name) = text.strip_prefix("node/") {
        let node = node(name, places)?;
        if places.nodes.get(node.0).is_some_and(|node| node.down) {
            return other(format!("node `{name}` is down at {}", places.until));
        }
        return Ok(at_node(node, places));
    }
    let Some(pod) = pod(text, places)? else {
        return other(format!("`{text}` is no place; write deployment/NAME[#i], pod/NAME, node/NAME or external"));
    };
    let name = places.names.pod(pod);
    let up = |pod: &&Pod| pod.node.and_then(|node| places.nodes.get(node.0)).is_some_and(|node| !node.down);
    let state = places.pods.get(pod.0).filter(|pod| pod.runs()).filter(up);
    let Some((state, (workload, ordinal))) = state.and_then(|state| Some((state, state.of?))) else {
        return other(format!("pod `{name}` does not run at {}, so nothing can start there", places.until));
    };
    let Some(node) = state.node else { return other(format!("pod `{name}` has no node at {}", places.until)) };
    Ok(Start { origin: Origin::Pod { workload, ordinal }, pod: Some(pod), node, name })
}

fn at_node(node: NodeId, places: &Places) -> Start {
    let outside = places.header().nodes.get(node.index()).is_some_and(|known| known.role == "external");
    let origin = if outside { Origin::External(node) } else { Origin::Node(node) };
    Start { origin, pod: None, node, name: places.names.node(node) }
}

/// Reads where a connection goes.
pub fn goal(text: &str, start: &Start, places: &Places) -> Result<Goal, EndError> {
    let (path, port) = match text.rsplit_once(':') {
        Some((path, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => (path, Some(port)),
            _ => return other(format!("`{port}` is no port; write a number from 1 to 65535")),
        },
        None => (text, None),
    };
    if let Some(name) = path.strip_prefix("service/").or_else(|| path.strip_prefix("svc/")) {
        let target = service_target(service(name, places)?, port, places)?;
        return Ok(Goal { target: Some(target), lookup: None, meant: None });
    }
    if !path.contains('/') && path.parse::<IpAddr>().is_err() {
        return named(path, port, start, places);
    }
    let Some(port) = port else { return other(format!("`{text}` says no port; write {text}:PORT")) };
    let (address, port, meant) = if let Ok(address) = path.parse::<IpAddr>() {
        (address, port, None)
    } else if let Some(name) = path.strip_prefix("node/") {
        let node = node(name, places)?;
        let address = places.nodes.get(node.0).and_then(|node| node.address);
        (address.ok_or_else(|| EndError::Other(format!("node `{name}` has no address")))?, port, None)
    } else {
        let Some(pod) = pod(path, places)? else {
            let forms = "service/NAME, a name, pod/NAME, deployment/NAME#i, node/NAME or an address, each with :PORT";
            return other(format!("`{text}` is no target; write {forms}"));
        };
        let (address, port) = dialled(pod, port, places)?;
        (address, port, Some(pod))
    };
    let docker = places.header().model == AddressModelKind::PortMapping.name();
    if address.is_loopback() && (start.pod.is_some() || !docker) {
        return other(format!("{address} is the client itself, which podwire does not follow"));
    }
    Ok(Goal { target: Some(Target::Address { address, port }), lookup: None, meant })
}

/// A plain name: what the client asks, and the Service that it finds.
fn named(name: &str, port: Option<u16>, start: &Start, places: &Places) -> Result<Goal, EndError> {
    let header = places.header();
    let outside = start.pod.is_none();
    let flat = header.model == AddressModelKind::FlatPodIp.name();
    if flat && outside {
        let lookup = Some(Lookup::Unknown { name: name.to_owned() });
        return Ok(Goal { target: None, lookup, meant: None });
    }
    let owner = start.pod.and_then(|pod| places.pods.get(pod.0)?.of);
    let owner = owner.and_then(|(workload, _)| header.workloads.get(workload.index()));
    let namespace = owner.map_or("default", |owner| owner.namespace.as_str());
    let (queries, found) = in_cluster(name, namespace, places);
    let Some(service) = found else {
        // A name that no Service has is a slip, whoever asks.
        return unknown("Service", name, header.services.iter().map(|service| service.name.clone()).collect());
    };
    let lookup = if flat && header.discovery == "service" {
        Lookup::ClusterDns { queries }
    } else {
        Lookup::OwnList { discovery: header.discovery.clone() }
    };
    Ok(Goal { target: Some(service_target(service, port, places)?), lookup: Some(lookup), meant: None })
}

fn service_target(service: ServiceId, port: Option<u16>, places: &Places) -> Result<Target, EndError> {
    let ports = ports_of(service, places);
    let found = match port {
        Some(wanted) => ports.iter().find(|(port, _)| *port == wanted),
        None if ports.len() == 1 => ports.first(),
        None => None,
    };
    if let Some((_, id)) = found {
        return Ok(Target::Service(*id));
    }
    let name = places.names.service(service);
    // What a clusterIP does when a port is dialled that its Service lacks is a question of its own.
    if let (Some(port), Some(address)) = (port, places.cluster_ips.get(&service)) {
        return Ok(Target::Address { address: *address, port });
    }
    let known: Vec<String> = ports.iter().map(|(port, _)| port.to_string()).collect();
    other(format!("Service `{name}` wants a port of {}", known.join(", ")))
}

fn service(text: &str, places: &Places) -> Result<ServiceId, EndError> {
    let (namespace, name) = text.split_once('/').map_or((None, text), |(namespace, name)| (Some(namespace), name));
    let services = &places.header().services;
    let found = services
        .iter()
        .position(|service| service.name == name && namespace.is_none_or(|namespace| service.namespace == namespace));
    match found {
        Some(index) => Ok(ServiceId::from_index(index)),
        None => unknown("Service", text, services.iter().map(|service| service.name.clone()).collect()),
    }
}

fn node(name: &str, places: &Places) -> Result<NodeId, EndError> {
    let nodes = &places.header().nodes;
    match nodes.iter().position(|node| node.name == name) {
        Some(index) => Ok(NodeId::from_index(index)),
        None => unknown("node", name, nodes.iter().map(|node| node.name.clone()).collect()),
    }
}

/// A pod by its own name, or by its place among the pods of its workload; nothing for another form of text.
fn pod(text: &str, places: &Places) -> Result<Option<PodId>, EndError> {
    let Some((kind, rest)) = text.split_once('/') else { return Ok(None) };
    if kind == "pod" {
        let found = places.existing().find(|(pod, _)| places.names.pod(*pod) == rest);
        return match found {
            Some((pod, _)) => Ok(Some(pod)),
            None => unknown("pod", rest, places.existing().map(|(pod, _)| places.names.pod(pod)).collect()),
        };
    }
    let (reference, place) = rest.split_once('#').unwrap_or((rest, "0"));
    let Ok(place) = place.parse::<usize>() else { return other(format!("`#{place}` is no place of a pod")) };
    let (namespace, name) = reference.split_once('/').map_or((None, reference), |(ns, name)| (Some(ns), name));
    let workloads = &places.header().workloads;
    let wanted = workloads.iter().position(|workload| {
        workload.kind == kind
            && workload.name == name
            && namespace.is_none_or(|namespace| workload.namespace == namespace)
    });
    let Some(wanted) = wanted else {
        let known = workloads.iter().map(|workload| format!("{}/{}", workload.kind, workload.name));
        return unknown("workload", &format!("{kind}/{reference}"), known.collect());
    };
    let of_workload =
        |(_, pod): &(PodId, &Pod)| !pod.deleted && pod.of.is_some_and(|(workload, _)| workload.index() == wanted);
    let pods: Vec<PodId> = places.existing().filter(of_workload).map(|(pod, _)| pod).collect();
    if let Some(pod) = pods.get(place) {
        return Ok(Some(*pod));
    }
    let (count, at) = (pods.len(), places.until);
    let plural = if count == 1 { "" } else { "s" };
    other(format!("{kind}/{reference} has {count} pod{plural} at {at}, so none is #{place}"))
}

/// What one dials to reach a pod: its address, or its host's with the published port, or its private one.
fn dialled(pod: PodId, port: u16, places: &Places) -> Result<(IpAddr, u16), EndError> {
    let state = places.pods.get(pod.0);
    let published = state.and_then(|state| {
        let host = places.nodes.get(state.node?.0)?.address?;
        Some((host, *state.host_ports.get(&port)?))
    });
    let own = state.and_then(|state| state.address).map(|address| (address, port));
    let none = || EndError::Other(format!("pod `{}` has no address at {}", places.names.pod(pod), places.until));
    published.or(own).ok_or_else(none)
}
