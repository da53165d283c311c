//! What stands in each row of kubectl's tables. Knows no widths.

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{ServiceId, ServicePortId};

use super::table::{Cell, Row, Table};
use super::{ClusterState, Pod, Query, Resource, events, workloads};

/// kubectl shows this many endpoints of a Service.
const SHOWN_ENDPOINTS: usize = 3;

/// The table of a resource; with every namespace in it, a column says which.
pub(super) fn of(state: &ClusterState, resource: Resource, query: &Query) -> Table {
    let (mut titles, rows) = match resource {
        Resource::Pods => pods(state, query),
        Resource::Services => services(state, query),
        Resource::Endpoints => endpoints(state, query),
        Resource::Nodes => nodes(state, query),
        Resource::Events => events::rows(state, query),
        Resource::Deployments | Resource::StatefulSets | Resource::DaemonSets | Resource::ReplicationControllers => {
            workloads::rows(state, resource, query)
        }
    };
    let spaced = query.all_namespaces && resource.is_namespaced();
    if spaced {
        titles.insert(0, "NAMESPACE");
    }
    let in_its_space = |(namespace, mut row): (String, Row)| {
        if spaced {
            row.cells.insert(0, Cell::Text(namespace));
        }
        row
    };
    Table { titles, rows: rows.into_iter().map(in_its_space).collect() }
}

/// Titles, and rows with their namespaces.
pub(super) type Spaced = (Vec<&'static str>, Vec<(String, Row)>);

/// NAME READY STATUS RESTARTS AGE, wide: IP NODE, and under port mapping PORTS as `docker ps` has them.
fn pods(state: &ClusterState, query: &Query) -> Spaced {
    let mut titles = vec!["NAME", "READY", "STATUS", "RESTARTS", "AGE"];
    if query.wide {
        titles.extend(["IP", "NODE"]);
        titles.extend(state.is_docker().then_some("PORTS"));
    }
    let row = |(id, pod, name, owner): (u32, &Pod, &str, &sim_core::trace::header::WorkloadName)| {
        let wanted = owner.containers as usize;
        let mut cells = vec![Cell::text(name), Cell::Text(ready(pod, wanted)), Cell::text(status(pod, wanted))];
        cells.extend([restarts(pod), Cell::Since(pod.created)]);
        if query.wide {
            cells.push(Cell::or_none(pod.address.map(|address| address.to_string())));
            cells.push(Cell::or_none(pod.node.map(|node| state.node_name(node).to_owned())));
            if state.is_docker() {
                cells.push(Cell::Text(published(pod)));
            }
        }
        (owner.namespace.clone(), Row { name: name.to_owned(), id: u64::from(id), cells })
    };
    (titles, state.selected_pods(query).into_iter().map(row).collect())
}

/// `0.0.0.0:32768->80/tcp`, as `docker ps` has it.
pub(super) fn published(pod: &Pod) -> String {
    let ports = pod.published.iter().map(|(host, own)| format!("0.0.0.0:{host}->{own}/tcp"));
    ports.collect::<Vec<_>>().join(", ")
}

/// How many of a pod's containers are ready, of how many.
pub(super) fn ready(pod: &Pod, wanted: usize) -> String {
    let running = pod.containers.values().filter(|container| container.running).count();
    // A pod whose containers all run and that is not ready waits for a probe.
    let ready = if pod.ready || running < wanted { running } else { 0 };
    format!("{ready}/{wanted}")
}

/// kubectl's word for how a pod is.
pub(super) fn status(pod: &Pod, wanted: usize) -> &'static str {
    let stopped = pod.containers.values().filter(|container| !container.running && container.exits > 0);
    let exits = stopped.map(|container| container.exits).max().unwrap_or(0);
    let started = pod.containers.values().filter(|container| container.starts > 0).count();
    if pod.deleted {
        "Terminating"
    } else if pod.node.is_none() {
        "Pending"
    } else if pod.conflict {
        "CreateContainerError"
    } else if exits > 1 {
        "CrashLoopBackOff"
    } else if exits == 1 {
        "Error"
    } else if started < wanted {
        "ContainerCreating"
    } else {
        "Running"
    }
}

fn restarts(pod: &Pod) -> Cell {
    let count = pod.containers.values().map(|container| container.starts.saturating_sub(1)).sum();
    let last = pod.containers.values().filter(|container| container.starts > 1).map(|container| container.last_start);
    Cell::Times(count, last.max())
}

/// NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE, wide: SELECTOR.
fn services(state: &ClusterState, query: &Query) -> Spaced {
    let mut titles = vec!["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"];
    titles.extend(query.wide.then_some("SELECTOR"));
    let row = |(id, service): (ServiceId, &sim_core::trace::header::ServiceName)| {
        let mut cells = vec![Cell::text(&service.name), Cell::text(&service.kind)];
        cells.push(Cell::Text(cluster_ip(state, id, &service.kind)));
        cells.push(Cell::text(if service.kind == "LoadBalancer" { "<pending>" } else { "<none>" }));
        cells.push(Cell::or_none(ports(state, id)));
        cells.push(Cell::Since(created(state, id)));
        if query.wide {
            cells.push(Cell::or_none((!service.selector.is_empty()).then(|| service.selector.join(","))));
        }
        (service.namespace.clone(), Row { name: service.name.clone(), id: u64::from(id.0), cells })
    };
    (titles, state.selected_services(query).into_iter().map(row).collect())
}

/// A Service's clusterIP, or what kubectl writes in its place.
pub(super) fn cluster_ip(state: &ClusterState, service: ServiceId, kind: &str) -> String {
    let none = if kind == "ExternalName" { "<none>" } else { "None" };
    state.services.get(&service).map_or_else(|| none.to_owned(), |(address, _)| address.to_string())
}

/// When a Service was made.
pub(super) fn created(state: &ClusterState, service: ServiceId) -> SimTime {
    state.services.get(&service).map_or(SimTime::ZERO, |(_, time)| *time)
}

fn ports(state: &ClusterState, service: ServiceId) -> Option<String> {
    let own = state.header.service_ports.iter().zip(0_u32..).filter(|(port, _)| port.service == service.0);
    let words = own.map(|(port, number)| match state.node_ports.get(&ServicePortId(number)) {
        Some(node_port) => format!("{}:{node_port}/TCP", port.port),
        None => format!("{}/TCP", port.port),
    });
    Some(words.collect::<Vec<_>>().join(",")).filter(|words| !words.is_empty())
}

/// The first addresses behind a Service, and how many more there are.
pub(super) fn some_endpoints(state: &ClusterState, service: ServiceId) -> Option<String> {
    let addresses: Vec<String> =
        state.endpoints_of(service).map(|(_, address, port, _)| format!("{address}:{port}")).collect();
    let shown = addresses.iter().take(SHOWN_ENDPOINTS).cloned().collect::<Vec<_>>().join(",");
    match addresses.len() {
        0 => None,
        count if count > SHOWN_ENDPOINTS => Some(format!("{shown} + {} more...", count - SHOWN_ENDPOINTS)),
        _ => Some(shown),
    }
}

/// NAME ENDPOINTS AGE.
fn endpoints(state: &ClusterState, query: &Query) -> Spaced {
    let row = |(id, service): (ServiceId, &sim_core::trace::header::ServiceName)| {
        let addresses = Cell::or_none(some_endpoints(state, id));
        let cells = vec![Cell::text(&service.name), addresses, Cell::Since(created(state, id))];
        (service.namespace.clone(), Row { name: service.name.clone(), id: u64::from(id.0), cells })
    };
    (vec!["NAME", "ENDPOINTS", "AGE"], state.selected_services(query).into_iter().map(row).collect())
}

/// NAME STATUS ROLES AGE, wide: INTERNAL-IP POD-CIDR ZONE.
fn nodes(state: &ClusterState, query: &Query) -> Spaced {
    let mut titles = vec!["NAME", "STATUS", "ROLES", "AGE"];
    if query.wide {
        titles.extend(["INTERNAL-IP", "POD-CIDR", "ZONE"]);
    }
    let rows = state.selected_nodes(query).into_iter().map(|found| {
        let node = found.node;
        let ready = if node.not_ready { "NotReady" } else { "Ready" };
        let cordon = if node.cordoned { ",SchedulingDisabled" } else { "" };
        let mut cells = vec![Cell::text(&found.name.name), Cell::Text(format!("{ready}{cordon}"))];
        cells.push(Cell::text(role(&found.name.role)));
        cells.push(Cell::Since(node.registered.unwrap_or_default()));
        if query.wide {
            cells.push(Cell::or_none(node.address.map(|address| address.to_string())));
            cells.push(Cell::or_none(node.subnet.map(|subnet| subnet.to_string())));
            cells.push(Cell::or_none((!found.name.zone.is_empty()).then(|| found.name.zone.clone())));
        }
        (String::new(), Row { name: found.name.name.clone(), id: u64::from(found.id.0), cells })
    });
    (titles, rows.collect())
}

/// A node's role as kubectl shows it.
pub(super) fn role(role: &str) -> &str {
    if role == "worker" { "<none>" } else { role }
}
