//! What a run holds in memory, by what fills it: the tables' capacities times the sizes of their entries. Growing tables
//! keep room that nobody uses yet, and that counts; the model, which runs share, does not.

use super::World;
use super::controllers::{Controller, Template};
use super::direction::DirectionState;
use super::losses::Transmissions;
use super::roads::Roads;
use super::services::ServiceState;
use super::state::{LinkState, NodeState, Pod};
use super::traffic::{ClientState, ConnectionExtras, ExchangeExtras};

/// A part of a run's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Entries that it holds, or has held at once at most where places are used again.
    pub entries: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Share {
    fn of(entries: usize, bytes: usize) -> Self {
        Self { entries: entries as u64, bytes: bytes as u64 }
    }

    /// The larger of two looks at a growing table: tables keep the room they had.
    fn most(self, other: Self) -> Self {
        if other.entries >= self.entries { other } else { self }
    }

    /// Bytes per entry, rounded up; `None` without entries.
    pub fn each(self) -> Option<u64> {
        (self.entries > 0).then(|| self.bytes.div_ceil(self.entries))
    }
}

/// What a run holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Nodes with their links and the routes between them.
    pub nodes: Share,
    /// Pods, with what Services list of them and where they are looked up.
    pub pods: Share,
    /// Services, and the controllers of workloads.
    pub services: Share,
    /// Whoever makes requests.
    pub clients: Share,
    /// Connections that are open, and their pools: as many as there were at once.
    pub connections: Share,
    /// Requests under way, with their attempts and what is open of their plans: as many as there were at once.
    pub requests: Share,
    /// Local ports that are used, by open connections and by those in TIME_WAIT, and the timers of the latter.
    pub ports: Share,
    /// Entries of limited connection tables; nothing without a limit.
    pub conntrack: Share,
    /// Pending events and armed timers.
    pub events: Share,
    /// Records that nobody has taken yet.
    pub records: Share,
}

impl Footprint {
    /// All of it in bytes.
    pub fn bytes(&self) -> u64 {
        let Self { nodes, pods, services, clients, connections, requests, ports, conntrack, events, records } = *self;
        [nodes, pods, services, clients, connections, requests, ports, conntrack, events, records]
            .iter()
            .map(|share| share.bytes)
            .sum()
    }
}

impl Footprint {
    /// Each part as it was when it held the most, of two looks.
    #[must_use]
    pub fn most(&self, later: &Self) -> Self {
        Self {
            nodes: self.nodes.most(later.nodes),
            pods: self.pods.most(later.pods),
            services: self.services.most(later.services),
            clients: self.clients.most(later.clients),
            connections: self.connections.most(later.connections),
            requests: self.requests.most(later.requests),
            ports: self.ports.most(later.ports),
            conntrack: self.conntrack.most(later.conntrack),
            events: self.events.most(later.events),
            records: self.records.most(later.records),
        }
    }
}

/// A tree map holds its entries in nodes that are three quarters full in the mean.
fn tree_bytes(entries: usize, entry: usize) -> usize {
    entries * entry * 4 / 3
}

impl World {
    /// What the run holds in memory now. It looks at every table, so ask rarely.
    pub fn footprint(&self) -> Footprint {
        let conntrack = self.conntrack.as_ref();
        Footprint {
            nodes: Share::of(self.nodes.len(), self.node_bytes()),
            pods: Share::of(self.pods.len(), self.pod_bytes()),
            services: Share::of(self.service_states.len(), self.service_bytes()),
            clients: Share::of(self.clients.len(), self.client_bytes()),
            connections: Share::of(self.most_connections(), self.connection_bytes()),
            requests: Share::of(self.requests.numbers().len(), self.bytes_of_requests()),
            ports: Share::of(self.used_local_ports(), self.local_ports.heap_bytes()),
            conntrack: conntrack.map_or(Share::default(), |tables| Share::of(tables.entries(), tables.bytes())),
            events: Share::of(self.agenda.pending(), self.agenda.heap_bytes()),
            records: Share::of(self.journal.held().0, self.journal.held().1),
        }
    }

    fn node_bytes(&self) -> usize {
        let links = self.wires.links.capacity() * size_of::<LinkState>();
        let directions = self.wires.directions.len() * DirectionState::BYTES;
        let roads = self.wires.roads.as_ref().map_or(0, Roads::heap_bytes);
        self.nodes.capacity() * size_of::<NodeState>() + links + directions + roads + self.routes.heap_bytes()
    }

    fn pod_bytes(&self) -> usize {
        let own = self.pods.capacity() * size_of::<Pod>() + self.pods.iter().map(Pod::heap_bytes).sum::<usize>();
        let lists = self.endpoints.heap_bytes() + self.registry_lists.heap_bytes();
        // An allocator of addresses remembers which are taken, and each node which images it holds.
        let addresses = tree_bytes(self.pods.len(), size_of::<u64>());
        let images: usize = self.nodes.iter().map(|node| node.images.count()).sum();
        own + self.sockets.heap_bytes()
            + tree_bytes(images, size_of::<[u64; 2]>())
            + self.whereabouts.bytes()
            + lists
            + addresses
    }

    fn service_bytes(&self) -> usize {
        let each = size_of::<ServiceState>() + size_of::<Option<std::net::IpAddr>>();
        // The number of each port's changes, its draws' name, its node port and since when it is known.
        let port = 2 * size_of::<[u64; 2]>() + 2 * size_of::<Option<u16>>();
        let workload = size_of::<Controller>() + size_of::<Template>() + 2 * size_of::<u32>();
        self.service_states.len() * each
            + self.service_since.len() * port
            + self.controllers.len() * workload
            + self.service_ports.heap_bytes()
    }

    fn client_bytes(&self) -> usize {
        let pools = self.clients.iter().map(|client| client.pools.heap_bytes()).sum::<usize>();
        self.clients.capacity() * size_of::<ClientState>() + pools
    }

    /// Not fewer were there at once; while a connection wakes or goes to rest, it has a place in either table.
    fn most_connections(&self) -> usize {
        self.connections.numbers().len().max(self.kept.resting.numbers().len())
    }

    fn connection_bytes(&self) -> usize {
        let with_extras = self.connections.numbers().filter(|it| self.connections[*it].extras.is_some()).count();
        let pools = self.kept.pools.numbers().map(|pool| self.kept.pools[pool].heap_bytes()).sum::<usize>();
        let own = self.connections.bytes() + self.kept.resting.bytes();
        own + with_extras * size_of::<ConnectionExtras>() + self.kept.pools.bytes() + pools
    }

    fn bytes_of_requests(&self) -> usize {
        let with_extras = self.exchanges.numbers().filter(|it| self.exchanges[*it].extras.is_some()).count();
        self.requests.bytes()
            + self.exchanges.bytes()
            + with_extras * size_of::<ExchangeExtras>()
            + self.frames.bytes()
            + self.parts.bytes()
            + self.wires.transmissions.as_ref().map_or(0, Transmissions::heap_bytes)
    }
}
