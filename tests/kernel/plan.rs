//! One arm of a scenario: its plan of nodes, pods, addresses and ports at a time, and what podwire says happens in it.
//! Everything is read from the run's records and from `podwire curl`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use scenarios::{Overrides, Scenario, Source};
use serde_json::Value;
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::Model;
use sim_core::model::ids::{PodId, ServiceId, ServicePortId, SourceId};
use sim_core::model::settings::{AddressModelKind, Subnet};
use sim_core::topology::NodeRole;
use sim_core::trace::words::{Outcome, SegmentKind};
use sim_core::trace::{Body, Level, Record, TraceHeader};
use sim_core::workload::distribution::Distribution;
use sim_core::world::World;

use crate::process;

/// A pod or container.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) id: PodId,
    /// `deployment/web#0`, and as kubectl shows it.
    pub(crate) name: String,
    pub(crate) shown: String,
    pub(crate) node: String,
    pub(crate) address: IpAddr,
    /// The ports its processes listen on.
    pub(crate) ports: Vec<u16>,
    /// (container port, host port).
    pub(crate) published: BTreeMap<u16, u16>,
    pub(crate) running: bool,
    pub(crate) backlog: u32,
    /// 0 is unlimited.
    pub(crate) workers: u32,
    pub(crate) service: Duration,
}

/// A worker, or the node outside.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    /// Block of its pods; none for the node outside.
    pub(crate) block: Option<Subnet>,
    pub(crate) down: bool,
}

/// A port of a Service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) cluster_ip: IpAddr,
    pub(crate) port: u16,
    pub(crate) node_port: Option<u16>,
    pub(crate) endpoints: Vec<(PodId, SocketAddr)>,
}

/// A scenario's text with the arm that is looked at.
pub(crate) struct Case {
    text: String,
    arm: String,
    scenario: Scenario,
    /// What loading it warned of.
    pub(crate) warnings: String,
}

/// What stands at a time.
pub(crate) struct Plan {
    pub(crate) model: Model,
    pub(crate) nodes: Vec<Node>,
    pub(crate) pods: Vec<Pod>,
    pub(crate) services: Vec<Service>,
}

/// A request of a run.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) source: String,
    pub(crate) outcome: Outcome,
    pub(crate) pod: Option<PodId>,
    pub(crate) arrived: Duration,
    pub(crate) took: Duration,
    /// From its arrival to the end of the handshake.
    pub(crate) connected: Option<Duration>,
    pub(crate) port: Option<u16>,
}

/// What `podwire curl` says of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) dialled: SocketAddr,
    pub(crate) outcome: String,
    pub(crate) took: Duration,
    /// The client's own address and the one that the server sees.
    pub(crate) seen: Option<(SocketAddr, SocketAddr)>,
    /// The name of the pod that accepts.
    pub(crate) pod: Option<String>,
}

impl Case {
    /// Reads a scenario; what is wrong with it otherwise.
    pub(crate) fn read(text: &str, arm: &str) -> Result<Self, String> {
        let source = Source { name: "scenario.yaml".to_owned(), text: text.to_owned() };
        let base = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let loaded = podwire::session::load_text(source, base, &Overrides::default());
        let warnings = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
        let scenario = loaded.scenario.ok_or_else(|| warnings.clone())?;
        Ok(Self { text: text.to_owned(), arm: arm.to_owned(), scenario, warnings })
    }

    pub(crate) fn new(text: &str, arm: &str) -> Self {
        Self::read(text, arm).unwrap_or_else(|said| panic!("{said}"))
    }

    fn model(&self) -> &Model {
        &self.scenario.arms.iter().find(|arm| arm.name == self.arm).expect("the case names one of its arms").model
    }

    fn records(&self, until: SimDuration, level: Level) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        World::new(Arc::new(self.model().clone()), level).run_until(SimTime::ZERO + until, &mut records);
        records
    }

    /// What stands at this time.
    pub(crate) fn plan(&self, at: Duration) -> Plan {
        let at = SimDuration::from_millis(u64::try_from(at.as_millis()).expect("a run is short"));
        Plan::new(self.model(), &self.records(at, Level::Request))
    }

    /// All requests of the run, in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let model = self.model();
        let mut open: BTreeMap<(SourceId, u64), (u64, Request, SimTime)> = BTreeMap::new();
        for record in self.records(model.duration, Level::Segment) {
            match record.body {
                Body::RequestArrived { source, number, .. } => {
                    let request = Request {
                        source: model.source(source).name.clone(),
                        // A request that has not ended when the run does keeps this.
                        outcome: Outcome::RequestTimeout,
                        pod: None,
                        arrived: Duration::from_nanos(record.time.as_nanos()),
                        took: Duration::MAX,
                        connected: None,
                        port: None,
                    };
                    open.insert((source, number), (record.id, request, record.time));
                }
                Body::RequestEnded { source, number, outcome, pod } => {
                    if let Some((_, request, arrived)) = open.get_mut(&(source, number)) {
                        (request.outcome, request.pod) = (outcome, pod);
                        request.took = Duration::from_nanos(record.time.since(*arrived).as_nanos());
                    }
                }
                Body::ConnectionOpened { source, number, client_port, pod, .. } => {
                    if let Some((_, request, _)) = open.get_mut(&(source, number)) {
                        (request.port, request.pod) = (Some(client_port), pod);
                    }
                }
                Body::SegmentSent { source, number, segment, .. } => {
                    let open = open.get_mut(&(source, number)).filter(|_| segment == SegmentKind::HandshakeAck);
                    if let Some((_, request, arrived)) = open {
                        request.connected.get_or_insert(Duration::from_nanos(record.time.since(*arrived).as_nanos()));
                    }
                }
                _ => {}
            }
        }
        let mut all: Vec<(u64, Request, SimTime)> = open.into_values().collect();
        all.sort_by_key(|(id, ..)| *id);
        all.into_iter().map(|(_, request, _)| request).collect()
    }

    /// Which conntrack entry of its client's node led each exchange of datagrams, counted from 1, in order.
    pub(crate) fn flows(&self) -> Vec<usize> {
        let mut flows = Vec::new();
        let mut opened = 0;
        for record in self.records(self.model().duration, Level::Connection) {
            match record.body {
                Body::ConnectionOpened { .. } => flows.push(opened),
                Body::FlowOpened { .. } => {
                    opened += 1;
                    flows.pop();
                    flows.push(opened);
                }
                _ => {}
            }
        }
        flows
    }

    /// What `podwire curl` says of a connection at a time of the run.
    pub(crate) fn curl(&self, from: &str, to: &str, at: Duration) -> Told {
        let at = format!("{}ms", at.as_millis());
        let args = ["curl", "-", "--quiet", "--arm", &self.arm, "--from", from, to, "--at", &at, "--format", "json"];
        let mut command = process::command(&args);
        command.args(["--max-time", "300s"]);
        let json: Value = serde_json::from_str(&process::feed(&mut command, &self.text).ok()).unwrap();
        let socket = |value: &Value| value.as_str().and_then(|text| text.parse::<SocketAddr>().ok());
        let hop = |kind: &str| json["hops"].as_array().unwrap().iter().find(|hop| hop["hop"] == kind);
        let seen = socket(&json["clientSees"][0]).zip(socket(&json["serverSees"][0]));
        Told {
            dialled: socket(&hop("dial").expect("a connection is dialled")["destination"]).unwrap(),
            outcome: json["outcome"].as_str().unwrap().to_owned(),
            took: Duration::from_nanos(json["took"].as_u64().unwrap()),
            seen,
            pod: hop("accepted").and_then(|hop| hop["pod"].as_str().map(str::to_owned)),
        }
    }
}

impl Plan {
    fn new(model: &Model, records: &[Record]) -> Self {
        let nodes = model.topology.nodes().iter().map(|node| Node {
            name: node.name.clone(),
            address: node.address,
            block: None,
            down: false,
        });
        let mut plan = Self { model: model.clone(), nodes: nodes.collect(), pods: Vec::new(), services: Vec::new() };
        let mut services: BTreeMap<ServiceId, IpAddr> = BTreeMap::new();
        let mut node_ports: BTreeMap<ServicePortId, u16> = BTreeMap::new();
        let mut endpoints: Vec<(ServicePortId, PodId, SocketAddr)> = Vec::new();
        let mut terminating: BTreeSet<(ServicePortId, PodId)> = BTreeSet::new();
        for record in records {
            match record.body {
                Body::ServiceCreated { service, cluster_ip } => drop(services.insert(service, cluster_ip)),
                Body::NodePortAllocated { service_port, node_port } => drop(node_ports.insert(service_port, node_port)),
                Body::EndpointAdded { service_port, pod, address, port, .. } => {
                    endpoints.push((service_port, pod, SocketAddr::new(address, port)));
                }
                Body::EndpointRemoved { service_port, pod, .. } => {
                    endpoints.retain(|(of, who, _)| (*of, *who) != (service_port, pod));
                }
                Body::EndpointTerminating { service_port, pod, .. } => drop(terminating.insert((service_port, pod))),
                body => plan.learn(body),
            }
        }
        for (index, port) in model.service_ports.iter().enumerate() {
            let id = ServicePortId::from_index(index);
            let Some(cluster_ip) = services.get(&port.service) else { continue };
            let all = endpoints.iter().filter(|(of, ..)| *of == id).map(|(_, pod, socket)| (*pod, *socket));
            let (ending, ready): (Vec<_>, Vec<_>) = all.partition(|(pod, _)| terminating.contains(&(id, *pod)));
            plan.services.push(Service {
                cluster_ip: *cluster_ip,
                port: port.port,
                node_port: node_ports.get(&id).copied(),
                // Rules use terminating endpoints while no ready one is left.
                endpoints: if ready.is_empty() { ending } else { ready },
            });
        }
        let control_plane = |name: &str| {
            model.topology.nodes().iter().any(|node| node.name == name && node.role == NodeRole::ControlPlane)
        };
        plan.nodes.retain(|node| !control_plane(&node.name));
        plan
    }

    /// What a record says of nodes and pods.
    fn learn(&mut self, body: Body) {
        match body {
            Body::NodeRegistered { node, subnet, .. } => {
                let is_worker = self.model.topology.node(node).role == NodeRole::Worker;
                self.nodes[node.index()].block = is_worker.then_some(subnet);
            }
            Body::NodeDown { node } => self.nodes[node.index()].down = true,
            Body::PodCreated { pod, workload, ordinal, suffix } => {
                let shown = TraceHeader::new(&self.model, "", "", "").pod_name(workload, ordinal, suffix);
                let workload = self.model.workload(workload);
                let Distribution::Constant(service) = workload.behaviour.service_time else {
                    panic!("a case's service takes one time")
                };
                let ports = workload.containers.iter().flat_map(|container| &container.ports);
                self.pods.push(Pod {
                    id: pod,
                    name: format!("{}#{ordinal}", workload.reference()),
                    shown,
                    node: String::new(),
                    address: IpAddr::from([0, 0, 0, 0]),
                    ports: ports.map(|port| port.port).collect(),
                    published: BTreeMap::new(),
                    running: false,
                    backlog: workload.behaviour.backlog,
                    workers: workload.behaviour.concurrency.unwrap_or(0),
                    service: Duration::from_nanos(service.as_nanos()),
                });
            }
            Body::PodScheduled { pod, node } => self.pod(pod).node = self.nodes[node.index()].name.clone(),
            Body::AddressAssigned { pod, address } => self.pod(pod).address = address,
            Body::ContainerStarted { pod, .. } => self.pod(pod).running = true,
            Body::ContainerExited { pod, .. } => self.pod(pod).running = false,
            Body::PortPublished { pod, container_port, host_port, .. } => {
                self.pod(pod).published.insert(container_port, host_port);
            }
            Body::PortReleased { pod, host_port, .. } => self.pod(pod).published.retain(|_, port| *port != host_port),
            Body::PodGone { pod } => self.pods.retain(|other| other.id != pod),
            _ => {}
        }
    }

    fn pod(&mut self, id: PodId) -> &mut Pod {
        self.pods.iter_mut().find(|pod| pod.id == id).expect("a pod is created before anything else is said of it")
    }

    /// True under pod IPs, false under port mapping.
    pub(crate) fn is_flat(&self) -> bool {
        self.model.address_model == AddressModelKind::FlatPodIp
    }

    /// The name of a pod, `deployment/web#0`.
    pub(crate) fn name(&self, pod: PodId) -> String {
        let found = self.pods.iter().find(|other| other.id == pod);
        found.map_or_else(|| "-".to_owned(), |pod| pod.name.clone())
    }
}
