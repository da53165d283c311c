//! Conntrack and the ports of masquerades, on nodes whose tables are limited (`nf_conntrack_max`): who is let in, who is
//! dropped, when entries run out. Without a limit nothing here is asked.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::World;
use super::event::Event;
use super::slab::Slab;
use super::traffic::{ClientEnd, Connection};
use crate::dataplane::conntrack::{
    CLOSE, ConntrackTable, ESTABLISHED, ESTABLISHED_BY_KUBE_PROXY, Entered, MAX_RETRANS, SYN_SENT, TIME_WAIT, entries,
};
use crate::dataplane::numbers::{Key, Numbers};
use crate::dataplane::translation::Way;
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::ids::{NodeId, SourceId};
use crate::model::settings::AddressModelKind;
use crate::trace::words::{DropReason, End, Outcome};
use crate::trace::{Body, RecordId};
use crate::transport::syn;

/// A place on a connection's way that has a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Client,
    Front,
    Server,
}

/// How and when the client's end of a connection closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    pub outcome: Outcome,
    pub at: SimTime,
}

/// The ports that a node's masquerade gives out for one destination.
type Pool = (NodeId, (IpAddr, u16));

impl Key for Pool {
    fn bits(self) -> u64 {
        let (node, destination) = self;
        destination.bits() ^ u64::from(node.0).rotate_right(16)
    }
}

/// Masquerades' ports in use, by pool.
#[derive(Clone, Debug, Default)]
struct Pools {
    numbers: Numbers<Pool>,
    used: Vec<u32>,
}

impl Pools {
    /// The number of a pool, given on first use.
    fn number(&mut self, pool: Pool) -> u32 {
        self.numbers.get(pool).unwrap_or_else(|| {
            self.used.push(0);
            self.numbers.add(pool)
        })
    }

    /// How many of its ports are in use.
    fn used(&mut self, number: u32) -> &mut u32 {
        &mut self.used[number as usize]
    }

    fn heap_bytes(&self) -> usize {
        self.numbers.heap_bytes() + self.used.capacity() * size_of::<u32>()
    }
}

/// Entries of one connection on one node that will run out.
#[derive(Clone, Copy, Debug)]
struct Expiring {
    node: NodeId,
    /// The pool whose port comes back with them: its number, plus one.
    pool: Option<NonZeroU32>,
    entries: u8,
}

/// All tables.
#[derive(Clone, Debug)]
pub(super) struct Conntrack {
    /// The record of the plan, which every configured limit is part of.
    plan: RecordId,
    tables: Vec<ConntrackTable>,
    /// The record of a table that is full.
    full: Vec<RecordId>,
    pools: Pools,
    expiring: Slab<Expiring>,
}

impl Conntrack {
    /// The node whose entries will run out.
    pub(super) fn node_of(&self, entry: u32) -> NodeId {
        self.expiring[entry].node
    }

    /// The tables of a model whose nodes have a limit.
    pub(super) fn new(model: &Model, plan: RecordId) -> Option<Self> {
        // Linux takes 0 for no limit.
        let limit = model.transport.nf_conntrack_max.filter(|limit| *limit > 0)?;
        let nodes = model.topology.nodes().len();
        let tables = vec![ConntrackTable::new(limit); nodes];
        Some(Self { plan, tables, full: vec![0; nodes], pools: Pools::default(), expiring: Slab::new() })
    }
}

impl Conntrack {
    /// Entries of all tables.
    pub(super) fn entries(&self) -> usize {
        self.tables.iter().map(|table| table.len() as usize).sum()
    }

    /// Heap memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.tables.capacity() * (size_of::<ConntrackTable>() + size_of::<RecordId>());
        tables + self.expiring.bytes() + self.pools.heap_bytes()
    }
}

impl World {
    /// Takes a connection's SYN into the table of a node on its way; why it is dropped, if it is.
    #[inline]
    pub(super) fn track(&mut self, connection: u32, place: Place) -> Result<(), (DropReason, RecordId)> {
        if self.conntrack.is_some() { self.take_into_table(connection, place) } else { Ok(()) }
    }

    #[cold]
    fn take_into_table(&mut self, connection: u32, place: Place) -> Result<(), (DropReason, RecordId)> {
        if self.tracked_at(connection, place) > 0 {
            return Ok(());
        }
        let (node, entries) = self.entries_at(connection, place);
        if entries == 0 {
            return Ok(());
        }
        let pool = self.pool_at(connection, place);
        let ports = self.model.transport.masquerade_ports.len();
        let now = self.agenda.now();
        let record = self.connections[connection].record;
        let Some(conntrack) = &mut self.conntrack else { return Ok(()) };
        let pool = pool.map(|pool| conntrack.pools.number(pool));
        if pool.is_some_and(|pool| *conntrack.pools.used(pool) >= ports) {
            return Err((DropReason::MasqueradeFull, 0));
        }
        let full = &mut conntrack.full[node.index()];
        match conntrack.tables[node.index()].enter(entries) {
            Entered::Full => {
                if *full == 0 {
                    let entries = conntrack.tables[node.index()].len();
                    *full = self.journal.write(now, conntrack.plan, 0, Body::ConntrackFull { node, entries });
                }
                return Err((DropReason::ConntrackFull, *full));
            }
            Entered::Yes(Some(entries)) => {
                self.journal.write(now, record, 0, Body::ConntrackPeak { node, entries });
            }
            Entered::Yes(None) => {}
        }
        if let Some(pool) = pool {
            *conntrack.pools.used(pool) += 1;
        }
        self.connections[connection].extras().tracked[place as usize] = entries;
        Ok(())
    }

    /// Entries of a connection on a node on its way.
    fn tracked_at(&self, connection: u32, place: Place) -> u8 {
        let extras = self.connections[connection].extras.as_ref();
        extras.map_or(0, |extras| extras.tracked[place as usize])
    }

    fn entries_at(&self, connection: u32, place: Place) -> (NodeId, u8) {
        let Connection { client, client_node, via, server_node, way, .. } = self.connections[connection];
        let (address, _) = self.dialled_by(connection);
        let own = self.clients[client as usize].pod.map(|_| self.clients[client as usize].address);
        let stays_in_pod = own.is_some_and(|own| way == Way::Unowned || address == own);
        let outside = self.clients[client as usize].is_outside;
        let all = entries(way, !outside && !stays_in_pod, client_node, via, server_node);
        let node = match place {
            Place::Client => client_node,
            Place::Front => via.unwrap_or(client_node),
            Place::Server => server_node,
        };
        (node, all[place as usize])
    }

    /// The pool that a masquerade at this place takes a port from.
    fn pool_at(&self, connection: u32, place: Place) -> Option<Pool> {
        let Connection { client_node, via, way, target, target_port, .. } = self.connections[connection];
        let at_client = matches!(
            way,
            Way::PodToNode
                | Way::NodePortFromPod
                | Way::NodePortKeptFromPod
                | Way::ClusterIpFromNode
                | Way::ClusterIpToItself
                | Way::PublishedFromContainer
        );
        let at_front = matches!(way, Way::NodePort | Way::NodePortFromPod | Way::NodePortBehindBalancer);
        match place {
            Place::Client if at_client && matches!(way, Way::ClusterIpFromNode | Way::ClusterIpToItself) => {
                Some((client_node, (target, target_port)))
            }
            Place::Client if at_client => Some((client_node, self.dialled_by(connection))),
            Place::Front if at_front => Some((via?, (target, target_port))),
            Place::Client | Place::Front | Place::Server => None,
        }
    }

    /// A connection's client has closed: its entries run out some time after its last word.
    pub(super) fn entries_run_out(&mut self, connection: u32, Closing { outcome, at: now }: Closing) {
        self.rules_end(connection, outcome);
        if self.conntrack.is_none() {
            return;
        }
        let state = &self.connections[connection];
        let until = match (state.client_end, outcome) {
            (ClientEnd::SynSent, Outcome::ConnectionRefused) => now,
            (ClientEnd::SynSent, _) => {
                let linear = self.model.transport.tcp_syn_linear_timeouts;
                let attempts = 0..u32::from(state.client_attempt);
                let last = attempts.fold(state.sent, |last, attempt| last + syn::syn_timeout(attempt, linear));
                last + SYN_SENT
            }
            (_, Outcome::NoClient) if !self.up[state.client_node.index()] => {
                now.saturating_add(self.established_lasts())
            }
            (_, Outcome::ConnectionReset | Outcome::NoClient) => now + CLOSE,
            (_, Outcome::TimedOut | Outcome::HostUnreachable) => now + MAX_RETRANS,
            (_, _) => now + TIME_WAIT,
        };
        self.connections[connection].extras().tracked_until = until;
    }

    fn established_lasts(&self) -> SimDuration {
        match self.model.address_model {
            AddressModelKind::FlatPodIp => ESTABLISHED_BY_KUBE_PROXY,
            AddressModelKind::PortMapping => ESTABLISHED,
        }
    }

    /// A connection that is over leaves its entries behind for a while.
    pub(super) fn leave_entries(&mut self, connection: u32) {
        if self.conntrack.is_none() {
            return;
        }
        for place in [Place::Client, Place::Front, Place::Server] {
            let entries = self.tracked_at(connection, place);
            if entries == 0 {
                continue;
            }
            let (node, _) = self.entries_at(connection, place);
            let pool = self.pool_at(connection, place);
            let until = self.connections[connection].extras().tracked_until.max(self.agenda.now());
            self.plan_expiry((node, entries, pool), until);
        }
    }

    fn plan_expiry(&mut self, (node, entries, pool): (NodeId, u8, Option<Pool>), until: SimTime) {
        let Some(conntrack) = &mut self.conntrack else { return };
        let pool = pool.and_then(|pool| NonZeroU32::new(conntrack.pools.number(pool) + 1));
        let entry = conntrack.expiring.insert(Expiring { node, pool, entries });
        if until <= self.agenda.now() {
            return self.entries_expire(entry);
        }
        self.agenda.at(until, EventClass::Transport, Event::EntriesExpire { entry });
    }

    /// Entries of one connection on one node are gone.
    #[inline(never)]
    pub(super) fn entries_expire(&mut self, entry: u32) {
        let Some(conntrack) = &mut self.conntrack else { return };
        let Expiring { node, entries, pool } = conntrack.expiring[entry];
        conntrack.expiring.remove(entry);
        let table = &mut conntrack.tables[node.index()];
        table.leave(entries);
        if table.has_room() {
            conntrack.full[node.index()] = 0;
        }
        if let Some(pool) = pool {
            *conntrack.pools.used(pool.get() - 1) -= 1;
        }
    }

    /// A SYN that never leaves its client's node.
    pub(super) fn drop_at_client(&mut self, connection: u32, reason: DropReason, because: RecordId) {
        let state = &mut self.connections[connection];
        if because != 0 {
            state.because = because;
        }
        let (source, number, record) = (SourceId(state.source), state.number, state.record);
        let segment = crate::trace::words::SegmentKind::Syn;
        let body = || Body::SegmentDropped { source, number, segment, reason, to: End::Server, packet: 0 };
        self.journal.write_segment(self.agenda.now(), record, because, body);
    }
}
