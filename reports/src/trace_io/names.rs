//! Names for the numbers in records, unambiguous in both directions.
//!
//! A name outside the namespace `default` is written `namespace/name`. A name that is already taken gets `#NUMBER`;
//! a number without a name is written `#NUMBER` (`pod#NUMBER` for a pod).

use std::collections::BTreeMap;

use sim_core::model::ids::{FaultId, LinkId, NodeId, PodId, ServiceId, ServicePortId, SourceId, WorkloadId};
use sim_core::trace::fields::{Client, Value};
use sim_core::trace::header::pod_placeholder;
use sim_core::trace::{Body, Record, TraceHeader};

use super::jsonl_writer::push_text;
use crate::id_map::IdMap;

/// One table of names.
#[derive(Clone, Debug, Default)]
struct Table {
    names: Vec<String>,
    /// The names as JSON texts, made once because every line needs them.
    quoted: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

impl Table {
    fn new(names: impl Iterator<Item = String>) -> Self {
        let mut table = Self::default();
        for (mut name, number) in names.zip(0_u32..) {
            while name.starts_with('#') || table.numbers.contains_key(&name) {
                name = format!("{}#{number}", name.trim_start_matches('#'));
            }
            table.numbers.insert(name.clone(), number);
            table.quoted.push(quoted(&name));
            table.names.push(name);
        }
        table
    }

    fn name(&self, number: u32) -> String {
        self.names.get(number as usize).cloned().unwrap_or_else(|| format!("#{number}"))
    }

    fn number(&self, name: &str) -> Option<u32> {
        let by_name = self.numbers.get(name).copied();
        by_name.or_else(|| name.strip_prefix('#').and_then(|digits| digits.parse().ok()))
    }
}

/// All names of a trace: the header's, and pods as their `pod-created` records come by.
#[derive(Clone, Debug)]
pub struct Names {
    header: TraceHeader,
    nodes: Table,
    links: Table,
    workloads: Table,
    services: Table,
    service_ports: Table,
    sources: Table,
    faults: Table,
    pods: IdMap<Option<PodName>>,
    pod_numbers: BTreeMap<String, u32>,
}

/// A pod's name, plain and as a JSON text.
#[derive(Clone, Debug)]
struct PodName {
    plain: String,
    quoted: String,
}

fn quoted(name: &str) -> String {
    let mut text = String::new();
    push_text(&mut text, name);
    text
}

/// `name`, or `namespace/name` outside the namespace `default`.
fn qualified(namespace: &str, name: &str) -> String {
    if namespace == "default" { name.to_owned() } else { format!("{namespace}/{name}") }
}

impl Names {
    /// The names of a header; no pod has one yet.
    pub fn new(header: &TraceHeader) -> Self {
        let service_port = |index: usize| {
            let port = &header.service_ports[index];
            let service = header.services.get(port.service as usize);
            let name = service.map_or_else(|| "?".to_owned(), |service| qualified(&service.namespace, &service.name));
            format!("{name}:{}", port.port)
        };
        let workloads = header.workloads.iter();
        Self {
            nodes: Table::new(header.nodes.iter().map(|node| node.name.clone())),
            links: Table::new(header.links.iter().cloned()),
            workloads: Table::new(workloads.map(|w| qualified(&w.namespace, &format!("{}/{}", w.kind, w.name)))),
            services: Table::new(header.services.iter().map(|service| qualified(&service.namespace, &service.name))),
            service_ports: Table::new((0..header.service_ports.len()).map(service_port)),
            sources: Table::new(header.sources.iter().map(|source| source.name.clone())),
            faults: Table::new(header.faults.iter().cloned()),
            pods: IdMap::default(),
            pod_numbers: BTreeMap::new(),
            header: header.clone(),
        }
    }

    /// The same names, learned ones included, under the header of a run that differs in its plan alone.
    pub(crate) fn move_under(&mut self, header: &TraceHeader) {
        let workloads = std::mem::take(&mut self.header.workloads);
        self.header = TraceHeader { workloads, ..header.clone() };
        self.faults = Table::new(header.faults.iter().cloned());
    }

    /// The header the names are from; its template hashes are those that new pods' names carry now.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// Learns a pod's name if `record` makes a pod.
    pub fn learn(&mut self, record: &Record) {
        if let Body::TemplateUsed { workload, hash } = record.body {
            self.header.use_template(workload, hash);
        }
        if let Body::PodCreated { pod, workload, ordinal, suffix } = record.body {
            let namespace = self.header.workloads.get(workload.index()).map_or("default", |owner| &owner.namespace);
            let name = qualified(namespace, &self.header.pod_name(workload, ordinal, suffix));
            self.name_pod(pod, name);
        }
    }

    /// Gives a pod a name, made unique if need be.
    pub(crate) fn name_pod(&mut self, pod: PodId, mut name: String) {
        while name.starts_with("pod#") || self.pod_numbers.contains_key(&name) {
            name = format!("{}#{}", name.trim_start_matches("pod#"), pod.0);
        }
        self.pod_numbers.insert(name.clone(), pod.0);
        *self.pods.slot(pod.0) = Some(PodName { quoted: quoted(&name), plain: name });
    }

    /// A pod's name.
    pub fn pod(&self, id: PodId) -> String {
        self.known_pod(id).map_or_else(|| pod_placeholder(id), |name| name.plain.clone())
    }

    fn known_pod(&self, id: PodId) -> Option<&PodName> {
        self.pods.get(id.0)?.as_ref()
    }

    /// The name of a thing as a JSON text, if it is a thing and has one.
    #[allow(clippy::wildcard_enum_match_arm)] // all other values are no things with names
    pub(crate) fn quoted(&self, value: Value) -> Option<&str> {
        let (table, number) = match value {
            Value::Pod(id) => return self.known_pod(id).map(|name| name.quoted.as_str()),
            Value::Node(id) => (&self.nodes, id.0),
            Value::Link(id) => (&self.links, id.0),
            Value::Workload(id) => (&self.workloads, id.0),
            Value::Service(id) => (&self.services, id.0),
            Value::ServicePort(id) => (&self.service_ports, id.0),
            Value::Source(id) => (&self.sources, id.0),
            Value::Fault(id) => (&self.faults, id.0),
            _ => return None,
        };
        table.quoted.get(number as usize).map(String::as_str)
    }

    /// The pod with this name.
    pub fn pod_number(&self, name: &str) -> Option<PodId> {
        let by_name = self.pod_numbers.get(name).copied();
        by_name.or_else(|| name.strip_prefix("pod#").and_then(|digits| digits.parse().ok())).map(PodId)
    }

    /// `pod/NAME` or `node/NAME`; `-` for nobody.
    pub fn client(&self, client: Client) -> String {
        match client {
            Client::None => "-".to_owned(),
            Client::Pod(pod) => format!("pod/{}", self.pod(pod)),
            Client::Node(node) => format!("node/{}", self.node(node)),
        }
    }
}

macro_rules! tables {
    ($($table:ident: $id:ident, $name:ident, $number:ident;)*) => {
        impl Names {$(
            /// The name of this number.
            pub fn $name(&self, id: $id) -> String {
                self.$table.name(id.0)
            }

            /// The number with this name.
            pub fn $number(&self, name: &str) -> Option<$id> {
                self.$table.number(name).map($id)
            }
        )*}
    };
}

tables! {
    nodes: NodeId, node, node_number;
    links: LinkId, link, link_number;
    workloads: WorkloadId, workload, workload_number;
    services: ServiceId, service, service_number;
    service_ports: ServicePortId, service_port, service_port_number;
    sources: SourceId, source, source_number;
    faults: FaultId, fault, fault_number;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_stay_apart() {
        let table = Table::new(["a", "a", "#7", "a#1"].into_iter().map(str::to_owned));
        assert_eq!(table.names, ["a", "a#1", "7#2", "a#1#3"]);
        for (name, number) in table.names.iter().zip(0..) {
            assert_eq!(table.number(name), Some(number));
        }
        assert_eq!(table.number(&table.name(12)), Some(12));
        assert_eq!(table.number("b"), None);
    }

    #[test]
    fn pods_of_equal_names_and_of_other_namespaces_stay_apart() {
        let mut names = Names::new(&crate::testing::header());
        names.name_pod(PodId(3), "web-0".to_owned());
        names.name_pod(PodId(9), "web-0".to_owned());
        names.name_pod(PodId(4), "pod#3".to_owned());
        assert_eq!(names.pod(PodId(9)), "web-0#9");
        for pod in [3, 9, 4, 5].map(PodId) {
            assert_eq!(names.pod_number(&names.pod(pod)), Some(pod));
        }
        assert_eq!(qualified("team-a", "web"), "team-a/web");
    }
}
