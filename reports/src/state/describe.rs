//! `kubectl describe`: one object with everything that belongs to it, and what was told of it.

use std::fmt::Write as _;

use sim_core::model::ids::{ServiceId, ServicePortId};
use sim_core::trace::header::{ServiceName, WorkloadName};

use super::events::{self, Event};
use super::table::Columns;
use super::{ClusterState, Pod, Query, Resource, age, describe_nodes, rows, workloads};

/// What is said of the object of this name, or of each whose name begins so.
pub(super) fn of(state: &ClusterState, resource: Resource, name: &str, query: &Query) -> Vec<String> {
    match resource {
        Resource::Pods => {
            let pods = named(state.selected_pods(query), name, |(_, _, own, _)| own);
            pods.into_iter().map(|(_, pod, name, owner)| of_pod(state, pod, name, owner)).collect()
        }
        Resource::Services => {
            let services = named(state.selected_services(query), name, |(_, service)| service.name.as_str());
            services.into_iter().map(|(id, service)| of_service(state, id, service)).collect()
        }
        Resource::Endpoints => {
            let services = named(state.selected_services(query), name, |(_, service)| service.name.as_str());
            services.into_iter().map(|(id, service)| of_endpoints(state, id, service)).collect()
        }
        Resource::Nodes => {
            let nodes = named(state.selected_nodes(query), name, |found| found.name.name.as_str());
            nodes.iter().map(|found| describe_nodes::of_node(state, found)).collect()
        }
        Resource::Deployments | Resource::StatefulSets | Resource::DaemonSets | Resource::ReplicationControllers => {
            let found = named(workloads::selected(state, resource, query), name, |found| found.workload.name.as_str());
            found.iter().map(|found| workloads::description(state, resource, found)).collect()
        }
        Resource::Events => {
            let events = named(state.log.as_ref().map(|log| log.at(state.at)).unwrap_or_default(), name, |event| {
                event.said.about.name.as_str()
            });
            if events.is_empty() { Vec::new() } else { vec![table_of(state, &events)] }
        }
    }
}

/// Those of exactly this name, or else those whose names begin so.
fn named<T>(all: Vec<T>, wanted: &str, name: impl Fn(&T) -> &str) -> Vec<T> {
    let exact = all.iter().any(|one| name(one) == wanted);
    let fits = |own: &str| if exact { own == wanted } else { own.starts_with(wanted) };
    all.into_iter().filter(|one| fits(name(one))).collect()
}

/// Keys and values below each other, the values in one column; a key with several values has a line for each.
pub(super) fn fields(pairs: &[(&str, Vec<String>)]) -> String {
    let width = pairs.iter().map(|(key, _)| key.len() + 1).max().unwrap_or(0) + 2;
    let mut out = String::new();
    for (key, values) in pairs {
        let none = ["<none>".to_owned()];
        let values = if values.is_empty() { &none[..] } else { values };
        for (place, value) in values.iter().enumerate() {
            let head = if place == 0 { format!("{key}:") } else { String::new() };
            // Writing into a String cannot fail.
            let _ = writeln!(out, "{head:width$}{value}");
        }
    }
    out
}

/// Rows below a line, indented by two.
pub(super) fn indented(rows: Vec<Vec<String>>) -> String {
    let mut out = String::new();
    for line in Columns::default().lines(rows).lines() {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// What was told of an object, as the last part of its description.
pub(super) fn events_of(state: &ClusterState, kinds: &[&str], namespace: &str, name: &str) -> String {
    let all = state.log.as_ref().map(|log| log.at(state.at)).unwrap_or_default();
    let fits = |event: &&Event| {
        let about = &event.said.about;
        kinds.contains(&about.kind) && about.namespace == namespace && about.name == name
    };
    let own: Vec<&Event> = all.into_iter().filter(fits).collect();
    if own.is_empty() { "Events:  <none>\n".to_owned() } else { format!("Events:\n{}", table_of(state, &own)) }
}

fn table_of(state: &ClusterState, events: &[&Event]) -> String {
    let titles = ["Type", "Reason", "Age", "From", "Message"].map(str::to_owned).to_vec();
    let since = |event: &Event| {
        let last = age(state.at.since(event.last));
        let first = age(state.at.since(event.first));
        if event.count > 1 { format!("{last} (x{} over {first})", event.count) } else { last }
    };
    let row = |event: &&Event| {
        let said = &event.said;
        let words = [said.weight.word(), said.reason].map(str::to_owned);
        let rest = [since(event), said.from.clone(), said.message.clone()];
        words.into_iter().chain(rest).collect()
    };
    let dashes = titles.iter().map(|title| "-".repeat(title.len())).collect();
    indented([titles, dashes].into_iter().chain(events.iter().map(row)).collect())
}

fn of_pod(state: &ClusterState, pod: &Pod, name: &str, owner: &WorkloadName) -> String {
    let node = pod.node.map(|node| {
        let address = state.nodes.get(node.0).and_then(|node| node.address);
        format!("{}/{}", state.node_name(node), address.map_or_else(String::new, |address| address.to_string()))
    });
    let controller = events::controller(&owner.kind, &owner.name, name).map(|(_, kind, name)| format!("{kind}/{name}"));
    let wanted = owner.containers as usize;
    let mut pairs = vec![
        ("Name", vec![name.to_owned()]),
        ("Namespace", vec![owner.namespace.clone()]),
        ("Node", node.into_iter().collect()),
        ("Age", vec![age(state.at.since(pod.created))]),
        ("Labels", owner.labels.clone()),
        ("Status", vec![rows::status(pod, wanted).to_owned()]),
        ("IP", pod.address.map(|address| address.to_string()).into_iter().collect()),
    ];
    if state.is_docker() {
        pairs.push(("Ports", Some(rows::published(pod)).filter(|ports| !ports.is_empty()).into_iter().collect()));
    } else {
        pairs.push(("Controlled By", controller.into_iter().collect()));
    }
    pairs.push(("Containers ready", vec![rows::ready(pod, wanted)]));
    let mut out = fields(&pairs);
    out.push_str("Containers:\n");
    out.push_str(&containers(state, pod));
    if !state.is_docker() {
        out.push_str(&conditions(pod));
    }
    out.push_str(&events_of(state, &["pod", "container"], &owner.namespace, name));
    out
}

fn conditions(pod: &Pod) -> String {
    let truth = |holds: bool| if holds { "True" } else { "False" };
    let rows = [["Type", "Status"], ["Ready", truth(pod.condition)], ["PodScheduled", truth(pod.node.is_some())]];
    format!("Conditions:\n{}", indented(rows.map(|row| row.map(str::to_owned).to_vec()).to_vec()))
}

fn containers(state: &ClusterState, pod: &Pod) -> String {
    let titles = ["Container", "State", "Since", "Restarts", "Last exit"].map(str::to_owned).to_vec();
    let row = |(number, container): (&u8, &super::Container)| {
        let (word, since) = if container.running {
            ("Running", Some(container.last_start))
        } else {
            ("Waiting", container.last_exit.map(|(time, _)| time))
        };
        let since = since.map_or_else(|| "<none>".to_owned(), |time| age(state.at.since(time)));
        let exit = container.last_exit.map_or_else(|| "<none>".to_owned(), |(_, reason)| reason.word().to_owned());
        vec![number.to_string(), word.to_owned(), since, container.starts.saturating_sub(1).to_string(), exit]
    };
    if pod.containers.is_empty() {
        return "  <none>\n".to_owned();
    }
    indented(std::iter::once(titles).chain(pod.containers.iter().map(row)).collect())
}

fn of_service(state: &ClusterState, id: ServiceId, service: &ServiceName) -> String {
    let mut pairs = vec![
        ("Name", vec![service.name.clone()]),
        ("Namespace", vec![service.namespace.clone()]),
        ("Selector", Some(service.selector.join(",")).filter(|words| !words.is_empty()).into_iter().collect()),
        ("Type", vec![service.kind.clone()]),
        ("IP", vec![rows::cluster_ip(state, id, &service.kind)]),
    ];
    let own = state.header.service_ports.iter().zip(0_u32..).filter(|(port, _)| port.service == id.0);
    for (port, number) in own {
        pairs.push(("Port", vec![format!("{}/TCP", port.port)]));
        if let Some(node_port) = state.node_ports.get(&ServicePortId(number)) {
            pairs.push(("NodePort", vec![format!("{node_port}/TCP")]));
        }
        let behind = state.endpoints_of(id).filter(|(port, ..)| *port == ServicePortId(number));
        let behind: Vec<String> = behind.map(|(_, address, port, _)| format!("{address}:{port}")).collect();
        pairs.push(("Endpoints", Some(behind.join(",")).filter(|words| !words.is_empty()).into_iter().collect()));
    }
    fields(&pairs) + &events_of(state, &["service"], &service.namespace, &service.name)
}

fn of_endpoints(state: &ClusterState, id: ServiceId, service: &ServiceName) -> String {
    let pairs = [("Name", vec![service.name.clone()]), ("Namespace", vec![service.namespace.clone()])];
    let titles = ["Address", "Port", "Pod", "Node"].map(str::to_owned).to_vec();
    let row = |(_, address, port, pod): &(ServicePortId, std::net::IpAddr, u16, sim_core::model::ids::PodId)| {
        let name = events::names(state, *pod).map_or("?", |(name, _)| name);
        let node = state.pods.get(pod.0).and_then(|pod| pod.node).map_or("<none>", |node| state.node_name(node));
        vec![address.to_string(), port.to_string(), name.to_owned(), node.to_owned()]
    };
    let behind: Vec<Vec<String>> = state.endpoints_of(id).map(row).collect();
    let mut out = fields(&pairs);
    out.push_str("Addresses:\n");
    let none = behind.is_empty();
    let shown = if none { "  <none>\n".to_owned() } else { indented(std::iter::once(titles).chain(behind).collect()) };
    out.push_str(&shown);
    out.push_str(&events_of(state, &["endpoints"], &service.namespace, &service.name));
    out
}
