//! Objects as JSON, shaped like those of the Kubernetes API as far as a trace knows them. Times are counted from the run's
//! start, which stands as 1970-01-01T00:00:00Z.

use serde_json::{Map, Value, json};
use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{PodId, ServiceId, ServicePortId};
use sim_core::trace::header::{ServiceName, WorkloadName};

use super::events::{self, Event};
use super::{ClusterState, Pod, Query, Resource, SelectedNode, rows, workloads};

pub(super) fn of(state: &ClusterState, resource: Resource, query: &Query) -> Vec<Value> {
    match resource {
        Resource::Pods => {
            let pods = state.selected_pods(query).into_iter();
            pods.map(|(_, pod, name, owner)| of_pod(state, pod, name, owner)).collect()
        }
        Resource::Services => {
            state.selected_services(query).into_iter().map(|(id, service)| of_service(state, id, service)).collect()
        }
        Resource::Endpoints => {
            state.selected_services(query).into_iter().map(|(id, service)| of_endpoints(state, id, service)).collect()
        }
        Resource::Nodes => state.selected_nodes(query).iter().map(of_node).collect(),
        Resource::Events => events::selected(state, query).into_iter().map(of_event).collect(),
        Resource::Deployments | Resource::StatefulSets | Resource::DaemonSets | Resource::ReplicationControllers => {
            workloads::selected(state, resource, query).iter().map(|found| workloads::object(resource, found)).collect()
        }
    }
}

/// RFC 3339, in whole seconds as the API writes times.
pub(super) fn timestamp(time: SimTime) -> String {
    let seconds = time.as_nanos() / 1_000_000_000;
    // Civil from days (Howard Hinnant's algorithm), for days since 1970-01-01.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `key=value` pairs as an object.
pub(super) fn labels(pairs: &[String]) -> Value {
    let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
    Value::Object(pairs.map(|(key, value)| (key.to_owned(), json!(value))).collect::<Map<_, _>>())
}

fn truth(holds: bool) -> &'static str {
    if holds { "True" } else { "False" }
}

fn of_pod(state: &ClusterState, pod: &Pod, name: &str, owner: &WorkloadName) -> Value {
    let mut metadata = json!({
        "name": name,
        "namespace": owner.namespace,
        "labels": labels(&owner.labels),
        "creationTimestamp": timestamp(pod.created),
    });
    if let Some((_, kind, controller)) = events::controller(&owner.kind, &owner.name, name) {
        metadata["ownerReferences"] = json!([{ "kind": kind, "name": controller, "controller": true }]);
    }
    let wanted = owner.containers as usize;
    let phase = if pod.containers.values().any(|container| container.starts > 0) { "Running" } else { "Pending" };
    let containers: Vec<Value> =
        pod.containers.iter().map(|(number, container)| of_container(*number, container)).collect();
    let mut status = json!({
        "phase": phase,
        "conditions": [
            { "type": "PodScheduled", "status": truth(pod.node.is_some()) },
            { "type": "Ready", "status": truth(pod.condition) },
        ],
        "containerStatuses": containers,
    });
    if let Some(address) = pod.address {
        status["podIP"] = json!(address.to_string());
    }
    if let Some(host) = pod.node.and_then(|node| state.nodes.get(node.0)).and_then(|node| node.address) {
        status["hostIP"] = json!(host.to_string());
    }
    // What kubectl's STATUS column says beyond the phase.
    let word = rows::status(pod, wanted);
    if word != phase {
        status["reason"] = json!(word);
    }
    let mut spec = json!({});
    if let Some(node) = pod.node {
        spec["nodeName"] = json!(state.node_name(node));
    }
    if !pod.published.is_empty() {
        let port = |(host, own): &(u16, u16)| json!({ "hostPort": host, "containerPort": own });
        spec["ports"] = pod.published.iter().map(port).collect();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status })
}

fn of_container(number: u8, container: &super::Container) -> Value {
    let mut status = json!({
        "name": number.to_string(),
        "restartCount": container.starts.saturating_sub(1),
        "started": container.running,
    });
    status["state"] = if container.running {
        json!({ "running": { "startedAt": timestamp(container.last_start) } })
    } else {
        json!({ "waiting": {} })
    };
    if let Some((time, reason)) = container.last_exit {
        status["lastState"] = json!({ "terminated": { "finishedAt": timestamp(time), "reason": reason.word() } });
    }
    status
}

fn of_service(state: &ClusterState, id: ServiceId, service: &ServiceName) -> Value {
    let own = state.header.service_ports.iter().zip(0_u32..).filter(|(port, _)| port.service == id.0);
    let ports = own.map(|(port, number)| {
        let mut shown = json!({ "port": port.port });
        if let Some(node_port) = state.node_ports.get(&ServicePortId(number)) {
            shown["nodePort"] = json!(node_port);
        }
        shown
    });
    let mut spec = json!({
        "type": service.kind,
        "ports": ports.collect::<Vec<_>>(),
        "selector": labels(&service.selector),
    });
    if service.kind != "ExternalName" {
        spec["clusterIP"] = json!(rows::cluster_ip(state, id, &service.kind));
    }
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": service_metadata(state, id, service), "spec": spec })
}

fn service_metadata(state: &ClusterState, id: ServiceId, service: &ServiceName) -> Value {
    json!({
        "name": service.name,
        "namespace": service.namespace,
        "creationTimestamp": timestamp(rows::created(state, id)),
    })
}

fn of_endpoints(state: &ClusterState, id: ServiceId, service: &ServiceName) -> Value {
    // A subset for each Service port: its addresses with the pods behind them.
    let mut subsets: Vec<Value> = Vec::new();
    let own = state.header.service_ports.iter().zip(0_u32..).filter(|(port, _)| port.service == id.0);
    for (port, number) in own {
        let behind: Vec<_> = state.endpoints_of(id).filter(|(port, ..)| port.0 == number).collect();
        if behind.is_empty() {
            continue;
        }
        let address = |(_, address, port, pod): &(ServicePortId, std::net::IpAddr, u16, PodId)| {
            let name = events::names(state, *pod).map_or("?", |(name, _)| name);
            json!({ "ip": address.to_string(), "port": port, "targetRef": { "kind": "Pod", "name": name } })
        };
        let addresses: Vec<Value> = behind.into_iter().map(address).collect();
        subsets.push(json!({ "servicePort": port.port, "addresses": addresses }));
    }
    let metadata = service_metadata(state, id, service);
    json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets })
}

fn of_node(found: &SelectedNode<'_>) -> Value {
    let node = found.node;
    let mut metadata = json!({
        "name": found.name.name,
        "labels": labels(&found.labels),
        "creationTimestamp": timestamp(node.registered.unwrap_or_default()),
    });
    if found.name.role != "worker" {
        metadata["labels"][format!("node-role.kubernetes.io/{}", found.name.role)] = json!("");
    }
    let mut spec = json!({});
    if let Some(subnet) = node.subnet {
        spec["podCIDR"] = json!(subnet.to_string());
    }
    if node.cordoned {
        spec["unschedulable"] = json!(true);
    }
    if node.tainted {
        spec["taints"] = json!([{ "key": "node.kubernetes.io/unreachable", "effect": "NoExecute" }]);
    }
    let ready = if node.not_ready { "Unknown" } else { "True" };
    let since = timestamp(node.changed);
    let mut status = json!({ "conditions": [{ "type": "Ready", "status": ready, "lastTransitionTime": since }] });
    if let Some(address) = node.address {
        status["addresses"] = json!([{ "type": "InternalIP", "address": address.to_string() }]);
    }
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status })
}

fn of_event(event: &Event) -> Value {
    let said = &event.said;
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": event.name(), "namespace": said.about.namespace },
        "type": said.weight.word(),
        "reason": said.reason,
        "message": said.message,
        "source": { "component": said.from },
        "involvedObject": { "kind": said.about.kind, "name": said.about.name },
        "firstTimestamp": timestamp(event.first),
        "lastTimestamp": timestamp(event.last),
        "count": event.count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_from_1970() {
        let at = |seconds: u64| timestamp(SimTime::from_nanos(seconds * 1_000_000_000));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(59), "1970-01-01T00:00:59Z");
        assert_eq!(at(86_400 + 3_661), "1970-01-02T01:01:01Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_704_067_199), "2023-12-31T23:59:59Z");
    }
}
