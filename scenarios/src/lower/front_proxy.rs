//! Front proxies: a workload on hosts of its own for each port of a Service that somebody dials, to which those requests
//! go, and which passes them on. The rest of the model knows no difference to a workload that makes calls.

use std::collections::BTreeMap;

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{
    Behaviour, Container, ContainerPort, HostPort, Probes, Protocol, Publish, RestartPolicy, Service, ServiceKind,
    ServicePort, Source, Target, WorkerModel, Workload, WorkloadKind,
};
use sim_core::model::balancing_choice::BalancingChoice;
use sim_core::model::call::{Call, Connections, MOST_ATTEMPTS, OnFailure, PlannedCall, Retries, Step, WHOLE_PPM};
use sim_core::model::front_proxy::{FrontProxySettings, Upstreams};
use sim_core::model::ids::{NodeId, ServiceId, ServicePortId, WorkloadId};
use sim_core::model::lifecycle::{Termination, Updates};
use sim_core::model::service_traffic::ServiceTraffic;
use sim_core::model::settings::{Discovery, Front};
use sim_core::workload::distribution::Distribution;

use super::{Lowering, Tables, refs};
use crate::diagnostics::codes::{BAD_VALUE, MISSING_KEY};

/// nginx' own `listen(2)` backlog on Linux (`NGX_LISTEN_BACKLOG`).
const BACKLOG: u32 = 511;

/// One thing that proxies listen for: a Service's port and the sizes of what is asked of it.
type Listener = (ServicePortId, u64, u64);

/// Puts front proxies before every Service that is dialled, if the arm has them.
pub(super) fn insert(ctx: &mut Lowering<'_>, tables: &mut Tables, sources: &mut [Source], discovery: &Discovery) {
    let Discovery::FrontProxy(proxies) = discovery else { return };
    let nodes = nodes(ctx, tables);
    let mut listeners: BTreeMap<Listener, ServicePortId> = BTreeMap::new();
    let mut inserted = Inserted { settings: &proxies.settings, nodes: &nodes, used: Vec::new() };
    for source in sources.iter_mut().filter(|source| source.front == Front::NodePort) {
        redirect(&mut source.call, tables, &mut listeners, &mut inserted);
    }
    for index in 0..tables.workloads.len() {
        let mut calls = std::mem::take(&mut tables.workloads[index].calls);
        // Proxies that were inserted on the way have upstreams already.
        redirect_steps(&mut calls, tables, &mut listeners, &mut inserted);
        tables.workloads[index].calls = calls;
    }
}

/// The hosts that the scenario names, each once.
fn nodes(ctx: &mut Lowering<'_>, tables: &Tables) -> Vec<NodeId> {
    let place = ctx.place.at("frontProxy");
    let given = ctx.spec.front_proxy.as_ref().map(|given| given.nodes.clone()).unwrap_or_default();
    let mut nodes: Vec<NodeId> = Vec::new();
    for (index, name) in given.iter() {
        let at = place.at("nodes").item(index);
        let Some(node) = refs::worker(name, &tables.topology, &at, ctx.sink) else { continue };
        if nodes.contains(&node) {
            ctx.sink.report(BAD_VALUE, &at, format!("node {name} has a proxy already"));
        }
        nodes.push(node);
    }
    if given.is_empty() {
        let message = format!("arm {} has front proxies but does not say on which hosts", ctx.plan.name);
        let help = "write `frontProxy: {nodes: [node-1]}`, best a host that runs nothing else";
        let at = if ctx.spec.front_proxy.is_some() { place } else { ctx.place.key() };
        ctx.sink.help(MISSING_KEY, &at, message, help);
    }
    nodes
}

/// What all proxies of an arm share, and the host ports that they have taken.
struct Inserted<'a> {
    settings: &'a FrontProxySettings,
    nodes: &'a [NodeId],
    used: Vec<u16>,
}

fn redirect_steps(
    steps: &mut [Step],
    tables: &mut Tables,
    listeners: &mut BTreeMap<Listener, ServicePortId>,
    inserted: &mut Inserted<'_>,
) {
    for step in steps {
        match step {
            Step::Call(planned) => redirect(&mut planned.call, tables, listeners, inserted),
            Step::Sequence(inner) | Step::Parallel(inner) => redirect_steps(inner, tables, listeners, inserted),
        }
    }
}

/// Sends a call by way of the proxies, which are made when it is the first of its kind.
fn redirect(
    call: &mut Call,
    tables: &mut Tables,
    listeners: &mut BTreeMap<Listener, ServicePortId>,
    inserted: &mut Inserted<'_>,
) {
    let Target::Service(port) = call.to else { return };
    // What goes by UDP passes no proxy: its clients have fixed addresses.
    if call.upstreams.is_some() || call.datagrams.is_some() {
        return;
    }
    let listener = (port, call.request_bytes, call.response_bytes);
    let number = listeners.len();
    let proxy = *listeners.entry(listener).or_insert_with(|| inserted.add(tables, listener, number));
    call.to = Target::Service(proxy);
}

impl Inserted<'_> {
    /// Makes the proxies of one listener, and the Service that stands for their addresses.
    fn add(
        &mut self,
        tables: &mut Tables,
        (port, request_bytes, response_bytes): Listener,
        number: usize,
    ) -> ServicePortId {
        let behind = tables.service_ports[port.index()].clone();
        let service = tables.services[behind.service.index()].clone();
        let again = tables
            .workloads
            .iter()
            .any(|workload| workload.name == format!("proxy-of-{}-{}", service.name, behind.port));
        let suffix = if again { format!("-{}", number + 1) } else { String::new() };
        let name = format!("proxy-of-{}-{}{suffix}", service.name, behind.port);
        let listen = self.free_port(behind.port, tables);
        let upstreams: u32 =
            behind.backends.iter().map(|(workload, _)| tables.workloads[workload.index()].replicas).sum();
        let call = PlannedCall {
            name: service.name.clone(),
            call: self.call(port, (request_bytes, response_bytes), upstreams),
            probability_ppm: WHOLE_PPM,
            repeat: 1,
            on_failure: OnFailure::Fail,
        };
        let workload = WorkloadId::from_index(tables.workloads.len());
        tables.workloads.push(self.workload(&name, &service.namespace, listen, call));
        let stands_for = ServiceId::from_index(tables.services.len());
        tables.services.push(Service {
            name,
            kind: ServiceKind::ClusterIp,
            cluster_ip: None,
            publish_not_ready_addresses: false,
            balancing: BalancingChoice::of("round-robin"),
            traffic: ServiceTraffic::default(),
            selector: Vec::new(),
            ..service
        });
        tables.service_ports.push(ServicePort {
            service: stands_for,
            name: String::new(),
            port: listen,
            protocol: Protocol::Tcp,
            node_port: None,
            backends: vec![(workload, listen)],
        });
        ServicePortId::from_index(tables.service_ports.len() - 1)
    }

    /// The Service's own port, or the next one that no other proxy and no fixed published port has.
    fn free_port(&mut self, wanted: u16, tables: &Tables) -> u16 {
        let published = tables.workloads.iter().flat_map(|workload| &workload.publish);
        let fixed: Vec<u16> = published
            .filter_map(|publish| match publish.host_port {
                HostPort::Fixed(port) => Some(port),
                HostPort::Dynamic => None,
            })
            .collect();
        let from = (wanted..=u16::MAX).chain(1..wanted);
        let free = from.into_iter().find(|port| !self.used.contains(port) && !fixed.contains(port)).unwrap_or(wanted);
        self.used.push(free);
        free
    }

    fn call(&self, to: ServicePortId, (request_bytes, response_bytes): (u64, u64), upstreams: u32) -> Call {
        let settings = self.settings;
        let tries =
            if settings.proxy_next_upstream_tries == 0 { upstreams } else { settings.proxy_next_upstream_tries };
        Call {
            connect_timeout: Some(settings.proxy_connect_timeout),
            retries: Some(Retries {
                attempts: tries.clamp(1, MOST_ATTEMPTS),
                retry_on: settings.proxy_next_upstream,
                backoff: SimDuration::ZERO,
                budget_ppm: None,
            }),
            connections: Connections { pool: settings.keepalive, ..Connections::default() },
            upstreams: Some(Upstreams {
                read_timeout: settings.proxy_read_timeout,
                max_fails: settings.max_fails,
                fail_timeout: settings.fail_timeout,
            }),
            ..Call::plain(Target::Service(to), request_bytes, response_bytes)
        }
    }

    fn workload(&self, name: &str, namespace: &str, listen: u16, call: PlannedCall) -> Workload {
        let port = ContainerPort { name: String::new(), port: listen, host_port: None, protocol: Protocol::Tcp };
        let behaviour = Behaviour {
            service_time: Distribution::Constant(SimDuration::ZERO),
            backlog: BACKLOG,
            worker: WorkerModel::Async,
            ..Behaviour::default()
        };
        Workload {
            networks: Vec::new(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            kind: WorkloadKind::Deployment,
            replicas: u32::try_from(self.nodes.len()).unwrap_or(u32::MAX),
            template_hash: String::new(),
            labels: Vec::new(),
            containers: vec![Container { name: "nginx".to_owned(), ports: vec![port], probes: Probes::default() }],
            restart_policy: RestartPolicy::Always,
            unreachable_toleration: None,
            placement: self.nodes.to_vec(),
            publish: vec![Publish {
                container_port: listen,
                host_port: HostPort::Fixed(listen),
                protocol: Protocol::Tcp,
            }],
            behaviour,
            calls: vec![Step::Call(Box::new(call))],
            updates: Updates::default(),
            termination: Termination::default(),
        }
    }
}
