//! The start of a run: every address planned, every pod Ready, every node synced, every loop's phase drawn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::World;
use super::choices::Proxies;
use super::conntrack::Conntrack;
use super::controllers::Controller;
use super::direction::Wires;
use super::fork::Disturbances;
use super::images::Images;
use super::impairments::Impairments;
use super::ipvs::Ipvs;
use super::journal::Journal;
use super::load_balancers::LoadBalancers;
use super::loads::Loads;
use super::local_ports::LocalPorts;
use super::service_ports::ServicePortTable;
use super::services::ServiceState;
use super::shared_groups::SharedGroups;
use super::slab::Slab;
use super::sockets::SocketTable;
use super::state::{NodeState, PodState};
use super::traffic::{KeptConnections, Loose, PathState, SourceState, User};
use super::udp::Udp;
use super::upstreams::ProxiedRequests;
use super::whereabouts::Whereabouts;
use super::wire_records::WireViews;
use crate::addressing::flat_pod_ip::FlatPodIp;
use crate::addressing::port_mapping::DockerHost;
use crate::control::leases::Lease;
use crate::control::node_lifecycle::MonitorPasses;
use crate::control::versions::{ProxyMark, VersionedLists};
use crate::dataplane::icmp_limit::IcmpLimit;
use crate::kernel::draws::{Draws, EntityKey, ShortStream, Stream, below};
use crate::kernel::executive::Agenda;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::application::{ServicePort, Source};
use crate::model::call_graph::behind;
use crate::model::ids::{NodeId, PodId, WorkloadId};
use crate::model::settings::{AddressModelKind, Subnet};
use crate::topology::routes::Routes;
use crate::topology::{Node, NodeRole};
use crate::trace::{Body, Level, RecordId};
use crate::transport::segment::train;
use crate::workload::arrivals::Pacing;
use crate::workload::distribution::Distribution;

/// The block of each node's pods, where it is fixed.
fn pod_cidrs(model: &Model) -> Vec<Option<Subnet>> {
    model.topology.nodes().iter().map(|node| node.pod_cidr).collect()
}

/// The loops of the controller manager: the node monitor's passes, and the phase of the taint queue's.
pub(super) fn control_loops(model: &Model, draws: &mut Draws) -> (MonitorPasses, SimDuration) {
    let control = EntityKey::of("control-plane");
    let monitor_phase = phase(draws, control, "monitor-phase", MonitorPasses::gap(&model.cluster));
    let taint_phase = phase(draws, control, "taint-phase", model.cluster.taint_queue_interval);
    (MonitorPasses::new(&model.cluster, monitor_phase), taint_phase)
}

impl World {
    /// A world at its first instant, with records up to `level`.
    pub fn new(model: Arc<Model>, level: Level) -> Self {
        Self::before_set_up(model, level).set_up()
    }

    fn before_set_up(model: Arc<Model>, level: Level) -> Self {
        let mut draws = Draws::new(model.seed);
        let (monitor, taint_phase) = control_loops(&model, &mut draws);
        Self {
            agenda: Agenda::default(),
            journal: Journal::new(level),
            routes: Routes::new(&model.topology),
            sockets: SocketTable::new(&model),
            service_ports: ServicePortTable::new(&model),
            port_keys: model.service_ports.iter().map(|port| port_key(&model, port)).collect(),
            wires: Wires::new(model.topology.links(), model.topology.nodes().len()),
            wire_views: WireViews::default(),
            nodes: model.topology.nodes().iter().map(|node| node_state(&model, &mut draws, node)).collect(),
            up: vec![true; model.topology.nodes().len()],
            fronts: model.topology.with_role(NodeRole::Worker).collect(),
            monitor,
            taint_phase,
            queueing_pass: None,
            zone_buckets: BTreeMap::new(),
            taint_records: BTreeMap::new(),
            flat: FlatPodIp::new(&model.cluster, &pod_cidrs(&model)),
            cluster_ips: vec![None; model.services.len()],
            node_ports: vec![None; model.service_ports.len()],
            pods: Vec::new(),
            whereabouts: Whereabouts::new(&model),
            created: vec![0; model.workloads.len()],
            initial_pods: vec![0; model.workloads.len()],
            replaced_because: Vec::new(),
            released_ports: BTreeMap::new(),
            endpoints: VersionedLists::new(model.service_ports.len()),
            proxies: Proxies::default(),
            node_rules: BTreeMap::new(),
            registry: Vec::new(),
            registry_lists: VersionedLists::new(model.service_ports.len()),
            load_balancers: LoadBalancers::default(),
            sources: model.sources.iter().map(source_state).collect(),
            paths: path_states(&model),
            clients: Vec::new(),
            shared_groups: SharedGroups::default(),
            fixed_lists: vec![None; model.graph().edges.len()],
            local_ports: LocalPorts::new(model.transport.ip_local_port_range),
            neighbours: BTreeMap::new(),
            conntrack: None,
            udp: Udp::new(&model),
            ipvs: Ipvs::new(&model),
            loads: Loads::new(&model),
            requests: Slab::new(),
            exchanges: Slab::new(),
            proxied: ProxiedRequests::new(&model),
            connections: Slab::new(),
            kept: KeptConnections::default(),
            flows: BTreeMap::new(),
            parts: Slab::new(),
            frames: Slab::new(),
            ended_calls: VecDeque::new(),
            loose: Loose::default(),
            fault_records: vec![0; model.faults.len()],
            action_records: vec![0; model.actions.len()],
            goals: Vec::new(),
            controllers: model.workloads.iter().map(Controller::new).collect(),
            service_states: model.services.iter().map(|_| ServiceState::default()).collect(),
            service_since: vec![0; model.service_ports.len()],
            written_node_ports: Vec::new(),
            disturbances: Disturbances::new(&model),
            impairments: Impairments::new(&model),
            setting_up: true,
            stop: None,
            events: 0,
            draws,
            model,
        }
    }

    fn set_up(mut self) -> Self {
        let plan = self.journal.write(SimTime::ZERO, 0, 0, Body::PlanApplied {});
        self.conntrack = Conntrack::new(&self.model, plan);
        self.register_nodes(plan);
        if self.model.address_model == AddressModelKind::FlatPodIp {
            self.create_services(plan);
        }
        self.create_initial_pods(plan);
        self.start_initial_pods();
        self.list_initial_backends(plan);
        self.start_initial_clients(plan);
        self.plan_fusion();
        self.setting_up = false;
        // What has been placed waits no more.
        self.pending_pods();
        self.written_node_ports = self.node_ports.clone();
        self.schedule_plan(None);
        self.start_sources();
        self
    }

    fn register_nodes(&mut self, plan: RecordId) {
        for index in 0..self.nodes.len() {
            let node = NodeId::from_index(index);
            let definition = self.model.topology.node(node);
            let subnet = match self.model.address_model {
                _ if definition.role == NodeRole::External => None,
                AddressModelKind::FlatPodIp => self.flat.pod_cidr(node),
                AddressModelKind::PortMapping => Some(self.model.docker.bridge_subnet),
            };
            let own = Subnet { address: definition.address, prefix: 32 };
            let body = Body::NodeRegistered { node, address: definition.address, subnet: subnet.unwrap_or(own) };
            self.journal.write(SimTime::ZERO, plan, 0, body);
            if self.nodes[index].cordoned {
                self.journal.write(SimTime::ZERO, plan, 0, Body::NodeCordoned { node });
            }
        }
    }

    fn create_initial_pods(&mut self, plan: RecordId) {
        let replicas: usize = self.model.workloads.iter().map(|workload| workload.replicas as usize).sum();
        self.pods.reserve_exact(replicas);
        for index in 0..self.model.workloads.len() {
            let workload = WorkloadId::from_index(index);
            let daemon_nodes: Vec<NodeId> = match self.model.workloads[index].kind {
                crate::model::application::WorkloadKind::DaemonSet => self.fronts.clone(),
                crate::model::application::WorkloadKind::Deployment
                | crate::model::application::WorkloadKind::ReplicaSet
                | crate::model::application::WorkloadKind::ReplicationController
                | crate::model::application::WorkloadKind::StatefulSet
                | crate::model::application::WorkloadKind::Pod => Vec::new(),
            };
            let count = if daemon_nodes.is_empty() {
                self.model.workloads[index].replicas as usize
            } else {
                daemon_nodes.len()
            };
            self.initial_pods[index] = u32::try_from(count).expect("pods number below 2^32");
            self.controllers[index].start(self.initial_pods[index]);
            for place in 0..count {
                let pod = self.create_pod(workload, None, 0, plan, 0);
                self.place_initial_pod(pod, place, &daemon_nodes);
            }
        }
    }

    fn place_initial_pod(&mut self, pod: PodId, place: usize, daemon_nodes: &[NodeId]) {
        let placement = &self.model.workload(self.pods[pod.index()].workload).placement;
        let planned = daemon_nodes.get(place).or_else(|| placement.get(place % placement.len().max(1))).copied();
        let node = match planned {
            Some(node) => self.admits(pod, node),
            None => self.choose_node(pod),
        };
        match node {
            Ok(node) => self.assign_node(pod, node),
            Err(reason) => self.stays_pending(pod, reason),
        }
    }

    /// Every placed pod has started long ago.
    fn start_initial_pods(&mut self) {
        for index in 0..self.pods.len() {
            let pod = PodId::from_index(index);
            if self.pods[index].node.is_some() && self.give_addresses(pod) {
                self.pods[index].state = PodState::Starting;
                self.image_was_there(pod);
                self.container_up(pod);
            }
        }
    }

    fn list_initial_backends(&mut self, plan: RecordId) {
        match self.model.address_model {
            AddressModelKind::FlatPodIp => self.list_initial_endpoints(),
            AddressModelKind::PortMapping => {
                for pod in (0..self.pods.len()).map(PodId::from_index) {
                    if self.is_running(pod) {
                        self.register(pod, plan);
                    }
                }
            }
        }
        let version = self.endpoints.version();
        for node in &mut self.nodes {
            node.proxy = ProxyMark::synced(version, None);
        }
    }

    fn start_initial_clients(&mut self, plan: RecordId) {
        for index in 0..self.pods.len() {
            if self.pods[index].state == PodState::Running {
                self.start_pod_clients(PodId::from_index(index), plan);
            }
        }
        self.start_node_clients(plan);
        let version = self.endpoints.version();
        for index in 0..self.nodes.len() {
            if self.nodes[index].serves_clients && version > 0 {
                let node = NodeId::from_index(index);
                self.journal.write(SimTime::ZERO, plan, 0, Body::ProxySynced { node, version });
            }
        }
    }
}

/// The stable name of a Service port: its Service and its number.
fn port_key(model: &Model, port: &ServicePort) -> EntityKey {
    EntityKey::of(&model.service(port.service).key()).part("port", u64::from(port.port))
}

/// A phase within `period`.
fn phase(draws: &mut Draws, key: EntityKey, purpose: &str, period: SimDuration) -> SimDuration {
    SimDuration::from_nanos(below(draws.once(key, purpose, 0), period.as_nanos()))
}

fn node_state(model: &Model, draws: &mut Draws, node: &Node) -> NodeState {
    let key = EntityKey::of("node").part(&node.name, 0);
    let cluster = &model.cluster;
    let first = SimTime::ZERO + phase(draws, key, "lease-phase", cluster.node_lease_renew_interval);
    NodeState {
        key,
        stopped_by: 0,
        power_record: 0,
        icmp: IcmpLimit::default(),
        silent: None,
        silences: 0,
        ready: true,
        heard_record: 0,
        not_ready_record: 0,
        cordoned: node.unschedulable,
        tainted: false,
        lease: Lease::starting(key, cluster.node_lease_renew_interval, cluster.node_lease_renew_jitter_percent, first),
        rejoined: None,
        readiness_event: None,
        taint_event: None,
        proxy: ProxyMark::default(),
        proxy_hears_from: SimTime::ZERO,
        serves_clients: false,
        docker: DockerHost::new(&model.docker),
        relist_phase: phase(draws, key, "relist-phase", cluster.pleg_relist_period),
        images: Images::default(),
        first_client: None,
    }
}

fn source_state(source: &Source) -> SourceState {
    let key = source.key();
    let users = match source.arrivals.pacing() {
        Pacing::Open => 0,
        Pacing::Closed { users } => users,
    };
    let user = |number: u32| {
        let key = key.part("user", u64::from(number));
        User {
            thinks: ShortStream::new(key, "think"),
            demands: ShortStream::new(key, "demand"),
            picks: ShortStream::new(key, "pick"),
            fronts: ShortStream::new(key, "front"),
            made: 0,
        }
    };
    SourceState {
        arrivals: Stream::new(key, "arrival"),
        next_number: 0,
        last_arrival: SimTime::ZERO + source.start,
        work: 0,
        live: Vec::new(),
        users: (0..users).map(user).collect(),
    }
}

/// Every path's draws and sizes; a path's key is made of its source's name and the calls below it.
fn path_states(model: &Model) -> Vec<PathState> {
    let graph = model.graph();
    let mut states: Vec<PathState> = Vec::with_capacity(graph.paths.len());
    for (place, path) in graph.paths.iter().enumerate() {
        let edge = &graph.edges[path.edge as usize];
        let key = match (path.parent, edge.caller) {
            // What a proxy passes on stays the request that it was: the draws are those of an arm without proxies.
            (Some(parent), Some(_)) if edge.call.upstreams.is_some() => states[parent.index()].key,
            (Some(parent), Some(caller)) => {
                let name = format!("{}/{}", model.workload(caller).key(), edge.call_name);
                states[parent.index()].key.part(&name, 0)
            }
            (Some(_), None) | (None, _) => EntityKey::of("traffic").part(&edge.name, 0),
        };
        let meant = behind(edge.call.to, &model.service_ports).first().copied();
        states.push(PathState {
            key,
            demands: Stream::new(key, "demand"),
            picks: Stream::new(key, "pick"),
            fronts: Stream::new(key, "front"),
            chances: Stream::new(key, "chance"),
            errors: Stream::new(key, "error"),
            notes_aims: edge.call.outlier_ejection.is_some()
                || edge.call.upstreams.is_some()
                || edge.call.datagrams.is_some(),
            lists_sizes: model.sources.get(place).is_some_and(|source| source.arrivals.lists_sizes()),
            request_train: train(edge.call.request_bytes),
            response_train: train(edge.call.response_bytes),
            service_time: meant.map_or(Distribution::Constant(SimDuration::ZERO), |workload| {
                model.workload(workload).behaviour.service_time
            }),
        });
    }
    states
}
