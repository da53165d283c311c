//! kubectl's tables: its columns, words and spacing.

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{ServiceId, ServicePortId};
use std::fmt::Write as _;

use super::{ClusterState, Pod, Query, age};

/// kubectl shows this many endpoints of a Service.
const SHOWN_ENDPOINTS: usize = 3;

/// Columns three spaces apart, the last one as long as it is.
fn render(header: &[&str], mut rows: Vec<Vec<String>>) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    rows.insert(0, header.iter().map(|title| (*title).to_owned()).collect());
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(widest).collect();
    let mut out = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if column + 1 < row.len() {
                out.push_str(&" ".repeat(widths[column] - cell.chars().count() + 3));
            }
        }
        out.push('\n');
    }
    Some(out)
}

/// True if every label that the query asks for is among `labels`.
fn fits(query: &Query, labels: &[String]) -> bool {
    query.labels.iter().all(|wanted| labels.contains(wanted))
}

fn in_namespace(query: &Query, namespace: &str) -> bool {
    namespace == if query.namespace.is_empty() { "default" } else { &query.namespace }
}

fn age_of(state: &ClusterState, since: SimTime) -> String {
    age(state.at.since(since))
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "<none>".to_owned())
}

/// NAME READY STATUS RESTARTS AGE, wide: IP NODE.
pub(super) fn pods(state: &ClusterState, query: &Query) -> Option<String> {
    let mut header = vec!["NAME", "READY", "STATUS", "RESTARTS", "AGE"];
    if query.wide {
        header.extend(["IP", "NODE"]);
    }
    let mut rows = Vec::new();
    for (_, pod) in state.pods.iter() {
        let Some((workload, name)) = &pod.name else { continue };
        let Some(owner) = state.header.workloads.get(workload.index()) else { continue };
        if pod.gone || !in_namespace(query, &owner.namespace) || !fits(query, &owner.labels) {
            continue;
        }
        let wanted = owner.containers as usize;
        let mut row = vec![name.clone(), ready(pod, wanted), status(pod, wanted), restarts(state, pod)];
        row.push(age_of(state, pod.created));
        if query.wide {
            row.push(or_none(pod.address.map(|address| address.to_string())));
            let node = pod.node.and_then(|node| state.header.nodes.get(node.index()));
            row.push(or_none(node.map(|node| node.name.clone())));
        }
        rows.push(row);
    }
    rows.sort();
    render(&header, rows)
}

fn ready(pod: &Pod, wanted: usize) -> String {
    let running = pod.containers.values().filter(|container| container.running).count();
    // A pod whose containers all run and that is not ready waits for a probe.
    let ready = if pod.ready || running < wanted { running } else { 0 };
    format!("{ready}/{wanted}")
}

fn status(pod: &Pod, wanted: usize) -> String {
    let stopped = pod.containers.values().filter(|container| !container.running && container.exits > 0);
    let exits = stopped.map(|container| container.exits).max().unwrap_or(0);
    let started = pod.containers.values().filter(|container| container.starts > 0).count();
    let word = if pod.deleted {
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
    };
    word.to_owned()
}

fn restarts(state: &ClusterState, pod: &Pod) -> String {
    let count: u64 = pod.containers.values().map(|container| container.starts.saturating_sub(1)).sum();
    let last = pod.containers.values().filter(|container| container.starts > 1).map(|container| container.last_start);
    match last.max() {
        Some(last) => format!("{count} ({} ago)", age_of(state, last)),
        None => "0".to_owned(),
    }
}

/// NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE, wide: SELECTOR.
pub(super) fn services(state: &ClusterState, query: &Query) -> Option<String> {
    let mut header = vec!["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"];
    if query.wide {
        header.push("SELECTOR");
    }
    let mut rows = Vec::new();
    for (service, number) in state.header.services.iter().zip(0_u32..) {
        // A Service's own labels are no part of a trace; its selector is what manifests repeat there.
        let gone = state.deleted_services.contains(&ServiceId(number));
        if gone || !in_namespace(query, &service.namespace) || !fits(query, &service.selector) {
            continue;
        }
        let created = state.services.get(&ServiceId(number));
        let no_address = if service.kind == "ExternalName" { "<none>" } else { "None" };
        let external = if service.kind == "LoadBalancer" { "<pending>" } else { "<none>" };
        let mut row = vec![service.name.clone(), service.kind.clone()];
        row.push(created.map_or_else(|| no_address.to_owned(), |(address, _)| address.to_string()));
        row.push(external.to_owned());
        row.push(ports(state, number));
        row.push(age_of(state, created.map_or(SimTime::ZERO, |(_, time)| *time)));
        if query.wide {
            row.push(or_none((!service.selector.is_empty()).then(|| service.selector.join(","))));
        }
        rows.push(row);
    }
    rows.sort();
    render(&header, rows)
}

fn ports(state: &ClusterState, service: u32) -> String {
    let own = state.header.service_ports.iter().zip(0_u32..).filter(|(port, _)| port.service == service);
    let words: Vec<String> = own
        .map(|(port, number)| match state.node_ports.get(&ServicePortId(number)) {
            Some(node_port) => format!("{}:{node_port}/TCP", port.port),
            None => format!("{}/TCP", port.port),
        })
        .collect();
    or_none((!words.is_empty()).then(|| words.join(",")))
}

/// NAME ENDPOINTS AGE.
pub(super) fn endpoints(state: &ClusterState, query: &Query) -> Option<String> {
    let mut rows = Vec::new();
    for (service, number) in state.header.services.iter().zip(0_u32..) {
        let gone = state.deleted_services.contains(&ServiceId(number));
        if gone || !in_namespace(query, &service.namespace) || !fits(query, &service.selector) {
            continue;
        }
        let of_service = |port: &ServicePortId| {
            state.header.service_ports.get(port.index()).is_some_and(|port| port.service == number)
        };
        let own = state.endpoints.iter().filter(|(port, ..)| of_service(port));
        let addresses: Vec<String> = own.map(|(_, address, port, _)| format!("{address}:{port}")).collect();
        let mut text = addresses.iter().take(SHOWN_ENDPOINTS).cloned().collect::<Vec<_>>().join(",");
        if addresses.len() > SHOWN_ENDPOINTS {
            let _ = write!(text, " + {} more...", addresses.len() - SHOWN_ENDPOINTS);
        }
        let created = state.services.get(&ServiceId(number)).map_or(SimTime::ZERO, |(_, time)| *time);
        rows.push(vec![service.name.clone(), or_none((!text.is_empty()).then_some(text)), age_of(state, created)]);
    }
    rows.sort();
    render(&["NAME", "ENDPOINTS", "AGE"], rows)
}

/// NAME STATUS ROLES AGE, wide: INTERNAL-IP POD-CIDR ZONE.
pub(super) fn nodes(state: &ClusterState, query: &Query) -> Option<String> {
    let mut header = vec!["NAME", "STATUS", "ROLES", "AGE"];
    if query.wide {
        header.extend(["INTERNAL-IP", "POD-CIDR", "ZONE"]);
    }
    let mut rows = Vec::new();
    for (name, number) in state.header.nodes.iter().zip(0_u32..) {
        let labels =
            [format!("kubernetes.io/hostname={}", name.name), format!("topology.kubernetes.io/zone={}", name.zone)];
        let node = state.nodes.get(number).filter(|node| node.registered.is_some());
        let Some(node) = node.filter(|_| name.role != "external" && fits(query, &labels)) else { continue };
        let ready = if node.not_ready { "NotReady" } else { "Ready" };
        let cordon = if node.cordoned { ",SchedulingDisabled" } else { "" };
        let role = if name.role == "worker" { "<none>" } else { &name.role };
        let since = node.registered.unwrap_or_default();
        let mut row = vec![name.name.clone(), format!("{ready}{cordon}"), role.to_owned(), age_of(state, since)];
        if query.wide {
            row.push(or_none(node.address.map(|address| address.to_string())));
            row.push(or_none(node.subnet.map(|subnet| subnet.to_string())));
            row.push(or_none((!name.zone.is_empty()).then(|| name.zone.clone())));
        }
        rows.push(row);
    }
    rows.sort();
    render(&header, rows)
}
