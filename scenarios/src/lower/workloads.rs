//! Workloads: numbers of pods, initial nodes, host ports and behaviour.

use std::collections::BTreeMap;

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{
    Behaviour, HostPort, Protocol, Publish, RestartPolicy, WorkerModel, Workload, WorkloadKind,
};
use sim_core::model::ids::NodeId;
use sim_core::model::lifecycle::{Shutdown, Termination};
use sim_core::model::settings::AddressModelKind;
use sim_core::topology::{NodeRole, Topology};
use sim_core::workload::distribution::DISTRIBUTIONS;

use super::{Lowering, calls, networks, parts, refs};
use crate::diagnostics::Place;
use crate::diagnostics::codes::{BAD_VALUE, DUPLICATE_NAME, PORT_RANGE, UNKNOWN_PORT, UNUSED};
use crate::draft::DraftWorkload;
use crate::nearest::did_you_mean;
use crate::schema::BehaviourSpec;
use crate::synthetic;

/// What a scenario adds to workloads, by their number.
#[derive(Default)]
struct Additions {
    placement: BTreeMap<usize, Vec<NodeId>>,
    replicas: BTreeMap<usize, u32>,
    behaviour: BTreeMap<usize, Behaviour>,
    pre_stop: BTreeMap<usize, SimDuration>,
    publish: BTreeMap<usize, Vec<Publish>>,
}

pub(super) fn lower(ctx: &mut Lowering<'_>, topology: &Topology) -> Vec<Workload> {
    let mut pre_stop = BTreeMap::new();
    let additions = Additions {
        placement: placement(ctx, topology),
        replicas: replicas(ctx),
        behaviour: behaviour(ctx, &mut pre_stop),
        pre_stop,
        publish: publish(ctx),
    };
    let draft = ctx.draft;
    let networks = networks::names(ctx);
    let mut all: Vec<Workload> = Vec::new();
    for (index, given) in draft.workloads.iter().enumerate() {
        let lowered = workload(ctx, index, given, &additions, topology);
        all.push(Workload { networks: networks::numbers(&networks, given), ..lowered });
    }
    all
}

fn workload(
    ctx: &mut Lowering<'_>,
    index: usize,
    given: &DraftWorkload,
    additions: &Additions,
    topology: &Topology,
) -> Workload {
    let replicas = match given.kind {
        WorkloadKind::DaemonSet => u32::try_from(topology.with_role(NodeRole::Worker).count()).unwrap_or(u32::MAX),
        WorkloadKind::Pod => 1,
        WorkloadKind::Deployment
        | WorkloadKind::ReplicaSet
        | WorkloadKind::ReplicationController
        | WorkloadKind::StatefulSet => additions.replicas.get(&index).copied().unwrap_or(given.replicas),
    };
    let bound = given.node_name.as_ref().and_then(|(place, name)| refs::worker(name, topology, place, ctx.sink));
    // A compose project lands on one host unless the scenario says otherwise, in every arm alike.
    let together = given.published.is_some().then(|| topology.with_role(NodeRole::Worker).next()).flatten();
    let placed = additions.placement.get(&index).cloned();
    let placement = placed.unwrap_or_else(|| bound.or(together).into_iter().collect());
    let under_kubernetes = ctx.plan.model() == AddressModelKind::FlatPodIp && given.kind != WorkloadKind::Pod;
    Workload {
        name: given.name.clone(),
        namespace: given.namespace.clone(),
        kind: given.kind,
        replicas,
        template_hash: given.template_hash.clone(),
        labels: given.labels.clone(),
        containers: given.containers.iter().map(|container| container.container.clone()).collect(),
        // Kubernetes' controllers allow the policy Always alone, whatever a compose file says.
        restart_policy: if under_kubernetes { RestartPolicy::Always } else { given.restart_policy },
        unreachable_toleration: given.unreachable_toleration,
        placement,
        publish: published(given, additions.publish.get(&index)),
        networks: Vec::new(),
        behaviour: additions.behaviour.get(&index).copied().unwrap_or_default(),
        // Calls need every target, so they are added once all are known.
        calls: Vec::new(),
        updates: given.updates,
        termination: Termination {
            pre_stop: additions.pre_stop.get(&index).copied().unwrap_or(given.termination.pre_stop),
            ..given.termination
        },
    }
}

/// Host ports under port mapping: as the compose file says; of a manifest, each port dynamic unless it has a
/// `hostPort`; and what `docker.publish` says in place of either.
fn published(given: &DraftWorkload, fixed: Option<&Vec<Publish>>) -> Vec<Publish> {
    let declared = given.containers.iter().flat_map(|container| &container.container.ports);
    let of_manifest = declared.filter(|port| port.protocol != Protocol::Sctp).map(|port| Publish {
        protocol: port.protocol,
        container_port: port.port,
        host_port: port.host_port.map_or(HostPort::Dynamic, HostPort::Fixed),
    });
    let mut all = given.published.clone().unwrap_or_else(|| of_manifest.collect());
    let fixed = fixed.map(Vec::as_slice).unwrap_or_default();
    let inside = |publish: &Publish| (publish.protocol, publish.container_port);
    all.retain(|publish| !fixed.iter().any(|other| inside(other) == inside(publish)));
    all.extend(fixed);
    all
}

fn placement(ctx: &mut Lowering<'_>, topology: &Topology) -> BTreeMap<usize, Vec<NodeId>> {
    let place = ctx.place.at("placement");
    let mut all = BTreeMap::new();
    for (reference, nodes) in &ctx.spec.placement.0 {
        let at = place.at(reference);
        let found: Vec<NodeId> =
            nodes.iter().filter_map(|(index, name)| refs::worker(name, topology, &at.item(index), ctx.sink)).collect();
        let Some(workload) = refs::workload(reference, ctx.directory, &at.key(), ctx.sink) else { continue };
        if ctx.draft.workloads[workload.index()].kind == WorkloadKind::DaemonSet {
            ctx.sink.report(UNUSED, &at.key(), "a DaemonSet has one pod on each node, so its placement is not used");
        }
        once(ctx, &mut all, workload.index(), found, &at);
    }
    all
}

fn replicas(ctx: &mut Lowering<'_>) -> BTreeMap<usize, u32> {
    let place = ctx.place.at("replicas");
    let mut all = BTreeMap::new();
    for (reference, count) in &ctx.spec.replicas.0 {
        let at = place.at(reference);
        let Some(workload) = refs::workload(reference, ctx.directory, &at.key(), ctx.sink) else { continue };
        let kind = ctx.draft.workloads[workload.index()].kind;
        if matches!(kind, WorkloadKind::DaemonSet | WorkloadKind::Pod) {
            let message = format!("a {} has no number of replicas, so this is not used", kind.reference());
            ctx.sink.report(UNUSED, &at.key(), message);
        }
        once(ctx, &mut all, workload.index(), *count, &at);
    }
    all
}

/// Behaviours by workload, and the lengths of preStop hooks that stand beside them.
fn behaviour(ctx: &mut Lowering<'_>, pre_stop: &mut BTreeMap<usize, SimDuration>) -> BTreeMap<usize, Behaviour> {
    let place = ctx.place.at("behaviour");
    let mut all = BTreeMap::new();
    for (reference, given) in &ctx.spec.behaviour.0 {
        let at = place.at(reference);
        let value = one_behaviour(ctx, given, &at);
        let hook = ctx.optional_duration(given.pre_stop_sleep.as_ref(), &at.at("preStopSleep"));
        if synthetic::is_group(reference) {
            let group = synthetic::group(reference, ctx.draft, &at.key(), ctx.sink);
            // What is said of one workload alone came first, as `deployment/` does in the order of the keys.
            for workload in group.map_or(0..0, |group| group.workloads.clone()) {
                all.entry(workload).or_insert(value);
                if let Some(hook) = hook {
                    pre_stop.entry(workload).or_insert(hook);
                }
            }
            continue;
        }
        let Some(workload) = refs::workload(reference, ctx.directory, &at.key(), ctx.sink) else { continue };
        pre_stop.extend(hook.map(|hook| (workload.index(), hook)));
        once(ctx, &mut all, workload.index(), value, &at);
    }
    all
}

fn one_behaviour(ctx: &mut Lowering<'_>, given: &BehaviourSpec, place: &Place) -> Behaviour {
    let mut behaviour = Behaviour::default();
    if let Some(part) = &given.service_time {
        let at = place.at("serviceTime");
        let built = parts::build(ctx, None, DISTRIBUTIONS, "distribution", &part.0, &[], &at);
        behaviour.service_time = built.map_or(behaviour.service_time, |(_, distribution)| distribution);
    }
    if given.concurrency == Some(0) {
        ctx.sink.report(BAD_VALUE, &place.at("concurrency"), "a concurrency of 0 serves nobody");
    }
    behaviour.concurrency = given.concurrency.or(behaviour.concurrency);
    behaviour.backlog = given.backlog.unwrap_or(behaviour.backlog);
    behaviour.startup = ctx.duration(given.startup.as_ref(), &place.at("startup"), behaviour.startup);
    let waits = ctx.optional_duration(given.keep_alive_timeout.as_ref(), &place.at("keepAliveTimeout"));
    behaviour.keep_alive_timeout = waits;
    let pull = place.at("imagePullTime");
    behaviour.image_pull_time = ctx.duration(given.image_pull_time.as_ref(), &pull, behaviour.image_pull_time);
    behaviour.error_ppm = calls::share(ctx, given.error_rate.as_ref(), &place.at("errorRate")).unwrap_or(0);
    behaviour.worker = match given.worker.as_ref().map(|text| text.0.as_str()) {
        None | Some("sync") => WorkerModel::Sync,
        Some("async") => WorkerModel::Async,
        Some(other) => {
            let help = did_you_mean(other, ["sync", "async"]);
            let message = format!("`{other}` is no kind of worker; known: sync, async");
            ctx.sink.help(BAD_VALUE, &place.at("worker"), message, &help);
            WorkerModel::Sync
        }
    };
    if let Some(shutdown) = &given.shutdown {
        let at = place.at("shutdown");
        behaviour.shutdown = Shutdown {
            drain: shutdown.drain.map_or(behaviour.shutdown.drain, |drain| drain.value),
            timeout: ctx.optional_duration(shutdown.timeout.as_ref(), &at.at("timeout")),
        };
        if !behaviour.shutdown.drain && behaviour.shutdown.timeout.is_some() {
            ctx.sink.report(UNUSED, &at.at("timeout"), "a server that does not drain exits at once");
        }
    }
    behaviour
}

fn publish(ctx: &mut Lowering<'_>) -> BTreeMap<usize, Vec<Publish>> {
    let place = ctx.place.at("docker").at("publish");
    let mut all = BTreeMap::new();
    let given = ctx.spec.docker.iter().flat_map(|docker| &docker.publish.0);
    for (reference, entries) in given {
        let at = place.at(reference);
        let Some(workload) = refs::workload(reference, ctx.directory, &at.key(), ctx.sink) else { continue };
        let listens: Vec<(Protocol, u16)> = {
            let containers = &ctx.draft.workloads[workload.index()].containers;
            let ports = containers.iter().flat_map(|container| &container.container.ports);
            ports.map(|port| (port.protocol, port.port)).collect()
        };
        let mut publish = Vec::new();
        for (index, text) in entries.iter() {
            publish.extend(one_publish(ctx, &text.0, &listens, &at.item(index)));
        }
        once(ctx, &mut all, workload.index(), publish, &at);
    }
    all
}

/// `HOST:CONTAINER`, or `CONTAINER` for a dynamic host port; with `/udp` behind it for a port of UDP.
fn one_publish(ctx: &mut Lowering<'_>, text: &str, listens: &[(Protocol, u16)], place: &Place) -> Option<Publish> {
    let (ports, protocol) = match text.strip_suffix("/udp") {
        Some(ports) => (ports, Protocol::Udp),
        None => (text.strip_suffix("/tcp").unwrap_or(text), Protocol::Tcp),
    };
    let (host, container) = ports.split_once(':').map_or((None, ports), |(host, container)| (Some(host), container));
    let mut port = |text: &str| {
        let port = text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        if port.is_none() {
            ctx.sink.help(PORT_RANGE, place, format!("`{text}` is no port"), "ports go from 1 to 65535");
        }
        port
    };
    let container_port = port(container)?;
    let host_port = match host {
        Some(host) => HostPort::Fixed(port(host)?),
        None => HostPort::Dynamic,
    };
    if !listens.contains(&(protocol, container_port)) {
        let known: Vec<String> = listens.iter().map(|(_, port)| port.to_string()).collect();
        let help = did_you_mean(container, known.iter().map(String::as_str));
        ctx.sink.help(UNKNOWN_PORT, place, format!("no container listens on port {container_port}"), &help);
    }
    Some(Publish { container_port, host_port, protocol })
}

/// Two references may mean one workload (`deploy/web` and `deployment/web`).
fn once<T>(ctx: &mut Lowering<'_>, all: &mut BTreeMap<usize, T>, workload: usize, value: T, place: &Place) {
    if all.insert(workload, value).is_some() {
        let name = ctx.draft.workloads[workload].reference();
        ctx.sink.report(DUPLICATE_NAME, &place.key(), format!("this names {name} a second time"));
    }
}
