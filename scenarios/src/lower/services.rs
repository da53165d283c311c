//! Services: which workloads a selector means, and which container port a `targetPort` means in each.

use std::net::IpAddr;

use sim_core::model::application::{
    ContainerPort, HostPort, Protocol, Publish, Service, ServiceKind, ServicePort, Workload,
};
use sim_core::model::balancing_choice::BalancingChoice;
use sim_core::model::ids::{ServiceId, WorkloadId};
use sim_core::model::settings::ClusterSettings;

use super::Lowering;
use crate::diagnostics::codes::{ADDRESS_SPACE, PARTLY_MODELLED, PORT_NAME_MISSING, SELECTS_NOTHING};
use crate::draft::{DraftService, DraftServicePort, TargetPort};
use crate::nearest::did_you_mean;

pub(super) fn lower(
    ctx: &mut Lowering<'_>,
    workloads: &mut [Workload],
    cluster: &ClusterSettings,
) -> (Vec<Service>, Vec<ServicePort>) {
    let draft = ctx.draft;
    let mut services = Vec::new();
    let mut ports = Vec::new();
    for (index, given) in draft.services.iter().enumerate() {
        in_range(ctx, given, cluster);
        let selected = selected(ctx, given);
        for port in &given.ports {
            ports.push(ServicePort {
                service: ServiceId::from_index(index),
                name: port.name.clone(),
                port: port.port,
                protocol: port.protocol,
                node_port: port.node_port,
                backends: backends(ctx, given, port, &selected, workloads),
            });
        }
        services.push(Service {
            name: given.name.clone(),
            namespace: given.namespace.clone(),
            kind: given.kind,
            cluster_ip: given.cluster_ip,
            publish_not_ready_addresses: given.publish_not_ready_addresses,
            balancing: BalancingChoice::default(),
            traffic: given.traffic.clone(),
            selector: given.selector.clone(),
        });
    }
    (services, ports)
}

/// Addresses that a manifest asks for must lie in the cluster's ranges (B8, B12).
fn in_range(ctx: &mut Lowering<'_>, service: &DraftService, cluster: &ClusterSettings) {
    let range = cluster.service_cluster_ip_range;
    if let (Some(IpAddr::V4(address)), IpAddr::V4(first)) = (service.cluster_ip, range.address) {
        let offset = u64::from(u32::from(address)).checked_sub(u64::from(u32::from(first)));
        // The first address is the block's own, the last one its broadcast address.
        if offset.is_none_or(|offset| offset == 0 || offset + 1 >= range.size()) {
            let message = format!("clusterIP {address} is not in the valid range {range}");
            ctx.sink.help(ADDRESS_SPACE, &service.place, message, "`cluster.serviceClusterIPRange` sets the range");
        }
    }
    let ports = cluster.service_node_port_range;
    for port in &service.ports {
        let Some(node_port) = port.node_port.filter(|port| !(ports.first..=ports.last).contains(port)) else {
            continue;
        };
        let message = format!(
            "provided port {node_port} is not in the valid range. The range of valid ports is {}-{}",
            ports.first, ports.last
        );
        let help = "`cluster.serviceNodePortRange` sets the range";
        ctx.sink.help(ADDRESS_SPACE, &port.place.at("nodePort"), message, help);
    }
}

/// The workloads whose pods have all labels of the selector, in the same namespace.
fn selected(ctx: &mut Lowering<'_>, service: &DraftService) -> Vec<WorkloadId> {
    if service.kind == ServiceKind::ExternalName {
        return Vec::new();
    }
    let found = ctx.directory.selected(&service.namespace, &service.selector);
    let found: Vec<WorkloadId> = found.into_iter().map(WorkloadId::from_index).collect();
    if service.selector.is_empty() {
        let message = format!("Service {} has no selector, so it has no backends here", service.name);
        ctx.sink.report(SELECTS_NOTHING, &service.place, message);
    } else if found.is_empty() {
        let labels: Vec<String> = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let message = format!("Service {} selects nothing: no pod has {}", service.name, labels.join(","));
        let help = format!("pods are looked for in namespace `{}`", service.namespace);
        ctx.sink.help(SELECTS_NOTHING, &service.place, message, &help);
    }
    found
}

fn backends(
    ctx: &mut Lowering<'_>,
    service: &DraftService,
    port: &DraftServicePort,
    selected: &[WorkloadId],
    workloads: &mut [Workload],
) -> Vec<(WorkloadId, u16)> {
    let mut backends = Vec::new();
    for id in selected {
        let workload = &mut workloads[id.index()];
        let declared = || workload.containers.iter().flat_map(|container| &container.ports);
        match &port.target {
            TargetPort::Name(name) => {
                let named = declared().find(|port| port.name == *name).map(|port| port.port);
                if let Some(number) = named {
                    backends.push((*id, number));
                    continue;
                }
                let names: Vec<&str> =
                    declared().map(|port| port.name.as_str()).filter(|name| !name.is_empty()).collect();
                let help = did_you_mean(name, names);
                let (reference, service) = (workload.reference(), &service.name);
                let message = format!("{reference} has no port called `{name}`, so Service {service} leaves it out");
                ctx.sink.help(PORT_NAME_MISSING, &port.place.at("targetPort"), message, &help);
            }
            TargetPort::Number(number) => {
                let number = *number;
                // `ports` of a container only informs: a Service's number reaches whatever listens there.
                let listens = |known: &ContainerPort| (known.protocol, known.port) == (port.protocol, number);
                if port.protocol != Protocol::Sctp && !declared().any(listens) {
                    let message =
                        format!("{} declares no port {number}; it is taken to listen there", workload.reference());
                    ctx.sink.report(PARTLY_MODELLED, &port.place, message);
                    assume_listening(workload, port.protocol, number);
                }
                backends.push((*id, number));
            }
        }
    }
    backends
}

fn assume_listening(workload: &mut Workload, protocol: Protocol, port: u16) {
    let Some(container) = workload.containers.first_mut() else { return };
    container.ports.push(ContainerPort { name: String::new(), port, host_port: None, protocol });
    if !workload.publish.iter().any(|publish| (publish.protocol, publish.container_port) == (protocol, port)) {
        workload.publish.push(Publish { container_port: port, host_port: HostPort::Dynamic, protocol });
    }
}
