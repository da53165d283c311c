//! Traffic sources: where requests start, where they go, when, and how large they are.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{Origin, Protocol, ServiceKind, Source, Target};
use sim_core::model::ids::{NodeId, ServicePortId, WorkloadId};
use sim_core::model::settings::{AddressModelKind, Front};
use sim_core::topology::NodeRole;
use sim_core::workload::arrivals::ARRIVALS;

use super::{Lowering, Tables, calls, datagrams, front, names, parts, ports_of, refs};
use crate::arms::DiscoveryKind;
use crate::diagnostics::Place;
use crate::diagnostics::codes::{BAD_VALUE, DUPLICATE_NAME, NEVER_HAPPENS, NOT_MODELLED, UNKNOWN_PORT};
use crate::draft::DraftGroup;
use crate::nearest::did_you_mean;
use crate::schema::TrafficSpec;
use crate::synthetic;

pub(super) fn lower(ctx: &mut Lowering<'_>, tables: &Tables) -> Vec<Source> {
    let place = ctx.place.at("traffic");
    let spec = ctx.spec;
    let mut names: Vec<&str> = Vec::new();
    let mut sources = Vec::new();
    for (index, given) in spec.traffic.iter() {
        let at = place.item(index);
        if let Some(name) = &given.name {
            if names.contains(&name.as_str()) {
                ctx.sink.report(DUPLICATE_NAME, &at.at("name"), format!("two traffic sources are called `{name}`"));
            }
            names.push(name);
        }
        sources.extend(source(ctx, tables, given, &at));
    }
    sources
}

fn source(ctx: &mut Lowering<'_>, tables: &Tables, given: &TrafficSpec, place: &Place) -> Option<Source> {
    for (key, missing) in [
        ("name", given.name.is_none()),
        ("from", given.from.is_none()),
        ("to", given.to.is_none()),
        ("arrivals", given.arrivals.is_none()),
    ] {
        if missing {
            ctx.sink.missing(place, key, format!("a traffic source needs `{key}`"), "");
        }
    }
    let from = given.from.as_deref().and_then(|text| origin(ctx, tables, text, &place.at("from")));
    ctx.traffic = given.name.clone().unwrap_or_default();
    let wanted = datagrams::wanted(ctx, given.protocol.as_ref(), place);
    let to = given.to.as_deref();
    let to = to.and_then(|text| names::destination(ctx, tables, text, from, wanted, &place.at("to")));
    let arrivals = given.arrivals.as_ref().and_then(|part| {
        parts::build(ctx, Some(tables), ARRIVALS, "arrival process", &part.0, &[], &place.at("arrivals"))
    });
    let start = ctx.duration(given.start.as_ref(), &place.at("start"), SimDuration::ZERO);
    let stop = ctx.duration(given.stop.as_ref(), &place.at("stop"), tables.duration);
    if start >= tables.duration {
        ctx.sink.report(NEVER_HAPPENS, &place.at("start"), format!("the run ends at {}", tables.duration));
    } else if start >= stop {
        ctx.sink.report(BAD_VALUE, &place.at("stop"), format!("the traffic stops at {stop} but starts at {start}"));
    }
    let front = front::lower(ctx, given.front.as_ref(), from, &place.at("front"));
    let call = to.map(|to| calls::shared(ctx, to, &calls::Shared::from(given), place));
    let (from, (to, _, protocol)) = (from?, to?);
    check_pair(ctx, tables, from, to, &place.at("to"));
    if protocol == Protocol::Udp && front != Front::NodePort {
        let help = "leave `front` out: the client dials nodes";
        ctx.sink.help(NOT_MODELLED, &place.at("front"), "a load balancer passes TCP connections only", help);
    }
    Some(Source {
        name: given.name.clone()?,
        from,
        front,
        call: call?,
        arrivals: arrivals?.1,
        start,
        stop: stop.min(tables.duration),
    })
}

fn origin(ctx: &mut Lowering<'_>, tables: &Tables, text: &str, place: &Place) -> Option<Origin> {
    if text == "external" {
        let outside = tables.topology.with_role(NodeRole::External).next();
        return outside.map(Origin::External);
    }
    if let Some(name) = text.strip_prefix("node/") {
        let node: NodeId = refs::node(name, &tables.topology, place, ctx.sink)?;
        let outside = tables.topology.node(node).role == NodeRole::External;
        return Some(if outside { Origin::External(node) } else { Origin::Node(node) });
    }
    if let Some(name) = text.strip_prefix("zone/") {
        return refs::zone(name, &tables.topology, place, ctx.sink).map(Origin::Zone);
    }
    if synthetic::is_group(text) {
        let workloads = synthetic::group(text, ctx.draft, place, ctx.sink)?.workloads.clone();
        let first = WorkloadId::from_index(workloads.start);
        if workloads.clone().all(|workload| tables.workloads[workload].replicas == 0) {
            ctx.sink.report(NEVER_HAPPENS, place, format!("{text} has no pods, so no request can start there"));
        }
        return Some(match u32::try_from(workloads.len()) {
            Ok(1) => Origin::Workload(first),
            count => Origin::Workloads { first, count: count.unwrap_or(u32::MAX) },
        });
    }
    if !text.contains('/') {
        let message = format!("`{text}` says no place where requests start");
        let help =
            "write a workload such as deployment/NAME, or synthetic/NAME, or node/NAME, or zone/NAME, or external";
        ctx.sink.help(BAD_VALUE, place, message, help);
        return None;
    }
    let workload = refs::workload(text, ctx.directory, place, ctx.sink)?;
    if tables.workloads[workload.index()].replicas == 0 {
        ctx.sink.report(NEVER_HAPPENS, place, format!("{text} has no pods, so no request can start there"));
    }
    Some(Origin::Workload(workload))
}

/// Where requests go, and the protocol of the port.
pub(super) fn target(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    text: &str,
    wanted: Option<Protocol>,
    place: &Place,
) -> Option<(Target, Protocol)> {
    let (path, port) = text.rsplit_once(':').map_or((text, None), |(path, port)| (path, Some(port)));
    if let Some(name) = path.strip_prefix("service/").or_else(|| path.strip_prefix("svc/")) {
        let service = refs::service(name, ctx.directory, place, ctx.sink)?;
        let found = service_port(ctx, tables, service, (port, wanted), place, false)?;
        return Some((Target::Service(found), tables.service_ports[found.index()].protocol));
    }
    if synthetic::is_group(path) {
        let group = synthetic::group(path, ctx.draft, place, ctx.sink)?;
        return any_of_group(ctx, tables, group, port, place);
    }
    let (workload, ordinal) = if let Some((reference, ordinal)) = path.split_once('#') {
        let Ok(ordinal) = ordinal.parse::<u32>() else {
            ctx.sink.report(BAD_VALUE, place, format!("`{ordinal}` is no number of a pod"));
            return None;
        };
        (refs::workload(reference, ctx.directory, place, ctx.sink)?, ordinal)
    } else if let Some(name) = path.strip_prefix("pod/") {
        refs::pod(name, ctx.draft, place, ctx.sink)?
    } else {
        let message = format!("`{text}` says no place where requests go");
        let help =
            "write service/NAME:PORT, dns/NAME:PORT, synthetic/NAME, pod/NAME:PORT or deployment/NAME#INDEX:PORT";
        ctx.sink.help(BAD_VALUE, place, message, help);
        return None;
    };
    let pods = tables.workloads[workload.index()].replicas;
    if ordinal >= pods {
        ctx.sink.report(NEVER_HAPPENS, place, format!("there are {pods} pods, so none has the number {ordinal}"));
        return None;
    }
    let (port, protocol) = container_port(ctx, tables, workload, (port, wanted), place)?;
    Some((Target::Pod { workload, ordinal, port }, protocol))
}

/// Any Service of a group: each request draws one. Only a clusterIP needs no list of its backends in every client.
fn any_of_group(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    group: &DraftGroup,
    port: Option<&str>,
    place: &Place,
) -> Option<(Target, Protocol)> {
    // The Services of a group are alike, and have a port each.
    let first = service_port(ctx, tables, group.services.start, (port, None), place, false)?;
    if group.services.len() == 1 {
        return Some((Target::Service(first), Protocol::Tcp));
    }
    if ctx.plan.discovery != DiscoveryKind::Service {
        let message =
            format!("clients of this arm hold the backends of one Service, not those of all of {}", group.name);
        let help = "an arm with `discovery: service` can, or name one Service: service/NAME-1";
        ctx.sink.help(NOT_MODELLED, place, message, help);
        return None;
    }
    let count = u32::try_from(group.services.len()).unwrap_or(u32::MAX);
    Some((Target::Services { first, count }, Protocol::Tcp))
}

fn container_port(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    workload: WorkloadId,
    (port, wanted): (Option<&str>, Option<Protocol>),
    place: &Place,
) -> Option<(u16, Protocol)> {
    let workload = &tables.workloads[workload.index()];
    let listens: Vec<_> = workload.containers.iter().flat_map(|container| &container.ports).collect();
    let found = match port {
        Some(text) => {
            let fits = listens.iter().filter(|known| known.name == text || known.port.to_string() == text);
            datagrams::pick(fits, |known| known.protocol, wanted)
        }
        None if listens.len() == 1 => listens.first(),
        None => None,
    };
    if found.is_none() {
        let known: Vec<String> = listens.iter().map(|known| known.port.to_string()).collect();
        let help = did_you_mean(port.unwrap_or_default(), known.iter().map(String::as_str));
        let message = match port {
            Some(port) => format!("{} has no port {port}", workload.reference()),
            None => format!("{} has {} ports; say which one", workload.reference(), listens.len()),
        };
        ctx.sink.help(UNKNOWN_PORT, place, message, &help);
    }
    carries(ctx, found?.protocol, place).then_some((found?.port, found?.protocol))
}

/// Whether traffic of a protocol is modelled.
fn carries(ctx: &mut Lowering<'_>, protocol: Protocol, place: &Place) -> bool {
    if protocol == Protocol::Sctp {
        ctx.sink.report(NOT_MODELLED, place, "SCTP carries no traffic");
    }
    protocol != Protocol::Sctp
}

/// A port of a Service that is dialled by its address, or by its name.
pub(super) fn service_port(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    service: usize,
    (port, wanted): (Option<&str>, Option<Protocol>),
    place: &Place,
    by_name: bool,
) -> Option<ServicePortId> {
    let given = &tables.services[service];
    let range = ports_of(&tables.service_ports, service);
    let own = || range.clone().map(|index| (index, &tables.service_ports[index]));
    if let (ServiceKind::Headless, 0, true) = (given.kind, own().count(), ctx.draft.services[service].ports.is_empty())
    {
        let message = format!("Service {} has no ports", given.name);
        ctx.sink.help(UNKNOWN_PORT, place, message, "a compose service needs `ports` or `expose`");
        return None;
    }
    if given.kind == ServiceKind::ExternalName {
        let message = format!("Service {} of type ExternalName stands for something outside", given.name);
        ctx.sink.help(NOT_MODELLED, place, message, "dial a Service with a clusterIP, or a pod");
        return None;
    }
    if given.kind == ServiceKind::Headless && !by_name {
        let message = format!("Service {} is headless: it has a name and no address", given.name);
        let help = format!("clients find its pods by its name: dns/{}:{}", given.name, port.unwrap_or("PORT"));
        ctx.sink.help(NOT_MODELLED, place, message, &help);
        return None;
    }
    let found = match port {
        Some(text) => {
            let fits = own().filter(|(_, known)| known.name == text || known.port.to_string() == text);
            datagrams::pick(fits, |(_, known)| known.protocol, wanted)
        }
        None if own().count() == 1 => own().next(),
        None => None,
    };
    let Some((index, found)) = found else {
        let known: Vec<String> = own().map(|(_, known)| known.port.to_string()).collect();
        let help = did_you_mean(port.unwrap_or_default(), known.iter().map(String::as_str));
        let message = match port {
            Some(port) => format!("Service {} has no port {port}", given.name),
            None => format!("Service {} has {} ports; say which one", given.name, known.len()),
        };
        ctx.sink.help(UNKNOWN_PORT, place, message, &help);
        return None;
    };
    carries(ctx, found.protocol, place).then(|| ServicePortId::from_index(index))
}

/// From outside, only a port of a node can be reached.
fn check_pair(ctx: &mut Lowering<'_>, tables: &Tables, from: Origin, to: Target, place: &Place) {
    let Origin::External(_) = from else { return };
    let help = "dial a Service of type NodePort or LoadBalancer, or a published port";
    let Target::Service(port) = to else {
        ctx.sink.help(NOT_MODELLED, place, "a pod's address cannot be reached from outside", help);
        return;
    };
    let port = &tables.service_ports[port.index()];
    let service = &tables.services[port.service.index()];
    match ctx.plan.model() {
        AddressModelKind::FlatPodIp => {
            if !matches!(service.kind, ServiceKind::NodePort | ServiceKind::LoadBalancer) {
                let kind = service.kind.type_name();
                let message = format!("Service {} of type {kind} cannot be reached from outside", service.name);
                ctx.sink.help(NOT_MODELLED, place, message, help);
            }
        }
        AddressModelKind::PortMapping => {
            let published = |(workload, number): &(WorkloadId, u16)| {
                tables.workloads[workload.index()].publish.iter().any(|publish| publish.container_port == *number)
            };
            if !port.backends.iter().all(published) {
                let message = format!("Service {} has backends whose port is not published", service.name);
                ctx.sink.help(NOT_MODELLED, place, message, help);
            }
        }
    }
}
