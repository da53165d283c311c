//! The state of a run and the one exhaustive match over events; the only place that schedules.
//! Every other room decides from plain data; here decisions become changes, records and new events.

mod actions;
mod addresses;
pub mod agreement;
mod arrivals;
mod attempts;
mod choices;
mod client_tcp;
mod clients;
mod connect;
mod conntrack;
mod controllers;
mod daemons;
mod degraded;
mod destination_map;
mod direction;
mod docker;
mod docker_daemon;
mod docker_networks;
mod docker_proxy;
mod endpoints;
mod event;
mod evictions;
mod faults;
mod flows;
mod footprint;
mod foregone;
mod fork;
mod fusion;
mod hangs;
mod host_pool;
mod images;
mod impairments;
mod ipvs;
mod journal;
mod keepalive;
mod listeners;
mod load_balancers;
mod loads;
mod local_ports;
mod losses;
mod names;
mod neighbours;
mod network;
mod node_rules;
mod nodes;
mod orchestrators;
mod outages;
mod partitions;
mod path_draws;
mod plans;
mod pod_hangs;
mod pods;
mod pools;
mod probing;
mod recreation;
mod registry;
mod rejections;
mod removal;
mod renewals;
mod replicas;
mod requests;
mod resting;
mod roads;
mod rule_costs;
mod server_tcp;
mod service_ports;
mod services;
mod setup;
mod shared_groups;
mod slab;
mod sockets;
mod state;
mod stateful;
mod termination;
mod tied_words;
mod ties;
mod traffic;
mod translations;
mod udp;
mod udp_conntrack;
mod udp_sockets;
mod upstreams;
mod whereabouts;
mod wire_records;
mod workers;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use crate::addressing::flat_pod_ip::FlatPodIp;
use crate::control::node_lifecycle::MonitorPasses;
use crate::control::taint_queue::TokenBucket;
use crate::control::versions::{Backend, VersionedLists};
use crate::kernel::draws::{Draws, EntityKey};
use crate::kernel::executive::{Agenda, StopReason};
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::ids::{NodeId, PodId, ServicePortId, WorkloadId};
use crate::topology::routes::Routes;
use crate::trace::{Body, RecordId, TraceSink};
use actions::Goal;
use choices::Proxies;
use conntrack::Conntrack;
use controllers::Controller;
use direction::Wires;
use event::{Control, Event, Timer};
use flows::{Flow, FlowKey, Part};
use fork::Disturbances;
use impairments::Impairments;
use ipvs::Ipvs;
use journal::Journal;
use load_balancers::LoadBalancers;
use loads::Loads;
use local_ports::LocalPorts;
use neighbours::Neighbour;
use network::Packet;
use node_rules::NodeRules;
use registry::RegistryEntry;
use service_ports::ServicePortTable;
use services::ServiceState;
use shared_groups::SharedGroups;
use slab::Slab;
use sockets::SocketTable;
use state::{NodeState, Pod};
use traffic::{
    ClientState, Connection, Ended, Exchange, Frame, KeptConnections, Loose, PathState, Request, SourceState,
};
use udp::Udp;
use upstreams::ProxiedRequests;
use whereabouts::Whereabouts;
use wire_records::WireViews;

pub use footprint::{Footprint, Share};
pub use ties::{Kept, Overtaking, Shuffle, TiedEvent, Ties};

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// Why it stopped.
    pub stop: StopReason,
    /// Events that happened.
    pub events: u64,
    /// Records that were numbered, at every level.
    pub records: u64,
}

/// The state of a run: plain data, so that it can be cloned at any instant.
#[derive(Clone, Debug)]
pub struct World {
    model: Arc<Model>,
    agenda: Agenda<Event, Timer>,
    journal: Journal,
    draws: Draws,
    events: u64,
    stop: Option<StopReason>,
    setting_up: bool,

    routes: Routes,
    sockets: SocketTable,
    service_ports: ServicePortTable,
    /// Stable names of the Service ports' draws.
    port_keys: Vec<EntityKey>,
    wires: Wires,
    /// How packets look on the way, at the segment level.
    wire_views: WireViews,
    /// What nodes and pods know of their neighbours: who asks on which node, and for whom.
    neighbours: BTreeMap<(NodeId, IpAddr, IpAddr), Neighbour>,
    /// Tables of connections, if they have a limit.
    conntrack: Option<Conntrack>,
    udp: Udp,
    /// Virtual servers, in ipvs mode.
    ipvs: Option<Ipvs>,
    /// What holders of lists count, when an algorithm reads it.
    loads: Option<Loads>,

    nodes: Vec<NodeState>,
    /// Which nodes run: apart from the rest of them, because every packet that arrives asks.
    up: Vec<bool>,
    /// Nodes whose node ports outside traffic may use.
    fronts: Vec<NodeId>,
    monitor: MonitorPasses,
    taint_phase: SimDuration,
    /// The monitor pass at which lost nodes will be queued for their taint.
    queueing_pass: Option<SimTime>,
    zone_buckets: BTreeMap<String, TokenBucket>,
    taint_records: BTreeMap<PodId, RecordId>,

    flat: FlatPodIp,
    cluster_ips: Vec<Option<IpAddr>>,
    node_ports: Vec<Option<u16>>,
    released_ports: BTreeMap<(NodeId, u16), RecordId>,

    pods: Vec<Pod>,
    whereabouts: Whereabouts,
    created: Vec<u32>,
    initial_pods: Vec<u32>,
    replaced_because: Vec<RecordId>,

    endpoints: VersionedLists,
    proxies: Proxies,
    /// What nodes have made of the lists of Services that they treat each in their own way.
    node_rules: BTreeMap<(NodeId, ServicePortId), NodeRules>,
    registry: Vec<RegistryEntry>,
    registry_lists: VersionedLists,
    load_balancers: LoadBalancers,

    sources: Vec<SourceState>,
    paths: Vec<PathState>,
    clients: Vec<ClientState>,
    shared_groups: SharedGroups,
    fixed_lists: Vec<Option<Arc<[Backend]>>>,
    local_ports: LocalPorts,
    requests: Slab<Request>,
    exchanges: Slab<Exchange>,
    proxied: ProxiedRequests,
    connections: Slab<Connection>,
    kept: KeptConnections,
    /// Connections that a long message was sent on, by direction, and the packets of such messages under way.
    flows: BTreeMap<FlowKey, Flow>,
    parts: Slab<Part>,
    frames: Slab<Frame>,
    /// Calls that have ended in this event, for the plans that wait for them.
    ended_calls: VecDeque<Ended>,
    loose: Loose,

    fault_records: Vec<RecordId>,
    disturbances: Disturbances,
    impairments: Impairments,
    action_records: Vec<RecordId>,
    /// What actions under way wait for.
    goals: Vec<(usize, Goal)>,
    /// The workloads' controllers.
    controllers: Vec<Controller>,
    service_states: Vec<ServiceState>,
    /// The change of a Service port's list from which on rules know its present Service.
    service_since: Vec<u64>,
    /// The node ports that clients outside wrote down at the start.
    written_node_ports: Vec<Option<u16>>,
}

impl World {
    /// Runs to the end of the model's duration or to a limit.
    pub fn run<S: TraceSink>(&mut self, sink: &mut S) -> RunSummary {
        let end = SimTime::ZERO + self.model.duration;
        self.run_until(end, sink)
    }

    /// Runs to `end`, or to a limit; everything that happens at `end` has happened.
    pub fn run_until<S: TraceSink>(&mut self, end: SimTime, sink: &mut S) -> RunSummary {
        self.run_by(end, sink, |world, end| world.agenda.next(end).map(|fired| fired.event))
    }

    /// The same, with each event taken from the agenda by `next`.
    #[inline]
    fn run_by<S: TraceSink>(
        &mut self,
        end: SimTime,
        sink: &mut S,
        mut next: impl FnMut(&mut Self, SimTime) -> Option<Event>,
    ) -> RunSummary {
        self.agenda.go_on_until(end);
        while self.stop.is_none() {
            let Some(event) = next(self, end) else { break };
            self.events += 1;
            if self.events > self.model.limits.events && self.counts(event) {
                let body = Body::LimitReached { limit: self.model.limits.events };
                self.journal.write(self.agenda.now(), 0, 0, body);
                self.stop = Some(StopReason::EventLimit);
                break;
            }
            self.handle(event);
            if self.journal.is_full() {
                self.journal.hand_over(sink);
            }
        }
        self.journal.hand_over(sink);
        let idle =
            if self.agenda.is_idle() && !self.waits_beyond(end) { StopReason::Exhausted } else { StopReason::Duration };
        if self.stop.is_none() {
            self.agenda.advance_to(end);
        }
        RunSummary { stop: self.stop.unwrap_or(idle), events: self.events, records: self.journal.count() }
    }

    /// True when a limit has stopped the run.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// The current instant.
    pub fn now(&self) -> SimTime {
        self.agenda.now()
    }

    #[cold]
    fn reach_limit(&mut self, limit: u64) {
        self.journal.write(self.agenda.now(), 0, 0, Body::LimitReached { limit });
        self.stop = Some(StopReason::CapacityLimit);
    }

    fn handle(&mut self, event: Event) {
        self.dispatch(event);
        let followed = !self.ended_calls.is_empty() || self.load_balancers.moved.is_some();
        if followed || !self.loose.exchanges.is_empty() || !self.loose.connections.is_empty() {
            self.settle();
        }
        if !self.wires.legs.is_empty() {
            self.fuse_legs();
        }
    }

    /// Takes up what an event has left behind; most leave nothing.
    #[inline(never)]
    fn settle(&mut self) {
        self.look_at_targets();
        self.take_up_ended_calls();
        self.free_loose();
        self.forget_loose_pools();
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::Packet { subject, direction, kind, attempt, flags } => {
                self.packet_arrives(direction, Packet { subject, kind, attempt, flags });
            }
            Event::Foretold { segment, .. } => self.foretold_arrives(segment),
            Event::Timers { list } => self.timers(list),
            Event::Arrival { source } => self.open_arrival(source),
            Event::UserReady { source, user } => self.user_ready(source, user),
            Event::ServiceDone { exchange } => self.service_done(exchange),
            Event::RetryDue { request } => self.retry_due(request),
            Event::Deadline { request } => self.deadline_passed(request),
            Event::NameStep { client } => self.name_step(client),
            Event::Keepalive { connection } => self.keepalive_due(connection),
            Event::DataTimer { connection, to_client } => self.data_timer((connection, to_client)),
            Event::ArpFailed { connection } => self.arp_failed(connection),
            Event::EntriesExpire { entry } => self.entries_expire(entry),
            Event::FaultBegins { fault } => self.fault_begins(fault as usize),
            Event::FaultEnds { fault } => self.fault_ends(fault as usize),
            Event::FaultGoesOn { fault } => self.fault_goes_on(fault as usize),
            Event::ActionBegins { .. } | Event::Control { .. } if self.is_held_back(event) => {}
            Event::ActionBegins { action } => self.action_begins(action as usize),
            Event::Control { kind, subject, detail } => self.control(kind, subject, detail),
        }
    }

    fn timers(&mut self, list: u32) {
        self.events -= u64::from(!self.agenda.is_due(list));
        while let Some(timer) = self.agenda.due_timer(list) {
            self.timer(timer);
        }
        self.agenda.rearm(list);
    }

    /// Whether something happens in an event: not where a list of timers is woken that no timer is due in, nor where only
    /// the record is left of an arrival that was counted before.
    fn counts(&self, event: Event) -> bool {
        if let Event::Timers { list } = event {
            return self.agenda.is_due(list);
        }
        !matches!(event, Event::Foretold { .. })
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Syn { connection } => self.syn_timer(connection),
            Timer::SynAck { connection } => self.syn_ack_timer(connection),
            Timer::ClientFin { connection } => self.client_fin_timer(connection),
            Timer::ServerFin { connection } => self.server_fin_timer(connection),
            Timer::ProxySyn { connection } => self.proxy_syn_timer(connection),
            Timer::RequestData { exchange } => self.request_data_timer(exchange),
            Timer::ResponseData { exchange } => self.response_data_timer(exchange),
            Timer::ConnectDeadline { connection } => self.connect_deadline(connection),
            Timer::AttemptTimeout { exchange } => self.attempt_timeout(exchange),
            Timer::Hedge { request } => self.hedge_due(request),
            Timer::Idle { connection } => self.idle_for_too_long(connection),
            Timer::ServerIdle { connection } => self.server_waits_no_more(connection),
        }
    }

    #[inline(never)]
    fn control(&mut self, kind: Control, subject: u32, detail: u32) {
        let (pod, node) = (PodId(subject), NodeId(subject));
        match kind {
            Control::Schedule => self.schedule_pod(pod),
            Control::ContainerUp => self.container_up(pod),
            Control::ProbesTurn => self.probes_turn(pod),
            Control::Restart => self.restart(pod),
            Control::NoticeExit => self.notice_exit(pod),
            Control::AddressInUse => self.container_cannot_bind(pod),
            Control::Replace => self.make_replacement(pod, detail as usize),
            Control::NodeNotReady => self.node_not_ready(node),
            Control::NodeReady => self.node_ready(node),
            Control::QueueTaints => self.queue_taints(),
            Control::TaintNode => self.taint_node(node),
            Control::Evict => self.evict(pod),
            Control::SyncSlices => self.sync_slices(pod),
            Control::ProxySynced => self.proxy_synced(node, u64::from(detail)),
            Control::CheckFailed => self.check_failed(subject as usize),
            Control::TargetTurns => self.target_turns(subject as usize),
            Control::TargetDrained => self.target_drained(subject as usize),
            Control::ClientLearns => self.client_learns(subject as usize, u64::from(detail)),
            Control::Reconcile => self.reconcile(WorkloadId(subject)),
            Control::SyncReplicas => self.sync_replicas(WorkloadId(subject), detail),
            Control::BeginStop => self.begin_stop(pod),
            Control::Terminate => self.terminate(pod),
            Control::Kill => self.kill_stopping(pod),
            Control::Drained => self.leave_if_drained(pod),
            Control::GiveUpDraining => self.give_up_draining(pod),
            Control::ImagePulled => self.image_pulled(pod),
            Control::AskForEviction => self.evict_by_request(pod, detail as usize, true),
        }
    }
}
