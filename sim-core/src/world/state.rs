//! The parts of the world's state that stand still when nobody asks: nodes, links, pods. Plain data.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::images::Images;
use super::probing::Health;
use crate::addressing::port_mapping::DockerHost;
use crate::control::leases::Lease;
use crate::control::versions::ProxyMark;
use crate::dataplane::icmp_limit::IcmpLimit;
use crate::kernel::draws::EntityKey;
use crate::kernel::queue::EventId;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::application::Protocol;
use crate::model::ids::{NodeId, WorkloadId};
use crate::trace::RecordId;

/// A machine. What its kube-proxy looks at for every connection stands first, side by side.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent condition of a node")]
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct NodeState {
    /// Its kube-proxy.
    pub proxy: ProxyMark,
    /// The record since which the control plane hears nothing of it.
    pub silent: Option<RecordId>,
    /// Its watch was broken until then.
    pub proxy_hears_from: SimTime,
    /// Stable name of its draws.
    pub key: EntityKey,
    /// The record of its last stop or boot.
    pub power_record: RecordId,
    /// How often it has fallen silent: the index of the draws that find it out.
    pub silences: u64,
    /// The record since which the control plane hears of it again.
    pub heard_record: RecordId,
    /// The record of its becoming not ready.
    pub not_ready_record: RecordId,
    /// Its lease.
    pub lease: Lease,
    /// When an orchestrator of Docker hosts heard of it again last; `None` is since before the run.
    pub rejoined: Option<SimTime>,
    /// Phase of its kubelet's relist.
    pub relist_phase: SimDuration,
    /// ICMP errors that it may send.
    pub icmp: IcmpLimit,
    /// Its Docker daemon.
    pub docker: DockerHost,
    /// The images it holds.
    pub images: Images,
    /// Faults that keep it stopped.
    pub stopped_by: u32,
    /// The pending change of readiness.
    pub readiness_event: Option<EventId>,
    /// The pending taint.
    pub taint_event: Option<EventId>,
    /// The first of the clients that it is itself.
    pub first_client: Option<u32>,
    /// What the control plane believes.
    pub ready: bool,
    /// It takes no new pods.
    pub cordoned: bool,
    /// It carries the unreachable taint.
    pub tainted: bool,
    /// Clients of a Service live here, or it is a front of outside traffic.
    pub serves_clients: bool,
}

/// A short list that seldom grows, with one more entry.
pub(super) fn appended<T: Copy>(list: &[T], entry: T) -> Box<[T]> {
    list.iter().copied().chain([entry]).collect()
}

impl Pod {
    /// Whether an address is one of its own.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.address == Some(address) || self.more_addresses.contains(&address)
    }
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

/// A container's port, and the port of its host that leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostedPort {
    pub protocol: Protocol,
    pub container_port: u16,
    pub host_port: u16,
}

/// A pod or container. What every connection looks at stands first, side by side.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent condition of a pod")]
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Pod {
    pub server: Server,
    pub workload: WorkloadId,
    pub node: Option<NodeId>,
    pub address: Option<IpAddr>,
    pub state: PodState,
    /// Its kubelet or daemon is stopping it.
    pub stopping: bool,
    /// Starting, and waiting for its image.
    pub pulling: bool,
    /// Its Ready condition as the API shows it.
    pub ready: bool,
    /// Marked for deletion.
    pub deleted: bool,
    /// It was Ready when it was marked, and has been since: the slices keep it as terminating.
    pub serving: bool,
    /// Its controller has made another one for it.
    pub replaced: bool,
    /// One of its containers cannot bind its port.
    pub port_clash: bool,
    /// The record that explains what its processes do.
    pub record: RecordId,
    /// The record that explains its Ready condition or deletion.
    pub condition: RecordId,
    /// When it was made.
    pub created: SimTime,
    /// When it became Ready last.
    pub ready_since: SimTime,
    /// When its processes were started last.
    pub started: SimTime,
    /// Its addresses in further networks of Docker's.
    pub more_addresses: Box<[IpAddr]>,
    /// What its host publishes of it.
    pub host_ports: Box<[HostedPort]>,
    /// The faults that kill it at every start.
    pub killers: Box<[RecordId]>,
    /// What its kubelet's probes have found.
    pub health: Health,
    /// Its place in its StatefulSet, or in order of creation.
    pub ordinal: u32,
    /// Its place in order of creation among its workload's pods: the key of its draws.
    pub number: u32,
    /// Which of its workload's templates it was made from.
    pub revision: u32,
    /// Restarts that count for the back-off.
    pub back_off: u32,
    /// All restarts.
    pub restarts: u32,
    /// Its next start, listening or death.
    pub life_event: Option<EventId>,
    /// Its eviction.
    pub evict_event: Option<EventId>,
    /// The first of its clients; those of traffic sources stand side by side.
    pub first_client: Option<u32>,
    /// The first of its clients for the calls of its workload, which stand side by side.
    pub first_caller: Option<u32>,
}

impl Pod {
    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let lists = size_of_val(&*self.more_addresses) + size_of_val(&*self.host_ports) + size_of_val(&*self.killers);
        lists + self.server.queue.capacity() * size_of::<Waiting>() + self.health.heap_bytes()
    }

    /// The port of its host that leads to a port of it.
    pub(super) fn host_port(&self, protocol: Protocol, container_port: u16) -> Option<u16> {
        let mut published = self.host_ports.iter();
        let found = published.find(|port| (port.protocol, port.container_port) == (protocol, container_port));
        found.map(|port| port.host_port)
    }
}

/// The requests and connections that wait at a pod, and how many workers it has at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    /// Workers at work.
    pub busy: u32,
    /// What waits for a worker, first come first served.
    pub queue: VecDeque<Waiting>,
    /// Connections in `queue`: the accept queue that the backlog bounds.
    pub unaccepted: u32,
}

/// What waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// An established connection that nobody has accepted.
    Connection(u32),
    /// A request on an accepted connection.
    Exchange(u32),
}
