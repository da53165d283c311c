//! The parts of the world's state: nodes, links, pods, sources, clients, requests, connections. Plain data.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use crate::addressing::port_mapping::DockerHost;
use crate::balancing::LoadBalancer;
use crate::control::leases::Lease;
use crate::control::versions::{Backend, ProxyMark};
use crate::kernel::draws::{EntityKey, Stream};
use crate::kernel::queue::EventId;
use crate::kernel::time::{SimDuration, SimTime};
use crate::kernel::timers::TimerId;
use crate::model::ids::{NodeId, PodId, WorkloadId};
use crate::trace::RecordId;
use crate::trace::fields::Client;
use crate::trace::words::SegmentKind;
use crate::transport::segment::Train;

/// A machine.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent condition of a node")]
#[derive(Clone, Debug)]
pub(super) struct NodeState {
    /// Stable name of its draws.
    pub key: EntityKey,
    /// It runs.
    pub up: bool,
    /// Faults that keep it stopped.
    pub stopped_by: u32,
    /// The record of its last stop or boot.
    pub power_record: RecordId,
    /// The record since which the control plane hears nothing of it.
    pub silent: Option<RecordId>,
    /// What the control plane believes.
    pub ready: bool,
    /// The record since which the control plane hears of it again.
    pub heard_record: RecordId,
    /// The record of its becoming not ready.
    pub not_ready_record: RecordId,
    /// It takes no new pods.
    pub cordoned: bool,
    /// It carries the unreachable taint.
    pub tainted: bool,
    /// Its lease.
    pub lease: Lease,
    /// The pending change of readiness.
    pub readiness_event: Option<EventId>,
    /// The pending taint.
    pub taint_event: Option<EventId>,
    /// Its kube-proxy.
    pub proxy: ProxyMark,
    /// Its watch was broken until then.
    pub proxy_hears_from: SimTime,
    /// Clients of a Service live here, or it is a front of outside traffic.
    pub serves_clients: bool,
    /// Its Docker daemon.
    pub docker: DockerHost,
    /// Phase of its kubelet's relist.
    pub relist_phase: SimDuration,
}

/// A link's health.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkState {
    /// Faults that keep it cut.
    pub cut_by: u32,
    /// When it was cut last, and mended since then.
    pub cut_at: Option<SimTime>,
    pub mended_at: Option<SimTime>,
    /// The record of that.
    pub record: RecordId,
}

/// What a pod's processes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PodState {
    /// Without a node, or without its address or port.
    Pending,
    /// Given to a node that has not heard of it.
    Bound,
    /// Being started.
    Starting,
    /// Listening.
    Running,
    /// Asked to stop: it listens no more and finishes what it serves.
    Draining,
    /// Dead, waiting for its next start.
    Waiting,
    /// Its machine is down.
    Lost,
    /// Removed.
    Gone,
}

/// A pod or container.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent condition of a pod")]
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub workload: WorkloadId,
    /// Its place in its StatefulSet, or in order of creation.
    pub ordinal: u32,
    /// Its place in order of creation among its workload's pods: the key of its draws.
    pub number: u32,
    /// Which of its workload's templates it was made from.
    pub revision: u32,
    /// When it was made.
    pub created: SimTime,
    /// When it became Ready last.
    pub ready_since: SimTime,
    /// Its kubelet or daemon is stopping it.
    pub stopping: bool,
    pub node: Option<NodeId>,
    pub address: Option<IpAddr>,
    /// (container port, host port).
    pub host_ports: Vec<(u16, u16)>,
    pub state: PodState,
    /// Its Ready condition as the API shows it.
    pub ready: bool,
    /// Marked for deletion.
    pub deleted: bool,
    /// Its controller has made another one for it.
    pub replaced: bool,
    /// One of its containers cannot bind its port.
    pub port_clash: bool,
    /// The record that explains what its processes do.
    pub record: RecordId,
    /// The record that explains its Ready condition or deletion.
    pub condition: RecordId,
    /// Restarts that count for the back-off.
    pub back_off: u32,
    /// All restarts.
    pub restarts: u32,
    /// When its processes were started last.
    pub started: SimTime,
    /// The faults that kill it at every start.
    pub killers: Vec<RecordId>,
    /// Its next start, listening or death.
    pub life_event: Option<EventId>,
    /// Its becoming ready.
    pub ready_event: Option<EventId>,
    /// Its eviction.
    pub evict_event: Option<EventId>,
    pub server: Server,
}

/// The request queue of a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    /// Workers at work.
    pub busy: u32,
    /// Established connections that wait to be accepted.
    pub accept_queue: VecDeque<u32>,
}

/// A traffic source.
#[derive(Clone, Debug)]
pub(super) struct SourceState {
    pub key: EntityKey,
    pub arrivals: Stream,
    pub demands: Stream,
    pub picks: Stream,
    pub fronts: Stream,
    /// What a request and a response put on the wire.
    pub request_train: Train,
    pub response_train: Train,
    /// Number of the next open-loop request.
    pub next_number: u64,
    /// When the last one arrived.
    pub last_arrival: SimTime,
    /// Clients that can make requests now, by number.
    pub live: Vec<u32>,
    /// Closed-loop users.
    pub users: Vec<User>,
}

/// A closed-loop user.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub thinks: Stream,
    pub demands: Stream,
    pub picks: Stream,
    pub fronts: Stream,
    /// Requests made so far.
    pub made: u64,
}

/// One client of one source.
#[derive(Clone, Debug)]
pub(super) struct ClientState {
    pub source: u32,
    /// Stable name of its draws.
    pub key: EntityKey,
    pub client: Client,
    pub pod: Option<PodId>,
    pub node: NodeId,
    pub address: IpAddr,
    pub alive: bool,
    /// The addresses it knows, unless it dials a Service.
    pub list: Arc<[Backend]>,
    /// The record that gave it this list.
    pub list_record: RecordId,
    /// The registry's version of the list.
    pub version: u64,
    pub balancer: Option<Box<dyn LoadBalancer>>,
    /// Port tables by dialled address.
    pub ports: BTreeMap<(IpAddr, u16), u32>,
}

/// A request of a source (or, later, of a server).
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub source: u32,
    pub number: u64,
    pub client: u32,
    pub record: RecordId,
    pub demand: SimDuration,
    pub connection: Option<u32>,
    pub deadline: Option<TimerId>,
}

/// The client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientEnd {
    SynSent,
    Established,
    /// FIN sent; `orphaned` when the request was given up before its response.
    FinWait {
        orphaned: bool,
    },
    Closed,
}

/// The server's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerEnd {
    /// No SYN has been taken.
    None,
    SynReceived,
    /// Established, in the accept queue.
    Queued,
    /// A worker has it.
    Serving,
    Responded,
    /// FIN sent.
    LastAck,
    /// Its process died with a request unanswered; FIN sent.
    Farewell,
    Closed,
}

/// A TCP connection: both ends and what is between them.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub request: Option<u32>,
    pub source: u32,
    pub number: u64,
    pub demand: SimDuration,
    pub client: u32,
    pub client_node: NodeId,
    pub server_node: NodeId,
    pub via: Option<NodeId>,
    pub pod: Option<PodId>,
    /// The address at the pod, after translation.
    pub target: IpAddr,
    /// The dialled port.
    pub port: u16,
    /// The port at the pod, after translation.
    pub target_port: u16,

    pub client_end: ClientEnd,
    pub server_end: ServerEnd,
    pub client_attempt: u8,
    pub server_attempt: u8,
    pub request_arrived: bool,
    /// ARP that failed or runs was started by the client's own node.
    pub arp_at_client: bool,
    /// The place is free for another connection.
    pub freed: bool,
    /// How often each kind of segment was sent: the index of its loss draws.
    pub transmissions: [u8; SegmentKind::ALL.len()],
    /// Packets on their way.
    pub in_flight: u16,
    pub local_port: u16,
    pub port_table: u32,
    /// Chooses among equal-cost ways.
    pub flow: u64,
    pub record: RecordId,
    /// What stopped its last lost packet.
    pub because: RecordId,
    /// When the present data or SYN was sent first.
    pub sent: SimTime,
    pub server_sent: SimTime,
    pub established: SimTime,
    /// First retransmission timeout of data.
    pub base_timeout: SimDuration,
    pub client_timer: Option<TimerId>,
    pub server_timer: Option<TimerId>,
    pub connect_deadline: Option<TimerId>,
    pub arp_timer: Option<TimerId>,
    pub service: Option<EventId>,
}
