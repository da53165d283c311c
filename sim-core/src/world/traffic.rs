//! The parts of the world's state that requests are made of: paths, sources, clients, requests, exchanges and
//! connections. A request is what its maker wants answered; an exchange is one attempt at it on one connection.

use std::collections::{BTreeMap, VecDeque};
use std::mem::offset_of;
use std::net::IpAddr;
use std::sync::Arc;

use super::destination_map::DestinationMap;
use super::host_pool::HostPool;
use super::names::NameCache;
use super::resting::Resting;
use super::slab::Slab;
use crate::balancing::Group;
use crate::control::versions::Backend;
use crate::dataplane::translation::Way;
use crate::kernel::draws::{EntityKey, ShortStream, Stream};
use crate::kernel::queue::EventId;
use crate::kernel::time::{SimDuration, SimTime};
use crate::kernel::timers::TimerId;
use crate::model::ids::{NodeId, PodId, ServicePortId};
use crate::trace::RecordId;
use crate::trace::fields::Client;
use crate::trace::words::Outcome;
use crate::transport::retransmission;
use crate::transport::segment::Train;
use crate::workload::distribution::Distribution;

/// What all requests of a path share.
#[derive(Clone, Debug)]
pub(super) struct PathState {
    pub key: EntityKey,
    pub demands: Stream,
    pub picks: Stream,
    pub fronts: Stream,
    pub chances: Stream,
    pub errors: Stream,
    /// Its source's arrivals say how large requests are.
    pub lists_sizes: bool,
    /// Somebody asks later on where an attempt was meant to go.
    pub notes_aims: bool,
    /// What a request and a response put on the wire.
    pub request_train: Train,
    pub response_train: Train,
    /// Service time at the workload that it is meant for.
    pub service_time: Distribution,
}

/// A traffic source.
#[derive(Clone, Debug)]
pub(super) struct SourceState {
    pub arrivals: Stream,
    /// Number of the next open-loop request.
    pub next_number: u64,
    /// When the last one arrived.
    pub last_arrival: SimTime,
    /// Where the last one lies in the integrated rate, in billionths of an arrival.
    pub work: u64,
    /// Clients that can make requests now, by number.
    pub live: Vec<u32>,
    /// Closed-loop users.
    pub users: Vec<User>,
}

/// A closed-loop user.
#[derive(Clone, Debug)]
pub(super) struct User {
    /// Requests made so far.
    pub made: u64,
    pub thinks: ShortStream,
    pub demands: ShortStream,
    pub picks: ShortStream,
    pub fronts: ShortStream,
}

/// Whoever makes the requests of one edge in one place: a pod for a source or a call, a node for a source. What every
/// request looks at stands first, side by side.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct ClientState {
    pub edge: u32,
    pub node: NodeId,
    pub pod: Option<PodId>,
    pub client: Client,
    pub address: IpAddr,
    /// Its node stands outside.
    pub is_outside: bool,
    pub alive: bool,
    /// Its pod was asked to stop and finishes what it has begun.
    pub pod_drains: bool,
    /// The first client of the same pod or node: the processes of a machine share its local ports.
    pub owner: u32,
    /// How many connections it keeps or opens, over all addresses.
    pub open: u32,
    /// How the names begin of the draws of its local ports: with its node and the address that it had first.
    pub ports_key: EntityKey,
    /// Saved-up retries, in millionths.
    pub retry_tokens: u64,
    /// Failures of addresses in a row.
    pub health: BTreeMap<(IpAddr, u16), Health>,
    /// The addresses it knows, unless it dials a Service.
    pub list: Arc<[Backend]>,
    /// The record that gave it this list.
    pub list_record: RecordId,
    /// What it has heard of the name that it dials, if it dials one.
    pub names: NameCache,
    /// The pools of connections that it keeps, by what it dials.
    pub pools: DestinationMap,
    /// Its idle connections, once it has had to give one up.
    pub idle_order: Option<Box<IdleOrder>>,
    pub balancer: Option<Group>,
    /// Stable name of its draws.
    pub key: EntityKey,
    /// The registry's version of the list.
    pub version: u64,
    /// Exchanges that wait for a connection, over all addresses.
    pub waiting: u32,
    /// Addresses that the balancer of a front proxy gives nothing to for their failures.
    pub drained: Vec<(IpAddr, u16)>,
}

/// When idle connections of a client have heard something last, in order; those that were used or have heard something
/// since are out of date.
pub(super) type IdleOrder = VecDeque<(SimTime, u32)>;

/// Connections that clients keep for further requests.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptConnections {
    /// By client and dialled address, as clients know them.
    pub pools: Slab<HostPool>,
    /// Those that nothing is under way on.
    pub resting: Slab<Resting>,
}

/// What may be done with after an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Loose {
    pub exchanges: Vec<u32>,
    pub connections: Vec<u32>,
    /// Pools that may hold nothing: client and destination. They are looked at when an exchange or a connection is.
    pub pools: Vec<(u32, u32)>,
}

/// How an address has behaved towards a client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    pub failures: u32,
    /// It is left out until then.
    pub ejected_until: SimTime,
    /// To a front proxy: when it failed last, and since when it has been tried again.
    pub accessed: SimTime,
    pub checked: SimTime,
    /// To a front proxy: how much it is its turn.
    pub weight: i64,
}

/// A request of a source or of a worker.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub source: u32,
    pub number: u64,
    pub client: u32,
    pub record: RecordId,
    pub demand: SimDuration,
    /// The frame of the plan that waits for it; `None` for a source's own.
    pub frame: Option<u32>,
    /// When everything about it must have ended; [`SimTime::MAX`] is never.
    pub deadline: SimTime,
    pub deadline_event: Option<EventId>,
    pub backoff: Option<EventId>,
    pub hedge: Option<TimerId>,
    /// A second attempt was started beside the first one.
    pub hedged: bool,
    /// Attempts under way: the first one or its retry, and the hedge.
    pub exchanges: [Option<u32>; 2],
    /// Attempts made so far.
    pub attempts: u8,
    /// The place is free for another request.
    pub freed: bool,
}

/// What the server does with an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerSide {
    /// The request has not arrived.
    None,
    /// It waits for a worker.
    Waiting,
    /// A worker has it.
    Serving,
    /// Its calls are pending.
    Calling,
    /// The response is on its way and not acknowledged.
    Responded,
    Done,
}

/// Where a client means to connect to, before its node chooses who stands behind that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// A Service's clusterIP and port.
    ClusterIp { port: ServicePortId, address: (IpAddr, u16) },
    /// An address that is dialled as such.
    Address { address: (IpAddr, u16) },
    /// A node port of this node.
    NodePort { front: NodeId, address: (IpAddr, u16) },
    /// A load balancer, which chooses a target for each connection.
    LoadBalancer { address: (IpAddr, u16) },
    /// An address of the client's own list, and the record that gave it the list.
    Listed { backend: Backend, because: RecordId },
}

impl Aim {
    /// The address and port that the client dials.
    pub(super) const fn dialled(self) -> (IpAddr, u16) {
        match self {
            Self::ClusterIp { address, .. }
            | Self::NodePort { address, .. }
            | Self::LoadBalancer { address }
            | Self::Address { address } => address,
            Self::Listed { backend, .. } => (backend.address, backend.port),
        }
    }
}

/// One attempt at a request, on one connection.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent condition of an attempt")]
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Whom it is for; `None` once nobody waits for it.
    pub request: Option<u32>,
    pub source: u32,
    pub number: u64,
    pub attempt: u8,
    pub client: u32,
    /// Its connection, once it has one.
    pub connection: Option<u32>,
    pub demand: SimDuration,
    pub deadline: SimTime,
    /// The request's arrival, which calls made for it are caused by.
    pub record: RecordId,
    /// The request has been sent at least once.
    pub sent: bool,
    /// When it was sent first, and the response.
    pub sent_at: SimTime,
    pub responded_at: SimTime,
    pub client_attempt: u8,
    pub server_attempt: u8,
    pub client_timer: Option<TimerId>,
    pub server_timer: Option<TimerId>,
    /// The client's patience with this attempt.
    pub timeout: Option<TimerId>,
    pub server_side: ServerSide,
    pub service: Option<EventId>,
    /// Frames of its plan that are open.
    pub frames: u32,
    /// The server takes no further request on this connection.
    pub closes: bool,
    /// The answer is an error.
    pub failed: bool,
    /// Packets of it on their way.
    pub in_flight: u16,
    /// How long before the last packet of its message the first one comes: of the copy that was sent on last.
    pub spread: SimDuration,
    /// The next exchange of the same connection.
    pub next: Option<u32>,
    pub extras: Option<Box<ExchangeExtras>>,
    /// The place is free for another exchange.
    pub freed: bool,
}

/// What most attempts never have.
#[derive(Clone, Debug, Default)]
pub(super) struct ExchangeExtras {
    /// Where it is meant to go, if it waits for a connection or somebody asks afterwards.
    pub aim: Option<Aim>,
    /// When the request was sent last, if more than once.
    pub resent_at: SimTime,
    /// What decided that the answer is an error.
    pub failed_because: RecordId,
}

impl Exchange {
    /// What most attempts never have, to be changed.
    #[cold]
    pub(super) fn extras(&mut self) -> &mut ExchangeExtras {
        self.extras.get_or_insert_default()
    }

    /// Where it is meant to go, if that was written down.
    pub(super) fn aim(&self) -> Option<Aim> {
        self.extras.as_ref()?.aim
    }
}

/// An open node of a worker's plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub exchange: u32,
    /// The node of the plan.
    pub node: u32,
    /// The frame that waits for this one; `None` for the plan's root.
    pub parent: Option<u32>,
    /// Children (or repetitions of a call) begun.
    pub next: u32,
    /// Children that have not ended.
    pub pending: u32,
    pub failed: bool,
    pub because: RecordId,
}

/// A request of a worker that has ended, for the frame that waits for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub frame: u32,
    pub outcome: Outcome,
    pub record: RecordId,
}

/// The client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientEnd {
    SynSent,
    Established,
    /// FIN sent; `orphaned` when a request was given up before its response.
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
    /// Established with docker-proxy, whose own connection does not stand yet.
    Relayed,
    /// Established, in the accept queue.
    Queued,
    /// The processes have it.
    Accepted,
    /// FIN sent.
    LastAck,
    /// Its process died or closed first; FIN sent.
    Farewell,
    Closed,
}

/// A TCP connection, or one exchange of UDP datagrams: both ends and what is between them. What every packet looks at is one
/// line of the processor's caches, what every request looks at a second one, in a table of many: such a table begins 16 bytes
/// behind the begin of a page, where the system's allocator keeps its length. More than the allocator's own alignment would
/// have each larger table be a copy of the one before.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent condition of a connection")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Connection {
    pub number: u64,
    pub established: SimTime,
    /// How long its client waits until it is established, or keeps it without a request.
    pub patience: Option<TimerId>,
    pub extras: Option<Box<ConnectionExtras>>,
    /// The attempt it was opened for.
    pub source: u32,
    /// The table of its client's local ports for what is dialled.
    pub port_table: u32,
    pub attempt: u8,
    /// A worker waits for its first request.
    pub reserved: bool,
    /// It counts among those that its client keeps.
    pub in_pool: bool,
    /// ARP that failed or runs was started by the client's own node.
    pub arp_at_client: bool,
    /// Its own node's rules rejected its first SYN in silence, so that the next one asks them again.
    pub undecided: bool,
    /// An ICMP error has come since it was established: what the kernel reports when it gives up (E5).
    pub soft_error: bool,
    /// The last segment of its handshake goes with the next request.
    pub holds_acknowledgement: bool,
    /// The place is free for another connection.
    pub freed: bool,

    pub client_timer: Option<TimerId>,
    pub server_timer: Option<TimerId>,
    /// When the client's kernel heard of the other end last.
    pub heard: SimTime,
    /// Its exchanges, the newest first.
    pub exchanges: Option<u32>,
    /// The round trip of its handshake in whole jiffies, which the first retransmission timeout of data follows from.
    pub round_trip: u32,
    pub client_node: NodeId,
    pub server_node: NodeId,
    pub client: u32,
    /// Exchanges that its client waits for.
    pub active: u32,
    /// Packets of its own on their way.
    pub in_flight: u16,
    pub client_end: ClientEnd,
    pub server_end: ServerEnd,
    /// It is meant to be kept for further requests.
    pub pooled: bool,
    /// It stands among those that can take another request.
    pub listed: bool,
    /// It takes no further request.
    pub retired: bool,
    /// It is no connection but one datagram and its answer.
    pub datagrams: bool,
    /// Exchanges that its server has and has not answered.
    pub working: u32,

    pub record: RecordId,
    /// What stopped its last lost packet.
    pub because: RecordId,
    /// When the present SYN or FIN of its client was sent first.
    pub sent: SimTime,
    /// Chooses among equal-cost ways.
    pub flow: u64,
    pub pod: Option<PodId>,
    pub via: Option<NodeId>,
    /// Requests it was given.
    pub requests: u32,
    /// The pool that it is in.
    pub pool: u32,
    pub local_port: u16,
    pub client_attempt: u8,
    pub server_attempt: u8,
    /// The port at the pod, after translation.
    pub target_port: u16,
    pub way: Way,
    /// The address at the pod, after translation.
    pub target: IpAddr,
}

// Where the first of these lines begins, and the second, and the end.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(
    offset_of!(Connection, client_timer) == 64 - 16
        && offset_of!(Connection, record) == 128 - 16
        && size_of::<Connection>() == 192
);

/// What most connections never have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConnectionExtras {
    /// ARP runs for a packet of it.
    pub arp: Option<EventId>,
    pub keepalive: Option<EventId>,
    /// Keepalive probes without an answer.
    pub probes: u32,
    /// Conntrack entries on its client's node, at its front and on its server's node, where they are counted.
    pub tracked: [u8; 3],
    /// When those run out, once its client has closed.
    pub tracked_until: SimTime,
}

impl Connection {
    /// What most connections never have, to be changed.
    #[cold]
    pub(super) fn extras(&mut self) -> &mut ConnectionExtras {
        self.extras.get_or_insert_default()
    }

    /// First retransmission timeout of data.
    pub(super) fn base_timeout(&self) -> SimDuration {
        retransmission::base_timeout(self.round_trip)
    }

    /// Keepalive stops.
    pub(super) fn take_keepalive(&mut self) -> Option<EventId> {
        self.extras.as_mut()?.keepalive.take()
    }
}
