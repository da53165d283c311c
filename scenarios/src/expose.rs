//! The Service that `kubectl expose` makes of a workload, or of another Service: kubectl's rules, its messages and
//! the YAML of `--dry-run=client -o yaml` (kubectl 1.34 and later, which leaves an empty creationTimestamp out).
//! Knows no models and runs nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sim_core::model::application::WorkloadKind;

use crate::diagnostics::{Place, Sink, Source};
use crate::directory::Directory;
use crate::draft::{Draft, TargetPort};
use crate::lower::refs;
use crate::yaml::{self, SpanIndex};

/// What is asked for; the options are kubectl's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExposeRequest {
    /// `deployment/NAME`, or any other kind and name.
    pub object: String,
    /// `--name`: the object's when absent.
    pub name: Option<String>,
    /// `--port`: the object's own when absent; several with commas between them.
    pub port: Option<String>,
    /// `--target-port`: a number or a name; each port's own number when absent.
    pub target_port: Option<String>,
    /// `--protocol`: each port's own when absent.
    pub protocol: Option<String>,
    /// `--type`: not written when absent.
    pub kind: Option<String>,
}

/// Longest name that kubectl takes over from the object (a DNS label).
const LONGEST_NAME: usize = 63;
const NO_PORT: &str = "couldn't find port via --port flag or introspection";
const NO_SELECTOR: &str = "couldn't retrieve selectors via --selector flag or introspection";

/// What kubectl reads of an object that it exposes.
#[derive(Debug)]
struct Exposed<'a> {
    name: &'a str,
    namespace: &'a str,
    labels: &'a [(String, String)],
    selector: &'a [(String, String)],
    /// Port numbers with the protocols each is used with.
    ports: Vec<(u16, Vec<&'static str>)>,
}

/// The Service's YAML, or why there is none. `Ok(None)` means that the sink has the reason.
pub(crate) fn expose(draft: &Draft, request: &ExposeRequest, sink: &mut Sink) -> Result<Option<String>, String> {
    let source = Source { name: "command line".to_owned(), text: request.object.clone() };
    let place = Place::document(sink.add_source(source, SpanIndex::default()), 0);
    let name = request.object.strip_prefix("service/").or_else(|| request.object.strip_prefix("svc/"));
    let directory = Directory::of(draft);
    let exposed = match name {
        Some(name) => match refs::service(name, &directory, &place, sink) {
            Some(service) => of_service(draft, service)?,
            None => return Ok(None),
        },
        None => match refs::workload(&request.object, &directory, &place, sink) {
            Some(workload) => of_workload(draft, workload.index())?,
            None => return Ok(None),
        },
    };
    Ok(Some(yaml::to_text(&service(&exposed, request)?)))
}

fn of_service(draft: &Draft, index: usize) -> Result<Exposed<'_>, String> {
    let service = &draft.services[index];
    if service.selector.is_empty() {
        return Err(format!("{NO_SELECTOR}: the service has no pod selector set"));
    }
    let mut exposed = Exposed {
        name: &service.name,
        namespace: &service.namespace,
        labels: &service.labels,
        selector: &service.selector,
        ports: Vec::new(),
    };
    for port in &service.ports {
        exposed.add(port.port, port.protocol.name());
    }
    Ok(exposed)
}

fn of_workload(draft: &Draft, index: usize) -> Result<Exposed<'_>, String> {
    let workload = &draft.workloads[index];
    let own = workload.selector.as_slice();
    // A compose service has no selector; compose's own label finds its containers.
    let selector = if workload.published.is_some() { workload.labels.as_slice() } else { own };
    let (selector, complaint) = match workload.kind {
        WorkloadKind::StatefulSet => return Err("cannot expose a StatefulSet.apps".to_owned()),
        WorkloadKind::DaemonSet => return Err("cannot expose a DaemonSet.apps".to_owned()),
        WorkloadKind::Pod => (workload.labels.as_slice(), "the pod has no labels and cannot be exposed"),
        WorkloadKind::Deployment => (selector, "invalid deployment: no selectors, therefore cannot be exposed"),
        WorkloadKind::ReplicaSet => (own, "invalid replicaset: no selectors, therefore cannot be exposed"),
        WorkloadKind::ReplicationController => (own, "the replication controller has no selector"),
    };
    if selector.is_empty() {
        return Err(format!("{NO_SELECTOR}: {complaint}"));
    }
    if workload.selector_expressions {
        return Err(format!("{NO_SELECTOR}: couldn't convert expressions to map-based selector format"));
    }
    let mut exposed = Exposed {
        name: &workload.name,
        namespace: &workload.namespace,
        labels: &workload.own_labels,
        selector,
        ports: Vec::new(),
    };
    for port in workload.containers.iter().flat_map(|container| &container.container.ports) {
        exposed.add(port.port, port.protocol.name());
    }
    Ok(exposed)
}

impl Exposed<'_> {
    fn add(&mut self, port: u16, protocol: &'static str) {
        match self.ports.iter_mut().find(|(known, _)| *known == port) {
            Some((_, protocols)) if protocols.contains(&protocol) => {}
            Some((_, protocols)) => protocols.push(protocol),
            None => self.ports.push((port, vec![protocol])),
        }
    }
}

fn service(exposed: &Exposed<'_>, request: &ExposeRequest) -> Result<Value, String> {
    let mut metadata = Map::new();
    if !exposed.labels.is_empty() {
        metadata.insert("labels".to_owned(), labels(exposed.labels));
    }
    let own: String = exposed.name.chars().take(LONGEST_NAME).collect();
    metadata.insert("name".to_owned(), request.name.clone().unwrap_or(own).into());
    if exposed.namespace != "default" {
        metadata.insert("namespace".to_owned(), exposed.namespace.into());
    }
    let mut spec = Map::new();
    spec.insert("ports".to_owned(), ports(exposed, request)?.into());
    spec.insert("selector".to_owned(), labels(exposed.selector));
    if let Some(kind) = &request.kind {
        spec.insert("type".to_owned(), kind.as_str().into());
    }
    let status = json!({ "loadBalancer": {} });
    Ok(json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": status }))
}

/// A mapping with sorted keys, as kubectl prints it.
fn labels(pairs: &[(String, String)]) -> Value {
    let sorted: BTreeMap<&String, &String> = pairs.iter().map(|(key, value)| (key, value)).collect();
    Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
}

/// One port has no name; several are `port-1`, `port-2`, and `port-1-tcp` where a number has several protocols.
fn ports(exposed: &Exposed<'_>, request: &ExposeRequest) -> Result<Vec<Value>, String> {
    let numbers: Vec<u16> = match &request.port {
        Some(text) => text.split(',').map(|number| port(number.trim())).collect::<Result<_, _>>()?,
        None => exposed.ports.iter().map(|(number, _)| *number).collect(),
    };
    if numbers.is_empty() {
        return Err(NO_PORT.to_owned());
    }
    let mut out = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        let known = exposed.ports.iter().find(|(known, _)| known == number).map(|(_, protocols)| protocols.as_slice());
        let protocols = match &request.protocol {
            Some(protocol) => vec![protocol.as_str()],
            None => known.unwrap_or(&["TCP"]).to_vec(),
        };
        for protocol in &protocols {
            let name = match (protocols.len(), numbers.len()) {
                (1, 1) => None,
                (1, _) => Some(format!("port-{}", index + 1)),
                _ => Some(format!("port-{}-{}", index + 1, protocol.to_lowercase())),
            };
            let mut entry = Map::new();
            entry.extend(name.map(|name| ("name".to_owned(), name.into())));
            entry.insert("port".to_owned(), (*number).into());
            entry.insert("protocol".to_owned(), (*protocol).into());
            entry.insert("targetPort".to_owned(), target(*number, request)?);
            out.push(Value::Object(entry));
        }
    }
    Ok(out)
}

fn target(number: u16, request: &ExposeRequest) -> Result<Value, String> {
    let target = match request.target_port.as_deref() {
        None => TargetPort::Number(number),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => TargetPort::Number(port(text)?),
        Some(name) => TargetPort::Name(name.to_owned()),
    };
    Ok(match target {
        TargetPort::Number(number) => number.into(),
        TargetPort::Name(name) => name.into(),
    })
}

fn port(text: &str) -> Result<u16, String> {
    let number = text.parse::<u16>().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{text}` is no port; ports go from 1 to 65535"))
}
